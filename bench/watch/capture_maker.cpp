#include "capture_maker.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "spnego/token.hpp"
#include "wire/av_pairs.hpp"
#include "wire/messages.hpp"

namespace postern::bench {
namespace {

constexpr std::size_t kLiveConnections = 2'000;  // whose packets are mixed
constexpr std::size_t kSegmentBytes = 1'460;
constexpr std::uint64_t kFirstSecond = 1'700'000'000;

/// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(next() % limit); }
  Bytes bytes(std::size_t count) {
    Bytes out(count);
    for (std::size_t i = 0; i < count; i += 8) {
      const std::uint64_t value = next();
      for (std::size_t k = 0; k < 8 && i + k < count; ++k) out[i + k] = static_cast<std::uint8_t>(value >> (8 * k));
    }
    return out;
  }

 private:
  std::uint64_t state_;
};

void put(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }
void put(Bytes& out, std::string_view more) { put(out, as_bytes(more)); }
void put_le(Bytes& out, std::uint64_t value, unsigned count) {
  for (unsigned i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void put_zero(Bytes& out, std::size_t count) { out.resize(out.size() + count); }
void put_be(Bytes& out, std::uint64_t value, unsigned count) {
  for (unsigned i = count; i > 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
}
Bytes utf16(std::string_view text) { return utf8_to_utf16le(text, "name").value_or(Bytes{}); }

// ---- NTLM

struct Logon {
  std::string version{}, user{}, domain{}, workstation{}, server{};
  Bytes negotiate{}, challenge{}, authenticate{};
};

constexpr std::array<std::string_view, 12> kNames{"anna",    "ben",        "chloe", "dara",          "emil", "finn",
                                                  "svc-sql", "svc-backup", "gita",  "administrator", "hugo", "ines"};
constexpr wire::Version kWindows10{10, 0, 19'041};

Logon make_logon(Random& random) {
  Logon logon;
  logon.user = kNames[random.below(kNames.size())];
  if (random.below(3) == 0) logon.user += std::to_string(random.below(500));
  logon.domain = random.below(4) == 0 ? "BRANCH" : "MAIN";
  logon.workstation = "PC-" + std::to_string(random.below(1'000));
  logon.server = "SRV-" + std::to_string(random.below(60));
  const std::uint32_t pick = random.below(100);
  logon.version = pick < 80 ? "NTLMv2" : pick < 92 ? "NTLMv1-ESS" : pick < 97 ? "NTLMv1" : "anonymous";
  const bool v2 = logon.version == "NTLMv2";
  if (logon.version == "anonymous") logon.user = logon.domain = "";

  constexpr std::uint32_t kEss = 0x0008'0000;
  std::uint32_t flags = 0xe288'8215;
  if (logon.version == "NTLMv1") flags &= ~kEss;
  const std::uint64_t time = 133'500'000'000'000'000ULL + random.below(1'000'000'000);

  wire::NegotiateMessage negotiate;
  negotiate.flags = wire::NegotiateFlags{0xe208'8297};
  negotiate.version = kWindows10;
  logon.negotiate = negotiate.write().value();

  const auto names = [&](wire::AvPairsBuilder& list) {
    list.add(wire::AvId::nb_domain_name, utf16("MAIN")).add(wire::AvId::nb_computer_name, utf16(logon.server));
    list.add(wire::AvId::dns_domain_name, utf16("main.example"))
        .add(wire::AvId::dns_computer_name, utf16(logon.server + ".main.example"));
    list.add_timestamp(FileTime{time});
  };
  wire::AvPairsBuilder offered;
  names(offered);
  const Bytes info = std::move(offered).finish();
  const Bytes target = utf16("MAIN");
  wire::ChallengeMessage challenge;
  challenge.flags = wire::NegotiateFlags{flags};
  challenge.target_name = target;
  std::array<std::uint8_t, 8> number{};
  store_le<std::uint64_t>(number.data(), random.next());
  challenge.server_challenge = wire::ServerChallenge{number};
  challenge.target_info = info;
  challenge.version = kWindows10;
  logon.challenge = challenge.write().value();

  Bytes nt, lm(24), key = random.bytes(16);
  if (v2) {
    nt = random.bytes(16);
    put_le(nt, 0x0101, 8);
    put_le(nt, time, 8);
    put(nt, random.bytes(8));
    put_le(nt, 0, 4);
    wire::AvPairsBuilder list;
    names(list);
    list.add_flags(static_cast<std::uint32_t>(wire::AvFlag::mic_present));
    list.add(wire::AvId::channel_bindings, Bytes(16)).add(wire::AvId::target_name, utf16("cifs/" + logon.server));
    put(nt, std::move(list).finish());
    put_le(nt, 0, 4);
  } else if (logon.version == "anonymous") {
    lm = Bytes(1);
    key.clear();
  } else {
    nt = random.bytes(24);
    lm = random.bytes(logon.version == "NTLMv1" ? 24 : 8);
    lm.resize(24);
  }
  const Bytes user = utf16(logon.user), domain = utf16(logon.domain), workstation = utf16(logon.workstation);
  wire::AuthenticateMessage authenticate;
  authenticate.flags = wire::NegotiateFlags{flags};
  authenticate.lm_response = lm;
  authenticate.nt_response = nt;
  authenticate.user_name = user;
  authenticate.domain_name = domain;
  authenticate.workstation = workstation;
  authenticate.encrypted_random_session_key = key;
  authenticate.version = kWindows10;
  if (v2) authenticate.mic = wire::Mic{};
  logon.authenticate = authenticate.write().value();
  if (v2) std::ranges::copy(random.bytes(wire::kMicBytes), logon.authenticate.begin() + wire::AuthenticateMessage::kMicOffset);
  return logon;
}

Bytes spnego_init(ByteView token) {
  spnego::NegTokenInit init;
  init.mech_types = {spnego::kNtlmssp};
  if (!token.empty()) init.mech_token = token;
  return spnego::write(init).value();
}
Bytes spnego_resp(ByteView token, spnego::NegState state) {
  spnego::NegTokenResp resp;
  resp.state = state;
  if (!token.empty()) resp.response_token = token;
  return spnego::write(resp).value();
}

// ---- Conversations

enum class From : std::uint8_t { client, server };
struct Turn {
  From from = From::client;
  Bytes bytes{};
  bool split = false;  ///< in many small segments
};
using Conversation = std::vector<Turn>;

std::size_t body_size(Random& random) {
  const std::uint32_t pick = random.below(100);
  if (pick < 40) return 500 + random.below(1'500);
  if (pick < 80) return 2'000 + random.below(4'000);
  if (pick < 98) return 6'000 + random.below(14'000);
  return 50'000 + random.below(70'000);
}

Bytes record_text(Random& random, std::size_t size) {
  Bytes out;
  out.reserve(size + 40);
  while (out.size() < size)
    put(out, "{\"item\": " + std::to_string(random.below(1'000'000)) + ", \"of\": \"" +
                 std::string{kNames[random.below(kNames.size())]} + "\"},\r\n");
  out.resize(size);
  return out;
}

Bytes request(Random& random, const std::string& more) {
  Bytes out;
  put(out, "GET /store/" + std::to_string(random.below(100'000)) +
               " HTTP/1.1\r\nHost: portal.main.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n" + more + "\r\n");
  return out;
}
Bytes response(std::string_view status, const std::string& more, const Bytes& body) {
  Bytes out;
  put(out, "HTTP/1.1 " + std::string{status} + "\r\nServer: Microsoft-IIS/10.0\r\n" + more +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  put(out, body);
  return out;
}

void http_logon(Random& random, const Logon& logon, bool split, Conversation& talk) {
  const bool negotiate = random.below(3) == 0;
  const std::string scheme = negotiate ? "Negotiate " : "NTLM ";
  const Bytes one = negotiate ? spnego_init(logon.negotiate) : logon.negotiate;
  const Bytes two = negotiate ? spnego_resp(logon.challenge, spnego::NegState::accept_incomplete) : logon.challenge;
  const Bytes three = negotiate ? spnego_resp(logon.authenticate, spnego::NegState::accept_incomplete) : logon.authenticate;
  talk.push_back({From::client, request(random, "")});
  talk.push_back({From::server, response("401 Unauthorized", "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n",
                                         record_text(random, 300))});
  talk.push_back({From::client, request(random, "Authorization: " + scheme + to_base64(one) + "\r\n")});
  talk.push_back({From::server,
                  response("401 Unauthorized", "WWW-Authenticate: " + scheme + to_base64(two) + "\r\n", record_text(random, 300))});
  talk.push_back({From::client, request(random, "Authorization: " + scheme + to_base64(three) + "\r\n"), split});
  talk.push_back({From::server, response("200 OK", "", record_text(random, body_size(random)))});
}

constexpr std::uint32_t kMoreProcessing = 0xc000'0016;

Bytes smb2(std::uint16_t command, From from, std::uint64_t message, std::uint32_t status, std::uint64_t session,
           const Bytes& body) {
  Bytes out;
  put_be(out, 64 + body.size(), 4);
  put(out, "\xfeSMB");
  put_le(out, 64, 2);
  put_le(out, 1, 2);
  put_le(out, status, 4);
  put_le(out, command, 2);
  put_le(out, 32, 2);
  put_le(out, from == From::server ? 1 : 0, 4);
  put_le(out, 0, 4);
  put_le(out, message, 8);
  put_le(out, 0xfeff, 4);
  put_le(out, 1, 4);
  put_le(out, session, 8);
  put_zero(out, 16);
  put(out, body);
  return out;
}

void smb_reads(Random& random, std::uint64_t message, std::uint64_t session, Conversation& talk) {
  for (std::size_t left = body_size(random); left > 0; ++message) {
    const std::size_t count = std::min<std::size_t>(left, 4'096 + random.below(28'000));
    left -= count;
    Bytes ask;
    put_le(ask, 49, 2);
    put_le(ask, 0x50, 2);
    put_le(ask, count, 4);
    put_le(ask, 0, 8);
    put(ask, random.bytes(16));
    put_zero(ask, 17);
    Bytes answer;
    put_le(answer, 17, 2);
    put_le(answer, 0x50, 2);
    put_le(answer, count, 4);
    put_le(answer, 0, 8);
    put(answer, random.bytes(count));
    talk.push_back({From::client, smb2(8, From::client, message, 0, session, ask)});
    talk.push_back({From::server, smb2(8, From::server, message, 0, session, answer)});
  }
}

void smb_logon(Random& random, const Logon& logon, bool split, Conversation& talk) {
  const std::uint64_t session = random.next() & 0xffff'ffff;
  Bytes offer;  // NEGOTIATE (MS-SMB2 2.2.3, 2.2.4): dialects 2.0.2 and 2.1
  put_le(offer, 36, 2);
  put_le(offer, 2, 2);
  put_le(offer, 1, 4);
  put_le(offer, 0x7f, 4);
  put(offer, random.bytes(16));
  put_le(offer, 0, 8);
  put_le(offer, 0x0210'0202, 4);
  talk.push_back({From::client, smb2(0, From::client, 0, 0, 0, offer)});
  const Bytes hint = spnego_init({});
  Bytes chosen;
  put_le(chosen, 65, 2);
  put_le(chosen, 1, 2);
  put_le(chosen, 0x0210, 2);
  put_le(chosen, 0, 2);
  put(chosen, random.bytes(16));
  put_le(chosen, 7, 4);
  for (int i = 0; i < 3; ++i) put_le(chosen, 0x80'0000, 4);
  put_le(chosen, 133'500'000'000'000'000ULL, 8);
  put_le(chosen, 0, 8);
  put_le(chosen, 128, 2);
  put_le(chosen, hint.size(), 2);
  put_le(chosen, 0, 4);
  put(chosen, hint);
  talk.push_back({From::server, smb2(0, From::server, 0, 0, 0, chosen)});
  const auto ask = [&](std::uint64_t message, std::uint64_t id, const Bytes& token) {
    Bytes body;  // SESSION_SETUP (2.2.5)
    put_le(body, 25, 2);
    put_le(body, 0x0100, 2);
    put_le(body, 1, 4);
    put_le(body, 0, 4);
    put_le(body, 88, 2);
    put_le(body, token.size(), 2);
    put_le(body, 0, 8);
    put(body, token);
    return smb2(1, From::client, message, 0, id, body);
  };
  const auto answer = [&](std::uint64_t message, std::uint32_t status, const Bytes& token) {
    Bytes body;
    put_le(body, 9, 2);
    put_le(body, 0, 2);
    put_le(body, 72, 2);
    put_le(body, token.size(), 2);
    put(body, token);
    return smb2(1, From::server, message, status, session, body);
  };
  talk.push_back({From::client, ask(1, 0, spnego_init(logon.negotiate))});
  talk.push_back({From::server, answer(1, kMoreProcessing, spnego_resp(logon.challenge, spnego::NegState::accept_incomplete))});
  talk.push_back({From::client, ask(2, session, spnego_resp(logon.authenticate, spnego::NegState::accept_incomplete)), split});
  talk.push_back({From::server, answer(2, 0, spnego_resp({}, spnego::NegState::accept_completed))});
  smb_reads(random, 3, session, talk);
}

Bytes rpc(std::uint8_t type, Bytes body, ByteView token) {
  while (body.size() % 4 != 0) body.push_back(0);
  Bytes out;  // C706 12.6.3.1
  put_le(out, 5, 2);
  out.push_back(type);
  out.push_back(3);
  put_le(out, 0x10, 4);
  put_le(out, 16 + body.size() + (token.empty() ? 0 : 8 + token.size()), 2);
  put_le(out, token.size(), 2);
  put_le(out, 1, 4);
  put(out, body);
  if (!token.empty()) {  // sec_trailer: NTLMSSP (10) at level privacy (6)
    put_le(out, 0x060a, 4);
    put_le(out, 79'231, 4);
    put(out, token);
  }
  return out;
}

void rpc_logon(Random& random, const Logon& logon, Conversation& talk) {
  constexpr std::array<std::uint8_t, 16> kEndpointMapper{0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11,
                                                         0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa};
  constexpr std::array<std::uint8_t, 16> kNdr{0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11,
                                              0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60};
  Bytes bind;
  put_le(bind, 0x10b8'10b8, 4);
  put_le(bind, 0, 4);
  put_le(bind, 1, 4);
  put_le(bind, 0x0001'0000, 4);
  put(bind, kEndpointMapper);
  put_le(bind, 3, 4);
  put(bind, kNdr);
  put_le(bind, 2, 4);
  Bytes ack;
  put_le(ack, 0x10b8'10b8, 4);
  put_le(ack, 0x1234, 4);
  put_le(ack, 4, 2);
  put(ack, std::string_view{"135\0\0\0", 6});
  put_le(ack, 1, 4);
  put_le(ack, 0, 4);
  put(ack, kNdr);
  put_le(ack, 2, 4);
  talk.push_back({From::client, rpc(11, bind, logon.negotiate)});
  talk.push_back({From::server, rpc(12, ack, logon.challenge)});
  talk.push_back({From::client, rpc(16, Bytes(4), logon.authenticate)});
  for (std::size_t left = body_size(random); left > 0;) {
    const std::size_t count = std::min<std::size_t>(left, 2'000);
    left -= count;
    Bytes call;
    put_le(call, count, 4);
    put_le(call, 0x0003'0000, 4);
    put(call, random.bytes(count));
    talk.push_back({From::client, rpc(0, call, {})});
  }
}

Bytes tls_record(std::uint8_t type, ByteView body) {
  Bytes out{type, 3, 3};
  put_be(out, body.size(), 2);
  put(out, body);
  return out;
}

void tls(Random& random, Conversation& talk) {
  Bytes hello{1, 0, 0, 0xf6, 3, 3};
  put(hello, random.bytes(244));
  talk.push_back({From::client, tls_record(22, hello)});
  talk.push_back({From::server, tls_record(22, random.bytes(1'200))});
  for (std::size_t left = body_size(random); left > 0;) {
    const std::size_t count = std::min<std::size_t>(left, 4'000 + random.below(12'000));
    left -= count;
    talk.push_back({From::client, tls_record(23, random.bytes(300))});
    talk.push_back({From::server, tls_record(23, random.bytes(count))});
  }
}

// ---- Packets

struct Connection {
  std::array<std::uint32_t, 2> address{}, sequence{};
  std::array<std::uint16_t, 2> port{}, id{};
};

/// The packets of one connection, one after the other in `bytes`.
struct Flow {
  Bytes bytes{};
  std::vector<std::size_t> ends{};
  std::size_t next = 0;
};

constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kPush = 0x08, kFin = 0x01;

void add_packet(Flow& flow, Connection& c, From from, std::uint8_t flags, ByteView payload) {
  const std::size_t me = from == From::client ? 0 : 1;
  Bytes& out = flow.bytes;
  put(out, std::string_view{"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14});
  const std::size_t ip = out.size();
  put(out, std::string_view{"\x45\0", 2});
  put_be(out, 40 + payload.size(), 2);
  put_be(out, c.id[me]++, 2);
  put_be(out, 0x4000, 2);
  put(out, std::string_view{"\x40\x06\0\0", 4});
  put_be(out, c.address[me], 4);
  put_be(out, c.address[1 - me], 4);
  std::uint32_t sum = 0;
  for (std::size_t i = ip; i < out.size(); i += 2) sum += static_cast<std::uint32_t>(out[i]) << 8 | out[i + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  out[ip + 10] = static_cast<std::uint8_t>(~sum >> 8);
  out[ip + 11] = static_cast<std::uint8_t>(~sum);
  put_be(out, c.port[me], 2);
  put_be(out, c.port[1 - me], 2);
  put_be(out, c.sequence[me], 4);
  put_be(out, (flags & kAck) != 0 ? c.sequence[1 - me] : 0, 4);
  out.push_back(0x50);
  out.push_back(flags);
  put_be(out, 0x2014'0000'0000, 6);  // window; no checksum, as offloading cards leave it
  put(out, payload);
  flow.ends.push_back(out.size());
  c.sequence[me] += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
}

void swap_last_two(Flow& flow) {
  const std::size_t count = flow.ends.size();
  const std::size_t begin = flow.ends[count - 3];
  const std::size_t middle = flow.ends[count - 2];
  const std::size_t size_of_last = flow.ends[count - 1] - middle;
  std::rotate(flow.bytes.begin() + static_cast<std::ptrdiff_t>(begin), flow.bytes.begin() + static_cast<std::ptrdiff_t>(middle),
              flow.bytes.end());
  flow.ends[count - 2] = begin + size_of_last;
}

Flow packets_of(Random& random, const Conversation& talk, Connection& c) {
  Flow flow;
  add_packet(flow, c, From::client, kSyn, {});
  add_packet(flow, c, From::server, kSyn | kAck, {});
  add_packet(flow, c, From::client, kAck, {});
  for (const Turn& turn : talk) {
    unsigned unanswered = 0;
    const From other = turn.from == From::client ? From::server : From::client;
    for (std::size_t at = 0; at < turn.bytes.size();) {
      const std::size_t count = std::min<std::size_t>(turn.split ? 40 + random.below(200) : kSegmentBytes, turn.bytes.size() - at);
      const std::size_t before = flow.bytes.size();
      at += count;
      add_packet(flow, c, turn.from, static_cast<std::uint8_t>(kAck | (at == turn.bytes.size() ? kPush : 0)),
                 ByteView{turn.bytes}.subspan(at - count, count));
      const std::uint32_t luck = random.below(800);
      if (luck < 2) {  // a retransmission
        const Bytes again(flow.bytes.begin() + static_cast<std::ptrdiff_t>(before), flow.bytes.end());
        put(flow.bytes, again);
        flow.ends.push_back(flow.bytes.size());
      } else if (luck == 2 && unanswered == 1) {
        swap_last_two(flow);
      }
      if (++unanswered == 2) {
        add_packet(flow, c, other, kAck, {});
        unanswered = 0;
      }
    }
    if (unanswered > 0) add_packet(flow, c, other, kAck, {});
  }
  add_packet(flow, c, From::client, kFin | kAck, {});
  add_packet(flow, c, From::server, kFin | kAck, {});
  add_packet(flow, c, From::client, kAck, {});
  return flow;
}

// ---- The capture

std::string dotted(std::uint32_t a) {
  return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." + std::to_string(a >> 8 & 255) + "." +
         std::to_string(a & 255);
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// One connection of the mix; a logon's truth goes to `truth`.
Flow make_flow(Random& random, std::uint64_t number, const CapturePlan& plan, std::FILE* truth, CaptureMade& made) {
  Connection c;
  c.address = {0x0a00'0000U + 1 + random.below(4'000), 0x0a64'0000U + 1 + random.below(60)};
  c.port[0] = static_cast<std::uint16_t>(1'024 + number % 64'000);
  for (std::size_t i = 0; i < 2; ++i) {
    c.sequence[i] = static_cast<std::uint32_t>(random.next());
    c.id[i] = static_cast<std::uint16_t>(random.next());
  }
  Conversation talk;
  const std::uint32_t pick = random.below(1'000);
  if (pick < plan.ntlm_per_mille) {
    const Logon logon = make_logon(random);
    const bool split = random.below(10) == 0;
    const std::uint32_t carrier = random.below(100);
    if (carrier < 45) {
      c.port[1] = random.below(4) == 0 ? 8'080 : 80;
      http_logon(random, logon, split, talk);
    } else if (carrier < 90) {
      c.port[1] = 445;
      smb_logon(random, logon, split, talk);
    } else {
      c.port[1] = 135;
      rpc_logon(random, logon, talk);
    }
    const char* name = carrier < 45 ? "http" : carrier < 90 ? "smb2" : "dcerpc";
    std::fprintf(
        truth,
        R"({"client":"%s:%u","server":"%s:%u","carrier":"%s","split":%s,"version":"%s","user":"%s","domain":"%s","workstation":"%s"})"
        "\n",
        dotted(c.address[0]).c_str(), c.port[0], dotted(c.address[1]).c_str(), c.port[1], name, split ? "true" : "false",
        logon.version.c_str(), logon.user.c_str(), logon.domain.c_str(), logon.workstation.c_str());
    ++made.logons;
  } else if (pick < 600) {
    c.port[1] = 443;
    tls(random, talk);
  } else if (pick < 850) {
    c.port[1] = 80;
    talk.push_back({From::client, request(random, "Cookie: s=" + std::to_string(random.next()) + "\r\n")});
    talk.push_back({From::server, response("200 OK", "", record_text(random, body_size(random)))});
  } else if (pick < 960) {
    c.port[1] = 445;
    smb_reads(random, 10, random.next() & 0xffff'ffff, talk);
  } else {
    c.port[1] = static_cast<std::uint16_t>(9'000 + random.below(50));
    for (std::size_t left = body_size(random); left > 0;) {
      const std::size_t count = std::min<std::size_t>(left, 200 + random.below(3'000));
      left -= count;
      talk.push_back({random.below(2) == 0 ? From::client : From::server, random.bytes(count)});
    }
  }
  return packets_of(random, talk, c);
}

}  // namespace

Result<CaptureMade> make_capture(const CapturePlan& plan, const std::string& capture_path, const std::string& truth_path) {
  const File capture{std::fopen(capture_path.c_str(), "wbe")};
  const File truth{std::fopen(truth_path.c_str(), "we")};
  if (!capture || !truth) return fail(ErrorCode::io, "cannot write " + capture_path + " or " + truth_path);
  Random random{plan.seed};
  Random loss{plan.seed ^ 0x5eed};  // of its own, so that the same packets are made whether or not some are lost
  CaptureMade made;
  Bytes head;
  put_le(head, 0xa1b2c3d4, 4);
  put_le(head, 0x0004'0002, 4);
  put_le(head, 0, 8);
  put_le(head, 65'535, 4);
  put_le(head, 1, 4);
  std::fwrite(head.data(), 1, head.size(), capture.get());
  made.bytes = head.size();
  std::vector<Flow> live;
  std::uint64_t microseconds = 0;
  for (std::uint64_t number = 0; number < plan.connections || !live.empty();) {
    for (; live.size() < kLiveConnections && number < plan.connections; ++number)
      live.push_back(make_flow(random, number, plan, truth.get(), made));
    const std::size_t which = random.below(static_cast<std::uint32_t>(live.size()));
    Flow& flow = live[which];
    const std::size_t begin = flow.next == 0 ? 0 : flow.ends[flow.next - 1];
    const std::size_t size = flow.ends[flow.next] - begin;
    microseconds += 1 + random.below(60);
    if (loss.below(1'000) >= plan.lost_per_mille) {
      Bytes record;
      put_le(record, kFirstSecond + microseconds / 1'000'000, 4);
      put_le(record, microseconds % 1'000'000, 4);
      put_le(record, size, 4);
      put_le(record, size, 4);
      std::fwrite(record.data(), 1, record.size(), capture.get());
      std::fwrite(flow.bytes.data() + begin, 1, size, capture.get());
      made.bytes += record.size() + size;
      ++made.packets;
    }
    if (++flow.next == flow.ends.size()) {
      std::swap(flow, live.back());
      live.pop_back();
    }
  }
  if (std::fflush(capture.get()) != 0 || std::fflush(truth.get()) != 0)
    return fail(ErrorCode::io, "cannot write the whole capture");
  return made;
}

}  // namespace postern::bench
