// The parts that read bytes without a connection: heads, bodies, configuration.
#include <gtest/gtest.h>

#include "edge/http/authorization.hpp"
#include "edge/http/body.hpp"
#include "edge/http/config.hpp"
#include "edge/http/identity_headers.hpp"
#include "edge/http/message.hpp"
#include "edge/http/page.hpp"
#include "edge/http/rate_budget.hpp"
#include "edge/http/request_guard.hpp"
#include "support/paths.hpp"

namespace postern::http {
namespace {

std::string decode_in_steps(const std::string& wire, std::size_t step, bool& done, bool& refused) {
  BodyDecoder decoder{{Framing::Kind::chunked, 0}};
  std::string body;
  std::string buffer;
  std::size_t given = 0;
  refused = false;
  while (!decoder.done()) {
    auto piece = decoder.decode(as_bytes(buffer));
    if (!piece) {
      refused = true;
      break;
    }
    body += as_text(piece->data);
    if (piece->consumed == 0) {
      if (given == wire.size()) break;
      const std::size_t size = std::min(step, wire.size() - given);
      buffer.append(wire, given, size);
      given += size;
    }
    buffer.erase(0, piece->consumed);
  }
  done = decoder.done();
  return body;
}

TEST(BodyDecoder, FindsTheSameChunksHoweverTheBytesArrive) {
  const std::string wire = "4\r\nWiki\r\n5;a=\"b\"\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    bool done = false;
    bool refused = false;
    EXPECT_EQ(decode_in_steps(wire, step, done, refused), "Wikipedia in\r\n\r\nchunks.");
    EXPECT_TRUE(done);
    EXPECT_FALSE(refused);
  }
}

TEST(BodyDecoder, R41_RefusesWhatIsNoChunk) {
  for (const std::string wire : {"\r\n", "x\r\n", "-1\r\n", "0x1\r\na\r\n", "1\na\r\n", "1\r\nab\r\n", "1 2\r\na\r\n",
                                 "ffffffffffffffff\r\n", "1;a\rb\r\na\r\n"}) {
    bool done = false;
    bool refused = false;
    decode_in_steps(wire, wire.size(), done, refused);
    EXPECT_TRUE(refused) << wire;
  }
}

TEST(BodyDecoder, R34_ChunkLinesAndTrailersHaveALimit) {
  bool done = false;
  bool refused = false;
  decode_in_steps("1;" + std::string(kMaxChunkLineBytes, 'x'), 100, done, refused);
  EXPECT_TRUE(refused);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 1000; ++i) trailers += "X-Trailer: 12345\r\n";
  decode_in_steps(trailers, 100, done, refused);
  EXPECT_TRUE(refused);
}

TEST(BodyDecoder, AnEndInsideABodyIsAnErrorExceptWithoutLength) {
  BodyDecoder length{{Framing::Kind::length, 5}};
  EXPECT_EQ(length.decode(as_bytes("abc"))->consumed, 3U);
  EXPECT_EQ(length.on_end().error().code, ErrorCode::truncated);
  BodyDecoder open{{Framing::Kind::until_close, 0}};
  EXPECT_TRUE(open.on_end());
  EXPECT_TRUE(open.done());
}

Result<RequestHead> parse(const std::string& text) { return parse_request_head(as_bytes(text), {}); }

