// Against Samba's ntlm_auth, acceptor and client, over pipes; with --password its check is local, so neither winbind nor a domain
// is needed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop_support.hpp"

namespace postern::interop {
namespace {

constexpr char kNtlmAuth[] = "/usr/bin/ntlm_auth";

class NtlmAuth {
 public:
  NtlmAuth(const char* protocol, const char* password) {
    const std::string arguments[] = {"ntlm_auth",
                                     std::string{"--helper-protocol="} + protocol,
                                     std::string{"--username="} + kUser,
                                     std::string{"--domain="} + kDomain,
                                     std::string{"--password="} + password,
                                     "--configfile=/dev/null"};
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return;
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      const int quiet = open("/dev/null", O_WRONLY);
      dup2(quiet, STDERR_FILENO);
      execv(kNtlmAuth, argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_ = fdopen(to[1], "w");
    out_ = fdopen(from[0], "r");
    EXPECT_EQ(ask("SF NTLMSSP_FEATURE_SESSION_KEY"), "OK");
  }
  NtlmAuth(const NtlmAuth&) = delete;
  NtlmAuth& operator=(const NtlmAuth&) = delete;
  ~NtlmAuth() {
    if (in_ != nullptr) std::fclose(in_);
    if (out_ != nullptr) std::fclose(out_);
    int status = 0;
    if (pid_ > 0) waitpid(pid_, &status, 0);
  }
  std::string ask(const std::string& line) {
    std::fputs((line + "\n").c_str(), in_);
    std::fflush(in_);
    char buffer[16'384];
    if (std::fgets(buffer, sizeof buffer, out_) == nullptr) return {};
    std::string answer{buffer};
    while (!answer.empty() && answer.back() == '\n') answer.pop_back();
    return answer;
  }
  /// The bytes behind the two letters; fails the test if the letters are others.
  Bytes ask_for(const std::string& line, std::string_view letters) {
    const std::string reply = ask(line);
    EXPECT_EQ(reply.substr(0, 2), letters) << reply;
    return reply.size() < 3 ? Bytes{} : from_base64(reply.substr(3)).value_or(Bytes{});
  }

 private:
  pid_t pid_ = -1;
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
};

#define REQUIRE_NTLM_AUTH() \
  if (access(kNtlmAuth, X_OK) != 0) GTEST_SKIP() << "Samba's ntlm_auth is not installed (apt-get install winbind)"

constexpr wire::NegotiateFlags kOffers[] = {InitiatorConfig::kDefaultOffer, wire::NegotiateFlags{0xe28882b5 & ~0x80u},
                                            wire::NegotiateFlags{0x62088215}, wire::NegotiateFlags{0xa0088205},
                                            wire::NegotiateFlags{0x00088206}};

TEST(SambaNtlmAuth, TakesOurClientWithTheRightPasswordAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  for (const wire::NegotiateFlags offered : kOffers) {
    NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
    auto client = our_client(kPassword, offered);
    const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
    const auto done = answer(std::move(client), challenge);
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())), "AF LAB\\alice") << offered.to_hex();
    EXPECT_EQ(to_hex(server.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal())) << offered.to_hex();
  }
}

TEST(SambaNtlmAuth, RefusesOurClientWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
  auto client = our_client(kWrongPassword);
  const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())).substr(0, 2), "NA");
}

TEST(SambaNtlmAuth, RefusesOurClientsMessageOnceItsMicIsAltered) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
  auto client = our_client(kPassword);
  const auto done = answer(std::move(client), server.ask_for("YR " + to_base64(our_client(kPassword).negotiate_message()), "TT"));
  ASSERT_TRUE(done);
  ASSERT_TRUE(done->sent_mic());
  Bytes altered = to_bytes(done->authenticate_message());
  altered[wire::AuthenticateMessage::kMicOffset] = static_cast<std::uint8_t>(altered[wire::AuthenticateMessage::kMicOffset] ^ 1);
  EXPECT_NE(server.ask("KK " + to_base64(altered)).substr(0, 2), "AF");
}

TEST(SambaNtlmAuth, LogsOnToOurAcceptorWithTheRightPasswordAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth client{"ntlmssp-client-1", kPassword};
  auto server = our_server(client.ask_for("YR", "YR"));
  ASSERT_TRUE(server) << server.error().to_line();
  const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
  const auto done = finish(std::move(*server), authenticate, hash_of(kPassword));
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->claims().user, kUser);
  EXPECT_EQ(to_hex(client.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
}

TEST(SambaNtlmAuth, IsRefusedByOurAcceptorWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth client{"ntlmssp-client-1", kWrongPassword};
  auto server = our_server(client.ask_for("YR", "YR"));
  ASSERT_TRUE(server);
  const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
  EXPECT_EQ(code_of(finish(std::move(*server), authenticate, hash_of(kPassword))), "wrong_password");
}

}  // namespace
}  // namespace postern::interop
