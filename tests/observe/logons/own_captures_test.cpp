// Captures of our own for the carriers that the corpus lacks: small, kept in tests/captures, and written by this very test
// (POSTERN_WRITE_CAPTURES=tests/captures observe_logons_test --gtest_filter='OwnCaptures.*').
#include <cstdlib>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

#include "observe/carriers/frames.hpp"
#include "observe/carriers/talks.hpp"
#include "observe/logons/collector.hpp"
#include "observe/logons/wire.hpp"
#include "support/paths.hpp"

namespace postern::observe {
namespace {

std::string base64_line(std::string_view before, const Bytes& token) { return std::string{before} + to_base64(token) + "\r\n"; }

/// The three messages as lines of base64 between `start` and `end`.
void text_logon(Conversation& c, std::string_view greeting, std::string_view start, std::string_view go_on, std::string_view end) {
  c.server(greeting);
  c.client(start);
  c.server(std::string{go_on} + "\r\n");
  c.client(base64_line("", negotiate_message()));
  c.server(base64_line(go_on, challenge_message()));
  c.client(base64_line("", authenticate_message()));
  c.server(end);
}

Bytes telnet_option(std::uint8_t what, ByteView rest) {
  Bytes escaped;
  for (const std::uint8_t byte : rest) {
    escaped.push_back(byte);
    if (byte == 0xff) escaped.push_back(0xff);
  }
  return joined({Bytes{0xff, 0xfa, 37, what, 15, 0}, escaped, Bytes{0xff, 0xf0}});
}

struct OwnCapture {
  std::string name;
  std::uint16_t port;
  Carrier carrier;
  event::Service service;
  event::Outcome outcome;
  std::function<void(Conversation&)> talk;
  std::function<void(Wire&)> before{};  ///< other connections of the client, before its logon
  event::Text reason{};                 ///< where the capture shows one that is proved
};

std::string http_request(std::string_view start, std::string_view field, const Bytes& token) {
  return std::string{start} + " HTTP/1.1\r\nHost: fs1.lab.test\r\n" + std::string{field} + ": NTLM " + to_base64(token) +
         "\r\n\r\n";
}
void http_logon(Conversation& c, std::string_view start, std::string_view field, std::string_view refusal,
                std::string_view answer) {
  c.client(http_request(start, field, negotiate_message()));
  c.server(std::string{refusal} + ": NTLM " + to_base64(challenge_message()) + "\r\nContent-Length: 0\r\n\r\n");
  c.client(http_request(start, field, authenticate_message()));
  c.server("HTTP/1.1 " + std::string{answer} + "\r\nContent-Length: 0\r\n\r\n");
}

/// The client asks a KDC for cifs/fs1.lab.test, which has no such service.
void ask_in_vain(Wire& wire) {
  Conversation kdc{wire, {{0x0a000011, 0x0a000002, 49'000, 88}}};
  const Bytes request = krb_tgs_request("cifs", "fs1.lab.test");
  const Bytes error = krb_error(7, "cifs", "fs1.lab.test");
  kdc.client(joined({big(request.size(), 4), request}));
  kdc.server(joined({big(error.size(), 4), error}));
  kdc.close();
}

const std::vector<OwnCapture>& own_captures() {
  using event::Outcome;
  using event::Service;
  static const std::vector<OwnCapture> captures{
      {"smtp", 25, Carrier::smtp, Service::smtp, Outcome::success,
       [](Conversation& c) {
         c.server("220 mx ESMTP\r\n");
         c.client("EHLO pc\r\n");
         text_logon(c, "250 AUTH NTLM\r\n", "AUTH NTLM\r\n", "334 ", "235 2.7.0 ok\r\n");
       }},
      {"imap", 143, Carrier::imap, Service::imap, Outcome::failure,
       [](Conversation& c) { text_logon(c, "* OK ready\r\n", "a1 AUTHENTICATE NTLM\r\n", "+ ", "a1 NO failed\r\n"); }},
      {"pop3", 110, Carrier::pop3, Service::pop3, Outcome::success,
       [](Conversation& c) { text_logon(c, "+OK ready\r\n", "AUTH NTLM\r\n", "+ ", "+OK in\r\n"); }},
      {"nntp", 119, Carrier::nntp, Service::other, Outcome::success,
       [](Conversation& c) { text_logon(c, "200 news\r\n", "AUTHINFO SASL NTLM\r\n", "383 ", "281 in\r\n"); }},
      {"telnet", 23, Carrier::telnet, Service::other, Outcome::failure,
       [](Conversation& c) {
         c.server(Bytes{0xff, 0xfd, 37});
         c.client(Bytes{0xff, 0xfb, 37});
         c.client(telnet_option(0, joined({Bytes(9), negotiate_message()})));
         c.server(telnet_option(2, joined({Bytes(9), challenge_message(0xff01'ff02'0304'0506)})));
         c.client(telnet_option(0, joined({Bytes(9), authenticate_message()})));
         c.server(telnet_option(2, Bytes{4}));
       }},
      {"mssql", 1433, Carrier::mssql, Service::mssql, Outcome::success,
       [](Conversation& c) {
         c.client(tds(0x12, Bytes(20)));
         c.server(tds(0x04, Bytes(20)));
         c.client(tds(0x10, tds_login7(spnego_init(negotiate_message()), "sql1")));
         c.server(tds(0x04, tds_token(0xed, spnego_resp(challenge_message()))));
         c.client(tds(0x11, spnego_resp(authenticate_message())));
         c.server(tds(0x04, tds_token(0xad, Bytes(10))));
       }},
      {"rdp-credssp", 3389, Carrier::rdp, Service::rdp, Outcome::success,
       [](Conversation& c) {
         c.client(ts_request(spnego_init(negotiate_message())));
         c.server(ts_request(spnego_resp(challenge_message())));
         c.client(ts_request(spnego_resp(authenticate_message())));
         c.server(ts_key_proof());
       }},
      {"ldap-sicily", 389, Carrier::ldap, Service::ldap, Outcome::success,
       [](Conversation& c) {
         c.client(ldap_sicily_bind(1, 0x89, {}));
         c.server(ldap_bind_answer(1, 0, {}, "", as_bytes("NTLM")));
         c.client(ldap_sicily_bind(2, 0x8a, negotiate_message()));
         c.server(ldap_bind_answer(2, 0, {}, "", challenge_message()));
         c.client(ldap_sicily_bind(3, 0x8b, authenticate_message()));
         c.server(ldap_bind_answer(3, 0, {}));
       }},
      {"winrm", 5985, Carrier::http, Service::winrm, Outcome::success,
       [](Conversation& c) { http_logon(c, "POST /wsman", "Authorization", "HTTP/1.1 401 No\r\nWWW-Authenticate", "200 OK"); }},
      {"http-proxy", 3128, Carrier::http_proxy, Service::http_proxy, Outcome::failure,
       [](Conversation& c) {
         http_logon(c, "GET http://web.lab.test/", "Proxy-Authorization", "HTTP/1.1 407 No\r\nProxy-Authenticate", "407 No");
       }},
      {"rpc-fragments", 49'155, Carrier::dcerpc, Service::dcerpc, Outcome::failure,
       [](Conversation& c) {
         const Bytes first = negotiate_message();
         const Bytes last = authenticate_message();
         const Bytes body = to_bytes(ByteView{rpc_bind(1, efsr_uuid(), {})}.subspan(16));
         c.client(rpc(11, 1, body, ByteView{first}.first(20), 10, 6, 77, 1));
         c.client(rpc(11, 1, Bytes(8), ByteView{first}.subspan(20), 10, 6, 77, 2));
         c.server(rpc(12, 1, Bytes(24), challenge_message()));
         c.client(rpc(16, 1, Bytes(4), {}, 10, 6, 77, 1));
         c.client(rpc(16, 1, Bytes(4), last, 10, 6, 77, 2));
         c.client(rpc_request(2, 1));
         c.server(rpc_fault(2, 5));
       }},
      {"smb-kerberos-fallback", 445, Carrier::smb2, Service::smb, Outcome::success,
       [](Conversation& c) {
         c.server(smb2_negotiate_answer({}, 3));
         c.client(smb2_setup_request(spnego_init(negotiate_message()), 1, 0));
         c.server(smb2_setup_answer(spnego_resp(challenge_message()), 0xC0000016, 1, 9));
         c.client(smb2_setup_request(spnego_resp(authenticate_message()), 2, 9));
         c.server(smb2_setup_answer({}, 0, 2, 9));
         c.client(smb2_tree_connect("\\\\fs1.lab.test\\share", 3, 9));
       },
       ask_in_vain, "target name not resolvable by Kerberos"},
  };
  return captures;
}

Bytes written(const OwnCapture& capture) {
  Wire wire;
  if (capture.before) capture.before(wire);
  Conversation conversation{wire, {{0x0a000011, 0x0a000001, 50'000, capture.port}}};
  capture.talk(conversation);
  conversation.close();
  return wire.bytes();
}

std::string path_of(const OwnCapture& capture) {
  return std::string{POSTERN_SOURCE_DIR} + "/tests/captures/" + capture.name + ".pcap";
}

TEST(OwnCaptures, AreWhatThisTestWrites) {
  const char* folder = std::getenv("POSTERN_WRITE_CAPTURES");
  for (const OwnCapture& capture : own_captures()) {
    const Bytes bytes = written(capture);
    if (folder != nullptr) {
      std::ofstream out{std::string{folder} + '/' + capture.name + ".pcap", std::ios::binary};
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    std::ifstream in{path_of(capture), std::ios::binary};
    const std::string kept{std::istreambuf_iterator<char>{in}, {}};
    EXPECT_EQ(kept.size(), bytes.size()) << capture.name;
    EXPECT_TRUE(kept == as_text(bytes)) << capture.name;
  }
}

TEST(OwnCaptures, GiveThreeMessagesAndOneLogonEach) {
  for (const OwnCapture& capture : own_captures()) {
    Collector collector;
    ASSERT_TRUE(collect(path_of(capture), collector)) << capture.name;
    std::vector<std::string> types;
    for (const MessageObject& object : collector.objects) {
      types.push_back(object.type);
      EXPECT_EQ(object.transport, capture.carrier) << capture.name;
      EXPECT_FALSE(object.error) << capture.name;
    }
    EXPECT_EQ(types, (std::vector<std::string>{"NEGOTIATE", "CHALLENGE", "AUTHENTICATE"})) << capture.name;
    ASSERT_EQ(collector.events.size(), 1U) << capture.name;
    EXPECT_EQ(collector.events[0].outcome, capture.outcome) << capture.name;
    EXPECT_EQ(collector.events[0].server.service, capture.service) << capture.name;
    EXPECT_EQ(collector.events[0].account.name, "alice") << capture.name;
    const bool proved = collector.events[0].reason.confidence == event::Confidence::proved;
    EXPECT_EQ(proved ? collector.events[0].reason.name : event::Text{}, capture.reason) << capture.name;
  }
}

/// curl, which shares no code with us, at servers of tests/captures/make_curl_mail.py.
TEST(OwnCaptures, OfCurlsMailLogonsGiveOneLogonEach) {
  struct Case {
    std::string name;
    Carrier carrier;
    event::Outcome outcome;
  };
  for (const Case& c :
       {Case{"curl-smtp", Carrier::smtp, event::Outcome::success}, Case{"curl-imap", Carrier::imap, event::Outcome::failure},
        Case{"curl-pop3", Carrier::pop3, event::Outcome::success}}) {
    Collector collector;
    ASSERT_TRUE(collect(std::string{POSTERN_SOURCE_DIR} + "/tests/captures/" + c.name + ".pcap", collector)) << c.name;
    ASSERT_EQ(collector.objects.size(), 3U) << c.name;
    for (const MessageObject& object : collector.objects) EXPECT_EQ(object.transport, c.carrier) << c.name;
    ASSERT_EQ(collector.events.size(), 1U) << c.name;
    EXPECT_EQ(collector.events[0].outcome, c.outcome) << c.name;
    EXPECT_EQ(collector.events[0].account.name, "alice") << c.name;
    EXPECT_EQ(collector.events[0].account.domain, "LAB") << c.name;
    EXPECT_EQ(collector.events[0].ntlm.version, event::NtlmVersion::ntlm_v2) << c.name;
    for (const event::Finding& finding : collector.events[0].findings)
      EXPECT_EQ(finding.severity, event::Severity::info) << finding.id;
  }
}

TEST(OwnCaptures, AreCountedAsNotObservableWhereSocksOrTlsIs) {
  Wire wire;
  Conversation socks{wire, {{0x0a000011, 0x0a000001, 50'000, 1080}}};
  socks.client(Bytes{5, 2, 0, 2});
  Conversation tls{wire, {{0x0a000011, 0x0a000001, 50'001, 443}}};
  tls.client(Bytes{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0});
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  auto reader = capture::CaptureReader::open(capture::input_of_bytes(wire.bytes())).value();
  capture::Observer::Options options;
  options.recogniser = recognise;
  capture::Observer observer{options, tracker};
  for (auto packets = reader->next(); !packets.empty(); packets = reader->next()) observer.on_packets(packets);
  observer.finish();
  EXPECT_EQ(observer.statistics().socks, 1U);
  EXPECT_EQ(observer.statistics().tls, 1U);
  EXPECT_TRUE(collector.objects.empty());
}

}  // namespace
}  // namespace postern::observe
