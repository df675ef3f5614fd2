// The values of MS-NLMP 4.2 through the functions that ship, one test for each number that the specification prints.
#include <gtest/gtest.h>

#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/responses.hpp"
#include "ntlm/session_keys.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlags;

// MS-NLMP 4.2.1: the common values.
const wire::ServerChallenge kServerChallenge = fixed<wire::ServerChallenge>("0123456789abcdef");
const ClientChallenge kClientChallenge = fixed<ClientChallenge>("aaaaaaaaaaaaaaaa");
constexpr std::string_view kRandomSessionKey = "55555555555555555555555555555555";

const NtHash& password_hash() {
  static const NtHash hash = nt_hash_of_password(SecretBytes{std::string_view{"Password"}}).value();
  return hash;
}
ResponseKeyNt response_key() { return ResponseKeyNt{password_hash(), utf16("User"), utf16("Domain")}; }

// 4.2.4: the target information of the NTLMv2 example, MsvAvEOL included.
const char* const kTargetInfo = "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";

Bytes target_info() { return hex(kTargetInfo); }

TEST(MsNlmp, Section4_2_2_1_2_NtOwfV1OfPassword) {
  EXPECT_EQ(to_hex(password_hash().reveal()), "a4f49c406510bdcab6824ee7c30fd852");
}

TEST(MsNlmp, Section4_2_2_2_1_NtlmV1Response) {
  EXPECT_EQ(to_hex(desl(password_hash().reveal(), kServerChallenge.bytes())), "67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
}

TEST(MsNlmp, Section4_2_2_1_3_SessionBaseKeyOfNtlmV1) {
  const SessionBaseKey key = session_base_key_v1(password_hash());
  EXPECT_EQ(to_hex(key.reveal()), "d87262b0cde4b1cb7499becccdf10784");
}

TEST(MsNlmp, Section4_2_3_NtlmV1WithExtendedSessionSecurity) {
  const auto challenge = ess_challenge(kServerChallenge, kClientChallenge.bytes());
  EXPECT_EQ(to_hex(desl(password_hash().reveal(), challenge)), "7537f803ae367128ca458204bde7caf81e97ed2683267232");
  const SessionBaseKey base = session_base_key_v1(password_hash());
  const KeyExchangeKey key = key_exchange_key_v1_ess(base, kServerChallenge, kClientChallenge.bytes());
  EXPECT_EQ(to_hex(key.reveal()), "eb93429a8bd952f8b89c55b87f475edc");
}

TEST(MsNlmp, Section4_2_4_1_1_NtOwfV2) {
  // The key itself is kept as padded states; its effect is the HMAC of nothing, computed from the published key.
  const ResponseKeyNt key = response_key();
  const Bytes published = hex("0c868a403bfd7a93a3001ef22ef02e3f");
  EXPECT_EQ(crypto::hmac_md5(key.hmac_key(), {}), crypto::hmac_md5(published, {}));
}

TEST(MsNlmp, Section4_2_4_2_ResponsesAndSessionBaseKeyOfNtlmV2) {
  const Bytes temp = ntlmv2_client_challenge(FileTime{0}, kClientChallenge, target_info());
  const NtProofStr proof = nt_proof_str(response_key(), kServerChallenge, temp);
  EXPECT_EQ(to_hex(proof), "68cd0ab851e51c96aabc927bebef6a1c");
  EXPECT_EQ(to_hex(lmv2_response(response_key(), kServerChallenge, kClientChallenge)),
            "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  const SessionBaseKey base = session_base_key_v2(response_key(), proof);
  EXPECT_EQ(to_hex(base.reveal()), "8de40ccadbc14a82f15cb0ad0de95ca3");
  const Bytes random = hex(kRandomSessionKey);
  const KeyExchangeKey kxkey{base.reveal()};
  const ExportedSessionKey encrypted = exchange_key(kxkey, random);
  EXPECT_EQ(to_hex(encrypted.reveal()), "c5dad2544fc9799094ce1ce90bc9d03e");
}

TEST(MsNlmp, Section4_2_4_4_SignAndSealKeysOfNtlmV2) {
  const Bytes key_bytes = hex(kRandomSessionKey);
  const ExportedSessionKey key{std::span<const std::uint8_t, 16>{key_bytes}};
  const NegotiateFlags flags{0xe28a8233};
  const SigningKey sign = signing_key(key, Direction::client_to_server);
  const SecretBytes seal = sealing_key(flags, key, Direction::client_to_server);
  EXPECT_EQ(to_hex(sign.reveal()), "4788dc861b4782f35d43fd98fe1a2d39");
  EXPECT_EQ(to_hex(seal.reveal()), "59f600973cc4960a25480a7c196e4c58");
}

// 4.2.4.3: the CHALLENGE of the example through the whole initiator, then its AUTHENTICATE through the whole acceptor.
TEST(MsNlmp, Section4_2_4_3_TheInitiatorSendsThePublishedResponseAndTheAcceptorTakesIt) {
  const Bytes challenge_message =
      hex("4e544c4d53535000020000000c000c003800000033828ae2"
          "0123456789abcdef00000000000000002400240044000000060070170000000f"
          "53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
  InitiatorConfig config;
  config.credentials = {"User", "Domain", password_hash().duplicate()};
  config.workstation = "COMPUTER";
  config.offered = NegotiateFlags{0xe28a8233};
  auto awaiting = Initiator::start(std::move(config)).value();
  const Bytes random = hex(kRandomSessionKey);
  auto done = std::move(awaiting).on_challenge(
      challenge_message, {kClientChallenge, ExportedSessionKey{std::span<const std::uint8_t, 16>{random}}}, FileTime{0});
  ASSERT_TRUE(done) << done.error().to_line();
  const auto message = wire::AuthenticateMessage::parse(done->authenticate_message()).value();
  EXPECT_EQ(to_hex(message.nt_response.first(16)), "68cd0ab851e51c96aabc927bebef6a1c");
  EXPECT_EQ(to_hex(message.lm_response), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  EXPECT_EQ(to_hex(message.encrypted_random_session_key), "c5dad2544fc9799094ce1ce90bc9d03e");
  EXPECT_FALSE(done->sent_mic()) << "the example's server sends no time";

  RecordedExchange recorded;
  recorded.challenge = challenge_message;
  const auto verify = [&](std::string_view password) {
    auto pending = danger_await_recorded(recorded).value().on_authenticate(done->authenticate_message()).value();
    return verify_response(pending.request(), nt_hash_of_password(SecretBytes{password}).value(), kNtlmv2Only);
  };
  EXPECT_TRUE(verify("Password"));
  EXPECT_EQ(verify("password").error().code, ErrorCode::wrong_password);
}

}  // namespace
}  // namespace postern::ntlm
