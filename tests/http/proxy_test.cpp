// The reverse proxy: what reaches the upstream and what comes back, with a scripted upstream.
#include "gateway_fixture.hpp"
#include "scripted_upstream.hpp"

namespace postern::test {
namespace {

class Proxy : public GatewayTest {
 protected:
  void start_with(ScriptedUpstream& upstream, const std::string& more = "") {
    start("[upstream]\nurl = \"http://127.0.0.1:" + std::to_string(upstream.port) + "\"\nresponse_timeout_seconds = 1\n" + more);
  }
};

std::string post(const std::string& headers, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

TEST_F(Proxy, NothingReachesTheUpstreamBeforeTheLogon) {
  ScriptedUpstream upstream;
  start_with(upstream);
  RawClient client{port()};
  EXPECT_EQ(client.ask(get("/x"))->status, 401);
  EXPECT_EQ(log_on(client, "alice", "wrong")->status, 401);
  EXPECT_EQ(upstream.connections, 0);
}

TEST_F(Proxy, IdentityHeadersSayWhoLoggedOn) {
  ScriptedUpstream upstream;
  start_with(upstream);
  RawClient client{port()};
  const auto answer = log_on(client, "alice", "right", "/app?x=1");
  ASSERT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "upstream");
  const auto seen = upstream.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].head.starts_with("GET /app?x=1 HTTP/1.1\r\nHost: localhost\r\n")) << seen[0].head;
  EXPECT_TRUE(seen[0].has("X-Remote-User: DEMO\\alice"));
  EXPECT_TRUE(seen[0].has("X-Remote-Domain: DEMO"));
  EXPECT_TRUE(seen[0].has("X-Remote-Package: NTLM"));
  EXPECT_TRUE(seen[0].has("X-Remote-Groups: Domain%20Users,Staff%2C%20all"));
  EXPECT_TRUE(seen[0].has("X-Forwarded-For: 127.0.0.1"));
  EXPECT_TRUE(seen[0].has("X-Forwarded-Proto: http"));
  EXPECT_TRUE(seen[0].has("X-Forwarded-Host: localhost"));
  EXPECT_EQ(seen[0].head.find("Authorization"), std::string::npos);
}

TEST_F(Proxy, R41_WhateverTheClientSendsUnderTheNamesIsRemoved) {
  ScriptedUpstream upstream;
  start_with(upstream, "[authentication]\nanonymous_paths = [\"/open\"]\n");
  const std::string forged =
      "X-Remote-User: EVIL\\root\r\nx_remote_user: EVIL\\root\r\nX-REMOTE_DOMAIN: EVIL\r\nx-remote-groups: "
      "EVIL\r\nX_Remote_Package: EVIL\r\n"
      "X-Real-IP: EVIL\r\nConnection: X-Remote-User, X-Remote-Groups, Host, Content-Length, X-Secret\r\nX-Secret: EVIL\r\nTE: "
      "trailers\r\n";
  RawClient client{port()};
  ASSERT_EQ(log_on(client, "alice", "right", "/app", forged)->status, 200);
  ASSERT_EQ(client
                .ask(post(forged + "Transfer-Encoding: chunked\r\nTrailer: X-Remote-User\r\n",
                          "3\r\nabc\r\n0\r\nX-Remote-User: EVIL\\root\r\n\r\n"))
                ->status,
            200);
  ASSERT_EQ(client.ask(post(forged + "Content-Length: 3\r\n", "abc"))->status, 200);
  ASSERT_EQ(client.ask(get("/open", forged))->status, 200);
  const auto seen = upstream.seen();
  ASSERT_EQ(seen.size(), 4U);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].head.find("EVIL"), std::string::npos) << seen[i].head;
    EXPECT_TRUE(seen[i].has("Host: localhost"));
    EXPECT_EQ(seen[i].has("X-Remote-User: DEMO\\alice"), i < 3) << seen[i].head;
    EXPECT_EQ(seen[i].has("X-Remote-Groups: Domain%20Users,Staff%2C%20all"), i < 3);
  }
  EXPECT_EQ(seen[1].body, "abc");
  EXPECT_EQ(seen[2].body, "abc");
  EXPECT_TRUE(seen[2].has("Content-Length: 3"));
  EXPECT_EQ(seen[3].head.find("Remote"), std::string::npos) << "an open path gets no identity headers";
}

