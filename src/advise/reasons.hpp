// Why NTLM and not Kerberos: the causes, how each is recognised in a recorded logon, and what cures it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "event/logon_event.hpp"

namespace postern::advise {

struct ReasonRule {
  std::string_view name;                   ///< the event's `reason.name`
  std::optional<std::uint32_t> id;         ///< Windows' NtlmUsageId, where it has one
  std::string_view cause;                  ///< one sentence for a person
  std::string_view evidence;               ///< what proves it, in logs and in packets
  std::span<const std::string_view> cure;  ///< steps, in order
  std::string_view also{};                 ///< how the sensor names it where Windows has no number
};

/// Every cause that is known; of those that share an id the first is the general one.
[[nodiscard]] std::span<const ReasonRule> reason_rules();
/// By `reason.name` or what it is called also, else by `reason.id`; the rule "unknown" if neither says anything.
[[nodiscard]] const ReasonRule& rule_of(const event::Reason& reason);

/// What the facts of a logon say about why it used NTLM, the most certain first; what its observer said comes before all of equal
/// confidence. Empty if nothing does.
[[nodiscard]] std::vector<event::Reason> reasons_of(const event::LogonEvent& event);

}  // namespace postern::advise
