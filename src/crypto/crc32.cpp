#include "crypto/crc32.hpp"

#include <array>
#include <cstddef>

#include "crypto/block_hash.hpp"

namespace postern::crypto {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;  // 0x04c11db7 with its bits reversed
constexpr std::size_t kSlices = 8;

/// kTable[n][b]: what byte b leaves after n more zero bytes, so that eight bytes are looked up side by side.
constexpr auto kTable = [] {
  std::array<std::array<std::uint32_t, 256>, kSlices> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
    table[0][byte] = remainder;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = table[slice - 1][byte];
      table[slice][byte] = (before >> 8) ^ table[0][before & 0xff];
    }
  }
  return table;
}();

}  // namespace

void Crc32::update(ByteView bytes) noexcept {
  std::uint32_t remainder = remainder_;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    const std::uint32_t low = remainder ^ load_word(bytes.data());
    const std::uint32_t high = load_word(bytes.data() + 4);
    remainder = kTable[7][low & 0xff] ^ kTable[6][(low >> 8) & 0xff] ^ kTable[5][(low >> 16) & 0xff] ^ kTable[4][low >> 24] ^
                kTable[3][high & 0xff] ^ kTable[2][(high >> 8) & 0xff] ^ kTable[1][(high >> 16) & 0xff] ^ kTable[0][high >> 24];
  }
  for (const std::uint8_t byte : bytes) remainder = (remainder >> 8) ^ kTable[0][(remainder ^ byte) & 0xff];
  remainder_ = remainder;
}

}  // namespace postern::crypto
