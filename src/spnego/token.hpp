// The two tokens of SPNEGO (RFC 4178, MS-SPNG): what they hold, how they are read and written. No keys, no decisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "spnego/oid.hpp"

namespace postern::spnego {

/// Limits of a token that is read or written. Windows' MaxTokenSize is at most 65535; the rest is room for what wraps it.
inline constexpr std::size_t kMaxTokenBytes = 128 * 1024;
/// Windows offers up to five mechanisms, MIT krb5 about as many.
inline constexpr std::size_t kMaxMechTypes = 32;

/// RFC 4178, 4.2.2.
enum class NegState : std::uint8_t { accept_completed = 0, accept_incomplete = 1, reject = 2, request_mic = 3 };

/// Which of the two definitions a NegTokenInit follows: they differ in what [3] is.
enum class InitForm : std::uint8_t {
  rfc4178,          ///< RFC 4178, 4.2.1: [3] mechListMIC
  neg_token_init2,  ///< MS-SPNG 2.2.1, what acceptors send first: [3] negHints, [4] mechListMIC
};

/// RFC 4178, 4.2.1. All views point into the input that was parsed, which the caller keeps.
struct NegTokenInit {
  InitForm form = InitForm::rfc4178;
  std::vector<Oid> mech_types;  ///< in order of preference; never empty, at most kMaxMechTypes
  /// The MechTypeList as received, tag and length included: what mechListMIC covers (RFC 4178, 5). write() takes no notice of it.
  ByteView mech_types_der;
  std::optional<std::uint32_t> req_flags;  ///< ContextFlags, delegFlag = 0x80000000; unprotected, so no decision may rest on it
  std::optional<ByteView> mech_token;
  std::optional<ByteView> mech_list_mic;
  std::optional<ByteView> hint_name;     ///< NegHints, in practice "not_defined_in_RFC4178@please_ignore"
  std::optional<ByteView> hint_address;  ///< NegHints, never seen
};

/// RFC 4178, 4.2.2. All views point into the input that was parsed, which the caller keeps.
struct NegTokenResp {
  std::optional<NegState> state;
  std::optional<Oid> supported_mech;
  std::optional<ByteView> response_token;
  /// As received. Windows 2000 put a copy of response_token here (MS-SPNG appendix, note on mechListMIC): it then is no MIC, and
  /// verifying it as one fails, as it should wherever a MIC is demanded.
  std::optional<ByteView> mech_list_mic;
};

using Token = std::variant<NegTokenInit, NegTokenResp>;

/// Reads one token: NegTokenInit in the frame of RFC 2743, 3.1 (0x60, the OID of SPNEGO) or bare as [0], as old clients send it;
/// NegTokenResp as [1]. Fields above those that we know are skipped: both types end in an extension marker. Errors: too_large over
/// kMaxTokenBytes, kMaxMechTypes or Oid::kMaxBytes; truncated where a length goes past its end; duplicate for a field twice;
/// unsupported for another mechanism's frame; else malformed (R19): indefinite or over-long lengths, wrong tags or order, no
/// mechanism, bytes after the end, negState out of range.
[[nodiscard]] Result<Token> parse(ByteView token);

/// In DER, framed. Errors: invalid_input for no mechanism, too many, hints in the form that has none, or a result over
/// kMaxTokenBytes.
[[nodiscard]] Result<Bytes> write(const NegTokenInit& token);
/// In DER. Errors: invalid_input for a result over kMaxTokenBytes.
[[nodiscard]] Result<Bytes> write(const NegTokenResp& token);
/// The MechTypeList by itself, as mechListMIC covers it on the side that wrote the NegTokenInit. Errors as write(NegTokenInit).
[[nodiscard]] Result<Bytes> write_mech_type_list(std::span<const Oid> mech_types);

enum class TokenKind : std::uint8_t {
  ntlmssp_raw,     ///< an NTLM message with nothing around it
  spnego_init,     ///< framed or bare NegTokenInit
  spnego_resp,     ///< NegTokenResp
  gss_other_mech,  ///< the frame of RFC 2743 with another OID, for example raw Kerberos
  unknown,
};

/// What a token claims to be, by its first bytes; it may still be malformed further on.
[[nodiscard]] TokenKind recognise(ByteView token);

}  // namespace postern::spnego
