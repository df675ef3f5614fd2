#include "edge/http/identity_headers.hpp"

#include <algorithm>
#include <array>

namespace postern::http {
namespace {

constexpr std::array<std::string_view, 4> kIdentityHeaders{"X-Remote-User", "X-Remote-Domain", "X-Remote-Package",
                                                           "X-Remote-Groups"};
/// Not ours to write, but what upstreams behind other gateways read a user from: never the client's word.
constexpr std::array<std::string_view, 8> kForwardingClaims{"Authorization",    "X-Forwarded-For",  "X-Forwarded-Proto",
                                                            "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server",
                                                            "X-Real-IP",        "Forwarded"};

/// Equal as CGI sees header names: case and the difference between `-` and `_` are gone (RFC 3875 4.1.18).
bool same_for_cgi(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  std::string left{a};
  std::string right{b};
  std::replace(left.begin(), left.end(), '_', '-');
  std::replace(right.begin(), right.end(), '_', '-');
  return equal_ignoring_case(left, right);
}

}  // namespace

std::string account_text(const ntlm::Identity& identity) {
  return identity.domain.empty() ? identity.name : identity.domain + "\\" + identity.name;
}

std::string encode_name(std::string_view name) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(name.size());
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x21 || byte > 0x7e || c == '%' || c == ',') {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

bool is_identity_header(std::string_view name) {
  return std::any_of(kIdentityHeaders.begin(), kIdentityHeaders.end(),
                     [&](std::string_view ours) { return same_for_cgi(name, ours); });
}

void remove_client_claims(Headers& headers) {
  std::erase_if(headers, [](const Header& header) {
    return is_identity_header(header.name) || std::any_of(kForwardingClaims.begin(), kForwardingClaims.end(),
                                                          [&](std::string_view claim) { return same_for_cgi(header.name, claim); });
  });
}

Result<void> add_identity(Headers& headers, const LoggedOn& logged_on, std::size_t max_groups_bytes) {
  std::string groups;
  for (const std::string& group : logged_on.groups) {
    if (!groups.empty()) groups += ",";
    groups += encode_name(group);
    if (groups.size() > max_groups_bytes) {
      return fail(ErrorCode::too_large, "X-Remote-Groups", Error::kNoOffset, "more groups than max_groups_bytes allows");
    }
  }
  headers.push_back({"X-Remote-User", encode_name(account_text(logged_on.identity))});
  headers.push_back({"X-Remote-Domain", encode_name(logged_on.identity.domain)});
  headers.push_back({"X-Remote-Package", encode_name(logged_on.facts.package)});
  headers.push_back({"X-Remote-Groups", groups});
  return {};
}

}  // namespace postern::http
