// The smallest cover: never larger than what trying everything finds, and honest about what it did not prove.
#include "advise/cover.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace postern::advise {
namespace {

using Sets = std::vector<std::vector<std::size_t>>;

/// Tries every choice of sets.
std::size_t by_brute_force(std::size_t elements, const Sets& sets) {
  std::size_t best = sets.size();
  for (std::size_t choice = 0; choice < std::size_t{1} << sets.size(); ++choice) {
    std::vector<bool> covered(elements, false);
    std::size_t count = 0;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if ((choice >> i & 1U) == 0) continue;
      ++count;
      for (const std::size_t element : sets[i]) covered[element] = true;
    }
    if (std::ranges::all_of(covered, [](bool is) { return is; })) best = std::min(best, count);
  }
  return best;
}

TEST(Cover, IsAsSmallAsTryingEverythingFindsAndNothingInItCanGo) {
  std::mt19937 random{5};
  for (int round = 0; round < 60; ++round) {
    const std::size_t elements = 3 + random() % 9;
    Sets sets(3 + random() % 8);
    for (std::size_t element = 0; element < elements; ++element) sets[random() % sets.size()].push_back(element);
    for (auto& set : sets) {
      for (std::size_t element = 0; element < elements; ++element) {
        if (random() % 3 == 0 && std::ranges::find(set, element) == set.end()) set.push_back(element);
      }
      std::ranges::sort(set);
    }
    const Cover cover = smallest_cover(elements, sets);
    EXPECT_TRUE(cover.smallest);
    EXPECT_TRUE(cover.uncovered.empty());
    EXPECT_EQ(cover.chosen.size(), by_brute_force(elements, sets)) << "round " << round;
    EXPECT_EQ(cover.at_least, cover.chosen.size());
    for (const std::size_t out : cover.chosen) {
      std::vector<bool> covered(elements, false);
      for (const std::size_t set : cover.chosen) {
        if (set == out) continue;
        for (const std::size_t element : sets[set]) covered[element] = true;
      }
      EXPECT_FALSE(std::ranges::all_of(covered, [](bool is) { return is; })) << "set " << out << " could go";
    }
  }
}

TEST(Cover, GreedyAloneWouldTakeOneMore) {
  // The large set tempts: greedy takes it and needs two more.
  const Sets sets{{0, 1, 2, 4, 5}, {0, 1, 2, 3}, {4, 5, 6, 7}, {3, 7}, {6}};
  EXPECT_EQ(smallest_cover(8, sets).chosen, (std::vector<std::size_t>{1, 2}));
}

TEST(Cover, WhatNobodyHoldsIsNamedAndTheRestIsCovered) {
  const Cover cover = smallest_cover(3, {{0}, {2}});
  EXPECT_EQ(cover.uncovered, std::vector<std::size_t>{1});
  EXPECT_EQ(cover.chosen.size(), 2U);
  EXPECT_TRUE(smallest_cover(0, {}).chosen.empty());
}

TEST(Cover, AfterTheLastStepTheBestSoFarStandsWithABound) {
  std::mt19937 random{9};
  Sets sets(60);
  for (auto& set : sets) {
    for (std::size_t element = 0; element < 120; ++element) {
      if (random() % 10 == 0) set.push_back(element);
    }
  }
  for (std::size_t element = 0; element < 120; ++element) {
    auto& set = sets[element % sets.size()];
    if (std::ranges::find(set, element) == set.end()) set.push_back(element);
    std::ranges::sort(set);
  }
  const Cover cover = smallest_cover(120, sets, 10);
  EXPECT_FALSE(cover.smallest);
  EXPECT_LT(cover.at_least, cover.chosen.size());
  EXPECT_GE(cover.at_least, 1U);
  std::vector<bool> covered(120, false);
  for (const std::size_t set : cover.chosen) {
    for (const std::size_t element : sets[set]) covered[element] = true;
  }
  EXPECT_TRUE(std::ranges::all_of(covered, [](bool is) { return is; }));
}

}  // namespace
}  // namespace postern::advise
