// The responses of each version as functions of their inputs (MS-NLMP 3.3.1, 3.3.2). Used by both sides.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/keys.hpp"
#include "base/secret.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/messages.hpp"

namespace postern::ntlm {

using ClientChallenge = Public<struct ClientChallengeTag, 8>;
using V1Response = std::array<std::uint8_t, 24>;
using NtProofStr = std::array<std::uint8_t, 16>;

/// DESL(key, data): three DES blocks under the 21 bytes of the key filled up with zeros (MS-NLMP 6, DESL).
[[nodiscard]] V1Response desl(std::span<const std::uint8_t, 16> key, std::span<const std::uint8_t, 8> data);

/// NTProofStr: HMAC_MD5(ResponseKeyNT, ServerChallenge + temp) (MS-NLMP 3.3.2).
[[nodiscard]] NtProofStr nt_proof_str(const ResponseKeyNt& key, const wire::ServerChallenge& server_challenge, ByteView temp);
/// SessionBaseKey of NTLMv2: HMAC_MD5(ResponseKeyNT, NTProofStr).
[[nodiscard]] SessionBaseKey session_base_key_v2(const ResponseKeyNt& key, std::span<const std::uint8_t, 16> proof);

/// `temp`, the NTLMv2_CLIENT_CHALLENGE (MS-NLMP 2.2.2.7), with the 4 zero bytes behind the AV list that Windows writes.
[[nodiscard]] Bytes ntlmv2_client_challenge(FileTime time, const ClientChallenge& client_challenge, ByteView av_pairs);

/// LMv2: HMAC_MD5(ResponseKeyLM, ServerChallenge + ClientChallenge) + ClientChallenge.
[[nodiscard]] V1Response lmv2_response(const ResponseKeyNt& key, const wire::ServerChallenge& server_challenge,
                                       const ClientChallenge& client_challenge);

/// The challenge that NTLMv1 with extended session security encrypts: the first half of MD5(ServerChallenge + ClientChallenge).
[[nodiscard]] std::array<std::uint8_t, 8> ess_challenge(const wire::ServerChallenge& server_challenge,
                                                        std::span<const std::uint8_t, 8> client_challenge);
/// SessionBaseKey of NTLMv1: MD4(NTOWFv1).
[[nodiscard]] SessionBaseKey session_base_key_v1(const NtHash& nt_hash);
/// KXKEY of NTLMv1 with extended session security (MS-NLMP 3.4.5.1).
[[nodiscard]] KeyExchangeKey key_exchange_key_v1_ess(const SessionBaseKey& session_base_key,
                                                     const wire::ServerChallenge& server_challenge,
                                                     std::span<const std::uint8_t, 8> client_challenge);

}  // namespace postern::ntlm
