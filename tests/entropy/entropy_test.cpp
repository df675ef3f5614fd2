#include "entropy/entropy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/secret.hpp"

namespace postern::entropy {
namespace {

/// A source that counts: a byte that is handed out twice, or left out within a block, shows.
std::atomic<std::uint32_t> g_next{0};
std::atomic<int> g_calls{0};
bool count_up(MutableByteView out) noexcept {
  ++g_calls;
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(1 + g_next++ % 255);
  return true;
}
bool give_nothing(MutableByteView) noexcept { return false; }

using Chunk = std::array<std::uint8_t, 8>;
Chunk next_of(Reserve& reserve) {
  Chunk chunk{};
  EXPECT_TRUE(reserve.fill(chunk));
  return chunk;
}

/// Where the system has no page that fork() wipes nothing is kept, and each call is one of the source.
void expect_nothing_is_kept(Reserve& reserve) {
  for (int i = 1; i <= 3; ++i) {
    g_calls = 0;
    static_cast<void>(next_of(reserve));
    EXPECT_EQ(g_calls, 1);
  }
}

TEST(Entropy, EachByteOfABlockIsHandedOutOnceInItsOrder) {
  g_next = 0;
  g_calls = 0;
  Reserve reserve{&count_up};
  std::uint32_t expected = 0;
  for (std::size_t i = 0; i < 4 * Reserve::kBlockBytes / sizeof(Chunk); ++i) {
    const int calls = g_calls;
    const Chunk chunk = next_of(reserve);
    // Whenever the source was asked, because all is given or has grown old, it goes on with the new block.
    if (g_calls != calls) expected = (static_cast<std::uint32_t>(g_calls) - 1) * Reserve::kBlockBytes;
    for (const std::uint8_t byte : chunk) ASSERT_EQ(byte, 1 + expected++ % 255);
  }
  EXPECT_GE(g_calls, 4);
}

TEST(Entropy, WhatWasHandedOutIsWipedAndWhatIsKeptIsNotYetGiven) {
  Reserve reserve{&count_up};
  if (reserve.kept().empty()) return expect_nothing_is_kept(reserve);
  for (std::size_t given = 8; given <= Reserve::kBlockBytes - 8; given += 8) {
    g_calls = 0;
    const Chunk chunk = next_of(reserve);
    EXPECT_FALSE(std::ranges::any_of(chunk, [](std::uint8_t byte) { return byte == 0; }));
    if (g_calls != 0 && given != 8) return;  // the bytes grew old in between: a new block, and the places are others
    EXPECT_TRUE(constant_time_is_zero(reserve.kept().first(given)));
    EXPECT_FALSE(std::ranges::any_of(reserve.kept().subspan(given), [](std::uint8_t byte) { return byte == 0; }));
  }
}

TEST(Entropy, ARefusingSourceFillsNothingAndLeavesNothing) {
  Reserve reserve{&give_nothing};
  std::array<std::uint8_t, 16> out;
  out.fill(0xee);
  EXPECT_FALSE(reserve.fill(out));
  EXPECT_TRUE(constant_time_is_zero(out));
  std::vector<std::uint8_t> much(1000, 0xee);
  EXPECT_FALSE(reserve.fill(much));
  EXPECT_TRUE(constant_time_is_zero(much));
  EXPECT_TRUE(reserve.fill({}));
}

TEST(Entropy, MoreThanIsKeptIsFilledWhole) {
  for (const std::size_t size : {1uz, 63uz, 64uz, 65uz, 511uz, 512uz, 513uz, 5000uz}) {
    std::vector<std::uint8_t> first(size + 32);
    std::vector<std::uint8_t> second(size + 32);
    ASSERT_TRUE(fill(MutableByteView{first}.first(size)));
    ASSERT_TRUE(fill(MutableByteView{second}.first(size)));
    EXPECT_TRUE(constant_time_is_zero(ByteView{first}.subspan(size))) << size;
    if (size >= 63) {
      EXPECT_NE(first, second) << size;
      EXPECT_FALSE(constant_time_is_zero(ByteView{first}.subspan(size - 16, 16))) << size;
    }
  }
}

TEST(Entropy, AChildOfForkNeverGivesWhatItsParentGives) {
  // The parent has bytes in reserve when it forks; both go on from there.
  std::array<std::uint8_t, 8> first{};
  ASSERT_TRUE(fill(first));
  constexpr std::size_t kChunks = 48;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  std::array<Chunk, kChunks> own{};
  bool filled = true;
  for (Chunk& chunk : own) filled = fill(chunk) && filled;
  if (child == 0) {
    const bool written = filled && write(ends[1], own.data(), sizeof own) == static_cast<ssize_t>(sizeof own);
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::array<Chunk, kChunks> others{};
  ASSERT_EQ(read(ends[0], others.data(), sizeof others), static_cast<ssize_t>(sizeof others));
  close(ends[0]);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(filled);
  std::set<Chunk> seen{own.begin(), own.end()};
  seen.insert(others.begin(), others.end());
  EXPECT_EQ(seen.size(), 2 * kChunks);
}

TEST(Entropy, AWipedReserveAsksAnewInTheChild) {
  // The same with a source of which both ends know what comes: the child's page is empty, so its source is called.
  Reserve reserve{&count_up};
  if (reserve.kept().empty()) return expect_nothing_is_kept(reserve);
  static_cast<void>(next_of(reserve));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool empty = constant_time_is_zero(reserve.kept());
    g_calls = 0;
    static_cast<void>(next_of(reserve));
    _exit(empty && g_calls == 1 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Entropy, ThreadsShareNothing) {
  constexpr int kThreads = 4;
  constexpr std::size_t kChunks = 2000;
  std::vector<std::vector<Chunk>> given(kThreads, std::vector<Chunk>(kChunks));
  std::vector<std::thread> threads;
  for (auto& chunks : given) {
    threads.emplace_back([&chunks] {
      for (Chunk& chunk : chunks) {
        if (!fill(chunk)) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Chunk> seen;
  for (const auto& chunks : given) seen.insert(chunks.begin(), chunks.end());
  EXPECT_EQ(seen.size(), kThreads * kChunks);
}

}  // namespace
}  // namespace postern::entropy
