// The key schedule: from the proof of a response to the keys that sign and seal (MS-NLMP 3.4.5).
#pragma once

#include <array>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "ntlm/authority_protocol.hpp"  // ExportedSessionKey
#include "wire/flags.hpp"
#include "wire/messages.hpp"

namespace postern::ntlm {

using SessionBaseKey = Secret<struct SessionBaseKeyTag, 16>;
using KeyExchangeKey = Secret<struct KeyExchangeKeyTag, 16>;
using SigningKey = Secret<struct SigningKeyTag, 16>;

/// Who sends: the keys of the two directions differ (MS-NLMP 3.4.5.2, 3.4.5.3).
enum class Direction : std::uint8_t { client_to_server, server_to_client };

/// KEY_EXCH counts only if the server chose it and 16 key bytes came (S4).
[[nodiscard]] bool key_exchange_is_effective(wire::NegotiateFlags negotiated, ByteView encrypted_random_session_key);

/// RC4K(KeyExchangeKey, key): both directions, since RC4 undoes itself. `key` has 16 bytes.
[[nodiscard]] ExportedSessionKey exchange_key(const KeyExchangeKey& key_exchange_key, ByteView key);

/// SIGNKEY (MS-NLMP 3.4.5.2); with extended session security only.
[[nodiscard]] SigningKey signing_key(const ExportedSessionKey& exported_session_key, Direction direction);

/// SEALKEY (MS-NLMP 3.4.5.3): 16, 8, 7 or 5 bytes of RC4 key, by the flags of the exchange.
[[nodiscard]] SecretBytes sealing_key(wire::NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key,
                                      Direction direction);

/// MIC (MS-NLMP 3.1.5.1.2): HMAC_MD5(ExportedSessionKey, NEGOTIATE + CHALLENGE + AUTHENTICATE with the MIC's 16 bytes taken as
/// zero), over the messages as they travelled. `authenticate` has at least 88 bytes. The parts are views into the messages.
using MicParts = std::array<ByteView, 5>;
[[nodiscard]] MicParts mic_parts(ByteView negotiate, ByteView challenge, ByteView authenticate);
[[nodiscard]] wire::Mic compute_mic(const ExportedSessionKey& exported_session_key, ByteView negotiate, ByteView challenge,
                                    ByteView authenticate);

}  // namespace postern::ntlm
