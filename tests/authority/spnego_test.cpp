// NTLM inside Negotiate: what is wrapped, what is named, and the MIC over the list of mechanisms.
#include "authority_fixture.hpp"
#include "ntlm/session_security.hpp"
#include "spnego/token.hpp"

namespace postern::authority {
namespace {

using spnego::NegState;
using spnego::NegTokenInit;
using spnego::NegTokenResp;

const std::vector<spnego::Oid> kNtlmOnly{spnego::kNtlmssp};
const std::vector<spnego::Oid> kKerberosFirst{spnego::kKerberos5, spnego::kNtlmssp};

class SpnegoTest : public AuthorityTest {
 protected:
  static Bytes init_token(const std::vector<spnego::Oid>& mechanisms, std::optional<ByteView> mech_token) {
    NegTokenInit init;
    init.mech_types = mechanisms;
    init.mech_token = mech_token;
    return spnego::write(init).value();
  }
  static Bytes response_token(ByteView token, std::optional<ByteView> mic = std::nullopt) {
    NegTokenResp response;
    response.response_token = token;
    response.mech_list_mic = mic;
    return spnego::write(response).value();
  }
  ntlm::Reply begin_negotiate(ByteView token) { return begin(begin_of({}, token, ntlm::Carrier::negotiate)); }
  static ntlm::Continue next_of(ntlm::Reply reply) {
    if (auto* next = std::get_if<ntlm::Continue>(&reply)) return std::move(*next);
    ADD_FAILURE() << "refused: " << std::get<ntlm::Verdict>(reply).why;
    return {};
  }
  static NegTokenResp parsed(ByteView token) {
    auto any = spnego::parse(token);
    EXPECT_TRUE(any) << account::line_of(any);
    if (any && std::holds_alternative<NegTokenResp>(*any)) return std::get<NegTokenResp>(std::move(*any));
    ADD_FAILURE() << "no NegTokenResp: " << to_hex(token);
    return {};
  }

  struct Answer {
    ntlm::FinishRequest finish{};
    ntlm::ClientEstablished client;
    [[nodiscard]] Bytes mic(ntlm::Direction direction, ByteView mech_types_der) const {
      return to_bytes(ntlm::first_signature(client.negotiated(), client.exported_session_key(), direction, mech_types_der).bytes());
    }
  };
  /// The client's answer to a wrapped CHALLENGE; the finish request has no token yet.
  Answer answer_challenge(ntlm::AwaitingChallenge client, const ntlm::Continue& next, std::string_view) {
    const NegTokenResp response = parsed(next.token);
    ntlm::InitiatorRandom random;
    random.random_session_key = environment_.random_value<ntlm::ExportedSessionKey>();
    auto done = std::move(client).on_challenge(response.response_token.value_or(ByteView{}), std::move(random), environment_.now());
    EXPECT_TRUE(done) << account::line_of(done);
    return {finish_of({}, next.handshake, {}), std::move(*done)};
  }

