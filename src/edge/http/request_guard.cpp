#include "edge/http/request_guard.hpp"

#include <algorithm>
#include <array>

#include "base/ip_network.hpp"

namespace postern::http {
namespace {

constexpr std::array<std::string_view, 5> kForwardingHeaders{"Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
                                                             "X-Forwarded-Proto"};

bool is_ambiguous(std::string_view path) {
  std::string lower{path};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const std::string_view sign : {"/.", "//", "\\", ";", "%2e", "%2f", "%5c", "%25", "%00", "#"}) {
    if (lower.find(sign) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> forwarding_sign(const Headers& headers) {
  for (const std::string_view name : kForwardingHeaders) {
    if (find_header(headers, name) != nullptr) return std::string{name};
  }
  return std::nullopt;
}

bool is_anonymous(const RequestHead& head, std::string_view origin_target, const AuthenticationConfig& config) {
  if (head.method == "OPTIONS" && config.anonymous_options) return true;
  const std::string_view path = origin_target.substr(0, origin_target.find('?'));
  if (is_ambiguous(path)) return false;
  return std::any_of(config.anonymous_paths.begin(), config.anonymous_paths.end(), [&](const std::string& prefix) {
    if (!path.starts_with(prefix)) return false;
    return prefix.back() == '/' || path.size() == prefix.size() || path[prefix.size()] == '/';
  });
}

Offer offer_on(Security security, std::string_view client_address, std::string_view server_address, PlainHttp setting) {
  if (security == Security::tls || setting == PlainHttp::always) return Offer::allowed;
  if (setting == PlainHttp::never) return Offer::forbidden;
  return is_loopback(client_address) && is_loopback(server_address) ? Offer::allowed : Offer::forbidden;
}

bool is_websocket_upgrade(const RequestHead& head) {
  const std::string* upgrade = find_header(head.headers, "Upgrade");
  return head.minor_version == 1 && head.method == "GET" && upgrade != nullptr && equal_ignoring_case(*upgrade, "websocket") &&
         count_headers(head.headers, "Upgrade") == 1 && list_has(head.headers, "Connection", "upgrade") &&
         head.framing.kind == Framing::Kind::none;
}

}  // namespace postern::http
