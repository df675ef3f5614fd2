// Upper-casing of every letter of the BMP, against the C library's own table (the simple mappings of Unicode).
#include <clocale>
#include <cwctype>
#include <gtest/gtest.h>
#include <map>

#include "base/text.hpp"

namespace postern {
namespace {

// docs/upper-casing.md: letters that Unicode maps and Windows leaves as they are.
constexpr char16_t kLeftAsTheyAre[] = {0x00b5, 0x0131, 0x017f, 0x0345, 0x1fbe};

TEST(UpperCase, EachUnitOfTheBmpMapsAsUnicodesSimpleMappingButForTheFiveThatWindowsLeaves) {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  ASSERT_NE(locale, nullptr) << "the C library's C.UTF-8 locale is needed";
  std::map<unsigned, std::pair<unsigned, unsigned>> differ;
  int mapped = 0;
  for (unsigned unit = 0; unit < 0x10000; ++unit) {
    const bool is_surrogate = unit >= 0xd800 && unit < 0xe000;
    const unsigned theirs = is_surrogate ? unit : towupper_l(static_cast<wint_t>(unit), locale);
    const unsigned ours = upper_case(static_cast<char16_t>(unit));
    if (ours != unit) ++mapped;
    if (ours != (theirs > 0xffff ? unit : theirs)) differ[unit] = {ours, theirs};
  }
  freelocale(locale);
  for (const char16_t unit : kLeftAsTheyAre) {
    EXPECT_EQ(differ[unit].first, unit);
    differ.erase(unit);
  }
  for (const auto& [unit, both] : differ)
    ADD_FAILURE() << std::hex << unit << ": " << both.first << ", Unicode has " << both.second;
  EXPECT_GT(mapped, 1'000);
}

TEST(UpperCase, IsOneToOneSoThatALengthNeverChangesAndTwiceIsOnce) {
  for (unsigned unit = 0; unit < 0x10000; ++unit) {
    const char16_t once = upper_case(static_cast<char16_t>(unit));
    EXPECT_EQ(upper_case(once), once) << std::hex << unit;
  }
}

}  // namespace
}  // namespace postern
