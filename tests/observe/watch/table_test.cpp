// The table of dependencies, as it would stand on a terminal.
#include "postern-watch/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postern-watch/screen.hpp"

namespace postern::watch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

event::LogonEvent logon(std::string client, std::string account, std::string server, std::uint64_t second) {
  event::LogonEvent event;
  event.time = event::Timestamp{FileTime{133'000'000'000'000'000 + second * FileTime::kTicksPerSecond}};
  event.client.address = std::move(client);
  event.account.domain = "LAB";
  event.account.name = std::move(account);
  event.account.kind = event::AccountKind::domain;
  event.server.name = std::move(server);
  event.server.service = event::Service::smb;
  event.package = event::Package::ntlm;
  event.ntlm.version = event::NtlmVersion::ntlm_v2;
  event.outcome = event::Outcome::success;
  event.reason.id = 7;
  event.reason.name = "target is an IP address";
  event.reason.confidence = event::Confidence::proved;
  return event;
}
event::Finding relay() { return {"relay", event::Severity::alarm, "a logon was relayed: victim 10.0.0.17", "frames 1 and 2"}; }

DependencyTable three() {
  DependencyTable table;
  for (std::uint64_t i = 0; i < 3; ++i) table.add(logon("10.0.0.17", "alice", "fs1.lab.test", i));
  table.add(logon("10.0.0.18", "bob", "web1", 60));
  event::LogonEvent relayed = logon("10.0.0.66", "carol", "dc1", 30);
  relayed.ntlm.version = event::NtlmVersion::ntlm_v1;
  relayed.reason = {};
  relayed.findings = {relay()};
  table.add(relayed);
  return table;
}

TEST(DependencyTable, HasALineForEachDependencyTheWorstFirstThenTheLatest) {
  EXPECT_THAT(three().lines({110, 0}, "postern watch  eth0"),
              ElementsAre("postern watch  eth0", "5 logons  3 dependencies  1 alarms  0 warnings",
                          "LAST      COUNT  CLIENT     SERVER        SERVICE  ACCOUNT    VERSION  WHY NTLM    WORST",
                          "04:27:10      1  10.0.0.66  dc1           smb      LAB\\carol  NTLMv1               relay",
                          "04:27:40      1  10.0.0.18  web1          smb      LAB\\bob    NTLMv2   IP address",
                          "04:26:42      3  10.0.0.17  fs1.lab.test  smb      LAB\\alice  NTLMv2   IP address", "",
                          "alarm: a logon was relayed: victim 10.0.0.17"));
}

TEST(DependencyTable, FitsEveryWidthAndLeavesOutWhatMattersLeast) {
  const DependencyTable table = three();
  for (std::size_t columns = 1; columns < 200; ++columns) {
    for (const std::string& line : table.lines({columns, 0}, "postern watch  eth0")) {
      ASSERT_LE(display_width(line), columns) << line;
    }
  }
  EXPECT_THAT(table.lines({80, 0}, "x")[4], HasSubstr("IP addr")) << "the reason is seen on a usual terminal";
  const auto told = table.lines({30, 0}, "x");
  EXPECT_EQ(told[told.size() - 2], "alarm: a logon was relayed:") << "told whole, in several lines";
  EXPECT_EQ(told.back(), "  victim 10.0.0.17");
  const auto narrow = table.lines({50, 0}, "x");
  EXPECT_THAT(narrow[2], HasSubstr("CLIENT"));
  EXPECT_THAT(narrow[2], HasSubstr("ACCOUNT"));
  EXPECT_THAT(narrow[2], Not(HasSubstr("SERVICE")));
  EXPECT_THAT(narrow[3], HasSubstr("10.0.0.66"));
}

TEST(DependencyTable, FitsEveryHeightAndSaysWhatItHides) {
  DependencyTable table;
  for (std::uint64_t i = 0; i < 50; ++i) table.add(logon("10.0.1." + std::to_string(i), "alice", "fs1", i));
  for (std::size_t rows = 1; rows < 60; ++rows) EXPECT_LE(table.lines({80, rows}, "x").size(), rows) << rows;
  const auto lines = table.lines({80, 24}, "x");
  ASSERT_EQ(lines.size(), 24U);
  EXPECT_EQ(lines.back(), "and 30 more");
  EXPECT_EQ(table.lines({80, 53}, "x").size(), 53U) << "nothing is hidden";
}

TEST(DependencyTable, ColoursFindingsOnlyWhereColoursAreWanted) {
  EXPECT_THAT(three().lines({110, 0, Colour::on}, "x")[3], HasSubstr("\x1b[1;31m"));
  for (const std::string& line : three().lines({110, 0, Colour::off}, "x")) EXPECT_THAT(line, Not(HasSubstr("\x1b")));
}

TEST(DependencyTable, LetsNoNameSpeakToTheTerminal) {
  DependencyTable table;
  event::LogonEvent event = logon("10.0.0.1", "a\x1b[2Jb", "fs1\x07", 0);
  event.findings = {{"relay", event::Severity::alarm, "victim \x1b]0;owned\x07", "frame 1"}};
  table.add(event);
  for (const std::string& line : table.lines({150, 0}, "x")) {
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
    EXPECT_EQ(line.find('\x07'), std::string::npos) << line;
  }
}

TEST(DependencyTable, R36_KeepsALimitedNumberOfDependenciesAndCountsTheOthers) {
  DependencyTable table;
  const std::size_t many = DependencyTable::kMaxDependencies + 5;
  for (std::size_t i = 0; i < many; ++i) table.add(logon("10.0.0.1", "user" + std::to_string(i), "fs1", 0));
  const auto lines = table.lines({100, 0}, "x");
  EXPECT_EQ(lines.size(), DependencyTable::kMaxDependencies + 4);
  EXPECT_THAT(lines.back(), HasSubstr("5  (others)"));
  EXPECT_THAT(lines[1], HasSubstr(std::to_string(many) + " logons"));
}

TEST(DependencyTable, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width("Zoë"), 3U);
  EXPECT_EQ(display_width("王"), 2U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U) << "a combining accent";
  EXPECT_EQ(fitted("王王王", 4), "王… ");
  EXPECT_EQ(fitted("abc", 5), "abc  ");
  EXPECT_EQ(fitted("abcdef", 3), "ab…");
  EXPECT_EQ(fitted("abc", 0), "");
}

TEST(Screen, DrawsEachLineOverTheOneBeforeAndClearsTheRest) {
  EXPECT_EQ(drawing_of({"one", "two"}), "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
}

}  // namespace
}  // namespace postern::watch
