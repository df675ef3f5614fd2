// What posternd keeps of detection over a restart, and what it writes into its log.
#include <fstream>
#include <thread>

#include "account/store_fixture.hpp"
#include "detection_state.hpp"
#include "finding_log.hpp"

namespace postern::posternd {
namespace {

using authority::detection::Detector;
using authority::detection::Observation;

DigestKey key(std::uint8_t first) { return DigestKey{std::array<std::uint8_t, DigestKey::kSize>{first}}; }

Observation logon() {
  Observation seen;
  seen.now = FileTime{134'000'000'000'000'000ULL};
  seen.proof = authority::detection::Proof::verified;
  seen.account = "alice";
  seen.workstation = "WS1";
  seen.service = "web";
  seen.mic = event::Mic::verified;
  return seen;
}
/// What a client that used to send a MIC is told by.
std::size_t findings_without_mic(Detector& detector) {
  Observation seen = logon();
  seen.mic = event::Mic::absent;
  return detector.judge(seen, {}).findings.size();
}

class DetectionStateTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::permissions(directory_.path(), std::filesystem::perms::owner_all); }
  [[nodiscard]] std::string path() const { return directory_.path() / "detection.state"; }
  void run_once(Detector& detector, int logons) {
    const DetectionState state{path(), detector};
    for (int i = 0; i < logons; ++i) detector.observe(logon(), {});
  }
  account::TemporaryDirectory directory_{};
};

TEST_F(DetectionStateTest, WhatWasLearnedIsThereAfterARestartInAFileOfOurOwn) {
  Detector before{key(1)};
  run_once(before, 4);
  EXPECT_EQ(std::filesystem::status(path()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Detector after{key(2)};
  EXPECT_EQ(findings_without_mic(after), 0U);
  run_once(after, 0);
  EXPECT_EQ(findings_without_mic(after), 1U);
}

TEST_F(DetectionStateTest, ADamagedFileIsLeftOutAndWrittenAnew) {
  Detector before{key(1)};
  run_once(before, 4);
  {
    std::fstream file{path(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(60);
    file.put('\x7F');
  }
  Detector after{key(2)};
  run_once(after, 0);
  EXPECT_EQ(findings_without_mic(after), 0U);
  run_once(after, 4);
  Detector again{key(3)};
  run_once(again, 0);
  EXPECT_EQ(findings_without_mic(again), 1U);
}

TEST_F(DetectionStateTest, AFileThatOthersCouldReadIsLeftOut) {
  Detector before{key(1)};
  run_once(before, 4);
  std::filesystem::permissions(path(), std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  Detector after{key(2)};
  run_once(after, 0);
  EXPECT_EQ(findings_without_mic(after), 0U);
}

// ---- the log
// ----------------------------------------------------------------------------------------------------------------------

class Kept final : public event::Sink {
 public:
  Result<void> write(const event::LogonEvent&) override {
    ++events;
    if (fails) return fail(ErrorCode::io, "full");
    return {};
  }
  int events = 0;
  bool fails = false;
};

class FindingLogTest : public testing::Test {
 protected:
  event::LogonEvent event_of(event::Severity severity, std::uint64_t second = 0) {
    event::LogonEvent event;
    event.time.emplace(FileTime{134'000'000'000'000'000ULL + second * FileTime::kTicksPerSecond});
    event.account.domain = "DEMO";
    event.account.name = "alice";
    event.client.address = "192.0.2.10";
    event.client.workstation = "WS\n1\x1b[2J";
    event.server.name = "web";
    event.outcome = event::Outcome::success;
    event.findings = {{"relay-bindings", severity, "the response is bound to another channel", "it came without TLS"}};
    return event;
  }
  std::vector<std::pair<FindingLog::Level, std::string>> lines_{};
  Kept next_{};
  FindingLog log_{&next_, [this](FindingLog::Level level, const std::string& line) { lines_.emplace_back(level, line); }};
};

TEST_F(FindingLogTest, WarningsAndAlarmsAreLinesAndInformationIsNot) {
  ASSERT_TRUE(log_.write(event_of(event::Severity::info)));
  EXPECT_TRUE(lines_.empty());
  ASSERT_TRUE(log_.write(event_of(event::Severity::warning)));
  ASSERT_TRUE(log_.write(event_of(event::Severity::alarm)));
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[0].first, FindingLog::Level::warning);
  EXPECT_EQ(lines_[1].first, FindingLog::Level::error);
  EXPECT_EQ(next_.events, 3) << "each event goes on";
}

TEST_F(FindingLogTest, AClientsNameForgesNoLine) {
  ASSERT_TRUE(log_.write(event_of(event::Severity::alarm)));
  EXPECT_EQ(lines_.at(0).second,
            "finding relay-bindings (alarm): the response is bound to another channel: it came without TLS; account DEMO\\alice, "
            "client 192.0.2.10 WS\\x0a1\\x1b[2J, service web, success, event none");
}

TEST_F(FindingLogTest, AFloodIsCutAndCountedAndAlarmsComeThroughIt) {
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(log_.write(event_of(event::Severity::warning)));
  EXPECT_EQ(lines_.size(), FindingLog::kLinesPerPeriod);
  ASSERT_TRUE(log_.write(event_of(event::Severity::alarm)));
  EXPECT_EQ(lines_.size(), FindingLog::kLinesPerPeriod + 1);
  ASSERT_TRUE(log_.write(event_of(event::Severity::warning, 61)));
  EXPECT_EQ(lines_.at(FindingLog::kLinesPerPeriod + 1).second, "940 more findings are in the events");
  EXPECT_EQ(lines_.size(), FindingLog::kLinesPerPeriod + 3);
  EXPECT_EQ(next_.events, 1'002);
}

TEST_F(FindingLogTest, TheNextSinksErrorIsTheAnswer) {
  next_.fails = true;
  EXPECT_FALSE(log_.write(event_of(event::Severity::alarm)));
  EXPECT_EQ(lines_.size(), 1U);
  FindingLog alone{nullptr, [](FindingLog::Level, const std::string&) {}};
  EXPECT_TRUE(alone.write(event_of(event::Severity::alarm)));
}

}  // namespace
}  // namespace postern::posternd
