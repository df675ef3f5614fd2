#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/carriers/frames.hpp"
#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"

namespace postern::observe {
namespace {

using testing::ElementsAre;

std::string request(std::string_view authorization, std::string_view start = "GET /secret HTTP/1.1", std::string_view rest = "") {
  std::string text{start};
  text += "\r\nHost: fs1.lab.test\r\n";
  if (!authorization.empty()) text += "Authorization: " + std::string{authorization} + "\r\n";
  return text + std::string{rest} + "\r\n";
}
std::string answer(std::string_view status, std::string_view fields, std::string_view body = "") {
  return "HTTP/1.1 " + std::string{status} + "\r\n" + std::string{fields} + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string{body};
}
std::string ntlm(const Bytes& message) { return "NTLM " + to_base64(message); }
std::string negotiate(const Bytes& token) { return "Negotiate " + to_base64(token); }

Talk logon(std::string_view last_status = "200 OK") {
  return {
      client_says(request("")),
      server_says(answer("401 Unauthorized", "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n", "no")),
      client_says(request(ntlm(negotiate_message()))),
      server_says(answer("401 Unauthorized", "WWW-Authenticate: " + ntlm(challenge_message()) + "\r\n", std::string(3000, 'x'))),
      client_says(request(ntlm(authenticate_message()))),
      server_says(answer(last_status, "", "hello"))};
}

TEST(HttpCarrier, SeesTheThreeMessagesAndTheStatusAfterThem) {
  EXPECT_THAT(
      seen_in(connection_to(80), logon()),
      ElementsAre("note mechs-offered server 0 Negotiate,NTLM", "message 1 client http type 1 target fs1.lab.test",
                  "message 1 server http type 2", "message 1 client http type 3 target fs1.lab.test", "outcome 1 success 200"));
}

TEST(HttpCarrier, CallsASecond401AFailure) {
  EXPECT_EQ(seen_in(connection_to(80), logon("401 Unauthorized")).back(), "outcome 1 failure 401");
}

TEST(HttpCarrier, LooksIntoNegotiate) {
  const Talk talk{
      client_says(request(negotiate(spnego_init(negotiate_message())), "POST /wsman HTTP/1.1", "Content-Length: 3\r\n") + "abc"),
      server_says(answer("401 Unauthorized", "www-authenticate: " + negotiate(spnego_resp(challenge_message())) + "\r\n")),
      client_says(request(negotiate(spnego_resp(authenticate_message())))),
      server_says(
          answer("200 OK", "WWW-Authenticate: " + negotiate(spnego_resp({}, spnego::NegState::accept_completed)) + "\r\n"))};
  EXPECT_THAT(seen_in(connection_to(80), talk),
              ElementsAre("note mechs-offered client 0 1.3.6.1.4.1.311.2.2.10",
                          "message 1 client http type 1 spnego 1.3.6.1.4.1.311.2.2.10 target fs1.lab.test winrm",
                          "message 1 server http type 2 spnego", "message 1 client http type 3 spnego target fs1.lab.test",
                          "outcome 1 success 200"));
}

TEST(HttpCarrier, KeepsTheProxysLogonApart) {
  const auto to_proxy = [](const Bytes& message) {
    return client_says("GET http://web.lab.test/a HTTP/1.1\r\nHost: other\r\nProxy-Authorization: " + ntlm(message) + "\r\n\r\n");
  };
  const Talk talk{
      to_proxy(negotiate_message()),
      server_says(answer("407 Proxy Authentication Required", "Proxy-Authenticate: " + ntlm(challenge_message()) + "\r\n")),
      to_proxy(authenticate_message()), server_says(answer("401 Unauthorized", "WWW-Authenticate: NTLM\r\n"))};
  EXPECT_THAT(seen_in(connection_to(3128), talk),
              ElementsAre("message 1 client http-proxy type 1 target web.lab.test asks-proxy", "message 1 server http-proxy type 2",
                          "message 1 client http-proxy type 3 target web.lab.test asks-proxy", "outcome 1 success 401",
                          "note mechs-offered server 0 NTLM"))
      << "the proxy let it through; what the server says is no answer to the proxy's logon";
}

TEST(HttpCarrier, SkipsChunkedBodiesWithoutHoldingThem) {
  std::string body;
  for (int i = 0; i < 300; ++i) body += "400\r\n" + std::string(0x400, 'A') + "\r\n";
  body += "0\r\nTrailer: x\r\n\r\n";
  Talk talk = logon();
  talk.insert(talk.begin(), server_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body));
  talk.insert(talk.begin(), client_says(request("")));
  const auto lines = seen_in(connection_to(80), talk, {1460});
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "outcome 1 success 200");
  Recorder recorder;
  Player player{connection_to(80), recorder};
  for (const Turn& turn : talk) player.play(turn, {100});
  EXPECT_LT(player.most_held, 8192U);
}

