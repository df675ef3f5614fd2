#include "wire/flags.hpp"

#include <gtest/gtest.h>

namespace postern::wire {
namespace {

TEST(NegotiateFlags, NamesAreTheSpecificationsInBitOrder) {
  // e2898215: what a Windows server of today answers (MS-NLMP 2.2.2.5 for each name).
  const std::vector<std::string_view> expected{"NTLMSSP_NEGOTIATE_UNICODE",
                                               "NTLMSSP_REQUEST_TARGET",
                                               "NTLMSSP_NEGOTIATE_SIGN",
                                               "NTLMSSP_NEGOTIATE_NTLM",
                                               "NTLMSSP_NEGOTIATE_ALWAYS_SIGN",
                                               "NTLMSSP_TARGET_TYPE_DOMAIN",
                                               "NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY",
                                               "NTLMSSP_NEGOTIATE_TARGET_INFO",
                                               "NTLMSSP_NEGOTIATE_VERSION",
                                               "NTLMSSP_NEGOTIATE_128",
                                               "NTLMSSP_NEGOTIATE_KEY_EXCH",
                                               "NTLMSSP_NEGOTIATE_56"};
  EXPECT_EQ(NegotiateFlags{0xe2898215}.names(), expected);
  EXPECT_EQ(NegotiateFlags{0xe2898215}.to_hex(), "0xe2898215");
  EXPECT_EQ(NegotiateFlags{0x215}.to_hex(), "0x00000215");
}

TEST(NegotiateFlags, EachOfThe22NamedBitsHasOneNameAndTheReservedTenHaveNone) {
  int named = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    const NegotiateFlags flags{1u << bit};
    const auto names = flags.names();
    ASSERT_LE(names.size(), 1u) << bit;
    if (!names.empty()) {
      ++named;
      EXPECT_EQ(name_of(static_cast<NegotiateFlag>(1u << bit)), names.front());
    } else {
      EXPECT_EQ(name_of(static_cast<NegotiateFlag>(1u << bit)), "");
    }
  }
  EXPECT_EQ(named, 22);
}

TEST(NegotiateFlags, UnknownBitsSurviveSettingAndClearing) {
  const NegotiateFlags reserved{0x0800'0108};
  EXPECT_EQ(reserved.with(NegotiateFlag::seal).without(NegotiateFlag::seal), reserved);
  EXPECT_EQ(reserved.with_if(true, NegotiateFlag::oem).wire(), 0x0800'010au);
  EXPECT_EQ(reserved.with_if(false, NegotiateFlag::oem), reserved);
}

TEST(NegotiateFlags, UnicodeWinsOverOemAndNeitherIsNoCharset) {
  EXPECT_EQ(charset_of(NegotiateFlags{3}), Charset::unicode);
  EXPECT_EQ(charset_of(NegotiateFlags{1}), Charset::unicode);
  EXPECT_EQ(charset_of(NegotiateFlags{2}), Charset::oem);
  EXPECT_TRUE(names_a_charset(NegotiateFlags{2}));
  EXPECT_FALSE(names_a_charset(NegotiateFlags{0xffff'fffc}));
}

}  // namespace
}  // namespace postern::wire
