// Logons over plain HTTP on loopback, against a fake authority.
#include <nlohmann/json.hpp>

#include "gateway_fixture.hpp"

namespace postern::test {
namespace {

class Logon : public GatewayTest {};

/// The answer without its Date line, which is the only thing that may differ.
std::string without_date(const Answer& answer) {
  std::string text = answer.head;
  const std::size_t start = text.find("\r\nDate: ");
  if (start != std::string::npos) text.erase(start, text.find("\r\n", start + 2) - start);
  return text + "\r\n" + answer.body;
}

TEST_F(Logon, OffersBothSchemesOnAnOpenConnection) {
  start();
  RawClient client{port()};
  const auto answer = client.ask(get());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->values("WWW-Authenticate"), (std::vector<std::string>{"Negotiate", "NTLM"}));
  EXPECT_EQ(answer->value("Proxy-Support"), "Session-Based-Authentication");
  EXPECT_EQ(answer->value("Connection"), "");
  EXPECT_FALSE(answer->body.empty());
  ASSERT_TRUE(client.ask(get()));  // still open
}

TEST_F(Logon, OffersOnlyTheSchemesThatAreOn) {
  start("[authentication]\nschemes = [\"NTLM\"]\n");
  RawClient client{port()};
  const auto answer = client.ask(get());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->values("WWW-Authenticate"), (std::vector<std::string>{"NTLM"}));
  const auto refused = client.ask(get("/", authorization("Negotiate", kNtlmNegotiate)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(authority->begins, 0);
}

TEST_F(Logon, LogsOnAndShowsWhoItIsAsJson) {
  start();
  RawClient client{port()};
  const auto challenge = client.ask(get("/", authorization("NTLM", kNtlmNegotiate)));
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->status, 401);
  EXPECT_EQ(challenge->values("WWW-Authenticate"), (std::vector<std::string>{"NTLM " + to_base64(as_bytes("CHALLENGE"))}));
  const auto answer = client.ask(
      get("/any/path?q=1", authorization("NTLM", authenticate_token("alice", "right")) + "Accept: application/json\r\n"));
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->status, 200);
  const auto json = nlohmann::json::parse(answer->body);
  EXPECT_EQ(json["user"], "DEMO\\alice");
  EXPECT_EQ(json["domain"], "DEMO");
  EXPECT_EQ(json["account"], "alice");
  EXPECT_EQ(json["package"], "NTLM");
  EXPECT_EQ(json["version"], "NTLMv2");
  EXPECT_EQ(json["mic"], "verified");
  EXPECT_EQ(json["channel_binding"], "matched");
  EXPECT_EQ(json["spn_check"], "accepted");
  EXPECT_EQ(json["tls"], false);
  EXPECT_EQ(json["event_id"], "event-1");

  const auto begins = authority->seen_begins();
  ASSERT_EQ(begins.size(), 1U);
  EXPECT_EQ(begins[0].service, "gateway");
  EXPECT_EQ(begins[0].carrier, ntlm::Carrier::ntlm);
  EXPECT_EQ(begins[0].connection.client.address, "127.0.0.1");
  EXPECT_FALSE(begins[0].connection.tls);
  EXPECT_EQ(as_text(begins[0].token), kNtlmNegotiate);
  EXPECT_TRUE(authority->seen_finishes()[0].channel_bindings.empty()) << "no bindings on a channel without TLS";
}

TEST_F(Logon, TheLogonBelongsToTheConnectionAndToNoOther) {
  start();
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(client.ask(get("/more"))->status, 200);
  RawClient other{port()};
  EXPECT_EQ(other.ask(get("/more"))->status, 401);
}

