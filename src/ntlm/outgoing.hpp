// Where NTLM may go (R25). A client that answers whoever asks hands its user's response to the first hostile host that a document,
// a mail or a redirect names; so a host without a rule gets nothing, and the default is no rule.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace postern::ntlm {

inline constexpr std::size_t kMaxOutgoingRules = 4096;
inline constexpr std::size_t kMaxHostBytes = 255;  ///< of a host and of a pattern

/// A rule admits this host. Made by `OutgoingRules::judge` alone.
class OutgoingAllowed {
 public:
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] const std::string& rule() const { return rule_; }  ///< for the log

 private:
  friend class OutgoingRules;
  OutgoingAllowed(std::string host, std::string rule) : host_{std::move(host)}, rule_{std::move(rule)} {}

  std::string host_;
  std::string rule_;
};

/// Patterns of hosts: names or addresses, ASCII case does not count, and one `*` anywhere stands for any text.
class OutgoingRules {
 public:
  /// Nothing is admitted.
  OutgoingRules() = default;
  /// Errors: `invalid_input` for a pattern that is empty, has a second `*`, a `?`, `/`, `@`, a blank or a control character, or a
  /// marshalled target suffix; `too_large`.
  [[nodiscard]] static Result<OutgoingRules> of(std::vector<std::string> patterns);
  /// A person named this host: it is admitted, and no other. Errors: `policy` as from `judge`, for a name that no rule admits.
  [[nodiscard]] static Result<OutgoingRules> for_typed_host(std::string_view host);

  [[nodiscard]] bool empty() const { return patterns_.empty(); }
  /// Errors: `policy`, with what to change in the hint. A name that is no host, or carries a marshalled target suffix (R24), is
  /// refused whatever the rules.
  [[nodiscard]] Result<OutgoingAllowed> judge(std::string_view host) const;

 private:
  std::vector<std::string> patterns_{};
};

}  // namespace postern::ntlm
