#include "crypto/crc32.hpp"

#include <gtest/gtest.h>

#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

// The checksum as IEEE 802.3 defines it, one bit at a time.
std::uint32_t bit_by_bit(ByteView message) {
  std::uint32_t remainder = 0xffffffff;
  for (const std::uint8_t byte : message) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool apart = ((remainder ^ (static_cast<std::uint32_t>(byte) >> bit)) & 1) != 0;
      remainder = (remainder >> 1) ^ (apart ? 0xedb88320U : 0U);
    }
  }
  return ~remainder;
}

TEST(Crc32, GivesTheCheckValueOfTheIeeePolynomial) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926U);
  EXPECT_EQ(crc32({}), 0U);
}

TEST(Crc32, AgreesWithTheDefinitionAtEveryLengthTo300AndEveryCut) {
  reference::RandomBytes random{14};
  for (std::size_t size = 0; size <= 300; ++size) {
    const Bytes message = random(size);
    const std::uint32_t expected = bit_by_bit(message);
    ASSERT_EQ(crc32(message), expected) << size;
    if (size > 40) continue;
    for (std::size_t cut = 0; cut <= size; ++cut) {
      Crc32 crc;
      crc.update(ByteView{message}.first(cut));
      crc.update(ByteView{message}.subspan(cut));
      ASSERT_EQ(crc.value(), expected) << size << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace postern::crypto