  /// Up to the AUTHENTICATE of a client that bet on Kerberos.
  Answer after_kerberos_first() {
    auto client = ntlm::Initiator::start(initiator_config({})).value();
    const Bytes ticket(200, 0x42);
    const ntlm::Continue asked = next_of(begin_negotiate(init_token(kKerberosFirst, ticket)));
    const NegTokenResp request_mic = parsed(asked.token);
    EXPECT_EQ(request_mic.state, NegState::request_mic);
    EXPECT_TRUE(request_mic.supported_mech == spnego::kNtlmssp);
    EXPECT_FALSE(request_mic.response_token);
    const ntlm::Continue next = next_of(finish(finish_of({}, asked.handshake, response_token(client.negotiate_message()))));
    const NegTokenResp challenge = parsed(next.token);
    EXPECT_EQ(challenge.state, NegState::accept_incomplete);
    EXPECT_FALSE(challenge.supported_mech) << "named in the first answer only (RFC 4178 section 4.2.2)";
    return answer_challenge(std::move(client), next, "");
  }
  Bytes list_of(const std::vector<spnego::Oid>& mechanisms) { return spnego::write_mech_type_list(mechanisms).value(); }
};

TEST_F(SpnegoTest, NtlmFirstWithItsTokenNeedsNoMicAndEndsWithAcceptCompleted) {
  auto client = ntlm::Initiator::start(initiator_config({})).value();
  const ntlm::Continue next = next_of(begin_negotiate(init_token(kNtlmOnly, client.negotiate_message())));
  EXPECT_TRUE(parsed(next.token).supported_mech == spnego::kNtlmssp);
  EXPECT_EQ(parsed(next.token).state, NegState::accept_incomplete);
  Answer answer = answer_challenge(std::move(client), next, "");
  answer.finish.token = response_token(answer.client.authenticate_message());
  const ntlm::Verdict verdict = verdict_of(finish(std::move(answer.finish)));
  EXPECT_EQ(verdict.status, NtStatus::success) << verdict.why;
  EXPECT_EQ(parsed(verdict.token).state, NegState::accept_completed);
  EXPECT_FALSE(parsed(verdict.token).mech_list_mic);
}

TEST_F(SpnegoTest, AMicThatWasNotAskedForIsVerifiedAllTheSameAndAnsweredWithOurs) {
  for (const bool right : {true, false}) {
    auto client = ntlm::Initiator::start(initiator_config({})).value();
    const ntlm::Continue next = next_of(begin_negotiate(init_token(kNtlmOnly, client.negotiate_message())));
    Answer answer = answer_challenge(std::move(client), next, "");
    Bytes mic = answer.mic(ntlm::Direction::client_to_server, list_of(kNtlmOnly));
    if (!right) mic[5] ^= 1;
    answer.finish.token = response_token(answer.client.authenticate_message(), mic);
    const Bytes ours = answer.mic(ntlm::Direction::server_to_client, list_of(kNtlmOnly));
    const ntlm::Verdict verdict = verdict_of(finish(answer.finish));
    EXPECT_EQ(verdict.status, right ? NtStatus::success : NtStatus::invalid_parameter) << verdict.why;
    const NegTokenResp last = parsed(verdict.token);
    EXPECT_EQ(last.state, right ? NegState::accept_completed : NegState::reject);
    if (right) {
      EXPECT_EQ(to_hex(last.mech_list_mic.value_or(ByteView{})), to_hex(ours)) << "the client can verify it";
    }
  }
}

TEST_F(SpnegoTest, NtlmFirstWithoutATokenIsAskedForOneAndTheMechanismIsNamedOnce) {
  auto client = ntlm::Initiator::start(initiator_config({})).value();
  const ntlm::Continue asked = next_of(begin_negotiate(init_token(kNtlmOnly, std::nullopt)));
  EXPECT_EQ(parsed(asked.token).state, NegState::accept_incomplete);
  EXPECT_TRUE(parsed(asked.token).supported_mech == spnego::kNtlmssp);
  const ntlm::Continue next = next_of(finish(finish_of({}, asked.handshake, response_token(client.negotiate_message()))));
  EXPECT_FALSE(parsed(next.token).supported_mech);
  Answer answer = answer_challenge(std::move(client), next, "");
  answer.finish.token = response_token(answer.client.authenticate_message());
  EXPECT_EQ(verdict_of(finish(std::move(answer.finish))).status, NtStatus::success);
}

TEST_F(SpnegoTest, AfterAnOptimisticKerberosTokenTheRightMicIsAcceptedAndAnsweredWithOurs) {
  Answer answer = after_kerberos_first();
  answer.finish.token =
      response_token(answer.client.authenticate_message(), answer.mic(ntlm::Direction::client_to_server, list_of(kKerberosFirst)));
  const ntlm::Verdict verdict = verdict_of(finish(answer.finish));
  EXPECT_EQ(verdict.status, NtStatus::success) << verdict.why;
  EXPECT_EQ(to_hex(parsed(verdict.token).mech_list_mic.value_or(ByteView{})),
            to_hex(answer.mic(ntlm::Direction::server_to_client, list_of(kKerberosFirst))));
}

TEST_F(SpnegoTest, AfterAnOptimisticKerberosTokenAMissingMicIsRefused) {
  Answer answer = after_kerberos_first();
  answer.finish.token = response_token(answer.client.authenticate_message());
  const ntlm::Verdict verdict = verdict_of(finish(std::move(answer.finish)));
  EXPECT_EQ(verdict.status, NtStatus::invalid_parameter);
  EXPECT_EQ(parsed(verdict.token).state, NegState::reject);
  EXPECT_EQ(shown().bad_passwords.count, 0) << "R39: no charge";
}

TEST_F(SpnegoTest, AfterAnOptimisticKerberosTokenAWrongMicIsRefused) {
  for (const bool tampered_list : {true, false}) {
    Answer answer = after_kerberos_first();
    // Tampered: somebody on the way took Kerberos' twin out of what the client really sent.
    Bytes mic = answer.mic(
        ntlm::Direction::client_to_server,
        list_of(tampered_list ? std::vector{spnego::kMsKerberos5, spnego::kKerberos5, spnego::kNtlmssp} : kKerberosFirst));
    if (!tampered_list) mic.back() ^= 1;
    answer.finish.token = response_token(answer.client.authenticate_message(), mic);
    EXPECT_EQ(verdict_of(finish(std::move(answer.finish))).status, NtStatus::invalid_parameter);
  }
  Answer reflected = after_kerberos_first();
  reflected.finish.token = response_token(reflected.client.authenticate_message(),
                                          reflected.mic(ntlm::Direction::server_to_client, list_of(kKerberosFirst)));
  EXPECT_EQ(verdict_of(finish(std::move(reflected.finish))).status, NtStatus::invalid_parameter) << "our own direction's MIC";
}

TEST_F(SpnegoTest, WithoutNtlmAmongTheMechanismsTheAnswerIsReject) {
  const ntlm::Verdict verdict = verdict_of(begin_negotiate(init_token({spnego::kKerberos5}, Bytes(100, 1))));
  EXPECT_EQ(verdict.status, NtStatus::not_supported);
  EXPECT_EQ(parsed(verdict.token).state, NegState::reject);
  EXPECT_EQ(last_event().package, event::Package::negotiate) << "it was no NTLM";
  EXPECT_EQ(verdict.facts.package, "Negotiate");
}

TEST_F(SpnegoTest, RawNtlmInsideNegotiateIsAnsweredRaw) {
  auto client = ntlm::Initiator::start(initiator_config({})).value();
  const ntlm::Continue next = next_of(begin_negotiate(client.negotiate_message()));
  EXPECT_EQ(spnego::recognise(next.token), spnego::TokenKind::ntlmssp_raw);
  auto done = std::move(client).on_challenge(next.token, {}, environment_.now()).value();
  const ntlm::Verdict verdict = verdict_of(finish(finish_of({}, next.handshake, to_bytes(done.authenticate_message()))));
  EXPECT_EQ(verdict.status, NtStatus::success);
  EXPECT_TRUE(verdict.token.empty());
}

TEST_F(SpnegoTest, ARawCarrierTakesNoSpnego) {
  auto client = ntlm::Initiator::start(initiator_config({})).value();
  const Bytes token = init_token(kNtlmOnly, client.negotiate_message());
  EXPECT_EQ(verdict_of(begin(begin_of({}, token, ntlm::Carrier::ntlm))).status, NtStatus::invalid_parameter);
}

TEST_F(SpnegoTest, R28_EveryDenialEndsWithTheSameReject) {
  std::vector<std::string> tokens;
  for (int kind = 0; kind < 4; ++kind) {
    Attempt attempt;
    if (kind == 0) attempt.password = kWrongPassword;
    auto client = ntlm::Initiator::start(initiator_config(attempt)).value();
    const ntlm::Continue next = next_of(begin_negotiate(init_token(kNtlmOnly, client.negotiate_message())));
    Answer answer = answer_challenge(std::move(client), next, "");
    answer.finish.token = response_token(answer.client.authenticate_message());
    if (kind == 1) {
      ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
    }
    if (kind == 2) store_->fail_commit = true;
    if (kind == 3) answer.finish.handshake = {};
    const ntlm::Verdict verdict = verdict_of(finish(std::move(answer.finish)));
    EXPECT_FALSE(verdict.allowed()) << kind;
    tokens.push_back(to_hex(verdict.token));
    store_->fail_commit = false;
    ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::yes));
  }
  for (const std::string& token : tokens) EXPECT_EQ(token, tokens.front());
  EXPECT_FALSE(tokens.front().empty());
}

}  // namespace
}  // namespace postern::authority
