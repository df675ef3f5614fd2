#include "edge/http/authorization.hpp"

#include <algorithm>

namespace postern::http {
namespace {

constexpr std::string_view kNtlmSignature{"NTLMSSP\0", 8};
constexpr std::uint8_t kNegotiateMessageType = 1;       ///< MS-NLMP 2.2.1.1, little-endian u32
constexpr std::uint8_t kInitialContextTokenTag = 0x60;  ///< RFC 2743 3.1: [APPLICATION 0]
constexpr std::size_t kMaxBase64 = (ntlm::kMaxTokenBytes + 2) / 3 * 4;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Authorization parse_authorization(const Headers& headers, const AuthenticationConfig& config) {
  const std::size_t count = count_headers(headers, "Authorization");
  if (count == 0) return NoAuthorization{};
  if (count > 1) return MalformedAuthorization{"more than one Authorization header"};

  const std::string_view value = trimmed(*find_header(headers, "Authorization"));
  const std::string_view scheme = value.substr(0, value.find_first_of(" \t"));
  TokenAuthorization authorization;
  if (equal_ignoring_case(scheme, "NTLM") && config.ntlm) {
    authorization.carrier = ntlm::Carrier::ntlm;
  } else if (equal_ignoring_case(scheme, "Negotiate") && config.negotiate) {
    authorization.carrier = ntlm::Carrier::negotiate;
  } else {
    return OtherScheme{};
  }
  const std::string_view text = trimmed(value.substr(scheme.size()));
  if (text.empty()) return MalformedAuthorization{"no token"};
  if (text.size() > kMaxBase64) return MalformedAuthorization{"a token larger than allowed"};
  auto token = from_base64(text);
  if (!token) return MalformedAuthorization{"a token that is no base64"};
  if (token->size() > ntlm::kMaxTokenBytes) return MalformedAuthorization{"a token larger than allowed"};
  authorization.token = std::move(*token);
  return authorization;
}

bool starts_handshake(ByteView token) {
  if (token.empty()) return false;
  if (token[0] == kInitialContextTokenTag) return true;
  return token.size() > kNtlmSignature.size() && as_text(token).starts_with(kNtlmSignature) &&
         token[kNtlmSignature.size()] == kNegotiateMessageType;
}

std::string_view scheme_name(ntlm::Carrier carrier) { return carrier == ntlm::Carrier::ntlm ? "NTLM" : "Negotiate"; }

Headers offers(const AuthenticationConfig& config) {
  Headers headers;
  if (config.negotiate) headers.push_back({"WWW-Authenticate", "Negotiate"});
  if (config.ntlm) headers.push_back({"WWW-Authenticate", "NTLM"});
  return headers;
}

Header challenge_header(ntlm::Carrier carrier, ByteView token) {
  return {"WWW-Authenticate", std::string{scheme_name(carrier)} + " " + to_base64(token)};
}

}  // namespace postern::http
