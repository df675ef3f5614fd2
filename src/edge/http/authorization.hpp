// The Authorization header of a request, and the offers of a 401.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "edge/http/config.hpp"
#include "edge/http/message.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

struct NoAuthorization {};
/// A scheme that is not ours, or is switched off.
struct OtherScheme {};
/// Ours, but nothing that could be a token. `why` names no part of it (R27).
struct MalformedAuthorization {
  std::string why{};
};
struct TokenAuthorization {
  ntlm::Carrier carrier = ntlm::Carrier::ntlm;
  Bytes token{};
};
using Authorization = std::variant<NoAuthorization, OtherScheme, MalformedAuthorization, TokenAuthorization>;

/// Reads the Authorization headers of a request: the scheme in any case, spaces around the token tolerated, base64 strict, at most
/// ntlm::kMaxTokenBytes of token, one header.
[[nodiscard]] Authorization parse_authorization(const Headers& headers, const AuthenticationConfig& config);

/// True for a token that starts a handshake: NTLMSSP NEGOTIATE, or SPNEGO's initial token (RFC 2743 3.1).
[[nodiscard]] bool starts_handshake(ByteView token);

[[nodiscard]] std::string_view scheme_name(ntlm::Carrier carrier);  // "NTLM", "Negotiate"

/// `WWW-Authenticate` for each scheme that is on.
[[nodiscard]] Headers offers(const AuthenticationConfig& config);
[[nodiscard]] Header challenge_header(ntlm::Carrier carrier, ByteView token);

}  // namespace postern::http
