// R36: what is remembered of logons is bounded in entries and in bytes.
#include "observe/logons/bounded_table.hpp"

#include <gtest/gtest.h>

namespace postern::observe {
namespace {

constexpr std::size_t kBytes = 100'000;

template <typename Table, typename MakeKey>
void expect_bounded(MakeKey key) {
  Table table{1'000, kBytes};
  for (int i = 0; i < 50; ++i) {
    table.at(key(i)) = i;
    table.weigh(key(i), 10'000);
    ASSERT_LE(table.bytes(), kBytes);
  }
  EXPECT_LT(table.size(), 10U);
  EXPECT_NE(table.find(key(49)), nullptr) << "the one used last stays";
  EXPECT_EQ(table.find(key(0)), nullptr);
  table.weigh(key(49), 0);
  EXPECT_LE(table.bytes(), kBytes - 10'000) << "what an entry gave back is free";
  for (int i = 0; i < 50; ++i) table.erase(key(i));
  EXPECT_EQ(table.bytes(), 0U);
}

TEST(BoundedTable, R36_HoldsAtMostSoManyBytesByTreeAndByHash) {
  expect_bounded<BoundedTable<int, int>>([](int i) { return i; });
  expect_bounded<BoundedTable<KeyedDigest, int>>([](int i) { return KeyedDigest{static_cast<std::uint8_t>(i)}; });
}

TEST(BoundedTable, R36_HoldsAtMostSoManyEntriesAndOneHoweverLarge) {
  BoundedTable<int, int> table{3, kBytes};
  for (int i = 0; i < 4; ++i) table.at(i) = i;
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.find(0), nullptr);
  table.weigh(3, 10 * kBytes);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_NE(table.find(3), nullptr);
}

TEST(BoundedTable, R36_HoldsItsBytesWhereNobodyWeighsTheEntries) {
  BoundedTable<int, int> table{1'000'000, kBytes};
  for (int i = 0; i < 10'000; ++i) {
    table.at(i) = i;
    ASSERT_LE(table.bytes(), kBytes);
  }
  EXPECT_GT(table.size(), 100U);
  BoundedTable<int, int> tiny{10, 1};
  tiny.at(1) = 1;
  tiny.at(2) = 2;
  EXPECT_EQ(tiny.size(), 1U) << "one entry there always is";
}

TEST(BoundedTable, WhatWasAskedForStaysLonger) {
  BoundedTable<int, int> table{3, kBytes};
  for (int i = 0; i < 3; ++i) table.at(i) = i;
  EXPECT_NE(table.find(0), nullptr);
  table.at(3) = 3;
  EXPECT_NE(table.find(0), nullptr);
  EXPECT_EQ(table.find(1), nullptr);
}

}  // namespace
}  // namespace postern::observe
