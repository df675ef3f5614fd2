#include "event/event_id.hpp"

#include <array>
#include <gtest/gtest.h>
#include <random>

namespace postern::event {
namespace {

using Random = std::array<std::uint8_t, EventId::kRandomBytes>;

constexpr Random kLow{};
constexpr Random kHigh{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

FileTime at(std::int64_t microseconds) { return FileTime::from_unix_microseconds(microseconds); }

// The time part of a ULID: github.com/ulid/javascript, README, encodeTime: ulid(1469918176385) begins with 01ARYZ6S41.
TEST(EventId, BeginsAsAUlidOfThatMillisecondDoes) {
  EXPECT_EQ(EventId::make(at(1469918176385'000), kHigh).text().substr(0, 10), "01ARYZ6S41");
  EXPECT_NE(EventId::make(at(1469918176386'000), kLow).text().substr(0, 10), "01ARYZ6S41");
}

TEST(EventId, SortsByTimeToTheMicrosecondWhateverIsRandom) {
  const std::int64_t times[] = {
      0, 1, 999, 1000, 1'000'000, 1469918176385'000, 1469918176385'001, 1469918176385'999, 1469918176386'000};
  for (std::size_t i = 1; i < std::size(times); ++i) {
    const EventId earlier = EventId::make(at(times[i - 1]), kHigh);
    const EventId later = EventId::make(at(times[i]), kLow);
    EXPECT_LT(earlier, later) << times[i];
    EXPECT_LT(earlier.text(), later.text()) << times[i];
    EXPECT_EQ(later.time(), at(times[i]));
  }
}

TEST(EventId, DiffersByEachRandomBitButTheTwoThatTimeTakes) {
  const EventId zero = EventId::make(at(5), kLow);
  int differing = 0;
  for (std::size_t bit = 0; bit < kLow.size() * 8; ++bit) {
    Random random{};
    random[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
    if (EventId::make(at(5), random) != zero) ++differing;
  }
  EXPECT_EQ(differing, 70);
}

TEST(EventId, ReadsItsOwnText) {
  std::mt19937_64 engine{7};
  for (int i = 0; i < 1000; ++i) {
    Random random{};
    for (auto& byte : random) byte = static_cast<std::uint8_t>(engine());
    const EventId id = EventId::make(FileTime{engine()}, random);
    ASSERT_EQ(id.text().size(), EventId::kTextLength);
    ASSERT_EQ(EventId::from_text(id.text()), id);
  }
}

TEST(EventId, RefusesTextThatItWouldNotWrite) {
  const std::string good = "01ARYZ6S410000000000000000";
  ASSERT_TRUE(EventId::from_text(good));
  EXPECT_TRUE(EventId::from_text("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
  EXPECT_FALSE(EventId::from_text("80000000000000000000000000"));  // 2^128
  EXPECT_FALSE(EventId::from_text(good + "0"));
  EXPECT_FALSE(EventId::from_text(good.substr(1)));
  EXPECT_FALSE(EventId::from_text(""));
  for (const char wrong : {'I', 'L', 'O', 'U', 'a', '-', '\0', '\x80'}) {
    std::string text = good;
    text.back() = wrong;
    EXPECT_FALSE(EventId::from_text(text)) << wrong;
  }
}

TEST(EventId, CountsTimesBefore1970As1970) { EXPECT_EQ(EventId::make(FileTime{0}, kLow), EventId::make(at(0), kLow)); }

}  // namespace
}  // namespace postern::event
