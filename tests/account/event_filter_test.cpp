// Events found by filter: whichever way the search takes, it finds what every filter lets through.
#include <algorithm>
#include <random>

#include "store_fixture.hpp"

namespace postern::account {
namespace {

constexpr std::size_t kEvents = 3'000;

class EventFilterTest : public StoreTest {
 protected:
  struct Stored {
    LogonCommit commit{};
    std::uint64_t sequence = 0;
  };

  void fill() {
    std::mt19937 random{7};
    const auto one_of = [&random](std::vector<std::string> values) { return values[random() % values.size()]; };
    std::vector<LogonCommit> commits;
    for (std::size_t i = 0; i < kEvents; ++i) {
      LogonCommit commit;
      EventRecord& event = commit.event;
      event.id = "id-" + std::to_string(i);
      event.time = FileTime{kNow.ticks() + (i ^ 3U) * 10};  // not quite in order
      event.outcome = one_of({"success", "success", "success", "failure", "blocked"});
      event.version = one_of({"NTLMv2", "NTLMv2", "NTLMv1", ""});
      event.account = one_of({"DEMO\\alice", "DEMO\\bob", "DEMO\\Carol"});
      event.server = one_of({"web", "proxy"});
      event.client = one_of({"192.0.2.1", "192.0.2.2", "2001:db8::1"});
      event.json = "{}";
      if (random() % 10 == 0) commit.tags.push_back(tag_of_finding("relay"));
      if (random() % 10 == 0) commit.tags.push_back(tag_of_setting("RequireMic"));
      stored_.push_back({commit, i + 1});
      commits.push_back(std::move(commit));
    }
    ASSERT_TRUE(store_->commit_logons(commits));
  }

  static bool matches(const EventFilter& filter, const LogonCommit& commit) {
    const EventRecord& event = commit.event;
    const auto has = [&commit](const std::string& tag) { return std::ranges::find(commit.tags, tag) != commit.tags.end(); };
    const auto equal = [](const std::string& wanted, const std::string& is) { return wanted.empty() || wanted == is; };
    return equal(filter.account, event.account) && equal(filter.server, event.server) && equal(filter.version, event.version) &&
           equal(filter.outcome, event.outcome) && equal(filter.client, event.client) &&
           (!filter.from || event.time >= *filter.from) && (!filter.until || event.time < *filter.until) &&
           (filter.finding.empty() || has(tag_of_finding(filter.finding))) &&
           (filter.setting.empty() || has(tag_of_setting(filter.setting)));
  }