TEST(RequestHead, ReadsFramingAndConnection) {
  const auto head =
      parse("POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nConnection: foo, CLOSE\r\nExpect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(head) << head.error().to_line();
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/a?b");
  EXPECT_EQ(head->framing.length, 12U);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_TRUE(head->expect_continue);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n")->framing.kind, Framing::Kind::chunked);
}

TEST(RequestHead, EveryTruncationIsIncompleteNeverARequest) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::size_t scanned = 0;
    const auto end = find_head_end(as_bytes(whole).first(size), scanned, {});
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->has_value()) << size;
    EXPECT_FALSE(parse(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(parse(whole));
}

TEST(RequestHead, AbsoluteTargetsMustNameTheHost) {
  EXPECT_EQ(*origin_form(*parse("GET http://H/x?y HTTP/1.1\r\nHost: h\r\n\r\n")), "/x?y");
  EXPECT_EQ(*origin_form(*parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")), "/");
  EXPECT_EQ(*origin_form(*parse("GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n")), "/?q");
  EXPECT_FALSE(origin_form(*parse("GET http://evil/x HTTP/1.1\r\nHost: h\r\n\r\n")));
  EXPECT_FALSE(origin_form(*parse("GET * HTTP/1.1\r\nHost: h\r\n\r\n")));
  EXPECT_TRUE(origin_form(*parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")));
}

TEST(IdentityHeaders, R41_AreRecognisedInAnySpelling) {
  for (const char* name :
       {"X-Remote-User", "x-remote-user", "X_REMOTE_USER", "X-Remote_Groups", "x_remote-domain", "X-REMOTE-PACKAGE"}) {
    EXPECT_TRUE(is_identity_header(name)) << name;
  }
  EXPECT_FALSE(is_identity_header("X-Remote-Users"));
  EXPECT_FALSE(is_identity_header("X-Remote"));
}

TEST(Page, JsonOnlyIfItIsPreferred) {
  EXPECT_TRUE(prefers_json({{"Accept", "application/json"}}));
  EXPECT_TRUE(prefers_json({{"Accept", "text/html;q=0.5, application/json"}}));
  EXPECT_TRUE(prefers_json({{"Accept", "application/*, */*;q=0.1"}}));
  EXPECT_FALSE(prefers_json({{"Accept", "*/*"}}));
  EXPECT_FALSE(prefers_json({{"Accept", "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"}}));
  EXPECT_FALSE(prefers_json({}));
}

TEST(RateBudget, BytesEarnTimeAndWaitingSpendsIt) {
  using std::chrono::seconds;
  RateBudget budget{100, seconds{10}};
  const RateBudget::Clock::time_point start{};
  EXPECT_EQ(budget.start(start), start + seconds{10});
  budget.stop(start + seconds{8}, 100);
  EXPECT_EQ(budget.start(start + seconds{8}), start + seconds{8} + seconds{3});
  budget.stop(start + seconds{8}, 1'000'000);
  EXPECT_EQ(budget.start(start + seconds{8}), start + seconds{18}) << "never more than the grace";
}

TEST(Guard, PlainHttpIsOfferedOnLoopbackOnlyUnlessConfigured) {
  EXPECT_EQ(offer_on(Security::plain, "127.0.0.1", "127.0.0.1", PlainHttp::loopback), Offer::allowed);
  EXPECT_EQ(offer_on(Security::plain, "192.0.2.1", "192.0.2.2", PlainHttp::loopback), Offer::forbidden);
  EXPECT_EQ(offer_on(Security::plain, "192.0.2.1", "192.0.2.2", PlainHttp::always), Offer::allowed);
  EXPECT_EQ(offer_on(Security::plain, "127.0.0.1", "127.0.0.1", PlainHttp::never), Offer::forbidden);
  EXPECT_EQ(offer_on(Security::tls, "192.0.2.1", "192.0.2.2", PlainHttp::never), Offer::allowed);
}

constexpr std::string_view kListen = "[[listen]]\naddress = \"127.0.0.1:0\"\n";

std::string error_of(const std::string& text) {
  const auto config = parse_config(text, "g.toml");
  return config ? "" : config.error().message;
}

TEST(Config, R38_ErrorsNameFileLineAndKey) {
  const std::string listen{kListen};
  EXPECT_EQ(error_of(listen), "");
  EXPECT_TRUE(error_of(listen + "[limits]\nmax_conections = 5\n").starts_with("g.toml:4: limits.max_conections: is no key"));
  EXPECT_TRUE(error_of(listen + "[limits]\n\nmax_connections = 0\n").starts_with("g.toml:5: limits.max_connections: must be"));
  EXPECT_TRUE(
      error_of(listen + "[authentication]\nplain_http = \"sometimes\"\n").starts_with("g.toml:4: authentication.plain_http: "));
  EXPECT_TRUE(error_of(listen + "[authentication]\nschemes = [\"Basic\"]\n").starts_with("g.toml:4: authentication.schemes: "));
  EXPECT_TRUE(error_of("threads = \"two\"\n" + listen).starts_with("g.toml:1: threads: "));
  EXPECT_TRUE(error_of(listen + "[upstream\n").starts_with("g.toml:3: "));
  EXPECT_TRUE(error_of("[[listen]]\naddress = \"127.0.0.1\"\n").starts_with("g.toml:2: listen.address: "));
  EXPECT_TRUE(error_of("[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n").starts_with("g.toml:1: tls: "));
  EXPECT_TRUE(error_of("metrics = \"0.0.0.0:9109\"\n" + listen).starts_with("g.toml:1: metrics: "));
  EXPECT_TRUE(error_of(listen + "[upstream]\nurl = \"ftp://x\"\n").starts_with("g.toml:4: upstream.url: "));
  EXPECT_TRUE(error_of(listen + "[authority]\nuser = \"no-such-user-here\"\n").starts_with("g.toml:4: authority.user: "));
  EXPECT_TRUE(error_of("").starts_with("g.toml:1: listen: is missing"));
}

TEST(Config, ExampleFileIsRight) {
  const auto config = load_config(std::string{POSTERN_SOURCE_DIR} + "/packaging/examples/gateway-loopback.toml");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Config, ReadsUpstreams) {
  const auto config = parse_config(std::string{kListen} + "[upstream]\nurl = \"https://app.example.org/\"\n", "g.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->upstream.host, "app.example.org");
  EXPECT_EQ(config->upstream.port, 443);
  EXPECT_EQ(config->upstream.security, Security::tls);
  EXPECT_EQ(parse_config(std::string{kListen} + "[upstream]\nurl = \"http://[::1]:81\"\n", "g.toml")->upstream.host, "::1");
}

}  // namespace
}  // namespace postern::http
