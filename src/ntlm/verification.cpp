#include "ntlm/verification.hpp"

#include <array>

#include "ntlm/credentials.hpp"
#include "ntlm/responses.hpp"

namespace postern::ntlm {
namespace {

using wire::ResponseVersion;

/// The least that a verifiable NTLMv2 response has: proof, the blob's fixed part and MsvAvEOL.
constexpr std::size_t kMinNtlmv2Bytes = wire::kNtProofBytes + wire::Ntlmv2Response::kAvPairsOffset + wire::AvPairs::kHeaderBytes;

/// MD4 of nothing: the hash of the empty password.
constexpr std::array<std::uint8_t, NtHash::kSize> kEmptyPasswordHash{0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31,
                                                                     0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};

/// True for the empty password, and for the zero that a hash never read is: neither lets anybody in (R8).
bool is_no_password(const NtHash& nt_hash) {
  const bool is_empty = constant_time_equal(nt_hash.reveal(), kEmptyPasswordHash);
  return constant_time_is_zero(nt_hash.reveal()) || is_empty;
}

std::unexpected<Error> wrong_password() {
  return fail(ErrorCode::wrong_password, "the response does not prove the account's password");
}

/// A request can come from elsewhere than our parser, so its sizes are looked at here as well (R13).
std::unexpected<Error> wrong_lm_size() {
  return fail(ErrorCode::malformed, "AUTHENTICATE.LmChallengeResponse", Error::kNoOffset, "not of 24 bytes");
}

KeyExchangeKey as_key_exchange_key(const SessionBaseKey& key) { return KeyExchangeKey{key.reveal()}; }

}  // namespace

Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash, VersionSet allowed) {
  const auto permitted = [&](ResponseVersion version) { return allowed.has(version); };
  // Asked beside the comparison and not before it, so that every refusal does the same work (R37).
  const auto proves = [&nt_hash](ByteView expected, ByteView sent) {
    const bool equal = constant_time_equal(expected, sent);
    return !is_no_password(nt_hash) && equal;
  };
  switch (request.version) {
    case ResponseVersion::ntlm_v2: {
      if (!permitted(ResponseVersion::ntlm_v2)) break;
      if (request.nt_response.size() < kMinNtlmv2Bytes) {
        return fail(ErrorCode::malformed, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset, "too short for NTLMv2");
      }
      const ResponseKeyNt key{nt_hash, request.user_utf16, request.domain_utf16};
      const ByteView temp = request.nt_response.subspan(wire::kNtProofBytes);
      const NtProofStr proof = nt_proof_str(key, request.server_challenge, temp);
      if (!proves(proof, request.nt_response.first(wire::kNtProofBytes))) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v2, as_key_exchange_key(session_base_key_v2(key, proof))};
    }
    case ResponseVersion::ntlm_v1: {
      if (!permitted(ResponseVersion::ntlm_v1)) break;
      const V1Response response = desl(nt_hash.reveal(), request.server_challenge.bytes());
      if (!proves(response, request.nt_response)) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v1, as_key_exchange_key(session_base_key_v1(nt_hash))};
    }
    case ResponseVersion::ntlm_v1_ess: {
      if (!permitted(ResponseVersion::ntlm_v1_ess)) break;
      if (request.lm_response.size() != wire::kV1ResponseBytes) return wrong_lm_size();
      const auto client_challenge = request.lm_response.first<ClientChallenge::kSize>();
      const V1Response response = desl(nt_hash.reveal(), ess_challenge(request.server_challenge, client_challenge));
      if (!proves(response, request.nt_response)) return wrong_password();
      return ResponseVerified{ResponseVersion::ntlm_v1_ess,
                              key_exchange_key_v1_ess(session_base_key_v1(nt_hash), request.server_challenge, client_challenge)};
    }
    case ResponseVersion::lm:
    case ResponseVersion::lm_v2: {
      if (!permitted(ResponseVersion::lm_v2)) break;
      if (request.lm_response.size() != wire::kV1ResponseBytes) return wrong_lm_size();
      const ResponseKeyNt key{nt_hash, request.user_utf16, request.domain_utf16};
      const ClientChallenge client_challenge{request.lm_response.last<ClientChallenge::kSize>()};
      const V1Response response = lmv2_response(key, request.server_challenge, client_challenge);
      if (!proves(response, request.lm_response)) return wrong_password();
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
