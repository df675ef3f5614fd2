// NTLM inside SPNEGO, both ends against each other, and what the initiating end refuses.
#include <gtest/gtest.h>

#include "ntlm/spnego_acceptor.hpp"
#include "ntlm/spnego_initiator.hpp"
#include "ntlm_test_support.hpp"
#include "spnego/token.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using spnego::NegState;
using spnego::NegTokenResp;

InitiatorConfig alice() {
  InitiatorConfig config;
  config.credentials = {std::string{kUser}, std::string{kDomain}, right_hash().duplicate()};
  return config;
}

InitiatorRandom random_of() {
  InitiatorRandom random;
  random.client_challenge = client_challenge();
  random.random_session_key = fixed<ExportedSessionKey>("55555555555555555555555555555555");
  return random;
}

/// Both ends up to where the server's last token is awaited.
struct Ends {
  SpnegoAwaitingResult client;
  Bytes last_token;
};
Ends run(wire::NegotiateFlags offered = InitiatorConfig::kDefaultOffer) {
  InitiatorConfig config = alice();
  config.offered = offered;
  auto client = SpnegoInitiator::start(std::move(config)).value();
  auto begun = NegotiatedLogon::begin(Carrier::negotiate, client.token(), server_config(), server_challenge(), kNow).value();
  auto awaiting = std::move(client).on_challenge(begun.second, random_of(), kNow).value();
  auto answered = std::move(begun.first).on_authenticate(awaiting.token()).value();
  const auto verified = verify_response(answered.pending.request(), right_hash(), kNtlmv2Only).value();
  auto last = answered.end.accept(answered.pending.negotiated(), answered.pending.exported_session_key(verified)).value();
  return {std::move(awaiting), std::move(last)};
}

Bytes response(NegState state, std::optional<spnego::Oid> mech = std::nullopt) {
  NegTokenResp token;
  token.state = state;
  token.supported_mech = mech;
  return spnego::write(token).value();
}

ErrorCode code_of_challenge(ByteView token) {
  auto client = SpnegoInitiator::start(alice()).value();
  const auto outcome = std::move(client).on_challenge(token, random_of(), kNow);
  return outcome ? ErrorCode::internal : outcome.error().code;
}

TEST(SpnegoEnds, AgreeAndTheMicsHaveUsedTheFirstNumbers) {
  const Ends ends = run();
  const auto result = ends.client.on_result(ends.last_token);
  ASSERT_TRUE(result) << result.error().to_line();
  EXPECT_EQ(result->mech_list_mic, MechListMic::verified);
  EXPECT_EQ(result->first.sending, 1u);
  EXPECT_EQ(result->first.receiving, 1u);
}

TEST(SpnegoEnds, WithoutSigningThereAreNoMicsAndTheNumbersStartAtZero) {
  const Ends ends = run(InitiatorConfig::kDefaultOffer.without(wire::NegotiateFlag::sign));
  const auto result = ends.client.on_result(ends.last_token);
  ASSERT_TRUE(result) << result.error().to_line();
  EXPECT_EQ(result->mech_list_mic, MechListMic::absent);
  EXPECT_EQ(result->first.sending, 0u);
}

TEST(SpnegoEnds, AServerWithoutTheKeyIsFoundOutByItsMic) {
  Ends ends = run();
  ASSERT_TRUE(ends.client.on_result(ends.last_token));
  ends.last_token.back() ^= 1;
  EXPECT_EQ(ends.client.on_result(ends.last_token).error().code, ErrorCode::mic_wrong);
}

TEST(SpnegoEnds, OnlyAcceptCompletedIsAnAcceptance) {
  const Ends ends = run();
  EXPECT_TRUE(ends.client.on_result(response(NegState::accept_completed)));
  EXPECT_EQ(ends.client.on_result(response(NegState::reject)).error().code, ErrorCode::denied);
  EXPECT_EQ(ends.client.on_result(response(NegState::accept_incomplete)).error().code, ErrorCode::unexpected_message);
  EXPECT_EQ(ends.client.on_result(Bytes{}).error().code, ErrorCode::truncated);
}

TEST(SpnegoEnds, AnAnswerThatIsNoChallengeIsRefused) {
  EXPECT_EQ(code_of_challenge(response(NegState::reject)), ErrorCode::denied);
  EXPECT_EQ(code_of_challenge(response(NegState::accept_incomplete)), ErrorCode::unexpected_message) << "no token in it";
  EXPECT_EQ(code_of_challenge(response(NegState::accept_incomplete, spnego::kKerberos5)), ErrorCode::unsupported) << "not offered";
  const auto begins = SpnegoInitiator::start(alice()).value();
  EXPECT_EQ(code_of_challenge(begins.token()), ErrorCode::unexpected_message) << "the server begins anew";
}

}  // namespace
}  // namespace postern::ntlm
