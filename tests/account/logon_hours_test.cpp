// The hours of a week: the bits as Windows has them, and their text.
#include "account/logon_hours.hpp"

#include <gtest/gtest.h>

namespace postern::account {
namespace {

FileTime at(std::string_view text) { return FileTime::from_rfc3339(text).value(); }
std::string round_trip(std::string_view text) {
  const auto hours = LogonHours::parse(text);
  return hours ? hours->to_text() : hours.error().to_line();
}

TEST(LogonHours, BitZeroIsSundayFromMidnightToOneUtc) {
  std::array<std::uint8_t, LogonHours::kBytes> bits{};
  bits[0] = 1;
  const LogonHours hours{bits};
  EXPECT_TRUE(hours.allow(at("2026-11-22T00:00:00Z"))) << "a Sunday";
  EXPECT_TRUE(hours.allow(at("2026-11-22T00:59:59.999999Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-22T01:00:00Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-21T23:59:59Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-23T00:30:00Z")));
  EXPECT_TRUE(hours.allow(at("2026-11-22T03:30:00+03:00"))) << "hours are UTC";
  EXPECT_EQ(hours.to_text(), "Sun 00-01");
  bits = {};
  bits[20] = 0x80;
  EXPECT_EQ(LogonHours{bits}.to_text(), "Sat 23-24") << "the last bit";
}

TEST(LogonHours, WorkingHoursAllowTheirHoursAndNoOthers) {
  const LogonHours hours = LogonHours::parse("Mon-Fri 08-18").value();
  EXPECT_TRUE(hours.allow(at("2026-11-25T08:00:00Z"))) << "a Wednesday";
  EXPECT_TRUE(hours.allow(at("2026-11-25T17:59:59Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-25T18:00:00Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-25T07:59:59Z")));
  EXPECT_FALSE(hours.allow(at("2026-11-28T12:00:00Z"))) << "a Saturday";
}

TEST(LogonHours, TextsAreReadBackToTheSameHours) {
  for (const char* text :
       {"always", "never", "Mon-Fri 08-18", "Mon-Fri 08-12, Mon-Fri 13-18, Sat 09-12", "Tue 00-24", "Mon 00-01, Sun 23-24"}) {
    EXPECT_EQ(round_trip(text), text);
  }
  EXPECT_EQ(round_trip("sun-sat 0-24"), "always");
  EXPECT_EQ(round_trip("fri 22-06"), "Fri 22-24, Sat 00-06") << "past midnight";
  EXPECT_EQ(round_trip("Sat-Mon 10-11"), "Mon 10-11, Sat-Sun 10-11") << "past Saturday";
  EXPECT_EQ(round_trip("Sat 22-06"), "Sat 22-24, Sun 00-06") << "from the last day into the first";
  EXPECT_EQ(round_trip("Mon 08-10,Mon 09-12"), "Mon 08-12");
}

TEST(LogonHours, RefusesWhatSaysNoHours) {
  for (const char* text : {"", "Mon", "08-18", "Mon 8", "Mon 18-18", "Mon 24-25", "Mon 24-06", "Mon 08-25", "Monday 08-18",
                           "Mon-Foo 08-18", "Mon 08-18,", "Mon 08-18 UTC", "Mon 08:00-18:00", "Mon -1-18", "Mon-Tue-Wed 08-18"}) {
    EXPECT_FALSE(LogonHours::parse(text)) << text;
  }
  const auto wrong = LogonHours::parse("Mon 08-18, Foo 08-18");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().offset, 11U);
  EXPECT_FALSE(wrong.error().hint.empty());
}

}  // namespace
}  // namespace postern::account
