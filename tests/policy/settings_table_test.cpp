// The evaluator against settings-table.txt: every setting, value, point and stage, one row each.
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/logon_facts.hpp"
#include "support/paths.hpp"

namespace postern::policy {
namespace {

struct Row {
  int line = 0;
  std::string setting{};
  std::vector<std::string> settings{};  // NAME=VALUE, the first is the one asked about
  Point point = Point::server;
  Stage stage = Stage::verified;
  std::vector<std::string> facts{};
  std::string decision{};
  std::string status{};
  std::string source{};
};

std::string trim(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (std::string& part : parts) part = trim(part);
  return parts;
}

/// `A=1, B=x, y` is A=1 and B=x, y: an entry of a list has no `=`.
std::vector<std::string> split_settings(const std::string& text) {
  std::vector<std::string> settings;
  for (const std::string& part : split(text, ',')) {
    if (part.contains('=') || settings.empty()) {
      settings.push_back(part);
    } else {
      settings.back() += ", " + part;
    }
  }
  return settings;
}

std::vector<Row> read_table() {
  std::ifstream file{std::string{POSTERN_SOURCE_DIR} + "/tests/policy/settings-table.txt"};
  EXPECT_TRUE(file);
  std::vector<Row> rows;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto cells = split(line, '|');
    if (cells.size() != 7) {
      ADD_FAILURE() << "line " << number << " has " << cells.size() << " cells";
      continue;
    }
    Row row;
    row.line = number;
    row.settings = split_settings(cells[0]);
    row.setting = row.settings.front().substr(0, row.settings.front().find('='));
    row.point = event::from_name<Point>(cells[1]).value();
    row.stage = event::from_name<Stage>(cells[2]).value();
    row.facts = split(cells[3], ',');
    row.decision = cells[4];
    row.status = cells[5];
    row.source = cells[6];
    rows.push_back(row);
  }
  return rows;
}

Policy policy_of(const Row& row) {
  Policy policy = test::nothing_asked();
  for (const std::string& each : row.settings) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos) continue;  // a fact of the account
    const auto done = set(policy, each.substr(0, equals), each.substr(equals + 1));
    EXPECT_TRUE(done) << "line " << row.line << ": " << (done ? "" : done.error().message);
  }
  return policy;
}

event::Facts facts_of(const Row& row) {
  event::Facts facts = test::usual_facts();
  for (const std::string& word : row.facts) test::set_fact(facts, word);
  return facts;
}

TEST(SettingsTable, EveryRowIsWhatTheEvaluatorSays) {
  const auto rows = read_table();
  ASSERT_GT(rows.size(), 150U);
  for (const Row& row : rows) {
    const Policy policy = policy_of(row);
    const event::Facts facts = facts_of(row);
    const Decisions decisions = evaluate(policy, facts, row.stage, Points{row.point});
    const auto found = std::ranges::find(decisions.entries(), row.setting, &PolicyDecision::setting);
    const std::string said = found == decisions.entries().end() ? "-" : std::string{name_of(found->decision)};
    EXPECT_EQ(said, row.decision) << "line " << row.line << (said == "-" ? "" : ": " + found->why);
    EXPECT_FALSE(row.source.empty()) << "line " << row.line;
    if (found == decisions.entries().end()) continue;
    EXPECT_EQ(found->point, row.point) << "line " << row.line;
    EXPECT_LE(found->stage, row.stage) << "line " << row.line;
    EXPECT_FALSE(found->why.empty() || found->value.empty()) << "line " << row.line;
    EXPECT_EQ(found->why.find_first_of("{}"), std::string::npos) << "line " << row.line << ": " << found->why;
    EXPECT_EQ(found->decision == Decision::deny ? name_of(status_for(*found)) : "", row.status) << "line " << row.line;
  }
}

/// The words of a row, as a twin is compared by them: NAME=VALUE of settings and of facts.
std::multiset<std::string> words(const Row& row) {
  std::multiset<std::string> all{row.facts.begin(), row.facts.end()};
  all.insert(row.settings.begin(), row.settings.end());
  return all;
}

/// One word is another, is added or is left out.
bool is_twin(const Row& a, const Row& b) {
  if (a.setting != b.setting || a.point != b.point) return false;
  const auto left = words(a), right = words(b);
  std::vector<std::string> only_left, only_right;
  std::ranges::set_difference(left, right, std::back_inserter(only_left));
  std::ranges::set_difference(right, left, std::back_inserter(only_right));
  return only_left.size() <= 1 && only_right.size() <= 1;
}

TEST(SettingsTable, EveryAllowHasATwinThatIsDeniedOneWordAway) {
  const auto rows = read_table();
  for (const Row& row : rows) {
    if (row.decision != "allow") continue;
    const bool has_twin =
        std::ranges::any_of(rows, [&](const Row& other) { return other.decision == "deny" && is_twin(row, other); });
    EXPECT_TRUE(has_twin) << "line " << row.line << " is let in, and no row beside it is denied";
  }
}

TEST(SettingsTable, HasEveryValueOfEverySettingAndEverySettingAtItsPoints) {
  std::map<std::string, std::set<std::string>> values;
  std::map<std::string, std::set<Point>> points;
  for (const Row& row : read_table()) {
    for (const std::string& each : row.settings) {
      const std::size_t equals = each.find('=');
      values[each.substr(0, equals)].insert(equals == std::string::npos ? "" : each.substr(equals + 1));
    }
    if (row.decision != "-") points[row.setting].insert(row.point);
  }
  for (const std::string_view name : kSettingNames) {
    EXPECT_TRUE(values.contains(std::string{name})) << name << " has no row";
  }
  // Every value that `set` takes and that is one word; lists and masks have no end of values.
  for (const Setting& setting : settings_of(Policy{})) {
    if (is_list(setting.name)) continue;
    for (const char* value :
         {"0", "1", "2", "3", "4", "5", "7", "never", "when-supported", "always", "loopback", "allow", "refuse", "off"}) {
      Policy policy;
      if (set(policy, setting.name, value)) {
        EXPECT_TRUE(values[std::string{setting.name}].contains(value)) << setting.name << " = " << value << " has no row";
      }
    }
  }
  const std::map<std::string, std::set<Point>> wanted{
      {"LmCompatibilityLevel", {Point::client, Point::account_dc}},
      {"RestrictNTLMInDomain", {Point::server_dc, Point::account_dc}},
      {"AuditNTLMInDomain", {Point::server_dc, Point::account_dc}},
      {"LegacyCrypto", {Point::client, Point::server}},
  };
  for (const auto& [setting, at] : wanted) EXPECT_EQ(points[setting], at) << setting;
}

}  // namespace
}  // namespace postern::policy
