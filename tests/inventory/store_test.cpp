// The store: a batch counts once, stores merge in any order, a kill loses nothing.
#include "inventory/store.hpp"

#include <chrono>
#include <csignal>
#include <gtest/gtest.h>
#include <numeric>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "inventory/database.hpp"
#include "inventory_support.hpp"

namespace postern::inventory {
namespace {

template <typename T>
std::string line_of(const Result<T>& result) {
  return result ? "" : result.error().to_line();
}

Store opened(const std::string& path, std::size_t cap = kMaxDependencies) {
  auto store = Store::open(path, cap);
  if (!store) throw std::runtime_error{line_of(store)};
  return std::move(*store);
}

std::vector<Dependency> all_of(Store& store) {
  auto all = store.dependencies();
  EXPECT_TRUE(all) << line_of(all);
  return all.value_or(std::vector<Dependency>{});
}

TEST(InventoryStore, WhatWasMergedComesBackAsItWasCounted) {
  TemporaryDirectory directory;
  std::mt19937 random{1};
  std::vector<event::LogonEvent> events;
  for (int i = 0; i < 500; ++i) events.push_back(random_event(random));
  std::map<std::string, Dependency> expected;
  for (const event::LogonEvent& event : events) {
    Dependency one = dependency_of(event);
    const auto [at, is_new] = expected.try_emplace(one.id(), one);
    if (!is_new) combine(at->second, one);
  }
  {
    Store store = opened(directory.file("a.db"));
    const std::span all{events};
    ASSERT_TRUE(store.merge({"s", 1, 1}, all.first(200)));
    ASSERT_TRUE(store.merge({"s", 2, 2}, all.subspan(200)));
  }
  Store again = opened(directory.file("a.db"));
  const auto found = all_of(again);
  ASSERT_EQ(found.size(), expected.size());
  for (const Dependency& dependency : found) EXPECT_EQ(dependency, expected.at(dependency.id())) << dependency.key.account;
  EXPECT_EQ(again.totals()->events, 500U);
}

TEST(InventoryStore, ABatchCountsOnceAndAPartOfOneIsRefused) {
  TemporaryDirectory directory;
  Store store = opened(directory.file("a.db"));
  const std::vector events{alice_at()};
  EXPECT_EQ(store.merge({"s", 1, 5}, events).value(), Merged::now);
  EXPECT_EQ(store.merge({"s", 1, 5}, events).value(), Merged::before);
  EXPECT_EQ(store.merge({"s", 2, 3}, events).value(), Merged::before);
  EXPECT_EQ(store.merge({"s", 5, 6}, events).error().code, ErrorCode::conflict);
  EXPECT_EQ(store.merge({"s", 6, 6}, events).value(), Merged::now);
  EXPECT_EQ(store.merge({"t", 1, 5}, events).value(), Merged::now) << "another stream";
  EXPECT_EQ(store.totals()->events, 3U);
  EXPECT_EQ(store.merged_up_to("s").value(), 6U);
  EXPECT_EQ(store.merged_up_to("s", 9).value(), 8U);
  EXPECT_EQ(store.merged_up_to("u").value(), 0U);
  EXPECT_EQ(store.merge({"", 1, 1}, events).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(store.merge({"s", 0, 1}, events).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(store.merge({"s", 9, 8}, events).error().code, ErrorCode::invalid_input);
}

TEST(InventoryStore, AnyOrderAndRepetitionOfBatchesGivesTheSameInventory) {
  TemporaryDirectory directory;
  std::mt19937 random{7};
  std::vector<std::vector<event::LogonEvent>> batches(12);
  for (auto& batch : batches) {
    for (unsigned i = 0; i < 1 + random() % 40; ++i) batch.push_back(random_event(random));
  }
  std::vector<Dependency> first;
  for (int round = 0; round < 6; ++round) {
    Store store = opened(directory.file(std::to_string(round) + ".db"));
    std::vector<std::size_t> order(batches.size());
    std::iota(order.begin(), order.end(), 0U);
    order.insert(order.end(), order.begin(), order.begin() + round);  // some twice
    std::ranges::shuffle(order, random);
    for (const std::size_t i : order) ASSERT_TRUE(store.merge({"s" + std::to_string(i % 3), i + 1, i + 1}, batches[i]));
    if (round == 0) first = all_of(store);
    EXPECT_EQ(all_of(store), first) << "round " << round;
  }
  EXPECT_FALSE(first.empty());
}

TEST(InventoryStore, StoresMergeInAnyOrderAgainAndAgain) {
  TemporaryDirectory directory;
  std::mt19937 random{3};
  Store direct = opened(directory.file("direct.db"));
  for (int sensor = 0; sensor < 3; ++sensor) {
    const std::string name = "sensor" + std::to_string(sensor);
    Store store = opened(directory.file(name + ".db"));
    for (std::uint64_t batch = 1; batch <= 4; ++batch) {
      std::vector<event::LogonEvent> events;
      for (int i = 0; i < 30; ++i) events.push_back(random_event(random));
      ASSERT_TRUE(store.merge({name, batch, batch}, events));
      ASSERT_TRUE(direct.merge({name, batch, batch}, events));
    }
  }
  const auto expected = all_of(direct);
  const auto file = [&](int sensor) { return directory.file("sensor" + std::to_string(sensor) + ".db"); };
  for (const std::vector<int>& order : {std::vector{0, 1, 2}, std::vector{2, 0, 1, 0, 2}}) {
    Store sum = opened(directory.file("sum" + std::to_string(order.size()) + ".db"));
    for (const int sensor : order) ASSERT_TRUE(sum.merge_store(file(sensor)));
    EXPECT_EQ(all_of(sum), expected);
  }
  // By way of another store, and once more directly.
  Store sum = opened(directory.file("way.db"));
  const auto way = sum.merge_store(directory.file("sum5.db"));
  ASSERT_TRUE(way) << line_of(way);
  EXPECT_EQ(way->origins_taken, 4U) << "sum5 itself is an empty one";
  EXPECT_EQ(sum.merge_store(file(0))->origins_taken, 0U);
  EXPECT_EQ(all_of(sum), expected);
}

TEST(InventoryStore, AnOriginThatGrewReplacesItsOlderState) {
  TemporaryDirectory directory;
  Store sensor = opened(directory.file("sensor.db"));
  Store sum = opened(directory.file("sum.db"));
  ASSERT_TRUE(sensor.merge({"s", 1, 1}, std::vector{alice_at(1)}));
  ASSERT_TRUE(sum.merge_store(directory.file("sensor.db")));
  ASSERT_TRUE(sensor.merge({"s", 2, 2}, std::vector{alice_at(2)}));
  EXPECT_EQ(sum.merge_store(directory.file("sensor.db"))->origins_taken, 1U);
  EXPECT_EQ(sum.totals()->events, 2U);
  EXPECT_EQ(sum.merge({"s", 2, 2}, std::vector{alice_at(2)}).value(), Merged::before) << "the ledger came along";
}

TEST(InventoryStore, WhatWouldCountTwiceIsRefusedAndChangesNothing) {
  TemporaryDirectory directory;
  Store a = opened(directory.file("a.db"));
  Store b = opened(directory.file("b.db"));
  ASSERT_TRUE(a.merge({"file", 1, 3}, std::vector{alice_at(1)}));
  ASSERT_TRUE(b.merge({"file", 2, 2}, std::vector{alice_at(1)}));
  EXPECT_EQ(a.merge_store(directory.file("b.db")).error().code, ErrorCode::conflict);
  EXPECT_EQ(a.totals()->events, 1U);
  EXPECT_EQ(a.totals()->origins, 1U);
}

TEST(InventoryStore, WhatIsOverTheCapIsCountedInTheBucket) {
  TemporaryDirectory directory;
  Store store = opened(directory.file("a.db"), 3);
  std::vector<event::LogonEvent> events;
  for (int i = 0; i < 10; ++i) {
    events.push_back(alice_at());
    events.back().account.name = "user" + std::to_string(i);
  }
  ASSERT_TRUE(store.merge({"s", 1, 1}, events));
  const auto all = all_of(store);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all.back().id(), "other");
  EXPECT_EQ(all.back().events, 7U);
  EXPECT_EQ(all.back().example, "");
  EXPECT_EQ(store.totals()->events, 10U);
  ASSERT_TRUE(store.merge({"s", 2, 2}, events));
  EXPECT_EQ(all_of(store).front().events, 2U) << "what is in goes on being counted";
}

TEST(InventoryStore, TheFileIsItsOwnersAndNobodyElsesDatabaseIsTouched) {
  TemporaryDirectory directory;
  static_cast<void>(opened(directory.file("a.db")));
  struct stat status{};
  ASSERT_EQ(::stat(directory.file("a.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(Store::open_to_read(directory.file("none.db")).error().code, ErrorCode::not_found);
  sqlite3* foreign = nullptr;
  ASSERT_EQ(sqlite3_open(directory.file("foreign.db").c_str(), &foreign), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(foreign, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(foreign);
  EXPECT_EQ(Store::open(directory.file("foreign.db")).error().code, ErrorCode::denied);
  EXPECT_EQ(open_database(directory.file("a.db"), sqlite::Access::write, {}).error().code, ErrorCode::unsupported)
      << "a newer schema";
}

TEST(InventoryStore, AKillAtAnyMomentLeavesWholeBatchesAndLosesNoneThatReturned) {
  TemporaryDirectory directory;
  std::mt19937 random{11};
  const std::string path = directory.file("a.db");
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      auto store = Store::open(path);
      if (!store) ::_exit(4);
      const std::vector events{alice_at(1), alice_at(2), alice_at(86'400)};
      auto reached = store->merged_up_to("s");
      for (std::uint64_t batch = reached.value_or(0) + 1;; ++batch) {
        if (!store->merge({"s", batch, batch}, events)) ::_exit(5);
        if (::write(ends[1], &batch, sizeof batch) != sizeof batch) ::_exit(6);
      }
    }
    ::close(ends[1]);
    std::thread killer{[&] {
      std::this_thread::sleep_for(std::chrono::milliseconds{20 + random() % 120});
      ::kill(child, SIGKILL);
    }};
    std::uint64_t batch = 0;
    while (::read(ends[0], &batch, sizeof batch) == sizeof batch) acknowledged = std::max(acknowledged, batch);
    killer.join();
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself: " << WEXITSTATUS(status);
    Store store = opened(path);
    const std::uint64_t in = store.merged_up_to("s").value();
    ASSERT_GE(in, acknowledged) << "round " << round;
    ASSERT_EQ(store.totals()->events, in * 3) << "half a batch, or a batch without its ledger";
    const auto all = all_of(store);
    if (in == 0) continue;
    ASSERT_EQ(all.size(), 1U);
    ASSERT_EQ(all.front().days.begin()->second, in * 2);
  }
  EXPECT_GT(acknowledged, 0U);
}

}  // namespace
}  // namespace postern::inventory
