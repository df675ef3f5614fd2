#include "ntlm/spnego_acceptor.hpp"

#include <algorithm>

#include "base/secret.hpp"
#include "ntlm/session_security.hpp"
#include "spnego/token.hpp"

namespace postern::ntlm {
namespace {

using spnego::NegState;
using spnego::NegTokenInit;
using spnego::NegTokenResp;

/// A reply that we build from small parts always fits: an error here would be a fault of ours.
Bytes written(const NegTokenResp& token) { return spnego::write(token).value_or(Bytes{}); }

/// The NTLM message and mechListMIC of a NegTokenResp. A client may go on with raw NTLM only if it began so.
Result<NegTokenResp> expect_response(ByteView token) {
  POSTERN_TRY(parsed, spnego::parse(token));
  auto* response = std::get_if<NegTokenResp>(&parsed);
  if (response == nullptr) {
    return fail(ErrorCode::unexpected_message, "NegTokenResp", 0, "a NegTokenInit where the answer to a challenge was awaited");
  }
  if (response->state == NegState::reject) {
    return fail(ErrorCode::unexpected_message, "NegTokenResp.negState", 0, "the client turned the mechanism down");
  }
  if (!response->response_token) {
    return fail(ErrorCode::malformed, "NegTokenResp.responseToken", 0, "an answer without a token");
  }
  return *response;
}

}  // namespace

Result<Bytes> SpnegoEnd::accept(wire::NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key) const {
  if (!spnego_) return Bytes{};
  NegTokenResp response;
  response.state = NegState::accept_completed;
  Bytes own_mic;
  if (mech_list_mic_) {
    const auto expected = first_signature(negotiated, exported_session_key, Direction::client_to_server, mech_types_der_);
    if (!constant_time_equal(expected.bytes(), *mech_list_mic_)) {
      return fail(ErrorCode::mic_wrong, "NegTokenResp.mechListMIC", Error::kNoOffset,
                  "the list of mechanisms was altered on its way");
    }
    const auto own = first_signature(negotiated, exported_session_key, Direction::server_to_client, mech_types_der_);
    own_mic = to_bytes(own.bytes());
    response.mech_list_mic = own_mic;
  } else if (mic_is_mandatory_) {
    return fail(ErrorCode::mic_wrong, "NegTokenResp.mechListMIC", Error::kNoOffset,
                "missing, and mandatory because NTLM was not the client's first choice");
  }
  return spnego::write(response);
}

Bytes SpnegoEnd::reject() const {
  if (!spnego_) return {};
  NegTokenResp response;
  response.state = NegState::reject;
  return written(response);
}

Bytes reject_token(Carrier carrier, ByteView token) {
  const spnego::TokenKind kind = spnego::recognise(token);
  const bool is_spnego = kind == spnego::TokenKind::spnego_init || kind == spnego::TokenKind::spnego_resp;
  if (carrier != Carrier::negotiate || !is_spnego) return {};
  NegTokenResp response;
  response.state = NegState::reject;
  return written(response);
}

Result<NegotiatedLogon::Begun> NegotiatedLogon::challenge(ByteView negotiate, const AcceptorConfig& config,
                                                          const wire::ServerChallenge& server_challenge, FileTime now) && {
  if (negotiate.size() > kMaxNegotiateBytes) {
    return fail(ErrorCode::too_large, "NEGOTIATE", kMaxNegotiateBytes, "longer than any client's");  // many are half open (R34)
  }
  POSTERN_TRY(awaiting, Acceptor::on_negotiate(negotiate, config, server_challenge, now));
  Bytes token = to_bytes(awaiting.challenge_message());
  if (end_.spnego_) {
    NegTokenResp response;
    response.state = NegState::accept_incomplete;
    if (!end_.mechanism_is_named_) response.supported_mech = spnego::kNtlmssp;
    end_.mechanism_is_named_ = true;
    response.response_token = awaiting.challenge_message();
    POSTERN_TRY(wrapped, spnego::write(response));
    token = std::move(wrapped);
  }
  ntlm_.emplace(std::move(awaiting));
  return Begun{std::move(*this), std::move(token)};
}

Result<NegotiatedLogon::Begun> NegotiatedLogon::begin(Carrier carrier, ByteView token, const AcceptorConfig& config,
                                                      const wire::ServerChallenge& server_challenge, FileTime now) {
  NegotiatedLogon logon;
  const spnego::TokenKind kind = spnego::recognise(token);
  if (kind == spnego::TokenKind::ntlmssp_raw || carrier == Carrier::ntlm) {
    return std::move(logon).challenge(token, config, server_challenge, now);
  }
  if (kind == spnego::TokenKind::gss_other_mech) {
    return fail(ErrorCode::unsupported, "token", 0, "a token of another mechanism than SPNEGO and NTLM, for example Kerberos");
  }
  POSTERN_TRY(parsed, spnego::parse(token));
  const auto* init = std::get_if<NegTokenInit>(&parsed);
  if (init == nullptr) return fail(ErrorCode::unexpected_message, "NegTokenInit", 0, "an answer where the first token was awaited");
  if (std::ranges::find(init->mech_types, spnego::kNtlmssp) == init->mech_types.end()) {
    return fail(ErrorCode::unsupported, "NegTokenInit.mechTypes", 0, "the client does not offer NTLM");
  }
  logon.end_.spnego_ = true;
  logon.end_.mech_types_der_ = to_bytes(init->mech_types_der);
  const bool ntlm_is_first = init->mech_types.front() == spnego::kNtlmssp;
  logon.end_.mic_is_mandatory_ = !ntlm_is_first;
  if (ntlm_is_first && init->mech_token) return std::move(logon).challenge(*init->mech_token, config, server_challenge, now);

  // No token for us yet: the client bet on another mechanism, or on none. Name ours and ask for its first token.
  NegTokenResp response;
  response.state = ntlm_is_first ? NegState::accept_incomplete : NegState::request_mic;
  response.supported_mech = spnego::kNtlmssp;
  logon.end_.mechanism_is_named_ = true;
  POSTERN_TRY(answer, spnego::write(response));
  return Begun{std::move(logon), std::move(answer)};
}

Result<NegotiatedLogon::Begun> NegotiatedLogon::on_negotiate(ByteView token, const AcceptorConfig& config,
                                                             const wire::ServerChallenge& server_challenge, FileTime now) && {
  POSTERN_TRY(response, expect_response(token));
  return std::move(*this).challenge(*response.response_token, config, server_challenge, now);
}

Result<NegotiatedLogon::Answered> NegotiatedLogon::on_authenticate(ByteView token) && {
  ByteView message = token;
  std::optional<NegTokenResp> response;
  if (end_.spnego_) {
    POSTERN_TRY(parsed, expect_response(token));
    response.emplace(parsed);
    message = *response->response_token;
    if (response->mech_list_mic) end_.mech_list_mic_ = to_bytes(*response->mech_list_mic);
  }
  POSTERN_TRY(pending, std::move(*ntlm_).on_authenticate(message));
  return Answered{std::move(pending), std::move(end_)};
}

}  // namespace postern::ntlm
