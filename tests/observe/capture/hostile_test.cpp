// R36: captures made to exhaust the sensor. The counts are what the sanitizers can do in seconds.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <ranges>
#include <set>

#include "observe/capture/packets.hpp"

namespace postern::observe::capture {
namespace {

using namespace test;

constexpr std::size_t kLimit = std::size_t{8} << 20;
constexpr std::size_t kSmallLimit = std::size_t{2} << 20;

TEST(HostileCapture, R36_HalfOpenFlowsStayWithinTheLimitAndAreCounted) {
  constexpr std::uint32_t kFlows = 80'000;  // more than 2 MiB hold
  Stage stage{kSmallLimit};
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    stage.segment(Side::client, i, 0, tcp_flag::kSyn, {},
                  {.client_ip = 0x0b000000 + i / 1'000, .client_port = static_cast<std::uint16_t>(i % 1'000)});
    if (i % 1'000 == 0) {
      ASSERT_LE(stage.observer().memory_used(), kSmallLimit);
    }
  }
  EXPECT_EQ(stage.statistics().connections, kFlows);
  EXPECT_GT(stage.statistics().evicted_entries, kFlows / 2);
  EXPECT_LE(stage.statistics().memory_peak_bytes, kSmallLimit);
}

TEST(HostileCapture, R36_AFloodOfHalfOpenFlowsDoesNotPushOutAConnectionThatIsRead) {
  Stage stage{kSmallLimit};
  stage.open();
  stage.client(101, "before ");
  for (std::uint32_t i = 0; i < 80'000; ++i) {
    stage.segment(Side::client, i, 0, tcp_flag::kSyn, {},
                  {.client_ip = 0x0b000000 + i / 1'000, .client_port = static_cast<std::uint16_t>(i % 1'000)});
  }
  stage.client(108, "after");
  EXPECT_EQ(Stage::said(), "before after");
  EXPECT_EQ(stage.statistics().evicted_connections, 0U);
}

