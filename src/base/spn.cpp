#include "base/spn.hpp"

#include <algorithm>
#include <optional>

namespace postern {
namespace {

/// The parts of `class/host:port/realm`, as views into it; port and realm may be empty.
struct Spn {
  std::string_view service_class{};
  std::string_view host{};
  std::string_view port{};
  std::string_view realm{};
};

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }

bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

bool is_port(std::string_view text) {
  constexpr std::size_t kMaxDigits = 5;
  return !text.empty() && text.size() <= kMaxDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Spn> parse(std::string_view text) {
  const auto forbidden = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (text.size() > kMaxSpnBytes || has_marshalled_suffix(text) || std::ranges::any_of(text, forbidden)) return std::nullopt;

  Spn spn;
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  spn.service_class = text.substr(0, slash);
  std::string_view instance = text.substr(slash + 1);
  if (const std::size_t second = instance.find('/'); second != std::string_view::npos) {
    spn.realm = instance.substr(second + 1);
    if (spn.realm.empty() || spn.realm.contains('/')) return std::nullopt;
    instance = instance.substr(0, second);
  }

  if (instance.starts_with('[')) {  // [2001:db8::1]:8443
    const std::size_t end = instance.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    spn.host = instance.substr(1, end - 1);
    const std::string_view rest = instance.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    if (!rest.empty()) spn.port = rest.substr(1);
  } else if (std::ranges::count(instance, ':') > 1) {  // 2001:db8::1, which leaves no room for a port
    spn.host = instance;
  } else {
    const std::size_t colon = instance.find(':');
    spn.host = instance.substr(0, colon);
    if (colon != std::string_view::npos) {
      spn.port = instance.substr(colon + 1);
      if (!is_port(spn.port)) return std::nullopt;
    }
  }
  if (spn.host.ends_with('.')) spn.host.remove_suffix(1);  // the root's dot of an absolute DNS name
  if (spn.service_class.empty() || spn.host.empty()) return std::nullopt;
  return spn;
}

bool matches(const Spn& accepted, const Spn& sent) {
  return same(accepted.service_class, sent.service_class) && same(accepted.host, sent.host) &&
         (accepted.port.empty() || accepted.port == sent.port) && (accepted.realm.empty() || same(accepted.realm, sent.realm));
}

}  // namespace

bool has_marshalled_suffix(std::string_view text) { return text.find("1UWhRC") != std::string_view::npos; }

std::string_view host_of_spn(std::string_view spn) {
  const std::size_t slash = spn.find('/');
  if (slash == std::string_view::npos) return {};
  std::string_view host = spn.substr(slash + 1);
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? std::string_view{} : host.substr(1, end - 1);
  }
  if (std::ranges::count(host, ':') == 1) host = host.substr(0, host.find(':'));
  return host;
}

bool spn_matches(const std::vector<std::string>& accepted, std::string_view spn) {
  const auto sent = parse(spn);
  if (!sent) return false;
  return std::ranges::any_of(accepted, [&](const std::string& name) {
    const auto wanted = parse(name);
    return wanted && matches(*wanted, *sent);
  });
}

}  // namespace postern
