// A server with the authority behind it: the C interface against the authority's real socket, store and policy.
#include <thread>
#include <unistd.h>

#include "api/api_support.hpp"
#include "authority/authority_fixture.hpp"
#include "edge/ipc/server/server.hpp"

namespace postern::authority {
namespace {

using api_tests::Context;
using api_tests::Ended;

class ApiAuthority : public AuthorityTest {
 protected:
  void SetUp() override {
    AuthorityTest::SetUp();
    std::filesystem::permissions(sockets_.path(), std::filesystem::perms{0755});
    socket_ = sockets_.path() / "authority.sock";
  }
  void TearDown() override {
    if (server_) {
      server_->stop();
      running_.join();
      server_.reset();
    }
    AuthorityTest::TearDown();
  }
  void serve(SessionKeys keys) {
    Peer own = peer();
    own.uid = ::getuid();
    own.session_keys = keys;
    ipc::ServerConfig config;
    config.socket_path = socket_;
    config.admin_socket_path = sockets_.path() / "admin.sock";
    config.peers = {own};
    auto listening =
        ipc::Server::listen(config, *authority_, [](std::string_view, const ipc::AdminPeer&) { return std::string{}; });
    ASSERT_TRUE(listening) << account::line_of(listening);
    server_ = std::move(*listening);
    running_ = std::thread{[this] { server_->run(); }};
  }
  [[nodiscard]] Context server_side(std::uint32_t options, const char* service = "web") const {
    postern_authority_options given = POSTERN_AUTHORITY_OPTIONS_INIT;
    given.socket_path = socket_.c_str();
    given.authority_uid = ::getuid();
    given.service = service;
    given.client_address = "192.0.2.10";
    given.client_port = 50'000;
    given.options = options | POSTERN_OPTION_TLS;
    postern_context* context = nullptr;
    postern_error error;
    EXPECT_EQ(postern_authority_server_create(&given, &context, &error), POSTERN_OK) << error.message;
    return {context, &postern_context_destroy};
  }
  static Context client_side(std::uint32_t options, const char* user = "alice", std::string_view password = kPassword) {
    postern_client_options given = api_tests::client_options(password);
    given.user = user;
    given.domain = "DEMO";
    given.options = options | POSTERN_OPTION_OFFER_SEAL;
    return api_tests::client_of(given);
  }

