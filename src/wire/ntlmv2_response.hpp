// The responses: which of NTLM's versions one is, by its shape alone, and the parts of an NTLMv2 response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "wire/av_pairs.hpp"
#include "wire/messages.hpp"

namespace postern::wire {

inline constexpr std::size_t kNtProofBytes = 16;
inline constexpr std::size_t kV1ResponseBytes = 24;

/// The version of the response that was used (R12: decided by the bytes, never by flags).
enum class ResponseVersion : std::uint8_t { anonymous, lm, ntlm_v1, ntlm_v1_ess, lm_v2, ntlm_v2 };

/// "NTLMv2", "NTLMv1-ESS", … as in LogonEvent's ntlm.version.
[[nodiscard]] std::string_view name_of(ResponseVersion version);

/// By shape: NT of more than 24 bytes is NTLMv2; 24 bytes of NT with LM = 8 bytes that are not all zero and 16 zeros is NTLMv1 with
/// ESS; 24 bytes of NT otherwise NTLMv1; no NT and 24 bytes of LM is LM (LMv2 where verification shows it); no NT, at most one byte
/// of LM and no user is anonymous. Anything else is malformed.
[[nodiscard]] Result<ResponseVersion> response_version(const AuthenticateMessage& message);

/// NTLMv2_RESPONSE with its NTLMv2_CLIENT_CHALLENGE (MS-NLMP 2.2.2.8, 2.2.2.7). Views into the message.
struct Ntlmv2Response {
  static constexpr std::size_t kClientChallengeOffset = 16;  ///< of ChallengeFromClient in the blob
  static constexpr std::size_t kAvPairsOffset = 28;          ///< of the AV list in the blob

  ByteView nt_proof_str{};  ///< 16 bytes
  ByteView blob{};          ///< `temp` of MS-NLMP 3.3.2: everything behind the proof, as received
  FileTime time{};
  ByteView challenge_from_client{};  ///< 8 bytes
  AvPairs av_pairs{};

  /// `base` is the response's offset in its message, for errors. Refuses what is too short for a blob (R7) and RespType other
  /// than 1.
  static Result<Ntlmv2Response> parse(ByteView nt_response, std::size_t base, Anomalies* anomalies = nullptr);
};

}  // namespace postern::wire