TEST_F(Proxy, R41_NonAsciiAndControlCharactersInNamesAreEncoded) {
  authority->on_finish = [](const ntlm::FinishRequest&) {
    auto verdict = FakeAuthority::verdict_for("J\xc3\xb6rg\r\nX-Admin: 1%");
    verdict.groups = {"a,b", "\xe2\x82\xac"};
    return ntlm::Reply{std::move(verdict)};
  };
  ScriptedUpstream upstream;
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  const auto seen = upstream.seen();
  EXPECT_TRUE(seen[0].has("X-Remote-User: DEMO\\J%C3%B6rg%0D%0AX-Admin:%201%25")) << seen[0].head;
  EXPECT_TRUE(seen[0].has("X-Remote-Groups: a%2Cb,%E2%82%AC"));
}

TEST_F(Proxy, R41_RequestsThatTwoParsersCouldReadInTwoWaysAreRefused) {
  ScriptedUpstream upstream;
  start_with(upstream);
  const std::vector<std::string> requests{
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX-A: a\rb\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  };
  for (const std::string& request : requests) {
    RawClient client{port()};
    ASSERT_EQ(log_on(client)->status, 200);
    const auto answer = client.ask(request);
    ASSERT_TRUE(answer) << request;
    EXPECT_EQ(answer->status, 400) << request;
    EXPECT_TRUE(client.closed()) << request;
  }
  EXPECT_EQ(upstream.seen().size(), requests.size()) << "none but the logons themselves reached the upstream";
}

