#include "ntlm/outgoing.hpp"

#include <algorithm>
#include <optional>

#include "base/spn.hpp"

namespace postern::ntlm {
namespace {

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }
bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

/// What is wrong with a host's name; nothing for one that can be judged.
std::optional<std::string> fault_of(std::string_view host) {
  if (host.empty()) return "no host is named";
  if (host.size() > kMaxHostBytes) return "a host's name is not that long";
  if (has_marshalled_suffix(host)) return "the name carries a marshalled target (CVE-2025-33073)";
  const auto forbidden = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '*' || c == '?' || c == '/' || c == '@' || c == ',';
  };
  if (std::ranges::any_of(host, forbidden)) return "that is no host's name";
  return std::nullopt;
}

bool admits(std::string_view pattern, std::string_view host) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return same(pattern, host);
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return host.size() >= head.size() + tail.size() && same(head, host.substr(0, head.size())) &&
         same(tail, host.substr(host.size() - tail.size()));
}

std::unexpected<Error> refused(std::string_view host, std::string why, std::string hint) {
  return std::unexpected{Error{ErrorCode::policy, "host", Error::kNoOffset,
                               "no NTLM goes to \"" + std::string{host.substr(0, kMaxHostBytes)} + "\": " + std::move(why),
                               std::move(hint)}};
}

}  // namespace

Result<OutgoingRules> OutgoingRules::of(std::vector<std::string> patterns) {
  if (patterns.size() > kMaxOutgoingRules) return fail(ErrorCode::too_large, "OutgoingHosts", Error::kNoOffset, "too many rules");
  for (const std::string& pattern : patterns) {
    std::string without_star = pattern;
    if (const std::size_t star = pattern.find('*'); star != std::string::npos) without_star.erase(star, 1);
    if (pattern == "*") continue;
    if (const auto fault = fault_of(without_star)) {
      return fail(ErrorCode::invalid_input, "OutgoingHosts", Error::kNoOffset, "\"" + pattern + "\": " + *fault);
    }
  }
  OutgoingRules rules;
  rules.patterns_ = std::move(patterns);
  return rules;
}

Result<OutgoingRules> OutgoingRules::for_typed_host(std::string_view host) {
  if (auto fault = fault_of(host)) return refused(host, std::move(*fault), {});
  OutgoingRules rules;
  rules.patterns_.emplace_back(host);
  return rules;
}

Result<OutgoingAllowed> OutgoingRules::judge(std::string_view host) const {
  if (auto fault = fault_of(host)) return refused(host, std::move(*fault), {});
  const auto rule = std::ranges::find_if(patterns_, [&](const std::string& pattern) { return admits(pattern, host); });
  if (rule == patterns_.end()) {
    return refused(host, patterns_.empty() ? "OutgoingHosts is empty" : "no rule of OutgoingHosts admits it",
                   "add the host to OutgoingHosts if it may have this account's response");
  }
  return OutgoingAllowed{std::string{host}, *rule};
}

}  // namespace postern::ntlm
