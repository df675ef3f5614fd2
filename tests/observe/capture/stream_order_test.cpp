// StreamOrder against a naive one that keeps for each byte of the stream the first value seen.
#include "observe/capture/stream_order.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace postern::observe::capture {
namespace {

constexpr std::uint32_t kStart = 0xffff'ff00;  // numbers wrap soon

/// Counts what is given that is not the first byte that came for its place.
struct Sink {
  const std::map<std::uint32_t, std::uint8_t>& first;
  std::uint32_t at = 0;
  std::size_t wrong = 0;
  std::size_t given = 0;
  bool bytes(ByteView bytes, const Moment&) {
    given += bytes.size();
    for (const std::uint8_t byte : bytes) {
      const auto place = first.find(at++);
      if (place == first.end() || place->second != byte) ++wrong;
    }
    return true;
  }
  bool gap(std::uint64_t count) {
    at += static_cast<std::uint32_t>(count);
    return true;
  }
};

TEST(StreamOrder, GivesTheFirstByteSeenForEachPlaceWhateverTheSegments) {
  std::mt19937 random{11};
  const auto pick = [&random](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  std::size_t given = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::map<std::uint32_t, std::uint8_t> first;
    Sink sink{first};
    StreamOrder stream;
    Statistics statistics;
    stream.start_at(kStart);
    for (int i = 0; i < 60; ++i) {
      const std::uint32_t offset = pick(600);
      if (pick(6) == 0) {
        ASSERT_TRUE(stream.acknowledged(kStart + offset, sink));
      } else {
        Bytes segment(1 + pick(60));
        for (std::uint8_t& byte : segment) byte = static_cast<std::uint8_t>(pick(256));
        for (std::uint32_t k = 0; k < segment.size(); ++k) {
          if (offset + k >= sink.at) first.emplace(offset + k, segment[k]);
        }
        ASSERT_TRUE(stream.add(kStart + offset, segment, pick(8) == 0 ? pick(20) : 0, {}, statistics, sink));
      }
      ASSERT_EQ(stream.next(), kStart + sink.at);
    }
    ASSERT_TRUE(stream.flush(sink));
    ASSERT_EQ(sink.wrong, 0U) << round;
    ASSERT_EQ(stream.held_bytes(), 0U);
    given += sink.given;
  }
  EXPECT_GT(given, 500'000U);
}

}  // namespace
}  // namespace postern::observe::capture
