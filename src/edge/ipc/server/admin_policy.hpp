// Admin requests about policy: what is in force, and to read the policy file anew.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "authority/authority.hpp"
#include "base/result.hpp"

namespace postern::ipc {

/// Where the policy comes from.
struct PolicySource {
  std::string file{};                      ///< the policy file; empty: there is none
  std::function<Result<void>()> reload{};  ///< takes what the files say now, or leaves everything as it is (R38)
};

/// Answers `policy.show` and `policy.reload`; nothing for another operation. Errors of a reload name file, line and key.
[[nodiscard]] std::optional<Result<nlohmann::ordered_json>> policy_operation(std::string_view operation,
                                                                             const nlohmann::ordered_json& request,
                                                                             const authority::Authority& authority,
                                                                             const PolicySource& source);

}  // namespace postern::ipc