TEST(HostileCapture, R36_OverlappingSegmentsAreReadOnceAndNothingOfThemIsKept) {
  Stage stage{kLimit};
  stage.open();
  const std::string block(60'000, 'x');
  stage.client(101, block);
  const std::size_t after_first = stage.observer().memory_used();
  std::uint32_t at = 101;
  for (int i = 0; i < 1'000; ++i) {  // 60 MB, of which 64 bytes each are new
    at += 64;
    stage.client(at, block);
  }
  EXPECT_EQ(Stage::said().size(), 60'000U + 64'000);
  EXPECT_EQ(stage.observer().memory_used(), after_first);
  EXPECT_EQ(stage.statistics().overlaps, 1'000U);
}

TEST(HostileCapture, R36_OverlappingSegmentsThatWaitStayWithinTheirBound) {
  Stage stage{kLimit};
  stage.open();
  const std::string block(1'000, 'x');
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    stage.client(200 + (i * 7'919) % 5'000'000, block);
    ASSERT_LE(stage.observer().memory_used(), kLimit);
  }
  EXPECT_GT(stage.statistics().gaps, 0U);
  EXPECT_EQ(stage.statistics().evicted_connections, 0U) << "one connection has a bound of its own";
}

TEST(HostileCapture, R36_ManyConnectionsThatKeepMuchAreGivenUpLargestFirst) {
  Stage stage{kLimit};
  stage.open();
  stage.client(101, "modest ");
  const std::string block(1'400, 'x');
  for (std::uint16_t port = 1; port <= 200; ++port) {  // each would keep 100 segments behind a hole
    const Ends ends{.client_port = port};
    stage.open(ends);
    for (std::uint32_t i = 0; i < 100; ++i) stage.client(10'000 + i * 1'400, block, 501, ends);
    ASSERT_LE(stage.observer().memory_used(), kLimit);
  }
  EXPECT_GT(stage.statistics().evicted_connections, 100U);
  stage.client(108, "flow");
  EXPECT_EQ(Stage::said(), "modest flow") << "what holds little is not what is given up";
}

TEST(HostileCapture, R36_WhatAnalyzersHoldCountsToo) {
  Stage stage{kLimit};
  heard().held_each = Analyzer::kMaxHeldBytes;
  for (std::uint16_t port = 1; port <= 500; ++port) {
    const Ends ends{.client_port = port};
    stage.open(ends);
    stage.client(101, "hello", 501, ends);
    ASSERT_LE(stage.observer().memory_used(), kLimit);
  }
  EXPECT_GT(stage.statistics().evicted_connections, 400U);
  EXPECT_LE(stage.statistics().memory_peak_bytes, kLimit);
}

TEST(HostileCapture, R36_ALowerLimitHoldsFromTheNextSegmentThatIsKept) {
  Stage stage{kLimit};
  const std::string block(1'400, 'x');
  const auto keep_much = [&](std::uint16_t port) {
    const Ends ends{.client_port = port};
    stage.open(ends);
    for (std::uint32_t i = 0; i < 100; ++i) stage.client(10'000 + i * 1'400, block, 501, ends);
  };
  for (std::uint16_t port = 1; port <= 40; ++port) keep_much(port);
  EXPECT_GT(stage.observer().memory_used(), 2 * kSmallLimit);
  EXPECT_EQ(stage.statistics().evicted_connections, 0U);
  stage.observer().limit_memory(kSmallLimit);
  keep_much(41);
  EXPECT_LE(stage.observer().memory_used(), kSmallLimit);
  EXPECT_GT(stage.statistics().evicted_connections, 20U);
}

TEST(HostileCapture, R36_UndecidedConnectionsAreGivenUpAfterSoManyBytes) {
  Stage stage{kLimit};
  stage.open();
  stage.client(101, "wait");
  // Nothing more of the client; the server speaks on.
  std::uint32_t at = 501;
  for (int i = 0; i < 100; ++i, at += 1'000) stage.server(at, std::string(1'000, 'y'), 105);
  EXPECT_TRUE(heard().streams.empty());
  EXPECT_EQ(stage.statistics().nothing, 1U);
}

TEST(FlowTable, FindsWhatIsInItAfterAnyRemovals) {
  FlowTable table{4'096};
  std::set<std::uint64_t> in;
  std::uint64_t random = 1;
  for (int i = 0; i < 200'000; ++i) {
    random = random * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    const std::uint64_t key = (random >> 52) << 52 | 1;  // few homes, so that they run into one another
    FlowSlot* slot = table.find(key);
    ASSERT_EQ(slot != nullptr, in.contains(key));
    if (slot != nullptr) {
      table.erase(slot);
      in.erase(key);
    } else if (table.has_room()) {
      ASSERT_NE(table.insert(key), nullptr);
      in.insert(key);
    }
  }
  EXPECT_EQ(table.size(), in.size());
}

TEST(FlowTable, AKeyDoesNotDependOnTheDirectionAndDependsOnTheSeed) {
  Endpoint a{.port = 445};
  Endpoint b{.port = 50'000};
  a.address.bytes[15] = 1;
  b.address.bytes[15] = 2;
  const FlowHash one{1};
  EXPECT_EQ(one.key(a, b).hash, one.key(b, a).hash);
  EXPECT_NE(one.key(a, b).source, one.key(b, a).source);
  EXPECT_NE(one.key(a, b).hash, FlowHash{2}.key(a, b).hash);
  Endpoint swapped = a;
  std::swap(swapped.address, b.address);
  EXPECT_NE(one.key(a, Endpoint{.address = swapped.address, .port = b.port}).hash,
            one.key(Endpoint{.address = swapped.address, .port = a.port}, Endpoint{.address = a.address, .port = b.port}).hash)
      << "ports belong to their addresses";
}

TEST(FlowTable, R36_ConnectionsThatFallOnOnePlaceUnderOneSeedSpreadUnderAnother) {
  constexpr unsigned kPlaceShift = 64 - 10;  // of a table of 1024
  const FlowHash known{1};
  const FlowHash secret{2};
  std::map<std::uint64_t, int> places;
  Endpoint server{.port = 445};
  server.address.bytes[15] = 9;
  int chosen = 0;
  for (std::uint32_t i = 0; i < 1'000'000 && chosen < 400; ++i) {
    Endpoint client{.port = static_cast<std::uint16_t>(i)};
    client.address.bytes[14] = static_cast<std::uint8_t>(i >> 16);
    if (known.key(client, server).hash >> kPlaceShift != 7) continue;
    ++chosen;
    ++places[secret.key(client, server).hash >> kPlaceShift];
  }
  ASSERT_EQ(chosen, 400) << "so many can be chosen by who knows the seed";
  EXPECT_GT(places.size(), 250U);
  EXPECT_LT(std::ranges::max(std::views::values(places)), 12);
}

}  // namespace
}  // namespace postern::observe::capture
