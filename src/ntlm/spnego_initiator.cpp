#include "ntlm/spnego_initiator.hpp"

#include "base/secret.hpp"
#include "spnego/token.hpp"

namespace postern::ntlm {
namespace {

using spnego::NegState;
using spnego::NegTokenInit;
using spnego::NegTokenResp;

/// Views into `token`.
Result<NegTokenResp> expect_response(ByteView token) {
  POSTERN_TRY(parsed, spnego::parse(token));
  const auto* response = std::get_if<NegTokenResp>(&parsed);
  if (response == nullptr) return fail(ErrorCode::unexpected_message, "NegTokenResp", 0, "the server begins anew");
  if (response->state == NegState::reject)
    return fail(ErrorCode::denied, "NegTokenResp.negState", 0, "the server rejects the logon");
  if (response->supported_mech && *response->supported_mech != spnego::kNtlmssp) {
    return fail(ErrorCode::unsupported, "NegTokenResp.supportedMech", 0, "the server chose what was not offered");
  }
  return *response;
}

}  // namespace

Result<SpnegoInitiator> SpnegoInitiator::start(InitiatorConfig config) {
  POSTERN_TRY(ntlm, Initiator::start(std::move(config)));
  SpnegoInitiator next{std::move(ntlm)};
  NegTokenInit init;
  init.mech_types.push_back(spnego::kNtlmssp);
  init.mech_token = next.ntlm_.negotiate_message();
  POSTERN_TRY(mech_types, spnego::write_mech_type_list(init.mech_types));
  POSTERN_TRY(token, spnego::write(init));
  next.mech_types_ = std::move(mech_types);
  next.token_ = std::move(token);
  return next;
}

Result<SpnegoAwaitingResult> SpnegoInitiator::on_challenge(ByteView token, InitiatorRandom random, FileTime now) && {
  POSTERN_TRY(response, expect_response(token));
  if (!response.response_token) {
    return fail(ErrorCode::unexpected_message, "NegTokenResp.responseToken", 0, "no challenge where one was awaited");
  }
  POSTERN_TRY(done, std::move(ntlm_).on_challenge(*response.response_token, std::move(random), now));
  SpnegoAwaitingResult next{std::move(done), std::move(mech_types_)};
  NegTokenResp answer;
  answer.state = NegState::accept_incomplete;
  answer.response_token = next.done_.authenticate_message();
  std::optional<MessageSignature> mic;
  if (next.signs()) {
    mic =
        first_signature(next.done_.negotiated(), next.done_.exported_session_key(), Direction::client_to_server, next.mech_types_);
    answer.mech_list_mic = mic->bytes();
  }
  POSTERN_TRY(written, spnego::write(answer));
  next.token_ = std::move(written);
  return next;
}

bool SpnegoAwaitingResult::signs() const {
  return done_.negotiated().has(wire::NegotiateFlag::sign) &&
         done_.negotiated().has(wire::NegotiateFlag::extended_session_security);
}

Result<SpnegoResult> SpnegoAwaitingResult::on_result(ByteView token) const {
  POSTERN_TRY(response, expect_response(token));
  if (response.state != NegState::accept_completed) {
    return fail(ErrorCode::unexpected_message, "NegTokenResp.negState", 0, "neither accepted nor rejected");
  }
  // A server that leaves our MIC unanswered has not counted it either.
  if (!response.mech_list_mic) return SpnegoResult{};
  if (!signs()) return SpnegoResult{MechListMic::not_checked, {}};
  const MessageSignature expected =
      first_signature(done_.negotiated(), done_.exported_session_key(), Direction::server_to_client, mech_types_);
  if (!constant_time_equal(expected.bytes(), *response.mech_list_mic)) {
    return fail(ErrorCode::mic_wrong, "NegTokenResp.mechListMIC", Error::kNoOffset, "the server does not know the session's key");
  }
  return SpnegoResult{MechListMic::verified, {1, 1}};
}

}  // namespace postern::ntlm
