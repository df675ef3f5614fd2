#include "advise/addresses.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace postern::advise {
namespace {

std::optional<std::array<unsigned, 4>> ipv4(std::string_view text) {
  std::array<unsigned, 4> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t dot = i + 1 < parts.size() ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot == 0 || dot > 3) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + dot, parts[i]);
    if (error != std::errc{} || end != text.data() + dot || parts[i] > 255) return std::nullopt;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return parts;
}

/// Enough to tell an address from a name, which has no colon.
bool looks_like_ipv6(std::string_view text) {
  constexpr std::string_view kLetters = "0123456789abcdefABCDEF:.";
  return std::ranges::count(text, ':') >= 2 && text.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace

bool is_ip_literal(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') return looks_like_ipv6(text.substr(1, text.size() - 2));
  return ipv4(text).has_value() || looks_like_ipv6(text);
}

event::Text host_of_spn(std::string_view spn) {
  const std::size_t slash = spn.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view host = spn.substr(slash + 1);
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    host = end == std::string_view::npos ? host : host.substr(1, end - 1);
  } else if (std::ranges::count(host, ':') == 1) {
    host = host.substr(0, host.find(':'));
  }
  if (host.empty()) return std::nullopt;
  return std::string{host};
}

std::vector<std::string> networks_of(std::string_view address) {
  std::vector<std::string> networks;
  if (const auto parts = ipv4(address)) {
    const std::string two = std::to_string((*parts)[0]) + "." + std::to_string((*parts)[1]) + ".";
    networks.push_back(std::string{address} + "/32");
    networks.push_back(two + std::to_string((*parts)[2]) + ".0/24");
    networks.push_back(two + "0.0/16");
  } else if (looks_like_ipv6(address)) {
    networks.push_back(std::string{address} + "/128");
  }
  return networks;
}

}  // namespace postern::advise
