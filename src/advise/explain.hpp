// The story of one dependency: why NTLM, what each step of a Windows policy would do to it, and its cure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "advise/reasons.hpp"
#include "advise/what_if.hpp"
#include "inventory/dependency.hpp"

namespace postern::advise {

/// A step of hardening, alone, over a policy that allows everything.
struct Step {
  std::string_view setting{};
  std::string_view value{};
  Prediction prediction{};  ///< of the newest logon, as if it had succeeded
};

struct Explanation {
  std::vector<event::Reason> reasons{};  ///< the most certain first
  const ReasonRule* rule = nullptr;      ///< of the first reason, or "unknown"; lives as long as the program
  std::vector<Step> steps{};
};

/// Of the bucket "other", and of one whose example cannot be read, the reasons are those that were kept, and no step is taken.
[[nodiscard]] Explanation explain(const inventory::Dependency& dependency);

}  // namespace postern::advise
