// Which carrier a connection is, by its first bytes. A table of prefixes and a few looks at fixed places: most flows are nothing.
#include <algorithm>
#include <string_view>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/rpc_channel.hpp"
#include "observe/carriers/token_finder.hpp"
#include "observe/stream.hpp"

namespace postern::observe {
namespace {

using namespace std::string_view_literals;
using Kind = Recognition::Kind;

enum class Guess : std::uint8_t {
  nothing,
  undecided,
  tls,
  socks,
  http,
  smb,
  rpc,
  ldap,
  tds,
  smtp,
  imap,
  pop3,
  nntp,
  telnet,
  rdp,
  kerberos
};

constexpr std::uint16_t kKerberosPort = 88;
constexpr std::uint16_t kPop3Port = 110;
constexpr std::uint16_t kNntpPort = 119;

/// Whether `bytes` start with `word`; undecided while they are a part of it.
enum class Match : std::uint8_t { no, part, yes };
Match match(ByteView bytes, std::string_view word) {
  const std::size_t length = std::min(bytes.size(), word.size());
  if (!starts_with_ignoring_case(word.substr(0, length), as_text(bytes.first(length)))) return Match::no;
  return length == word.size() ? Match::yes : Match::part;
}

struct Word {
  std::string_view text;
  Guess guess;
};

// What clients begin with. Methods of HTTP that carry logons; the words that precede AUTH in mail and news.
constexpr Word kClientWords[] = {
    {"GET /", Guess::http},         {"GET http", Guess::http},  {"POST ", Guess::http},       {"HEAD ", Guess::http},
    {"OPTIONS ", Guess::http},      {"CONNECT ", Guess::http},  {"PUT ", Guess::http},        {"DELETE ", Guess::http},
    {"PROPFIND ", Guess::http},     {"REPORT ", Guess::http},   {"CCM_POST ", Guess::http},   {"RPC_IN_DATA ", Guess::http},
    {"RPC_OUT_DATA ", Guess::http}, {"PATCH ", Guess::http},    {"SEARCH ", Guess::http},     {"SUBSCRIBE ", Guess::http},
    {"LOCK ", Guess::http},         {"MKCOL ", Guess::http},    {"BITS_POST ", Guess::http},  {"EHLO ", Guess::smtp},
    {"HELO ", Guess::smtp},         {"AUTHINFO ", Guess::nntp}, {"MODE READER", Guess::nntp},
};
// What servers begin with. "220 " is also FTP's, so the client is waited for.
constexpr Word kServerWords[] = {
    {"HTTP/1.", Guess::http}, {"* OK", Guess::imap}, {"* PREAUTH", Guess::imap}, {"+OK", Guess::pop3},
    {"200 ", Guess::nntp},    {"201 ", Guess::nntp}, {"220 ", Guess::undecided}, {"220-", Guess::undecided},
};

Guess by_words(ByteView bytes, std::span<const Word> words) {
  Guess guess = Guess::nothing;
  for (const Word& word : words) {
    const Match matched = match(bytes, word.text);
    if (matched == Match::yes) return word.guess;
    if (matched == Match::part) guess = Guess::undecided;
  }
  return guess;
}

/// A DER element's head: tag and length. 0 if it is none, or is not all here.
std::size_t der_head_bytes(ByteView bytes) {
  if (bytes.size() < 2) return 0;
  if (bytes[1] < 0x80) return 2;
  const std::size_t octets = bytes[1] & 0x7fU;
  return octets >= 1 && octets <= 4 && bytes.size() >= 2 + octets ? 2 + octets : 0;
}

/// LDAPMessage is SEQUENCE { INTEGER messageID, …}; TSRequest is SEQUENCE { [0] version, …} (MS-CSSP 2.2.1).
Guess by_der(ByteView bytes) {
  const std::size_t head = der_head_bytes(bytes);
  if (head == 0) return bytes.size() < 6 ? Guess::undecided : Guess::nothing;
  if (bytes.size() < head + 4) return Guess::undecided;
  const ByteView content = bytes.subspan(head);
  if (content[0] == 0x02 && content[1] >= 1 && content[1] <= 4) return Guess::ldap;
  if (content[0] == 0xa0 && content[1] == 0x03 && content[2] == 0x02 && content[3] == 0x01) return Guess::rdp;
  return Guess::nothing;
}

bool is_tls(ByteView bytes) { return bytes.size() >= 3 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3 && bytes[2] <= 4; }

bool is_smb(ByteView bytes) {
  return bytes.size() >= 8 && bytes[0] == 0 && bytes[4] >= 0xfc && bytes[5] == 'S' && bytes[6] == 'M' && bytes[7] == 'B';
}

/// TDS (MS-TDS 2.2.3.1): a type, a status of few bits, a length that is big-endian and at least the header's.
Guess by_tds(ByteView bytes) {
  if (bytes.size() < 8) return Guess::undecided;
  const unsigned length = static_cast<unsigned>(bytes[2]) << 8 | bytes[3];
  const bool fits = length > 8 && bytes[1] <= 1 && bytes[7] == 0;
  return fits ? Guess::tds : Guess::nothing;
}

Guess by_binary(const Connection& connection, ByteView bytes) {
  switch (bytes[0]) {
    case 0x00:
      if (connection.server.port == kKerberosPort || connection.client.port == kKerberosPort) return Guess::kerberos;
      if (bytes.size() < 8) return Guess::undecided;
      return is_smb(bytes) ? Guess::smb : Guess::nothing;
    case 0x03:
      if (bytes.size() < 6) return Guess::undecided;
      return bytes[1] == 0 && (bytes[5] & 0xf0) >= 0xc0 ? Guess::rdp : Guess::nothing;  // TPKT with an X.224 CR, CC or DT
    case 0x04:
      if (bytes.size() < 8) return Guess::undecided;
      if (by_tds(bytes) == Guess::tds && bytes[1] == 1) return Guess::tds;
      return bytes[1] == 1 || bytes[1] == 2 ? Guess::socks : Guess::nothing;
    case 0x05:
      if (bytes.size() >= 2 && bytes[1] > 1) return bytes[1] <= 8 ? Guess::socks : Guess::nothing;
      if (bytes.size() >= 3 && bytes.size() < kRpcHeaderBytes && bytes.size() == 2U + bytes[1] && bytes[1] == 1)
        return Guess::socks;
      if (bytes.size() < kRpcHeaderBytes) return Guess::undecided;
      return is_rpc_header(bytes) ? Guess::rpc : bytes[1] == 1 ? Guess::socks : Guess::nothing;
    case 0x10:
    case 0x11:
    case 0x12: return by_tds(bytes);
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17: return bytes.size() < 3 ? Guess::undecided : is_tls(bytes) ? Guess::tls : Guess::nothing;
    case 0x30: return by_der(bytes);
    case 0x81:  // a NetBIOS session request names two hosts of 34 bytes each
      if (bytes.size() < 5) return Guess::undecided;
      return bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0x44 && bytes[4] == 0x20 ? Guess::smb : Guess::nothing;
    case 0x82:
      return bytes.size() < 4 ? Guess::undecided : bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0 ? Guess::smb : Guess::nothing;
    case 0xff:
      if (bytes.size() < 2) return Guess::undecided;
      return bytes[1] >= 0xfa && bytes[1] <= 0xfe ? Guess::telnet : Guess::nothing;
    default: return Guess::nothing;
  }
}

/// IMAP's client begins with a tag of its choice: `a1 AUTHENTICATE NTLM`, `A001 CAPABILITY`.
bool is_imap_command(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank > 12) return false;
  const std::string_view rest = text.substr(blank + 1);
  return starts_with_ignoring_case(rest, "AUTHENTICATE ") || starts_with_ignoring_case(rest, "CAPABILITY");
}

Guess by_client(const Connection& connection, ByteView bytes) {
  if (bytes.empty()) return Guess::undecided;
  if (const Guess binary = by_binary(connection, bytes); binary != Guess::nothing) return binary;
  const Guess words = by_words(bytes, kClientWords);
  if (words != Guess::nothing) return words;
  const std::string_view text = as_text(bytes);
  if (const Match auth = match(bytes, "AUTH "); auth != Match::no) {  // mail whose greeting was not seen
    if (auth == Match::part) return Guess::undecided;
    return connection.server.port == kPop3Port ? Guess::pop3 : connection.server.port == kNntpPort ? Guess::nntp : Guess::smtp;
  }
  return is_imap_command(text) ? Guess::imap : Guess::nothing;
}

Guess by_server(const Connection& connection, ByteView bytes) {
  if (bytes.empty()) return Guess::undecided;
  if (const Guess binary = by_binary(connection, bytes); binary != Guess::nothing) return binary;
  return by_words(bytes, kServerWords);
}

std::unique_ptr<Analyzer> make(const Connection& connection, Guess guess) {
  switch (guess) {
    case Guess::http: return make_http_analyzer(connection);
    case Guess::smb: return make_smb_analyzer(connection);
    case Guess::rpc: return make_rpc_analyzer(connection);
    case Guess::ldap: return make_ldap_analyzer(connection);
    case Guess::tds: return make_tds_analyzer(connection);
    case Guess::smtp: return make_text_analyzer(connection, Carrier::smtp);
    case Guess::imap: return make_text_analyzer(connection, Carrier::imap);
    case Guess::pop3: return make_text_analyzer(connection, Carrier::pop3);
    case Guess::nntp: return make_text_analyzer(connection, Carrier::nntp);
    case Guess::telnet: return make_telnet_analyzer(connection);
    case Guess::rdp: return make_rdp_analyzer(connection);
    case Guess::kerberos: return make_kerberos_analyzer(connection);
    default: return nullptr;
  }
}

}  // namespace

Recognition recognise(const Connection& connection, ByteView first_client, ByteView first_server) {
  const Guess client = by_client(connection, first_client);
  const Guess server = by_server(connection, first_server);
  // The one that knows decides; a client that says nothing we know outweighs a server that could be anything.
  Guess guess = client;
  if (client == Guess::undecided) guess = server;
  if (client == Guess::nothing && server != Guess::undecided && server != Guess::nothing) guess = server;
  if (guess == Guess::undecided) {
    const bool enough = first_client.size() >= kMaxFirstBytes || first_server.size() >= 4 * kMaxFirstBytes;
    return {enough ? Kind::nothing : Kind::undecided, nullptr};
  }
  if (guess == Guess::tls) return {Kind::tls, nullptr};
  if (guess == Guess::socks) return {Kind::socks, nullptr};
  auto analyzer = guess == Guess::nothing ? nullptr : make(connection, guess);
  if (analyzer == nullptr) return {Kind::nothing, nullptr};
  return {Kind::carrier, std::move(analyzer)};
}

}  // namespace postern::observe