  account::TemporaryDirectory sockets_{};
  std::string socket_{};
  std::unique_ptr<ipc::Server> server_{};
  std::thread running_{};
};

TEST_F(ApiAuthority, TheVerdictNamesTheAccountAndTheRecord) {
  serve(SessionKeys::withheld);
  const Context server = server_side(0);
  const Ended ended = api_tests::run(client_side(0), server);
  ASSERT_EQ(ended.server, POSTERN_OK) << ended.error.message;
  const postern_logon logon = api_tests::logon_of(server);
  EXPECT_STREQ(logon.user, "alice");
  EXPECT_STREQ(logon.domain, "DEMO");
  EXPECT_EQ(std::string{logon.sid}, alice_.sid);
  EXPECT_STREQ(logon.workstation, "PC7");
  ASSERT_EQ(logon.group_count, 1u);
  EXPECT_STREQ(logon.groups[0], "staff");
  EXPECT_EQ(logon.version, POSTERN_VERSION_NTLMV2);
  EXPECT_EQ(logon.mic, POSTERN_MIC_VERIFIED);
  EXPECT_EQ(logon.standing, POSTERN_STANDING_PROVED);
  EXPECT_EQ(last_event().id->text(), logon.event_id);
}

TEST_F(ApiAuthority, RefusalsStayApart) {
  serve(SessionKeys::withheld);
  EXPECT_EQ(api_tests::run(client_side(0, "alice", kWrongPassword), server_side(0)).server, POSTERN_WRONG_PASSWORD);
  EXPECT_EQ(api_tests::run(client_side(0, "nobody"), server_side(0)).server, POSTERN_WRONG_PASSWORD);
  EXPECT_NE(api_tests::run(client_side(0), server_side(0, "another")).server, POSTERN_OK) << "a service that is not this peer's";
  EXPECT_EQ(api_tests::step(server_side(0), Bytes(40, 7)).status, POSTERN_MALFORMED);
  EXPECT_EQ(api_tests::run(client_side(0), server_side(0)).server, POSTERN_OK);
}

TEST_F(ApiAuthority, R31_TheSessionsKeyComesOnlyToWhoMayHaveItAndAsks) {
  serve(SessionKeys::released);
  const Context silent = server_side(0);
  ASSERT_EQ(api_tests::run(client_side(0), silent).server, POSTERN_OK);
  std::uint8_t key[POSTERN_KEY_SIZE];
  EXPECT_EQ(postern_context_session_key(silent.get(), key, nullptr), POSTERN_DENIED);
  const Context asking = server_side(POSTERN_OPTION_WANT_SESSION_KEY);
  const Context client = client_side(0);
  ASSERT_EQ(api_tests::run(client, asking).server, POSTERN_OK);
  std::uint8_t theirs[POSTERN_KEY_SIZE];
  ASSERT_EQ(postern_context_session_key(asking.get(), key, nullptr), POSTERN_OK);
  ASSERT_EQ(postern_context_session_key(client.get(), theirs, nullptr), POSTERN_OK);
  EXPECT_EQ(to_hex(key), to_hex(theirs));
}

TEST_F(ApiAuthority, R31_AWithheldKeyGivesNoSession) {
  serve(SessionKeys::withheld);
  const Context server = server_side(POSTERN_OPTION_WANT_SESSION_KEY);
  ASSERT_EQ(api_tests::run(client_side(0), server).server, POSTERN_OK);
  postern_session* session = nullptr;
  EXPECT_EQ(postern_session_take(server.get(), &session, nullptr), POSTERN_DENIED);
  EXPECT_EQ(session, nullptr);
}

/// The server of the session never saw a hash, and took the flags from the tokens that went through it.
TEST_F(ApiAuthority, ASessionBehindTheAuthoritySealsRawAndInSpnego) {
  serve(SessionKeys::released);
  for (const std::uint32_t form : {0u, POSTERN_OPTION_SPNEGO}) {
    SCOPED_TRACE(form);
    const Context client = client_side(form);
    const Context server = server_side(form | POSTERN_OPTION_WANT_SESSION_KEY);
    const Ended ended = api_tests::run(client, server);
    ASSERT_EQ(ended.client, POSTERN_OK) << ended.error.message;
    ASSERT_EQ(ended.server, POSTERN_OK) << ended.error.message;
    const auto ours = api_tests::session_of(client);
    const auto theirs = api_tests::session_of(server);
    EXPECT_EQ(postern_session_flags(ours.get()) & 0x6008'0030u, postern_session_flags(theirs.get()) & 0x6008'0030u);
    for (const auto& [from, to] : {std::pair{&ours, &theirs}, std::pair{&theirs, &ours}}) {
      std::uint8_t token[5 + POSTERN_SIGNATURE_SIZE];
      std::size_t size = sizeof token;
      ASSERT_EQ(postern_session_wrap(from->get(), "hello", 5, token, &size, nullptr), POSTERN_OK);
      char text[5];
      size = sizeof text;
      EXPECT_EQ(postern_session_unwrap(to->get(), token, sizeof token, text, &size, nullptr), POSTERN_OK);
      EXPECT_EQ(std::string(text, sizeof text), "hello");
    }
  }
}

TEST_F(ApiAuthority, ASocketOfAnotherUserIsNotBelieved) {
  serve(SessionKeys::withheld);
  postern_authority_options given = POSTERN_AUTHORITY_OPTIONS_INIT;
  given.socket_path = socket_.c_str();
  given.authority_uid = static_cast<std::int64_t>(::getuid()) + 4711;
  given.service = "web";
  postern_context* made = nullptr;
  ASSERT_EQ(postern_authority_server_create(&given, &made, nullptr), POSTERN_OK);
  const Context server{made, &postern_context_destroy};
  EXPECT_EQ(api_tests::step(server, api_tests::step(client_side(0), {}).token).status, POSTERN_DENIED);
}

}  // namespace
}  // namespace postern::authority