TEST_F(Logon, HtmlPageEscapesWhatComesFromTheNetworkAndLoadsNothing) {
  authority->on_finish = [](const ntlm::FinishRequest&) {
    auto verdict = FakeAuthority::verdict_for("alice");
    verdict.facts.workstation = "<script>alert(1)</script>";
    return ntlm::Reply{std::move(verdict)};
  };
  start();
  RawClient client{port()};
  const auto answer = log_on(client);
  ASSERT_EQ(answer->status, 200);
  EXPECT_EQ(answer->value("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(answer->value("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(answer->body.find("<script"), std::string::npos);
  EXPECT_NE(answer->body.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(answer->body.find("DEMO\\alice"), std::string::npos);
}

TEST_F(Logon, AnswersAnyMethodAndReadsItsBody) {
  start();
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  const std::string body(100'000, 'x');
  EXPECT_EQ(client.ask("POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + body)->status, 200);
  EXPECT_EQ(
      client.ask("PROPFIND / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")->status,
      200);
  const auto head = client.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", true);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(client.ask(get())->status, 200) << "nothing of a HEAD answer's body was sent";
}

TEST_F(Logon, R37_UnknownAccountAndWrongPasswordGetTheSameBytes) {
  start();
  RawClient unknown{port()};
  RawClient wrong{port()};
  const auto first = log_on(unknown, "nobody", "right");
  const auto second = log_on(wrong, "alice", "wrong");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->status, 401);
  EXPECT_EQ(without_date(*first), without_date(*second));
  EXPECT_EQ(first->head.find("event"), std::string::npos);
}

TEST_F(Logon, KeepsTheConnectionForAnotherAttemptButNotForever) {
  start();
  RawClient client{port()};
  EXPECT_EQ(log_on(client, "alice", "wrong")->status, 401);
  EXPECT_EQ(log_on(client, "alice", "wrong")->value("Connection"), "");
  const auto third = log_on(client, "alice", "wrong");
  ASSERT_TRUE(third);
  EXPECT_EQ(third->status, 401);
  EXPECT_EQ(third->value("Connection"), "close");
  EXPECT_TRUE(client.closed());
}

TEST_F(Logon, ASecondAttemptWithTheRightPasswordSucceeds) {
  start();
  RawClient client{port()};
  EXPECT_EQ(log_on(client, "alice", "wrong")->status, 401);
  EXPECT_EQ(log_on(client, "alice", "right")->status, 200);
}

TEST_F(Logon, R42_ANewNegotiateEndsTheIdentityFirst) {
  start();
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 401);
  EXPECT_EQ(client.ask(get())->status, 401) << "the old identity must be gone";
}

TEST_F(Logon, R42_AnErrorEndsTheIdentity) {
  start();
  RawClient stray{port()};
  ASSERT_EQ(log_on(stray)->status, 200);
  EXPECT_EQ(stray.ask(get("/", authorization("NTLM", authenticate_token("alice", "right"))))->status, 401)
      << "an AUTHENTICATE that no handshake waits for";
  EXPECT_EQ(stray.ask(get())->status, 401);
  EXPECT_EQ(authority->finishes, 1) << "it never reached the authority";

  RawClient other{port()};
  ASSERT_EQ(log_on(other)->status, 200);
  EXPECT_EQ(other.ask(get("/", "Authorization: Basic YWxpY2U6cmlnaHQ=\r\n"))->status, 401);
  EXPECT_EQ(other.ask(get())->status, 401);
}

TEST_F(Logon, R42_TwoPrincipalsOnOneConnectionAreRefused) {
  start();
  RawClient client{port()};
  ASSERT_EQ(log_on(client, "alice")->status, 200);
  EXPECT_EQ(log_on(client, "alice")->status, 200) << "the same one may log on again";
  const auto second = log_on(client, "bob");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status, 400);
  EXPECT_EQ(second->value("Connection"), "close");
  EXPECT_TRUE(client.closed());
}

TEST_F(Logon, R42_AFrontEndThatShowsItselfIsRefusedUnlessTrusted) {
  start();
  for (const std::string header : {"Via: 1.1 front\r\n", "Forwarded: for=192.0.2.1\r\n", "X-Forwarded-For: 192.0.2.1\r\n"}) {
    RawClient client{port()};
    const auto answer = client.ask(get("/", header));
    ASSERT_TRUE(answer) << header;
    EXPECT_EQ(answer->status, 400) << header;
    EXPECT_TRUE(answer->values("WWW-Authenticate").empty()) << header;
  }
  gateway.reset();
  start("[authentication]\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/", "Via: 1.1 front\r\n"))->status, 401);
  EXPECT_EQ(log_on(client, "alice")->status, 200);
  EXPECT_EQ(log_on(client, "bob")->status, 200);
}

TEST_F(Logon, MalformedAuthorizationIsRefusedAndEndsTheConnection) {
  start();
  for (const std::string header :
       {"Authorization: NTLM\r\n", "Authorization: NTLM ????\r\n", "Authorization: NTLM TlRMTVNT UAAB\r\n",
        "Authorization: Negotiate YQ\r\n", "Authorization: NTLM YQ==\r\nAuthorization: NTLM YQ==\r\n"}) {
    RawClient client{port()};
    const auto answer = client.ask(get("/", header));
    ASSERT_TRUE(answer) << header;
    EXPECT_EQ(answer->status, 401) << header;
    EXPECT_EQ(answer->value("Connection"), "close") << header;
  }
  EXPECT_EQ(authority->begins, 0);
  EXPECT_EQ(metric("logons_total{outcome=\"malformed\"}"), 5);
}

TEST_F(Logon, SchemeIsReadInAnyCaseWithSpacesAround) {
  start();
  RawClient client{port()};
  const auto answer = client.ask(get("/", "authorization:   nTlM    " + to_base64(as_bytes(kNtlmNegotiate)) + "  \r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->value("WWW-Authenticate"), "NTLM " + to_base64(as_bytes("CHALLENGE")));
}

TEST_F(Logon, R26_TokensUpToTheLimitPassAndOneByteMoreDoesNot) {
  start("[limits]\nmax_header_bytes = 262144\n");
  std::string token = kNtlmNegotiate;
  token.resize(ntlm::kMaxTokenBytes, 'x');
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/", authorization("NTLM", token)))->value("WWW-Authenticate"),
            "NTLM " + to_base64(as_bytes("CHALLENGE")));
  RawClient other{port()};
  const auto refused = other.ask(get("/", authorization("NTLM", token + "x")));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(authority->begins, 1);
}

TEST_F(Logon, LastSpnegoTokenGoesOutWithTheAnswer) {
  authority->on_finish = [](const ntlm::FinishRequest& finish) {
    auto verdict =
        as_text(finish.token).ends_with("right") ? FakeAuthority::verdict_for("alice") : FakeAuthority::denied("alice", "no");
    verdict.token = to_bytes(as_bytes("LAST"));
    return ntlm::Reply{std::move(verdict)};
  };
  start();
  const std::string last = "Negotiate " + to_base64(as_bytes("LAST"));
  RawClient client{port()};
  ASSERT_EQ(client
                .ask(get("/", authorization("Negotiate",
                                            "\x60"
                                            "init")))
                ->status,
            401);
  const auto accepted = client.ask(get("/", authorization("Negotiate",
                                                          "\xa1"
                                                          "right")));
  EXPECT_EQ(accepted->status, 200);
  EXPECT_EQ(accepted->values("WWW-Authenticate"), (std::vector<std::string>{last}));
  EXPECT_EQ(client.ask(get())->values("WWW-Authenticate"), std::vector<std::string>{}) << "once only";
  RawClient other{port()};
  ASSERT_EQ(other
                .ask(get("/", authorization("Negotiate",
                                            "\x60"
                                            "init")))
                ->status,
            401);
  const auto denied = other.ask(get("/", authorization("Negotiate",
                                                       "\xa1"
                                                       "wrong")));
  EXPECT_EQ(denied->status, 401);
  EXPECT_EQ(denied->values("WWW-Authenticate"), (std::vector<std::string>{last, "NTLM"}));
}

TEST_F(Logon, AHandshakeOfThreeTokensWorksAndAnEndlessOneDoesNot) {
  int rounds = 0;
  authority->on_finish = [&](const ntlm::FinishRequest& finish) {
    if (++rounds == 2) return ntlm::Reply{FakeAuthority::verdict_for("alice")};
    return ntlm::Reply{ntlm::Continue{finish.handshake, to_bytes(as_bytes("MORE"))}};
  };
  start();
  RawClient client{port()};
  ASSERT_EQ(client.ask(get("/", authorization("Negotiate", "\x60kerberos")))->status, 401);
  const auto more = client.ask(get("/", authorization("Negotiate", "\xa1ntlm1")));
  EXPECT_EQ(more->status, 401);
  EXPECT_EQ(more->value("WWW-Authenticate"), "Negotiate " + to_base64(as_bytes("MORE")));
  EXPECT_EQ(client.ask(get("/", authorization("Negotiate", "\xa1ntlm3")))->status, 200);

  authority->on_finish = [](const ntlm::FinishRequest& finish) {
    return ntlm::Reply{ntlm::Continue{finish.handshake, to_bytes(as_bytes("MORE"))}};
  };
  RawClient endless{port()};
  ASSERT_EQ(endless.ask(get("/", authorization("Negotiate", "\x60x")))->status, 401);
  int sent = 0;
  while (sent < 20 && endless.ask(get("/", authorization("Negotiate", "\xa1x")))) ++sent;
  EXPECT_LT(sent, 10);
}

TEST_F(Logon, AnonymousVerdictIsNoLogon) {
  authority->on_finish = [](const ntlm::FinishRequest&) {
    auto verdict = FakeAuthority::verdict_for("");
    verdict.identity.kind = ntlm::AccountKind::anonymous;
    return ntlm::Reply{std::move(verdict)};
  };
  start();
  RawClient client{port()};
  EXPECT_EQ(log_on(client)->status, 401);
  EXPECT_EQ(client.ask(get())->status, 401);
}

TEST_F(Logon, R28_WithoutAuthorityTheAnswerIs503AndNeverAcceptance) {
  start();
  RawClient client{port()};
  ASSERT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 401);
  authority->go_away();
  ASSERT_TRUE(eventually([&] { return !gateway->authority_connected(); }));
  const auto before = std::chrono::steady_clock::now();
  const auto answer = client.ask(get("/", authorization("NTLM", authenticate_token("alice", "right"))));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_FALSE(answer->value("Retry-After").empty());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{1}) << "it says so at once";
  EXPECT_EQ(client.ask(get())->status, 401);
  authority->come_back();
  ASSERT_TRUE(eventually([&] { return gateway->authority_connected(); }));
  EXPECT_EQ(log_on(client)->status, 200);
}