TEST(HttpCarrier, MatchesAnswersToPipelinedRequests) {
  const Talk talk{client_says(request(ntlm(negotiate_message()))),
                  server_says(answer("401 Unauthorized", "WWW-Authenticate: " + ntlm(challenge_message()) + "\r\n")),
                  client_says(request(ntlm(authenticate_message())) + request("", "GET /next HTTP/1.1")),
                  server_says(answer("200 OK", "", "first") + answer("401 Unauthorized", "", "second"))};
  EXPECT_EQ(seen_in(connection_to(80), talk).back(), "outcome 1 success 200") << "the second 401 is not the logon's";
}

TEST(HttpCarrier, GoesOnBehindAGapInABodyAndBehindOneInAHead) {
  for (const bool in_head : {false, true}) {
    Recorder recorder;
    Player player{connection_to(80), recorder};
    player.play(client_says(request("")), {});
    if (in_head) {
      player.play(server_says("HTTP/1.1 200 OK\r\nX-Long: "), {});
    } else {
      player.play(server_says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"), {});
    }
    player.gap(Side::server, 5000);
    if (in_head) player.play(server_says("tail\r\nServer: x\r\n\r\nbody of unknown length"), {});
    for (const Turn& turn : logon()) player.play(turn, {});
    EXPECT_EQ(recorder.messages.size(), 3U) << in_head;
    EXPECT_EQ(recorder.lines.back(), "outcome 1 success 200") << in_head;
  }
}

TEST(HttpCarrier, FollowsAPlainTunnelAndLeavesASealedOne) {
  const Turn connect = client_says("CONNECT web.lab.test:80 HTTP/1.1\r\nHost: web.lab.test:80\r\n\r\n");
  const Turn opened = server_says("HTTP/1.1 200 Connection established\r\n\r\n");
  Talk plain = logon();
  plain.insert(plain.begin(), {connect, opened});
  EXPECT_EQ(seen_in(connection_to(3128), plain).back(), "outcome 1 success 200");
  EXPECT_THAT(seen_in(connection_to(3128), plain),
              testing::Contains("message 1 client http type 1 target fs1.lab.test asks-proxy"));
  const Talk sealed{connect, opened, client_says(Bytes{0x16, 3, 1, 0, 1, 0})};
  EXPECT_THAT(seen_in(connection_to(3128), sealed), ElementsAre("note encrypted client 0 "));
}

TEST(HttpCarrier, SaysThatAClientCameByTls) {
  const auto with = [](std::string_view field) {
    return seen_in(connection_to(80), {client_says(request(ntlm(negotiate_message()), "GET / HTTP/1.1", field))});
  };
  const std::string plain = "message 1 client http type 1 target fs1.lab.test";
  for (const std::string_view field :
       {"X-Forwarded-Proto: https\r\n", "Forwarded: for=192.0.2.1;proto=https, for=10.0.0.1\r\n", "Front-End-Https: on\r\n"}) {
    EXPECT_THAT(with(field), ElementsAre(plain + " ended-tls")) << field;
  }
  for (const std::string_view field :
       {"X-Forwarded-Proto: http\r\n", "Forwarded: for=192.0.2.1, proto=https\r\n", "Front-End-Https: off\r\n"}) {
    EXPECT_THAT(with(field), ElementsAre(plain)) << field;
  }
}

TEST(HttpCarrier, SeesTheServersErrorToAKerberosToken) {
  const Bytes oid = from_hex("2a864886f712010202").value();
  const auto answered = [&](std::uint8_t token_id) {
    const Bytes token = der(0x60, {der(0x06, oid), Bytes{token_id, 0}, krb_error(41, "HTTP", "web")});
    return seen_in(connection_to(80),
                   {client_says(request("")),
                    server_says(answer("401 Unauthorized", "WWW-Authenticate: " + negotiate(spnego_resp(token)) + "\r\n"))});
  };
  EXPECT_THAT(answered(3), ElementsAre("note kerberos-error server 41 "));
  EXPECT_TRUE(answered(2).empty()) << "an AP-REP";
}

TEST(HttpCarrier, ListsAMessageThatIsCutShort) {
  const Bytes cut = to_bytes(ByteView{negotiate_message()}.first(12));
  const auto lines = seen_in(connection_to(80), {client_says(request(ntlm(cut)))});
  EXPECT_THAT(lines, ElementsAre("message 1 client http type 1 target fs1.lab.test"));
}

TEST(HttpCarrier, SeesNothingWhereNobodyLogsOn) {
  EXPECT_TRUE(seen_in(connection_to(80), {client_says(request("Basic YTpi")), server_says(answer("200 OK", "", "x"))}).empty());
  EXPECT_TRUE(seen_in(connection_to(80), {client_says(request("Bearer NTLM"))}).empty());
}

TEST(HttpCarrier, SeesTheSameHoweverTheStreamIsCut) { expect_same_however_cut(connection_to(80), logon()); }

}  // namespace
}  // namespace postern::observe
