#include "postern/token_verify.hpp"

#include <gtest/gtest.h>

#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "wire/raw_message.hpp"

namespace postern::cli {
namespace {

using namespace wire::test;

NtHash hash_of(std::string_view password) { return nt_hash_of_line(SecretBytes{password}, CredentialForm::password).value(); }

const ntlm::ChannelBindingHash kBinding{std::array<std::uint8_t, 16>{1, 2, 3}};

/// One exchange between our own two sides.
VerifyInput exchange_of(ntlm::InitiatorConfig client) {
  auto awaiting_challenge = ntlm::Initiator::start(std::move(client)).value();
  ntlm::AcceptorConfig server;
  server.names.nb_computer = "SRV1";
  server.names.nb_domain = "EXAMPLE";
  VerifyInput input;
  input.negotiate = to_bytes(awaiting_challenge.negotiate_message());
  input.challenge.emplace(std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8});
  auto awaiting = ntlm::Acceptor::on_negotiate(input.negotiate, server, *input.challenge, FileTime{0x01c334b736d39000}).value();
  input.challenge_message = to_bytes(awaiting.challenge_message());
  const auto done =
      std::move(awaiting_challenge).on_challenge(input.challenge_message, ntlm::InitiatorRandom{}, FileTime{}).value();
  input.authenticate = to_bytes(done.authenticate_message());
  return input;
}

/// NTLMv2, with MIC and channel bindings.
VerifyInput exchange(std::optional<ntlm::ChannelBindingHash> sent = kBinding) {
  ntlm::InitiatorConfig client;
  client.credentials.user = "alice";
  client.credentials.domain = "EXAMPLE";
  client.credentials.nt_hash = hash_of("Secret 1");
  client.channel_bindings = sent;
  return exchange_of(std::move(client));
}

VerifyAnswer verify(const VerifyInput& input, std::string_view password = "Secret 1") {
  auto answer = verify_token(input, hash_of(password));
  EXPECT_TRUE(answer) << answer.error().to_line();
  return answer ? std::move(*answer) : VerifyAnswer{};
}

TEST(TokenVerify, AcceptsTheRightPasswordAndRefusesAnother) {
  VerifyInput input = exchange();
  input.channel_binding = kBinding;
  const auto right = verify(input);
  EXPECT_TRUE(right.accepted);
  EXPECT_EQ(right.object.dump(), R"({"accepted":true,"version":"NTLMv2","mic":"verified","channel_binding":"matched",)"
                                 R"("status":{"code":"0x00000000","name":"STATUS_SUCCESS"}})");
  const auto wrong = verify(input, "secret 1");
  EXPECT_FALSE(wrong.accepted);
  EXPECT_EQ(wrong.object["status"]["name"], "STATUS_LOGON_FAILURE");
}

TEST(TokenVerify, TakesTheHashForThePassword) {
  const NtHash plain = hash_of("Secret 1");
  const auto from_digits = nt_hash_of_line(SecretBytes{to_hex(plain.reveal())}, CredentialForm::nt_hash);
  ASSERT_TRUE(from_digits);
  EXPECT_TRUE(verify_token(exchange(), *from_digits)->accepted);
  for (const std::string_view bad : {"", "00", "zz"}) {
    EXPECT_FALSE(nt_hash_of_line(SecretBytes{bad}, CredentialForm::nt_hash)) << bad;
  }
}

TEST(TokenVerify, AnLmResponseIsVerifiedWithAPasswordAndSaysWhyNotWithAHash) {
  const SecretBytes line{std::string_view{"Secret 1"}};
  ntlm::InitiatorConfig client;
  client.credentials = {"alice", "EXAMPLE", hash_of("Secret 1"), lm_hash_of_line(line, CredentialForm::password, CodePage::cp850)};
  client.response = ntlm::ResponseKind::danger_lm;
  client.offered = client.offered.without(wire::NegotiateFlag::extended_session_security);
  const VerifyInput input = exchange_of(std::move(client));
  const auto verify_with = [&](std::string_view password) {
    const auto lm_hash = lm_hash_of_line(SecretBytes{password}, CredentialForm::password, CodePage::cp850);
    return verify_token(input, hash_of(password), &*lm_hash).value();
  };
  EXPECT_TRUE(verify_with("Secret 1").accepted);
  EXPECT_EQ(verify_with("Secret 1").object["version"], "LM");
  EXPECT_FALSE(verify_with("Secret 2").accepted);
  const auto by_hash = verify(input);
  EXPECT_FALSE(by_hash.accepted);
  EXPECT_EQ(by_hash.warnings.size(), 1u);
  EXPECT_FALSE(lm_hash_of_line(line, CredentialForm::nt_hash, CodePage::cp850));
}

TEST(TokenVerify, R8_AnEmptyPasswordIsRefused) {
  const auto refused = nt_hash_of_line(SecretBytes{}, CredentialForm::password);
  ASSERT_FALSE(refused);
  EXPECT_EQ(exit_code_of(refused.error()), ExitCode::answer_is_no);
}

TEST(TokenVerify, R20_AnAnnouncedMicIsVerifiedOverTheMessagesAsTheyCame) {
  VerifyInput altered = exchange();
  altered.negotiate[13] ^= 0x02;  // a flag of the NEGOTIATE, changed on its way
  const auto answer = verify(altered);
  EXPECT_FALSE(answer.accepted);
  EXPECT_EQ(answer.object["mic"], "wrong");
  EXPECT_EQ(answer.object["status"]["name"], "STATUS_INVALID_PARAMETER");
  VerifyInput zeroed = exchange();
  std::fill_n(zeroed.authenticate.begin() + 72, 16, std::uint8_t{0});
  EXPECT_FALSE(verify(zeroed).accepted);
  EXPECT_EQ(verify(zeroed).object["mic"], "announced-missing");
}

TEST(TokenVerify, AMicWithoutTheOtherMessagesIsPresentWithAWarning) {
  VerifyInput input = exchange();
  input.negotiate.clear();
  const auto answer = verify(input);
  EXPECT_TRUE(answer.accepted);
  EXPECT_EQ(answer.object["mic"], "present");
  EXPECT_EQ(answer.warnings.size(), 1u);
  EXPECT_TRUE(verify(exchange()).warnings.empty());
}

TEST(TokenVerify, BindingsOfAnotherChannelAreRefusedAndAbsentOnesAreNot) {
  VerifyInput input = exchange();
  input.channel_binding.emplace(std::array<std::uint8_t, 16>{9});
  const auto answer = verify(input);
  EXPECT_FALSE(answer.accepted);
  EXPECT_EQ(answer.object["channel_binding"], "mismatched");
  EXPECT_EQ(answer.object["status"]["name"], "STATUS_BAD_BINDINGS");
  VerifyInput none = exchange(std::nullopt);
  none.channel_binding = kBinding;
  EXPECT_TRUE(verify(none).accepted);
  EXPECT_EQ(verify(none).object["channel_binding"], "zero");
}

TEST(TokenVerify, TheChallengeIsNeededOnceAndMayNotContradict) {
  VerifyInput input = exchange();
  input.challenge.reset();
  EXPECT_TRUE(verify(input).accepted);
  input.challenge_message.clear();
  EXPECT_EQ(exit_code_of(verify_token(input, hash_of("x")).error()), ExitCode::wrong_usage);
  VerifyInput other = exchange();
  other.challenge.emplace(std::array<std::uint8_t, 8>{});
  EXPECT_EQ(exit_code_of(verify_token(other, hash_of("x")).error()), ExitCode::wrong_usage);
  other.challenge_message.clear();
  EXPECT_FALSE(verify(other).accepted) << "the response answers another challenge";
}

// MS-NLMP 4.2.2.3 and 4.2.4.3: User, Domain, Password, challenge 0123456789abcdef.
TEST(TokenVerify, MsNlmp42ExchangesAreAcceptedEachWithItsVersion) {
  VerifyInput input;
  input.challenge.emplace(std::array<std::uint8_t, 8>{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef});
  const std::pair<std::string, std::string_view> messages[] = {
      {"4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000100010009c00000035"
       "8280e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520098def7b87f88aa5dafe2df779688"
       "a172def11c7d5ccdef1367c43011f30298a2ad35ece64f16331c44bdbed927841f94518822b1b3f350c8958682ecbb3e3cb7",
       "NTLMv1"},
      {"4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d800000035"
       "8288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520086c35097ac9cec102554764a57cc"
       "cc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f"
       "006d00610069006e0001000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e",
       "NTLMv2"}};
  for (const auto& [message, version] : messages) {
    input.authenticate = hex(message);
    EXPECT_TRUE(verify(input, "Password").accepted) << version;
    EXPECT_EQ(verify(input, "Password").object["version"], version);
    EXPECT_FALSE(verify(input, "password").accepted) << version;
  }
}

TEST(TokenVerify, R7_AnonymousProvesNothing) {
  VerifyInput input = exchange();
  RawMessage message{3, 72};
  input.authenticate = message.u32(at::kAuthenticateFlags, 0xe2888a15).field(at::kLm, Bytes(1)).bytes();
  const auto answer = verify(input);
  EXPECT_FALSE(answer.accepted);
  EXPECT_EQ(answer.object["version"], "anonymous");
}

}  // namespace
}  // namespace postern::cli