TEST_F(Logon, R40_AHandshakeDoesNotOutliveTheAuthoritysConnection) {
  start();
  RawClient client{port()};
  ASSERT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 401);
  authority->go_away();
  ASSERT_TRUE(eventually([&] { return !gateway->authority_connected(); }));
  authority->come_back();
  ASSERT_TRUE(eventually([&] { return gateway->authority_connected(); }));
  const auto answer = client.ask(get("/", authorization("NTLM", authenticate_token("alice", "right"))));
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(authority->finishes, 0);
}

TEST_F(Logon, ASilentAuthorityTimesOutWith503) {
  start();
  authority->silent = true;
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 503);
  authority->silent = false;
  EXPECT_EQ(log_on(client)->status, 200);
}

TEST_F(Logon, R31_AnAnswerWithAnotherNonceIsNotTaken) {
  start();
  authority->wrong_nonce = true;
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 503);
}

TEST_F(Logon, R31_AnAuthorityOfAnotherUserIsNotAsked) {
  auto config = parsed(config_text());
  config.authority.user = getuid() + 4711;
  auto started = http::Gateway::start(config);
  ASSERT_TRUE(started);
  gateway = std::move(*started);
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  EXPECT_FALSE(gateway->authority_connected());
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 503);
  EXPECT_EQ(authority->begins, 0);
}

