// Retention: what is over the limits goes, a little at a time, while logons go on.
#include "authority/retention.hpp"

#include <chrono>
#include <thread>

#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

constexpr std::uint64_t kDayTicks = 86'400ULL * FileTime::kTicksPerSecond;

class RetentionTest : public AuthorityTest {
 protected:
  /// `count` events, one a minute, the last one now.
  void fill(std::size_t count) {
    std::vector<account::LogonCommit> commits;
    for (std::size_t i = 0; i < count; ++i) {
      account::LogonCommit commit;
      commit.event.id = "event-" + std::to_string(i);
      commit.event.time = FileTime{environment_.now().ticks() - (count - i) * 60 * FileTime::kTicksPerSecond};
      commit.event.outcome = "failure";
      commit.event.json = "{}";
      commits.push_back(std::move(commit));
    }
    ASSERT_TRUE(store_->commit_logons(commits));
  }
  std::size_t kept() {
    const account::EventExtent extent = store_->event_extent().value();
    return static_cast<std::size_t>(extent.last + 1 - extent.first);
  }
};

TEST_F(RetentionTest, WithoutLimitsNothingGoes) {
  fill(1'000);
  EXPECT_EQ(remove_one_batch(*store_, {}, environment_.now()).value(), 0U);
  EXPECT_EQ(kept(), 1'000U);
}

TEST_F(RetentionTest, OneBatchIsSmallAndTheOldestGoFirst) {
  fill(1'000);
  EXPECT_EQ(remove_one_batch(*store_, {.max_events = 100}, environment_.now()).value(), kRetentionBatch);
  EXPECT_EQ(store_->event_extent()->first, kRetentionBatch + 1);
  while (remove_one_batch(*store_, {.max_events = 100}, environment_.now()).value() > 0) {
  }
  EXPECT_EQ(kept(), 100U);
  EXPECT_EQ(store_->list_events({.outcome = "failure"}, 0, 1'000)->size(), 100U) << "what finds them goes with them";
}

TEST_F(RetentionTest, WhatIsOlderThanTheDaysGoesAndTheRestStays) {
  fill(3'000);  // the oldest is 50 hours old
  while (remove_one_batch(*store_, {.age = std::chrono::days{1}}, environment_.now()).value() > 0) {
  }
  EXPECT_EQ(kept(), 24U * 60);
  EXPECT_EQ(remove_one_batch(*store_, {.age = std::chrono::days{1}}, FileTime{kDayTicks / 2}).value(), 0U) << "a clock before 1601";
}

TEST_F(RetentionTest, R33_AFullTableShrinksWhileLogonsGoOn) {
  fill(4'000);
  Retention retention{*store_, environment_, {.max_events = 50}};
  int logons = 0;
  for (; logons < 2'000 && kept() > 100; ++logons) ASSERT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_GT(logons, 1) << "the table was gone before anybody logged on";
  for (int i = 0; i < 2'000 && kept() > 50; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_EQ(kept(), 50U);
  EXPECT_GE(retention.counters().removed, 3'950U);
  EXPECT_EQ(retention.counters().failures, 0U);
}

TEST_F(RetentionTest, NewLimitsCountAtOnce) {
  fill(300);
  Retention retention{*store_, environment_, {}};
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  EXPECT_EQ(kept(), 300U);
  retention.set_limits({.max_events = 10});
  for (int i = 0; i < 500 && kept() > 10; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_EQ(kept(), 10U);
}

}  // namespace
}  // namespace postern::authority
