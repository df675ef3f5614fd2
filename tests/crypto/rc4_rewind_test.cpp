#include <gtest/gtest.h>
#include <string_view>

#include "crypto/rc4.hpp"

namespace postern::crypto {
namespace {

Bytes stream_of(Rc4& rc4, std::size_t count) {
  Bytes bytes(count);
  rc4.apply(bytes);
  return bytes;
}

TEST(Rc4, ARewoundStreamGivesTheSameBytesAgainAndThenTheNextOnes) {
  for (const std::size_t taken : {0uz, 1uz, 7uz, 8uz, 255uz, 256uz, 257uz, 600uz, 5000uz}) {
    Rc4 rewound{as_bytes(std::string_view{"Key"})}, straight{as_bytes(std::string_view{"Key"})};
    stream_of(rewound, 11);
    stream_of(straight, 11);
    const Bytes first = stream_of(rewound, taken);
    rewound.rewind(taken);
    EXPECT_EQ(stream_of(rewound, taken), first) << taken;
    EXPECT_EQ(stream_of(straight, taken), first) << taken;
    EXPECT_EQ(stream_of(rewound, 300), stream_of(straight, 300)) << taken;
  }
}

}  // namespace
}  // namespace postern::crypto