TEST_F(Logon, HalfOpenHandshakesAreCancelledWhenTheClientLeaves) {
  start();
  {
    RawClient client{port()};
    ASSERT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 401);
  }
  EXPECT_TRUE(eventually([&] { return authority->cancels == 1; }));
}

TEST_F(Logon, OpenPathsAndPreflightNeedNoLogonAndNeighboursDo) {
  start("[authentication]\nanonymous_paths = [\"/public/\", \"/health\"]\nanonymous_options = true\n");
  for (const std::string path : {"/public/a.css", "/health", "/health?x=1", "/health/live"}) {
    RawClient client{port()};
    EXPECT_EQ(client.ask(get(path))->status, 200) << path;
  }
  for (const std::string path :
       {"/publi", "/public", "/healthy", "/public/../secret", "/public/%2e%2e/secret", "/public/..%2fsecret", "/public//x",
        "/public/a\\..\\b", "/public/..;/secret", "/secret?/public/"}) {
    RawClient client{port()};
    EXPECT_EQ(client.ask(get(path))->status, 401) << path;
  }
  RawClient client{port()};
  EXPECT_EQ(client.ask("OPTIONS /secret HTTP/1.1\r\nHost: localhost\r\n\r\n")->status, 200);
  gateway.reset();
  start();
  RawClient strict{port()};
  EXPECT_EQ(strict.ask("OPTIONS /secret HTTP/1.1\r\nHost: localhost\r\n\r\n")->status, 401);
}

TEST_F(Logon, PlainHttpNeverMeansNoOffer) {
  start("[authentication]\nplain_http = \"never\"\n");
  RawClient client{port()};
  const auto answer = client.ask(get("/", authorization("NTLM", kNtlmNegotiate)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 403);
  EXPECT_TRUE(answer->values("WWW-Authenticate").empty());
  EXPECT_EQ(authority->begins, 0);
}

TEST_F(Logon, AcceptedTargetNamesGoToTheAuthority) {
  start("[authentication]\ntarget_names = [\"HTTP/www.example.org\"]\n");
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(authority->seen_finishes()[0].target_names, (std::vector<std::string>{"HTTP/www.example.org"}));
}

TEST_F(Logon, PipelinedRequestsAreAnsweredInOrder) {
  start();
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  ASSERT_TRUE(client.send_text(get("/one", "Accept: application/json\r\n") + get("/two", "Accept: application/json\r\n") +
                               get("/three", "Accept: application/json\r\n")));
  for (const std::string path : {"/one", "/two", "/three"}) {
    const auto answer = client.read_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(nlohmann::json::parse(answer->body)["target"], path);
  }
}

TEST_F(Logon, Http10ClientsKeepTheConnectionOnlyIfTheyAsk) {
  start();
  RawClient kept{port()};
  const auto answer = kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer->value("Connection"), "keep-alive");
  EXPECT_EQ(kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->status, 401);
  RawClient closed{port()};
  EXPECT_EQ(closed.ask("GET / HTTP/1.0\r\n\r\n")->value("Connection"), "close");
  EXPECT_TRUE(closed.closed());
}

}  // namespace
}  // namespace postern::test
