#include "conversations.hpp"

#include <algorithm>
#include <array>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "spnego/token.hpp"
#include "wire/av_pairs.hpp"
#include "wire/messages.hpp"

namespace postern::bench {
namespace {

Bytes utf16(std::string_view text) { return utf8_to_utf16le(text, "name").value_or(Bytes{}); }

constexpr std::array<std::string_view, 12> kNames{"anna",    "ben",        "chloe", "dara",          "emil", "finn",
                                                  "svc-sql", "svc-backup", "gita",  "administrator", "hugo", "ines"};
constexpr wire::Version kWindows10{10, 0, 19'041};

}  // namespace

std::string letters(Random& random, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('a' + random.below(26));
  return out;
}

Logon make_logon(Random& random, std::size_t longer_by) {
  Logon logon;
  logon.user = kNames[random.below(kNames.size())];
  if (random.below(3) == 0) logon.user += std::to_string(random.below(500));
  logon.domain = random.below(4) == 0 ? "BRANCH" : "MAIN";
  logon.workstation = "PC-" + std::to_string(random.below(1'000));
  logon.server = "SRV-" + std::to_string(random.below(60));
  for (std::string* name : {&logon.user, &logon.workstation, &logon.server}) *name += letters(random, longer_by);
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

namespace {

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

}  // namespace

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
  talk.push_back({From::client, request(random, "Authorization: " + scheme + to_base64(one) + "\r\n"), false, true});
  talk.push_back({From::server,
                  response("401 Unauthorized", "WWW-Authenticate: " + scheme + to_base64(two) + "\r\n", record_text(random, 300)),
                  false, true});
  talk.push_back({From::client, request(random, "Authorization: " + scheme + to_base64(three) + "\r\n"), split, true});
  talk.push_back({From::server, response("200 OK", "", record_text(random, body_size(random)))});
}

namespace {

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

}  // namespace

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
  talk.push_back({From::client, ask(1, 0, spnego_init(logon.negotiate)), false, true});
  talk.push_back(
      {From::server, answer(1, kMoreProcessing, spnego_resp(logon.challenge, spnego::NegState::accept_incomplete)), false, true});
  talk.push_back(
      {From::client, ask(2, session, spnego_resp(logon.authenticate, spnego::NegState::accept_incomplete)), split, true});
  talk.push_back({From::server, answer(2, 0, spnego_resp({}, spnego::NegState::accept_completed))});
  smb_reads(random, 3, session, talk);
}

namespace {

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

}  // namespace

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
  talk.push_back({From::client, rpc(11, bind, logon.negotiate), false, true});
  talk.push_back({From::server, rpc(12, ack, logon.challenge), false, true});
  talk.push_back({From::client, rpc(16, Bytes(4), logon.authenticate), false, true});
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

namespace {

Bytes tls_record(std::uint8_t type, ByteView body) {
  Bytes out{type, 3, 3};
  put_be(out, body.size(), 2);
  put(out, body);
  return out;
}

}  // namespace

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

}  // namespace postern::bench
