#include "ntlm/verification.hpp"

#include "ntlm/credentials.hpp"
#include "ntlm/responses.hpp"

namespace postern::ntlm {
namespace {

using wire::ResponseVersion;

/// The least that a verifiable NTLMv2 response has: proof, the blob's fixed part and MsvAvEOL.
constexpr std::size_t kMinNtlmv2Bytes = wire::kNtProofBytes + wire::Ntlmv2Response::kAvPairsOffset + wire::AvPairs::kHeaderBytes;

std::unexpected<Error> wrong_password() {
  return fail(ErrorCode::wrong_password, "the response does not prove the account's password");
}

KeyExchangeKey as_key_exchange_key(const SessionBaseKey& key) { return KeyExchangeKey{key.reveal()}; }

}  // namespace

Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash, VersionSet allowed) {
  const auto permitted = [&](ResponseVersion version) { return allowed.has(version); };
  switch (request.version) {
    case ResponseVersion::ntlm_v2: {
      if (!permitted(ResponseVersion::ntlm_v2)) break;
      if (request.nt_response.size() < kMinNtlmv2Bytes) {
        return fail(ErrorCode::malformed, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset, "too short for NTLMv2");
      }
      const ResponseKeyNt key{nt_hash, request.user_utf16, request.domain_utf16};
      const ByteView temp = request.nt_response.subspan(wire::kNtProofBytes);
      const NtProofStr proof = nt_proof_str(key, request.server_challenge, temp);
      if (!constant_time_equal(proof, request.nt_response.first(wire::kNtProofBytes))) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v2, as_key_exchange_key(session_base_key_v2(key, proof))};
    }
    case ResponseVersion::ntlm_v1: {
      if (!permitted(ResponseVersion::ntlm_v1)) break;
      const V1Response response = desl(nt_hash.reveal(), request.server_challenge.bytes());
      if (!constant_time_equal(response, request.nt_response)) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v1, as_key_exchange_key(session_base_key_v1(nt_hash))};
    }
    case ResponseVersion::ntlm_v1_ess: {
      if (!permitted(ResponseVersion::ntlm_v1_ess)) break;
      const auto client_challenge = request.lm_response.first<ClientChallenge::kSize>();
      const V1Response response = desl(nt_hash.reveal(), ess_challenge(request.server_challenge, client_challenge));
      if (!constant_time_equal(response, request.nt_response)) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v1_ess,
                              key_exchange_key_v1_ess(session_base_key_v1(nt_hash), request.server_challenge, client_challenge)};
    }
    case ResponseVersion::lm:
    case ResponseVersion::lm_v2: {
      if (!permitted(ResponseVersion::lm_v2)) break;
      const ResponseKeyNt key{nt_hash, request.user_utf16, request.domain_utf16};
      const ClientChallenge client_challenge{request.lm_response.last<ClientChallenge::kSize>()};
      const V1Response response = lmv2_response(key, request.server_challenge, client_challenge);
      if (!constant_time_equal(response, request.lm_response)) return wrong_password();
      return ResponseVerified{ResponseVersion::lm_v2,
                              as_key_exchange_key(session_base_key_v2(key, std::span{response}.first<16>()))};
    }
    case ResponseVersion::anonymous: {
      return fail(ErrorCode::wrong_password, "an anonymous logon proves no password");
    }
  }
  return fail(ErrorCode::policy, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset,
              "a response of kind " + std::string{wire::name_of(request.version)} + " is not accepted here");
}

}  // namespace postern::ntlm