  std::vector<Stored> stored_{};
};

TEST_F(EventFilterTest, EveryCombinationOfFiltersFindsWhatAllOfThemLetThrough) {
  fill();
  for (unsigned mask = 0; mask < 256; ++mask) {
    EventFilter filter;
    if (mask & 1U) filter.account = "DEMO\\bob";
    if (mask & 2U) filter.server = "web";
    if (mask & 4U) filter.version = "NTLMv1";
    if (mask & 8U) filter.outcome = (mask & 1U) ? "success" : "failure";
    if (mask & 16U) filter.client = "192.0.2.2";
    if (mask & 32U) filter.finding = "relay";
    if (mask & 64U) filter.setting = "RequireMic";
    if (mask & 128U) {
      filter.from = FileTime{kNow.ticks() + 5'000};
      if (mask & 2U) filter.until = FileTime{kNow.ticks() + 20'000};
    }
    for (const std::uint64_t after : {std::uint64_t{0}, std::uint64_t{1'000}}) {
      std::vector<std::uint64_t> expected;
      for (const Stored& one : stored_) {
        if (one.sequence > after && matches(filter, one.commit)) expected.push_back(one.sequence);
      }
      std::vector<std::uint64_t> found;
      const auto events = store_->list_events(filter, after, kEvents);
      ASSERT_TRUE(events) << line_of(events);
      for (const StoredEvent& event : *events) found.push_back(event.sequence);
      ASSERT_EQ(found, expected) << "mask " << mask << ", after " << after;
      if (after != 0) continue;
      const auto newest = store_->list_last_events(filter, 7);
      ASSERT_TRUE(newest) << line_of(newest);
      std::vector<std::uint64_t> last;
      for (const StoredEvent& event : *newest) last.push_back(event.sequence);
      const std::size_t count = std::min<std::size_t>(7, expected.size());
      ASSERT_EQ(last, std::vector<std::uint64_t>(expected.end() - static_cast<std::ptrdiff_t>(count), expected.end())) << mask;
    }
  }
}

TEST_F(EventFilterTest, TheExtentIsWhatIsKeptAndKnowsWhatWasGivenOnce) {
  EXPECT_EQ(store_->event_extent().value(), (EventExtent{1, 0}));
  fill();
  EXPECT_EQ(store_->event_extent().value(), (EventExtent{1, kEvents}));
  EXPECT_EQ(store_->remove_events_through(10, 4).value(), 4U);
  EXPECT_EQ(store_->event_extent().value(), (EventExtent{5, kEvents}));
  EXPECT_EQ(store_->remove_events_through(10, 100).value(), 6U) << "none after the one that was named";
  while (store_->remove_events_through(kEvents, 1'000).value() > 0) {
  }
  EXPECT_EQ(store_->event_extent().value(), (EventExtent{kEvents + 1, kEvents}));
  reopen();
  EXPECT_EQ(store_->event_extent().value(), (EventExtent{kEvents + 1, kEvents})) << "a number is never given twice";
}

TEST_F(EventFilterTest, EventsOfAnOlderSchemaAreFoundAsNewOnesAre) {
  LogonCommit commit;
  commit.event.id = "old";
  commit.event.outcome = "blocked";
  commit.event.version = "NTLMv1";
  commit.event.json = R"({"client":{"address":"192.0.2.7"},"findings":[{"id":"relay"},{"id":"relay"}],)"
                      R"("policy":[{"setting":"RequireMic","decision":"deny"},{"setting":"ClockSkew","decision":"allow"}]})";
  ASSERT_TRUE(store_->commit_logons({&commit, 1}));
  store_.reset();
  for (const char* later : {"DROP TABLE event_tag", "DROP INDEX event_by_client", "DROP INDEX event_by_server",
                            "ALTER TABLE event DROP COLUMN client", "PRAGMA user_version = 2"}) {
    sql(database(), later);
  }
  reopen();
  for (const EventFilter& filter :
       {EventFilter{.client = "192.0.2.7"}, EventFilter{.finding = "relay"}, EventFilter{.setting = "RequireMic"},
        EventFilter{.version = "NTLMv1"}, EventFilter{.outcome = "blocked"}}) {
    EXPECT_EQ(store_->list_events(filter, 0, 10)->size(), 1U);
  }
  EXPECT_EQ(store_->list_events({.setting = "ClockSkew"}, 0, 10)->size(), 0U) << "it just allowed";
}

TEST_F(EventFilterTest, ATagMayHoldWhatJsonEscapes) {
  LogonCommit commit;
  commit.event.id = "one";
  commit.event.json = "{}";
  for (const std::string id : {"qu\"ote", "back\\slash", "line\nend", "gr\xC3\xBC\xC3\x9F", "], [\""})
    commit.tags.push_back(tag_of_finding(id));
  ASSERT_TRUE(store_->commit_logons({&commit, 1}));
  for (const std::string id : {"qu\"ote", "back\\slash", "line\nend", "gr\xC3\xBC\xC3\x9F", "], [\""}) {
    EXPECT_EQ(store_->list_events({.finding = id}, 0, 10)->size(), 1U) << id;
  }
}

TEST_F(EventFilterTest, R37_TheNumberOfWritesSaysNothingAboutTheEvent) {
  const auto writes_of = [this](const std::string& outcome, std::vector<std::string> tags) {
    LogonCommit commit;
    commit.event.id = outcome + std::to_string(tags.size());
    commit.event.outcome = outcome;
    commit.event.json = "{}";
    commit.tags = std::move(tags);
    const std::uint64_t before = store_->counters().writes;
    EXPECT_TRUE(store_->commit_logons({&commit, 1}));
    return store_->counters().writes - before;
  };
  EXPECT_EQ(writes_of("success", {}), writes_of("failure", {tag_of_finding("a"), tag_of_setting("b")}));
}

TEST_F(EventFilterTest, AnEventWithTooManyTagsIsRefusedWhole) {
  LogonCommit commit;
  commit.event.id = "one";
  commit.event.json = "{}";
  for (std::size_t i = 0; i <= kMaxEventTags; ++i) commit.tags.push_back(tag_of_finding(std::to_string(i)));
  EXPECT_FALSE(store_->commit_logons({&commit, 1}));
  EXPECT_EQ(store_->event_extent()->last, 0U);
  commit.tags.pop_back();
  EXPECT_TRUE(store_->commit_logons({&commit, 1}));
}

}  // namespace
}  // namespace postern::account