TEST_F(Proxy, MalformedChunksAreRefusedAndTheUpstreamSeesNoWholeBody) {
  for (const std::string chunks :
       {"zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "-1\r\n\r\n", "10000000000000000\r\nx"}) {
    std::atomic<bool> whole{false};
    ScriptedUpstream upstream;
    upstream.handler = [&](Peer& peer, int) {
      std::string head;
      std::string body;
      while (peer.read_head(head)) {
        if (!peer.read_body(head, body)) return;
        if (head.starts_with("POST")) whole = true;
        peer.send_text(ScriptedUpstream::ok("fine"));
      }
    };
    start_with(upstream);
    RawClient client{port()};
    ASSERT_EQ(log_on(client)->status, 200);
    const auto answer = client.ask(post("Transfer-Encoding: chunked\r\n", chunks));
    ASSERT_TRUE(answer) << chunks;
    EXPECT_EQ(answer->status, 400) << chunks;
    EXPECT_TRUE(client.closed());
    EXPECT_FALSE(whole) << chunks;
    gateway.reset();
  }
}

TEST_F(Proxy, BodiesStreamBothWaysInEveryFraming) {
  const std::string big(3'000'000, 'b');
  ScriptedUpstream upstream{[&](const SeenRequest& request) {
    if (request.head.find("/chunked") != std::string::npos) {
      return std::string{
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n"};
    }
    if (request.head.find("/until-close") != std::string::npos) return "HTTP/1.0 200 OK\r\n\r\n" + big;
    if (request.head.find("/204") != std::string::npos) return std::string{"HTTP/1.1 204 No Content\r\n\r\n"};
    if (request.head.find("/304") != std::string::npos)
      return std::string{"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"};
    if (request.head.starts_with("HEAD")) return std::string{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"};
    return ScriptedUpstream::ok(request.body);
  }};
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(client.ask(post("Content-Length: " + std::to_string(big.size()) + "\r\n", big))->body, big);
  EXPECT_EQ(client.ask(post("Transfer-Encoding: chunked\r\n", "4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"))->body, "abcdef");
  EXPECT_EQ(client.ask(get("/chunked"))->body, "hello world");
  const auto closing = client.ask(get("/until-close"));
  EXPECT_EQ(closing->body, big);
  EXPECT_EQ(closing->value("Transfer-Encoding"), "chunked") << "so that the logged-on connection lives on";
  EXPECT_EQ(client.ask(get("/204"))->status, 204);
  EXPECT_EQ(client.ask(get("/304"))->status, 304);
  const auto head = client.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", true);
  EXPECT_EQ(head->value("Content-Length"), "10");
  EXPECT_EQ(client.ask(post("Content-Length: 0\r\n", ""))->status, 200);
  EXPECT_TRUE(upstream.seen().back().has("Content-Length: 0"));
}

TEST_F(Proxy, BackPressureHoldsASenderThatIsFasterThanTheUpstream) {
  std::atomic<bool> go{false};
  ScriptedUpstream upstream;
  upstream.handler = [&](Peer& peer, int) {
    std::string head;
    if (!peer.read_head(head)) return;
    while (!go) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    std::string body;
    if (peer.read_body(head, body)) peer.send_text(ScriptedUpstream::ok(std::to_string(body.size())));
  };
  start("[upstream]\nurl = \"http://127.0.0.1:" + std::to_string(upstream.port) + "\"\nresponse_timeout_seconds = 20\n" +
        "[authentication]\nanonymous_paths = [\"/p\"]\n");
  RawClient client{port()};
  const std::string chunk(1 << 20, 'x');
  constexpr std::size_t kTotal = 64;
  ASSERT_TRUE(client.send_text(post("Content-Length: " + std::to_string(kTotal << 20) + "\r\n", "")));
  std::size_t sent = 0;
  while (sent < kTotal << 20) {
    pollfd item{client.fd(), POLLOUT, 0};
    if (poll(&item, 1, 500) <= 0) break;
    const ssize_t now = send(client.fd(), chunk.data(), std::min(chunk.size(), (kTotal << 20) - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (now > 0) sent += static_cast<std::size_t>(now);
  }
  EXPECT_LT(sent, kTotal << 20) << "the gateway must not take in what the upstream does not read";
  go = true;
  while (sent < kTotal << 20) {
    const ssize_t now = send(client.fd(), chunk.data(), std::min(chunk.size(), (kTotal << 20) - sent), MSG_NOSIGNAL);
    ASSERT_GT(now, 0);
    sent += static_cast<std::size_t>(now);
  }
  EXPECT_EQ(client.read_answer()->body, std::to_string(kTotal << 20));
}

TEST_F(Proxy, ExpectContinueIsTheUpstreamsToAnswer) {
  ScriptedUpstream upstream;
  upstream.handler = [](Peer& peer, int) {
    std::string head;
    std::string body;
    while (peer.read_head(head)) {
      if (head.find("Expect: 100-continue") != std::string::npos) peer.send_text("HTTP/1.1 100 Continue\r\n\r\n");
      body.clear();
      if (!peer.read_body(head, body)) return;
      peer.send_text(ScriptedUpstream::ok(body));
    }
  };
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(client.ask(post("Expect: 100-continue\r\nContent-Length: 3\r\n", ""))->status, 100);
  EXPECT_EQ(client.ask("abc")->body, "abc");
}

TEST_F(Proxy, AnEarlyAnswerToALargeBodyArrives) {
  ScriptedUpstream upstream;
  upstream.handler = [](Peer& peer, int) {
    std::string head;
    if (peer.read_head(head)) peer.send_text("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  };
  start_with(upstream, "[authentication]\nanonymous_paths = [\"/p\"]\n");
  RawClient client{port()};
  ASSERT_TRUE(client.send_text(post("Content-Length: 500000000\r\n", "some of it")));
  const auto answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 413);
  EXPECT_EQ(answer->value("Connection"), "close");
}

TEST_F(Proxy, R18_NoUpstreamConnectionIsSharedBetweenClientsOrIdentities) {
  ScriptedUpstream upstream;
  start_with(upstream, "[authentication]\ntrusted_proxies = [\"127.0.0.1\"]\n");
  RawClient alice{port()};
  RawClient bob{port()};
  ASSERT_EQ(log_on(alice, "alice")->status, 200);
  ASSERT_EQ(log_on(bob, "bob")->status, 200);
  ASSERT_EQ(alice.ask(get("/a"))->status, 200);
  ASSERT_EQ(bob.ask(get("/b"))->status, 200);
  ASSERT_EQ(log_on(alice, "carol")->status, 200);  // a trusted front end may change the principal
  const auto seen = upstream.seen();
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[0].connection, seen[2].connection) << "a client keeps its own";
  EXPECT_EQ(seen[1].connection, seen[3].connection);
  EXPECT_NE(seen[0].connection, seen[1].connection);
  EXPECT_NE(seen[4].connection, seen[0].connection) << "a new identity starts anew";
  std::map<int, std::string> owner;
  for (const SeenRequest& request : seen) {
    const std::size_t at = request.head.find("X-Remote-User: ");
    const std::string user = request.head.substr(at, request.head.find("\r\n", at) - at);
    EXPECT_TRUE(owner.try_emplace(request.connection, user).first->second == user);
  }
}

TEST_F(Proxy, AnUpstreamThatClosedMeanwhileIsConnectedAnew) {
  ScriptedUpstream upstream;
  upstream.handler = [](Peer& peer, int) {
    std::string head;
    if (peer.read_head(head)) peer.send_text(ScriptedUpstream::ok("once"));
  };
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(get("/again"))->body, "once");
  EXPECT_EQ(upstream.connections, 4);
}

TEST_F(Proxy, UnreachableUpstreamIs502AndSlowOneIs504AndTheLogonStays) {
  std::uint16_t dead = 0;
  {
    ScriptedUpstream gone;
    dead = gone.port;
  }
  start("[upstream]\nurl = \"http://127.0.0.1:" + std::to_string(dead) + "\"\n");
  RawClient client{port()};
  EXPECT_EQ(log_on(client)->status, 502);
  EXPECT_EQ(client.ask(get())->status, 502);
  EXPECT_EQ(metric("upstream_failures_total{reason=\"unreachable\"}"), 2);
  gateway.reset();

  ScriptedUpstream slow;
  slow.handler = [](Peer& peer, int) {
    while (peer.more()) {
    }
  };
  start_with(slow);
  RawClient patient{port()};
  EXPECT_EQ(log_on(patient)->status, 504);
  EXPECT_EQ(metric("upstream_failures_total{reason=\"timeout\"}"), 1);
}

TEST_F(Proxy, ATruncatedAnswerDoesNotLookWhole) {
  ScriptedUpstream upstream;
  upstream.handler = [](Peer& peer, int) {
    std::string head;
    if (peer.read_head(head)) peer.send_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  };
  start_with(upstream);
  RawClient client{port()};
  EXPECT_FALSE(log_on(client)) << "the last chunk must not be made up";
}

TEST_F(Proxy, WebSocketsBecomeATunnelBothWays) {
  ScriptedUpstream upstream;
  upstream.handler = [](Peer& peer, int) {
    std::string head;
    if (!peer.read_head(head)) return;
    if (head.find("\r\nUpgrade: websocket\r\n") == std::string::npos) {
      peer.send_text(ScriptedUpstream::ok("no"));
      return;
    }
    peer.send_text(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nwelcome");
    while (peer.buffer.size() < 4 && peer.more()) {
    }
    peer.send_text("echo " + peer.buffer);
  };
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(client.ask(get("/", authorization("NTLM", kNtlmNegotiate)))->status, 401);
  const auto answer = client.ask(get("/ws", authorization("NTLM", authenticate_token("alice", "right")) +
                                                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 101);
  EXPECT_EQ(answer->value("Sec-WebSocket-Accept"), "x");
  ASSERT_TRUE(client.need(7));
  EXPECT_EQ(client.take(7), "welcome");
  ASSERT_TRUE(client.send_text("ping"));
  ASSERT_TRUE(client.need(9));
  EXPECT_EQ(client.take(9), "echo ping");
  EXPECT_TRUE(client.closed());
}

TEST_F(Proxy, OtherUpgradesAreNotPassedOn) {
  ScriptedUpstream upstream;
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  ASSERT_EQ(client.ask(get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"))->status,
            200);
  const auto seen = upstream.seen();
  EXPECT_EQ(seen[1].head.find("pgrade"), std::string::npos) << seen[1].head;
  EXPECT_EQ(seen[1].head.find("HTTP2"), std::string::npos);
}

TEST_F(Proxy, AnUpgradeThatNobodyAskedForIsNoAnswer) {
  ScriptedUpstream upstream{
      [](const SeenRequest&) { return std::string{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}; }};
  start_with(upstream);
  RawClient client{port()};
  EXPECT_EQ(log_on(client)->status, 502);
}

TEST_F(Proxy, OffersOfTheUpstreamForThisConnectionAreRemoved) {
  ScriptedUpstream upstream{[](const SeenRequest&) {
    return std::string{
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Bearer\r\n"
        "Content-Length: 0\r\n\r\n"};
  }};
  start_with(upstream);
  RawClient client{port()};
  const auto answer = log_on(client);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->values("WWW-Authenticate"), (std::vector<std::string>{"Bearer"}));
}

TEST_F(Proxy, FirstLegBodiesAreDrainedWithinTheLimit) {
  ScriptedUpstream upstream;
  start_with(upstream, "[limits]\nmax_first_leg_body_bytes = 100000\ndrain_timeout_seconds = 1\n");
  const std::string body(100'000, 'x');
  const std::string first = authorization("NTLM", kNtlmNegotiate);
  const std::string last = authorization("NTLM", authenticate_token("alice", "right"));
  RawClient client{port()};
  EXPECT_EQ(client.ask(post(first + "Content-Length: 100000\r\n", body))->value("Connection"), "");
  EXPECT_EQ(client.ask(post(last + "Content-Length: 100000\r\n", body))->status, 200);
  EXPECT_EQ(upstream.seen()[0].body, body) << "only the second leg's body is passed on";

  RawClient chunked{port()};
  EXPECT_EQ(chunked.ask(post(first + "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"))->value("Connection"), "");
  EXPECT_EQ(chunked.ask(post(last + "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"))->status, 200);

  RawClient expecting{port()};
  EXPECT_EQ(expecting.ask(post(first + "Expect: 100-continue\r\nContent-Length: 3\r\n", ""))->status, 401) << "no 100 before it";
  ASSERT_TRUE(expecting.send_text("abc"));
  EXPECT_EQ(expecting.ask(get("/", last))->status, 200);

  RawClient large{port()};
  const auto refused = large.ask(post(first + "Content-Length: 100001\r\n", ""));
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->value("Connection"), "close");
  RawClient endless{port()};
  const auto closed = endless.ask(post(first + "Transfer-Encoding: chunked\r\n", "1ffff\r\n" + std::string(0x1ffff, 'x')));
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->status, 401);
  EXPECT_EQ(closed->value("Connection"), "close");
  RawClient stalled{port()};
  ASSERT_TRUE(stalled.send_text(post(first + "Content-Length: 10\r\n", "x")));
  EXPECT_FALSE(stalled.read_answer()) << "a body that does not come is waited for no longer than the limit";
}

TEST_F(Proxy, TooManyGroupsForTheHeaderAreRefusedNotCut) {
  authority->on_finish = [](const ntlm::FinishRequest&) {
    auto verdict = FakeAuthority::verdict_for("alice");
    verdict.groups.assign(100, "a group with a name of some length");
    return ntlm::Reply{std::move(verdict)};
  };
  ScriptedUpstream upstream;
  start_with(upstream, "[limits]\nmax_groups_bytes = 1024\n");
  RawClient client{port()};
  EXPECT_EQ(log_on(client)->status, 502);
  EXPECT_EQ(upstream.connections, 0);
}

TEST_F(Proxy, TraceIsNotPassedOn) {
  ScriptedUpstream upstream;
  start_with(upstream);
  RawClient client{port()};
  ASSERT_EQ(log_on(client)->status, 200);
  EXPECT_EQ(client.ask("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n")->status, 405);
  EXPECT_EQ(upstream.seen().size(), 1U);
}

}  // namespace
}  // namespace postern::test
