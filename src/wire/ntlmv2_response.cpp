#include "wire/ntlmv2_response.hpp"

#include "base/reader.hpp"

namespace postern::wire {
namespace {

constexpr std::size_t kChallengeBytes = 8;
constexpr std::string_view kField = "AUTHENTICATE.NtChallengeResponse";

bool is_zero(ByteView bytes) {
  for (const std::uint8_t byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

}  // namespace

std::string_view name_of(ResponseVersion version) {
  switch (version) {
    case ResponseVersion::anonymous: return "anonymous";
    case ResponseVersion::lm: return "LM";
    case ResponseVersion::ntlm_v1: return "NTLMv1";
    case ResponseVersion::ntlm_v1_ess: return "NTLMv1-ESS";
    case ResponseVersion::lm_v2: return "LMv2";
    case ResponseVersion::ntlm_v2: return "NTLMv2";
  }
  return "anonymous";
}

Result<ResponseVersion> response_version(const AuthenticateMessage& message) {
  const ByteView nt = message.nt_response;
  const ByteView lm = message.lm_response;
  if (nt.size() > kV1ResponseBytes) return ResponseVersion::ntlm_v2;
  if (nt.size() == kV1ResponseBytes) {
    const bool ess = lm.size() == kV1ResponseBytes && !is_zero(lm.first(kChallengeBytes)) && is_zero(lm.subspan(kChallengeBytes));
    return ess ? ResponseVersion::ntlm_v1_ess : ResponseVersion::ntlm_v1;
  }
  if (nt.empty()) {
    if (lm.size() == kV1ResponseBytes) return ResponseVersion::lm;
    if (lm.size() <= 1 && message.user_name.empty()) return ResponseVersion::anonymous;
    return fail(ErrorCode::malformed, "AUTHENTICATE.LmChallengeResponse", Error::kNoOffset, "a user without a response");
  }
  return fail(ErrorCode::malformed, kField, message.nt_response_offset, "shorter than any response");
}

Result<Ntlmv2Response> Ntlmv2Response::parse(ByteView nt_response, std::size_t base, Anomalies* anomalies) {
  Reader in{nt_response, base};
  Ntlmv2Response parsed;
  POSTERN_TRY(nt_proof_str, in.take(kNtProofBytes, kField));
  parsed.nt_proof_str = nt_proof_str;
  parsed.blob = in.rest();
  POSTERN_TRY(resp_type, in.u8(kField));
  POSTERN_TRY(hi_resp_type, in.u8(kField));
  if (resp_type != 1 || hi_resp_type != 1) {
    return fail(ErrorCode::malformed, kField, base + kNtProofBytes, "RespType and HiRespType are not 1");
  }
  POSTERN_TRY(reserved, in.take(6, kField));
  static_cast<void>(reserved);  // zero by the specification, covered by the proof, without meaning
  POSTERN_TRY(time, in.u64(kField));
  POSTERN_TRY(challenge_from_client, in.take(kChallengeBytes, kField));
  POSTERN_TRY(reserved3, in.u32(kField));
  static_cast<void>(reserved3);
  POSTERN_TRY(av_pairs, AvPairs::parse(in.rest(), "AUTHENTICATE.NtChallengeResponse.AvPairs", base + in.position(), anomalies));
  parsed.time = FileTime{time};
  parsed.challenge_from_client = challenge_from_client;
  parsed.av_pairs = av_pairs;
  return parsed;
}

}  // namespace postern::wire
