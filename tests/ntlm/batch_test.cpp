// Many requests at once are judged exactly as one by one.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "ntlm/responses.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;

/// A request of a kind and a length that depend on `number`, made with the right hash.
PendingVerification request_of(std::size_t number) {
  RawAuthenticate message;
  message.flags = wire::NegotiateFlags{0x00080201};
  message.user = utf16("user" + std::string(number % 23, 'x') + std::to_string(number));
  message.domain = utf16(number % 3 == 0 ? "" : kDomain);
  const ResponseKeyNt key{right_hash(), message.user, message.domain};
  switch (number % 7) {
    case 5: message.nt = to_bytes(desl(right_hash().reveal(), server_challenge().bytes())); break;
    case 6: message.lm = to_bytes(lmv2_response(key, server_challenge(), client_challenge())); break;
    default: {
      wire::AvPairsBuilder pairs;
      pairs.add(wire::AvId::nb_domain_name, Bytes(number * 2, 0x41));
      message.nt = v2_response(key, v2_blob(std::move(pairs).finish())).response;
    }
  }
  return begin(message.flags).on_authenticate(message.write()).value();
}

void expect_same(const Result<ResponseVerified>& many, const Result<ResponseVerified>& one, std::size_t number) {
  ASSERT_EQ(code_of(many), code_of(one)) << number;
  if (!one) return;
  EXPECT_EQ(many->version(), one->version());
  EXPECT_EQ(to_hex(many->key_exchange_key().reveal()), to_hex(one->key_exchange_key().reveal())) << number;
}

TEST(Batch, R7_ManyRequestsAreJudgedAsEachAloneWhateverTheirNumberAndKind) {
  for (const VersionSet& allowed : {kNtlmv2Only, kEveryVersion}) {
    for (const std::size_t count : {0uz, 1uz, 2uz, 7uz, 8uz, 9uz, 16uz, 17uz, 70uz}) {
      std::vector<PendingVerification> pending;
      std::vector<VerificationItem> items;
      for (std::size_t i = 0; i < count; ++i) pending.push_back(request_of(i));
      for (std::size_t i = 0; i < count; ++i) items.push_back({&pending[i].request(), i % 5 == 2 ? &wrong_hash() : &right_hash()});
      const auto outcomes = verify_responses(items, allowed);
      ASSERT_EQ(outcomes.size(), count);
      std::size_t accepted = 0;
      for (std::size_t i = 0; i < count; ++i) {
        expect_same(outcomes[i], verify_response(*items[i].request, *items[i].nt_hash, allowed), i);
        if (outcomes[i]) {
          EXPECT_TRUE(outcomes[i]->is_of(*items[i].request));
          ++accepted;
        }
      }
      EXPECT_LE(accepted, count - (count + 2) / 5);
      EXPECT_EQ(accepted > 0, count > 0);
    }
  }
}

/// A whole logon of our client, whose MIC is altered where `number` says so; every third has no key exchange.
PendingVerification with_mic(std::size_t number) {
  InitiatorConfig config;
  config.credentials = {std::string(kUser) + std::to_string(number), std::string{kDomain}, right_hash().duplicate(), {}};
  config.offered =
      number % 3 == 0 ? InitiatorConfig::kDefaultOffer.without(wire::NegotiateFlag::key_exchange) : InitiatorConfig::kDefaultOffer;
  config.workstation = std::string(number, 'W');
  auto awaiting = Initiator::start(std::move(config)).value();
  auto challenged = Acceptor::on_negotiate(awaiting.negotiate_message(), server_config(), server_challenge(), kNow).value();
  InitiatorRandom random;
  random.client_challenge = client_challenge();
  random.random_session_key = fixed<ExportedSessionKey>("000102030405060708090a0b0c0d0e0f");
  const auto client = std::move(awaiting).on_challenge(challenged.challenge_message(), std::move(random), kNow).value();
  Bytes authenticate = to_bytes(client.authenticate_message());
  if (number % 4 == 1) authenticate[wire::AuthenticateMessage::kMicOffset + number % 16] ^= 0x10;
  return std::move(challenged).on_authenticate(authenticate).value();
}

