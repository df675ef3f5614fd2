// The parts below the detector: the bounded table and the networks.
#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <random>

#include "authority/detection/lru_table.hpp"
#include "authority/detection/network.hpp"

namespace postern::authority::detection {
namespace {

TEST(LruTable, ForgetsWhatWasNotUsedForLongest) {
  LruTable<int> table{3};
  for (std::uint64_t key = 1; key <= 3; ++key) table.at(key) = static_cast<int>(key);
  ASSERT_NE(table.find(1), nullptr);  // used again: 2 is the oldest now
  table.at(4) = 4;
  EXPECT_EQ(table.find(2), nullptr);
  for (const std::uint64_t key : {1U, 3U, 4U}) {
    ASSERT_NE(table.find(key), nullptr) << key;
    EXPECT_EQ(*table.find(key), static_cast<int>(key));
  }
  EXPECT_EQ(table.size(), 3U);
}

TEST(LruTable, ANewEntryHasNothingOfTheOneThatItReplaced) {
  LruTable<int> table{1};
  table.at(7) = 5;
  EXPECT_EQ(table.at(8), 0);
}

TEST(LruTable, DoesWhatAListWouldDo) {
  constexpr std::size_t kMax = 200;
  LruTable<std::uint64_t> table{kMax};
  std::list<std::pair<std::uint64_t, std::uint64_t>> model;  // newest first
  std::mt19937_64 random{4};
  for (int step = 0; step < 50'000; ++step) {
    const std::uint64_t key = (random() % 300) * 0x9E3779B97F4A7C15ULL;
    const auto place = std::ranges::find(model, key, &std::pair<std::uint64_t, std::uint64_t>::first);
    if (random() % 2 == 0) {
      const std::uint64_t* value = table.find(key);
      ASSERT_EQ(value != nullptr, place != model.end());
      if (value == nullptr) continue;
      ASSERT_EQ(*value, place->second);
      model.splice(model.begin(), model, place);
    } else {
      const std::uint64_t value = random();
      table.at(key) = value;
      if (place != model.end()) {
        model.erase(place);
      } else if (model.size() == kMax) {
        model.pop_back();
      }
      model.emplace_front(key, value);
    }
  }
  auto expected = model.rbegin();
  table.for_each_oldest_first([&](std::uint64_t key, std::uint64_t value) {
    ASSERT_EQ(key, expected->first);
    ASSERT_EQ(value, expected->second);
    ++expected;
  });
  EXPECT_EQ(expected, model.rend());
}

TEST(LruTable, NeverHoldsMoreMemoryThanItSays) {
  LruTable<std::array<char, 40>> table{1'000};
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    table.at(key * 0x9E3779B97F4A7C15ULL)[0] = 1;
    ASSERT_LE(table.bytes(), table.max_bytes());
  }
  EXPECT_EQ(table.size(), 1'000U);
}

TEST(Network, IsAboutWhatOneSiteHas) {
  for (const auto& [text, network] :
       {std::pair{"192.0.2.17", "192.0.2.0/24"}, std::pair{"::ffff:192.0.2.17", "192.0.2.0/24"},
        std::pair{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"}, std::pair{"2001:db8::6", "2001:db8::/64"},
        std::pair{"::1", "::/64"}, std::pair{"fe80::1", "fe80::/64"}}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(network_of(*address).to_text(), network);
  }
}

}  // namespace
}  // namespace postern::authority::detection
