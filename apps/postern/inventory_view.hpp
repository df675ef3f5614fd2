// How `postern inventory` and `postern explain` show dependencies.
#pragma once

#include <string>
#include <vector>

#include "advise/explain.hpp"
#include "inventory/store.hpp"
#include "postern/output.hpp"

namespace postern::cli {

enum class SortBy : std::uint8_t { events, last_seen, first_seen, severity, client, account, server };
enum class GroupDependenciesBy : std::uint8_t { none, server, client, account, version, reason };

/// Texts compare as names; empty = any.
struct DependencyFilter {
  std::string client{}, account{}, server{};
  std::string service{}, version{}, reason{};
};

[[nodiscard]] std::vector<inventory::Dependency> filtered(std::vector<inventory::Dependency> all, const DependencyFilter& filter);
/// The most, the newest and the worst first; names in order.
void sort_by(std::vector<inventory::Dependency>& all, SortBy by);

/// The form of docs/json.md. A group is {name, dependencies, events, first_seen, last_seen, severity}.
[[nodiscard]] Json dependency_json(const inventory::Dependency& dependency);
[[nodiscard]] Json groups_json(const std::vector<inventory::Dependency>& all, GroupDependenciesBy by);
[[nodiscard]] Json inventory_json(const std::vector<inventory::Dependency>& shown, const inventory::Totals& totals);
/// RFC 4180, a header line first; a field that a spreadsheet would take for a formula gets an apostrophe before it.
[[nodiscard]] std::string inventory_csv(const std::vector<inventory::Dependency>& shown);
[[nodiscard]] std::string inventory_text(const std::vector<inventory::Dependency>& shown, const inventory::Totals& totals);
[[nodiscard]] std::string groups_text(const std::vector<inventory::Dependency>& all, GroupDependenciesBy by);

[[nodiscard]] Json explain_json(const inventory::Dependency& dependency, const advise::Explanation& explanation);
[[nodiscard]] std::string explain_text(const inventory::Dependency& dependency, const advise::Explanation& explanation);

}  // namespace postern::cli
