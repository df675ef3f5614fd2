// What `postern what-if` prints; apart from the command, for its snapshot tests.
#pragma once

#include <string>
#include <vector>

#include "advise/what_if.hpp"
#include "postern/output.hpp"

namespace postern::cli {

enum class GroupBy : std::uint8_t { all, client, account, server };

/// One `--set NAME=VALUE`.
struct SetArgument {
  std::string name{};
  std::string value{};
};
[[nodiscard]] Result<std::vector<SetArgument>> parse_sets(const std::vector<std::string>& texts);
/// Lays the settings over every policy. Errors: those of policy::set.
[[nodiscard]] Result<void> apply_sets(advise::Policies& policies, const std::vector<SetArgument>& sets);

/// The form of docs/json.md. `limit` groups of each kind at most.
[[nodiscard]] Json what_if_json(const advise::Report& report, const std::vector<SetArgument>& sets, GroupBy by, std::size_t limit);
/// The same for a person.
[[nodiscard]] std::string what_if_text(const advise::Report& report, const std::vector<SetArgument>& sets, GroupBy by,
                                       std::size_t limit);

}  // namespace postern::cli
