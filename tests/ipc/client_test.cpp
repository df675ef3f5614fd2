// The blocking client of the authority's socket, against a fake authority.
#include "edge/ipc/client/client.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "edge/ipc/client/socket_path.hpp"
#include "http/fake_authority.hpp"

namespace postern::test {
namespace {

class IpcClient : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-ipc-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory = name;
    path = directory + "/authority.sock";
    authority = std::make_unique<FakeAuthority>(path);
  }
  void TearDown() override {
    authority.reset();
    std::filesystem::remove_all(directory);
  }
  [[nodiscard]] Result<ipc::Client> connect(std::optional<uid_t> user = std::nullopt, std::uint32_t deadline_ms = 2000) const {
    return ipc::Client::connect({path, user, deadline_ms});
  }
  static ntlm::BeginRequest begin_request() {
    ntlm::BeginRequest request;
    request.service = "test";
    request.token = to_bytes(as_bytes(kNtlmNegotiate));
    return request;
  }
  static ntlm::FinishRequest finish_request(const ntlm::HandshakeId& handshake, const std::string& password) {
    ntlm::FinishRequest request;
    request.handshake = handshake;
    request.token = to_bytes(as_bytes(authenticate_token("alice", password)));
    return request;
  }

  std::string directory{};
  std::string path{};
  std::unique_ptr<FakeAuthority> authority{};
};

TEST_F(IpcClient, LogsOnWithTheRightPasswordAndNotWithAWrongOne) {
  auto client = connect();
  ASSERT_TRUE(client) << client.error().to_line();
  for (const bool right : {true, false, true}) {
    auto begun = client->begin(begin_request());
    ASSERT_TRUE(begun) << begun.error().to_line();
    const auto* more = std::get_if<ntlm::Continue>(&*begun);
    ASSERT_NE(more, nullptr);
    auto finished = client->finish(finish_request(more->handshake, right ? "right" : "wrong"));
    ASSERT_TRUE(finished) << finished.error().to_line();
    const auto* verdict = std::get_if<ntlm::Verdict>(&*finished);
    ASSERT_NE(verdict, nullptr);
    EXPECT_EQ(verdict->allowed(), right);
  }
}

TEST_F(IpcClient, R31_AnAnswerWithAnotherNonceEndsTheConnection) {
  authority->wrong_nonce = true;
  auto client = connect();
  ASSERT_TRUE(client);
  const auto begun = client->begin(begin_request());
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::unexpected_message);
  authority->wrong_nonce = false;
  EXPECT_EQ(client->begin(begin_request()).error().code, ErrorCode::no_authority);
  EXPECT_FALSE(client->connected());
}

TEST_F(IpcClient, R31_ASocketServedByAnotherUserIsRefused) {
  EXPECT_TRUE(connect(geteuid()));
  const auto refused = connect(geteuid() + 4711);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::denied);
  EXPECT_EQ(authority->begins, 0);
}

TEST_F(IpcClient, R31_ASocketInADirectoryThatOthersWriteIsRefused) {
  ASSERT_EQ(chmod(directory.c_str(), 0777), 0);
  EXPECT_EQ(connect().error().code, ErrorCode::denied);
  ASSERT_EQ(chmod(directory.c_str(), 0770), 0);
  EXPECT_EQ(connect().error().code, ErrorCode::denied);
  ASSERT_EQ(chmod(directory.c_str(), 01777), 0);
  EXPECT_TRUE(connect()) << "in a sticky directory nobody can replace it";
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  EXPECT_TRUE(connect());
}

TEST_F(IpcClient, R31_ADirectoryOfSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  ASSERT_EQ(chown(directory.c_str(), 4711, 4711), 0);
  EXPECT_EQ(connect().error().code, ErrorCode::denied);
}

TEST_F(IpcClient, TimesOutOnASilentAuthorityAndSaysSo) {
  authority->silent = true;
  auto client = connect(std::nullopt, 200);
  ASSERT_TRUE(client);
  const auto before = std::chrono::steady_clock::now();
  const auto begun = client->begin(begin_request());
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{2});
  EXPECT_FALSE(client->connected()) << "a late answer must find nobody";
}

TEST_F(IpcClient, NobodyThereIsNoAuthority) {
  authority.reset();
  EXPECT_EQ(connect().error().code, ErrorCode::no_authority);
  EXPECT_EQ(ipc::Client::connect({std::string(200, 'x'), std::nullopt, 100}).error().code, ErrorCode::invalid_input);
}

TEST_F(IpcClient, AChildDoesNotUseItsParentsConnection) {
  auto client = connect();
  ASSERT_TRUE(client);
  const pid_t child = fork();
  if (child == 0) {
    const auto begun = client->begin(begin_request());
    _exit(!begun && begun.error().code == ErrorCode::no_authority ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(client->begin(begin_request()));
}

TEST_F(IpcClient, CancelReachesTheAuthority) {
  auto client = connect();
  ASSERT_TRUE(client);
  auto begun = client->begin(begin_request());
  ASSERT_TRUE(begun);
  ASSERT_TRUE(client->cancel(std::get<ntlm::Continue>(*begun).handshake));
  ASSERT_TRUE(client->begin(begin_request()));
  EXPECT_EQ(authority->cancels, 1);
}

TEST(SocketPath, ConfigurationComesBeforeEnvironmentBeforeDefault) {
  unsetenv("POSTERN_AUTHORITY_SOCKET");
  EXPECT_EQ(ipc::authority_socket_path(""), ipc::kDefaultAuthoritySocket);
  setenv("POSTERN_AUTHORITY_SOCKET", "/tmp/other.sock", 1);
  EXPECT_EQ(ipc::authority_socket_path(""), "/tmp/other.sock");
  EXPECT_EQ(ipc::authority_socket_path("/configured"), "/configured");
  unsetenv("POSTERN_AUTHORITY_SOCKET");
}

}  // namespace
}  // namespace postern::test
