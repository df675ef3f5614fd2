// To whom a client of the C interface speaks, and that it does not speak to itself.
#include "api_support.hpp"

namespace postern::api_tests {
namespace {

postern_status created(const postern_client_options& options, std::string* message = nullptr) {
  postern_context* context = nullptr;
  postern_error error;
  const postern_status status = postern_client_create(&options, &context, &error);
  EXPECT_EQ(context != nullptr, status == POSTERN_OK);
  postern_context_destroy(context);
  if (message != nullptr) *message = error.message;
  return status;
}

TEST(AllowedHosts, R25_ATargetThatTheListDoesNotAdmitIsRefusedBeforeAnythingGoesOut) {
  const char* const hosts[] = {"fileserver", "*.example.org"};
  postern_client_options options = client_options();
  options.allowed_hosts = hosts;
  options.allowed_host_count = 2;
  EXPECT_EQ(created(options), POSTERN_OK);
  for (const char* target : {"HTTP/www.evil.test", "HTTP/example.org", "HTTP/", "", "www.example.org"}) {
    options.target_name = target;
    std::string message;
    EXPECT_EQ(created(options, &message), POSTERN_POLICY) << target;
    EXPECT_NE(message.find("no NTLM goes to"), std::string::npos) << message;
  }
  options.target_name = "cifs/FileServer:445";
  EXPECT_EQ(created(options), POSTERN_OK);
}

TEST(AllowedHosts, R25_AnEmptyListAdmitsNobodyAndNoListLeavesItToTheProgram) {
  const char* const hosts[] = {"www.example.org"};
  postern_client_options options = client_options();
  EXPECT_EQ(created(options), POSTERN_OK);
  options.allowed_hosts = hosts;
  EXPECT_EQ(created(options), POSTERN_POLICY);
  options.allowed_hosts = nullptr;
  options.allowed_host_count = 1;
  EXPECT_EQ(created(options), POSTERN_INVALID_INPUT);
  options.allowed_hosts = hosts;
  options.allowed_host_count = 4097;
  EXPECT_EQ(created(options), POSTERN_TOO_LARGE);
  const char* const wrong[] = {"http://www.example.org"};
  options.allowed_hosts = wrong;
  options.allowed_host_count = 1;
  EXPECT_EQ(created(options), POSTERN_INVALID_INPUT);
}

TEST(AllowedHosts, R25_ATargetNameFromElsewhereNeedsAList) {
  const char* const hosts[] = {"www.example.org"};
  postern_client_options options = client_options();
  options.options = POSTERN_OPTION_UNTRUSTED_TARGET;
  EXPECT_EQ(created(options), POSTERN_POLICY);
  options.allowed_hosts = hosts;
  options.allowed_host_count = 1;
  EXPECT_EQ(created(options), POSTERN_OK);
}

TEST(AllowedHosts, AStructOfTheVersionBeforeIsStillRead) {
  postern_client_options options = client_options();
  options.size = offsetof(postern_client_options, allowed_hosts);
  options.allowed_host_count = 77;  // not the older program's
  EXPECT_EQ(created(options), POSTERN_OK);
}

/// What becomes of a CHALLENGE of `server` at a client of the same process.
postern_status answered(std::uint32_t client_options_bits, std::uint32_t server_options_bits, const char* workstation = "PC7") {
  Accounts accounts;
  auto server_side = server_options(accounts);
  server_side.options = server_options_bits;
  const Context server = server_of(server_side);
  auto client_side = client_options();
  client_side.options = client_options_bits;
  client_side.workstation = workstation;
  postern_context* made = nullptr;
  EXPECT_EQ(postern_client_create(&client_side, &made, nullptr), POSTERN_OK);
  const Context client{made, &postern_context_destroy};
  const bool datagram = (server_options_bits & POSTERN_OPTION_DATAGRAM) != 0;
  const Stepped challenge = step(server, datagram ? Bytes{} : step(client, {}).token);
  EXPECT_EQ(challenge.status, POSTERN_CONTINUE) << challenge.error.message;
  const Stepped answer = step(client, challenge.token);
  EXPECT_EQ(answer.token.empty(), answer.status == POSTERN_POLICY) << "nothing goes out";
  return answer.status;
}

TEST(NotToItself, R24_AClientDoesNotAnswerAServerOfItsOwnProcess) {
  for (const std::uint32_t carrier :
       {std::uint32_t{0}, std::uint32_t{POSTERN_OPTION_SPNEGO}, std::uint32_t{POSTERN_OPTION_DATAGRAM}}) {
    EXPECT_EQ(answered(carrier, carrier), POSTERN_POLICY) << carrier;
    const postern_status local = answered(carrier | POSTERN_OPTION_LOCAL_CALL, carrier);
    EXPECT_TRUE(local == POSTERN_OK || local == POSTERN_CONTINUE) << carrier;
  }
}

TEST(NotToItself, R24_AChallengeIsForgottenWithItsServer) {
  Accounts accounts;
  auto client_side = client_options();
  postern_context* made = nullptr;
  ASSERT_EQ(postern_client_create(&client_side, &made, nullptr), POSTERN_OK);
  const Context client{made, &postern_context_destroy};
  Bytes challenge;
  {
    const Context server = server_of(server_options(accounts));
    challenge = step(server, step(client, {}).token).token;
  }
  EXPECT_EQ(step(client, challenge).status, POSTERN_OK) << "nobody here awaits the answer";
}

}  // namespace
}  // namespace postern::api_tests
