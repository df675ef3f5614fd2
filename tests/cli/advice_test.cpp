// What what-if, exceptions, inventory and explain print: forms, commands from end to end, and what they refuse.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/wait.h>

#include "advise/support_events.hpp"
#include "postern/event_source.hpp"
#include "postern/exceptions.hpp"
#include "postern/inventory_view.hpp"
#include "postern/progress.hpp"
#include "postern/what_if.hpp"
#include "support/paths.hpp"

namespace postern::cli {
namespace {

using advise::recorded_logon;

/// tests/cli/snapshots/NAME.json is the form; POSTERN_UPDATE_SNAPSHOTS=1 writes it anew, for review.
void expect_snapshot(const std::string& name, const Json& object) {
  const std::string path = std::string{POSTERN_SOURCE_DIR} + "/tests/cli/snapshots/" + name + ".json";
  const std::string text = object.dump(2) + "\n";
  if (std::getenv("POSTERN_UPDATE_SNAPSHOTS") != nullptr) std::ofstream{path} << text;
  std::ifstream file{path};
  std::stringstream kept;
  kept << file.rdbuf();
  EXPECT_EQ(text, kept.str()) << path;
}

std::vector<event::LogonEvent> a_few_logons() {
  std::vector<event::LogonEvent> events{recorded_logon(1, "alice", "web"), recorded_logon(2, "bob", "web"),
                                        recorded_logon(3, "bob", "db")};
  events[1].ntlm.channel_binding = event::ChannelBinding::absent;
  events[2].ntlm.spn = "MSSQLSvc/192.0.2.3:1433";
  events[2].findings = {{"ntlm-to-address", event::Severity::warning, "a logon to an address", {}}};
  return events;
}

TEST(AdviceSnapshot, FormsStayAsDocumented) {
  const auto events = a_few_logons();
  const auto sets = parse_sets({"ExtendedProtection=always"});
  ASSERT_TRUE(sets);
  advise::Policies policies;
  ASSERT_TRUE(apply_sets(policies, *sets));
  expect_snapshot("what-if", what_if_json(advise::what_if(policies, events), *sets, GroupBy::all, 10));

  std::vector<inventory::Dependency> all;
  for (const auto& event : events) all.push_back(inventory::dependency_of(event));
  sort_by(all, SortBy::account);
  expect_snapshot("inventory", inventory_json(all, {3, 3, 1}));
  expect_snapshot("inventory-groups", groups_json(all, GroupDependenciesBy::account));
  const inventory::Dependency last = inventory::dependency_of(events[2]);
  Json explained = explain_json(last, advise::explain(last));
  EXPECT_EQ(explained["reasons"][0]["name"], "ip-address");
  explained.erase("policy");  // grows with the settings; its form is that of a decision
  expect_snapshot("explain", explained);

  advise::Exceptions exceptions;
  exceptions.kept = 5;
  exceptions.lists.push_back({"DCAllowedNTLMServers", {{"DB*", true, 5, 1, {"DB9"}}}, true, 1, 0});
  expect_snapshot("exceptions", exceptions_json(exceptions));
}

TEST(Inventory, CsvQuotesAndDisarmsFormulas) {
  event::LogonEvent event = recorded_logon(1, "=cmd|' /C calc'!A0", "a \"quoted\", one");
  event.account.domain.reset();
  const std::string csv = inventory_csv({inventory::dependency_of(event)});
  EXPECT_NE(csv.find(",'=cmd|' /C calc'!A0,\"a \"\"quoted\"\", one\","), std::string::npos) << csv;
  const std::string header = csv.substr(0, csv.find("\r\n"));
  EXPECT_EQ(header.substr(0, 10), "id,client,");
}

TEST(Inventory, FiltersAsNamesAndSortsTheMostFirst) {
  std::vector<inventory::Dependency> all;
  for (const auto& event : a_few_logons()) all.push_back(inventory::dependency_of(event));
  all[2].events = 9;
  EXPECT_EQ(filtered(all, {.account = "demo\\BOB"}).size(), 2U);
  EXPECT_EQ(filtered(all, {.server = "nowhere"}).size(), 0U);
  sort_by(all, SortBy::events);
  EXPECT_EQ(all.front().events, 9U);
  sort_by(all, SortBy::severity);
  EXPECT_TRUE(all.front().finding);
}

TEST(WhatIfArguments, SettingsAreNameAndValueAndAWrongOneIsWrongUsage) {
  EXPECT_EQ(parse_sets({"RequireMic"}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(parse_sets({"=always"}).error().code, ErrorCode::invalid_input);
  advise::Policies policies;
  policies.by_service["web"] = {};
  ASSERT_TRUE(apply_sets(policies, {{"requiremic", "always"}}));
  EXPECT_EQ(policies.by_service["web"].require_mic, policy::Level::always);
  EXPECT_EQ(apply_sets(policies, {{"Nope", "1"}}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(apply_sets(policies, {{"RequireMic", "perhaps"}}).error().code, ErrorCode::invalid_input);
}

TEST(Moments, AreTimesOrAges) {
  const FileTime now{134'000'000'000'000'000};
  EXPECT_EQ(moment_from("1d", now)->file_time().ticks(), now.ticks() - 86'400ULL * FileTime::kTicksPerSecond);
  EXPECT_EQ(moment_from("90m", now), moment_from("5400s", now));
  EXPECT_TRUE(moment_from("2026-11-25T00:00:00Z", now));
  for (const char* wrong : {"", "d", "1", "1w", "-1d", "1dd", "99999999999999d", "yesterday"}) {
    EXPECT_FALSE(moment_from(wrong, now)) << wrong;
  }
}

TEST(Progress, SaysHowMuchHowFastAndHowLong) {
  EXPECT_EQ(progress_line("events", 500, 0.5, 2), "[############............]  50 %  500 events  250/s  2 s left");
  EXPECT_EQ(progress_line("events", 500, -1, 2), "500 events  250/s");
}

class AdviceCommands : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "postern-advice-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    for (const auto& event : a_few_logons()) append(event::to_json(event) + "\n");
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  void append(const std::string& text) const { std::ofstream{folder_ / "events.jsonl", std::ios::app} << text; }
  int run(const std::string& arguments) {
    const std::string command = std::string{POSTERN_BINARY_DIR} + "/bin/postern " + arguments + " 2>" + (folder_ / "err").string();
    out_.clear();
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return -1;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out_.push_back(static_cast<char>(c));
    const int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  Json json(const std::string& arguments) {
    run(arguments + " --json");
    return Json::parse(out_, nullptr, false);
  }
  [[nodiscard]] std::string events() const { return (folder_ / "events.jsonl").string(); }
  [[nodiscard]] std::string store(const char* name = "i.db") const { return " --store " + (folder_ / name).string(); }

  std::filesystem::path folder_{};
  std::string out_{};
};

TEST_F(AdviceCommands, WhatIfAnswersByItsExitCode) {
  EXPECT_EQ(run("what-if --events " + events()), 0) << out_;
  EXPECT_EQ(run("what-if --set ExtendedProtection=always --events " + events()), 1);
  EXPECT_NE(out_.find("WOULD BE BLOCKED"), std::string::npos);
  EXPECT_EQ(run("what-if --set ExtendedProtection=always --account 'demo\\alice' --events " + events()), 0);
  EXPECT_EQ(run("what-if --set Nope=1 --events " + events()), 2);
  EXPECT_EQ(run("what-if --since soon --events " + events()), 2);
  EXPECT_EQ(run("what-if --events /no/such/file"), 3);
  EXPECT_EQ(json("what-if --events " + folder_.string())["events"], 3) << "a folder, by its *.jsonl";
  EXPECT_EQ(json("what-if --events - <" + events())["events"], 3);
}

TEST_F(AdviceCommands, ABadLineIsNamedAndTheOthersCount) {
  append("{\"schema\":9}\n");
  EXPECT_EQ(json("what-if --events " + events())["events"], 3);
  std::ifstream error{folder_ / "err"};
  std::string first;
  std::getline(error, first);
  EXPECT_NE(first.find("line 4"), std::string::npos) << first;
}

TEST_F(AdviceCommands, AddingAFileAgainChangesNothingAndAGrownOneAddsWhatIsNew) {
  EXPECT_EQ(run("inventory" + store()), 1) << "there is none yet";
  Json added = json("inventory add " + events() + store());
  EXPECT_EQ(added["added"], 3);
  added = json("inventory add " + events() + store());
  EXPECT_EQ(added["added"], 0);
  EXPECT_EQ(added["already_in"], 3);
  append(event::to_json(recorded_logon(9, "carol", "web")) + "\n");
  added = json("inventory add " + events() + store());
  EXPECT_EQ(added["added"], 1);
  EXPECT_EQ(added["events"], 4);
  const Json all = json("inventory" + store());
  EXPECT_EQ(all["events"], 4);
  EXPECT_EQ(all["dependencies"].size(), 4U);
  EXPECT_EQ(json("inventory --reason ip-address --group server" + store())["groups"].size(), 0U)
      << "no observer said so; explain infers it";
}

TEST_F(AdviceCommands, ExplainTakesTheFirstDigitsOfAnId) {
  ASSERT_EQ(run("inventory add " + events() + store()), 0);
  const std::string id = json("inventory --server db" + store())["dependencies"][0]["id"];
  EXPECT_EQ(json("explain " + id + store())["reasons"][0]["name"], "ip-address");
  EXPECT_EQ(run("explain " + id.substr(0, 8) + store()), 0);
  EXPECT_NE(out_.find("the cure:"), std::string::npos);
  EXPECT_EQ(run("explain " + id.substr(0, 2) + store()), 1);
  EXPECT_EQ(run("explain 0000000000000000" + store()), 1);
}

TEST_F(AdviceCommands, StoresMergeAgainAndAgain) {
  ASSERT_EQ(run("inventory add " + events() + store("a.db")), 0);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(run("inventory merge " + (folder_ / "a.db").string() + store("b.db")), 0) << out_;
  EXPECT_EQ(json("inventory" + store("b.db"))["events"], 3);
  EXPECT_EQ(run("inventory merge /no/such.db" + store("b.db")), 3);
}

TEST_F(AdviceCommands, HelpHasAnExample) {
  for (const char* command : {"what-if", "exceptions", "inventory", "inventory add", "inventory merge", "explain"}) {
    EXPECT_EQ(run(std::string{command} + " --help"), 0) << command;
    EXPECT_NE(out_.find("Example:"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace postern::cli
