// The LAN Manager part of NTLM: a hash of 14 upper-cased characters in two halves of seven, which can be searched in minutes. Here
// for peers that speak nothing else and for recorded exchanges; no account stores such a hash (MS-NLMP 3.3.1).
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "ntlm/responses.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/flags.hpp"

namespace postern::ntlm {

/// Whether LM_KEY and REQUEST_NON_NT_SESSION_KEY may be negotiated (never together with extended session security): the session's
/// key then hangs on the LM hash, and whoever verifies needs that.
enum class LmKeys : std::uint8_t { refused, danger_agreed };

inline constexpr std::size_t kMaxLmPasswordBytes = 14;  ///< in the OEM code page

/// LMOWFv1: DES of "KGS!@#$%" under both halves of the upper-cased password in the OEM code page. Errors: `invalid_input` for an
/// empty password (R8), for one over kMaxLmPasswordBytes, which has no LM hash, and for text that the code page cannot write.
[[nodiscard]] Result<LmHash> danger_lm_hash_of_password(const SecretBytes& password_utf8, CodePage code_page);

/// KXKEY of NTLMv1 without extended session security (MS-NLMP 3.4.5.1): by LM_KEY from the LM response, by
/// REQUEST_NON_NT_SESSION_KEY from half the LM hash, else the SessionBaseKey. `lm_response` has 24 bytes; `lm_hash` may be null,
/// and then neither flag can be honoured: `unsupported`.
[[nodiscard]] Result<KeyExchangeKey> danger_key_exchange_key_v1(wire::NegotiateFlags negotiated,
                                                                const SessionBaseKey& session_base_key, ByteView lm_response,
                                                                const LmHash* lm_hash);

/// The flags that make the key of a logon by an LM response alone: no NT response went out, so the key comes from what did.
[[nodiscard]] inline wire::NegotiateFlags danger_flags_of_lm_alone(wire::NegotiateFlags negotiated) {
  const bool by_lm_key = negotiated.has(wire::NegotiateFlag::lm_key);
  return by_lm_key ? negotiated : negotiated.with(wire::NegotiateFlag::request_non_nt_session_key);
}

}  // namespace postern::ntlm