TEST(Batch, R20_ManyMicsAreJudgedAsEachAloneAndAnAlteredOneIsRefused) {
  for (const std::size_t count : {0uz, 1uz, 3uz, 4uz, 5uz, 33uz}) {
    std::vector<PendingVerification> pending;
    std::vector<ResponseVerified> verified;
    for (std::size_t i = 0; i < count; ++i) {
      // Among them some that announce no MIC at all.
      pending.push_back(i % 6 == 5 ? request_of(0) : with_mic(i));
      verified.push_back(verify_response(pending.back().request(), right_hash(), kEveryVersion).value());
    }
    std::vector<MicItem> items;
    for (std::size_t i = 0; i < count; ++i)
      items.push_back({&pending[i], &verified[i], i % 2 == 0 ? std::optional{kMicWaiver} : std::nullopt});
    auto proofs = prove_mics(items);
    ASSERT_EQ(proofs.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const bool altered = i % 6 != 5 && i % 4 == 1;
      EXPECT_EQ(code_of(proofs[i]), code_of(pending[i].prove_mic(verified[i], items[i].waiver))) << i;
      EXPECT_TRUE(!altered || code_of(proofs[i]) == "mic_wrong") << i;
      if (!proofs[i]) continue;
      EXPECT_EQ(std::holds_alternative<MicVerified>(*proofs[i]), i % 6 != 5) << i;
      const ExportedSessionKey alone = pending[i].exported_session_key(verified[i]);
      auto bindings = pending[i].prove_bindings({}, kBindingsWaiver);
      const Established done = std::move(pending[i])
                                   .establish(std::move(verified[i]), std::move(*proofs[i]), std::move(*bindings),
                                              TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"});
      EXPECT_EQ(to_hex(done.exported_session_key().reveal()), to_hex(alone.reveal())) << i;
    }
  }
}

std::string session_key(const PendingVerification& pending, const ResponseVerified& verified) {
  const ExportedSessionKey key = pending.exported_session_key(verified);
  return to_hex(key.reveal());
}

TEST(MicBesideTheProof, R20_IsJudgedAsAfterwardsAndAnAlteredOneIsRefused) {
  for (std::size_t number = 0; number < 40; ++number) {
    PendingVerification pending = number % 6 == 5 ? request_of(number) : with_mic(number);
    const ResponseKeyNt key{right_hash(), pending.request().user_utf16, pending.request().domain_utf16};
    for (const ResponseKeyNt* const kept : {static_cast<const ResponseKeyNt*>(nullptr), &key}) {
      auto beside = pending.verify(right_hash(), kEveryVersion, kept);
      const auto afterwards = verify_response(pending.request(), right_hash(), kEveryVersion);
      expect_same(beside, afterwards, number);
      ASSERT_TRUE(beside) << number;
      EXPECT_EQ(beside->mic().has_value(), number % 6 != 5) << number;
      EXPECT_FALSE(afterwards->mic());
      auto proof = pending.prove_mic(*beside, kMicWaiver);
      EXPECT_EQ(code_of(proof), code_of(pending.prove_mic(*afterwards, kMicWaiver))) << number;
      EXPECT_EQ(code_of(proof), number % 6 != 5 && number % 4 == 1 ? "mic_wrong" : "accepted") << number;
      EXPECT_EQ(session_key(pending, *beside), session_key(pending, *afterwards)) << number;
      if (!proof) continue;
      EXPECT_EQ(std::holds_alternative<MicVerified>(*proof), number % 6 != 5) << number;
    }
    auto verified = pending.verify(right_hash(), kEveryVersion);
    auto proof = pending.prove_mic(*verified, kMicWaiver);
    if (!proof) continue;
    const std::string expected = session_key(pending, verify_response(pending.request(), right_hash(), kEveryVersion).value());
    auto bindings = pending.prove_bindings({}, kBindingsWaiver);
    const Established done = std::move(pending).establish(std::move(*verified), std::move(*proof), std::move(*bindings),
                                                          TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"});
    EXPECT_EQ(to_hex(done.exported_session_key().reveal()), expected) << number;
  }
}

TEST(MicBesideTheProof, R7_AWrongPasswordIsRefusedWhateverTheMicIs) {
  for (std::size_t number = 0; number < 12; ++number) {
    const PendingVerification pending = with_mic(number);
    EXPECT_EQ(code_of(pending.verify(wrong_hash(), kEveryVersion)), "wrong_password") << number;
    const ResponseKeyNt key{wrong_hash(), pending.request().user_utf16, pending.request().domain_utf16};
    EXPECT_EQ(code_of(pending.verify(wrong_hash(), kEveryVersion, &key)), "wrong_password") << number;
    EXPECT_EQ(code_of(pending.verify(right_hash(), VersionSet{wire::ResponseVersion::ntlm_v1})), "policy") << number;
  }
}

TEST(MicBesideTheProof, OfAnotherHandshakeIsNotTakenOver) {
  const PendingVerification first = with_mic(2), second = with_mic(4);
  const auto verified = first.verify(right_hash(), kNtlmv2Only);
  ASSERT_TRUE(verified && verified->mic());
  // What the second handshake makes of the foreign token is its own business; it is not the first one's key.
  EXPECT_NE(session_key(second, *verified), session_key(first, *verified));
  EXPECT_EQ(code_of(second.prove_mic(*verified, kMicWaiver)), "mic_wrong");
}

TEST(Batch, R8_TheHashOfNoPasswordOpensNothingAmongMany) {
  const NtHash nobody;
  const PendingVerification first = request_of(0), second = request_of(1);
  const VerificationItem items[] = {{&first.request(), &nobody}, {&second.request(), &right_hash()}};
  const auto outcomes = verify_responses(items, kNtlmv2Only);
  EXPECT_EQ(code_of(outcomes[0]), "wrong_password");
  EXPECT_EQ(code_of(outcomes[1]), "accepted");
}

}  // namespace
}  // namespace postern::ntlm
