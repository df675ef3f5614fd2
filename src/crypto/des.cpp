#include "crypto/des.hpp"

#include <bit>
#include <cstddef>

#include "base/secret.hpp"

namespace postern::crypto {
namespace {

// The tables of FIPS 46-3, as printed there: bit 1 is the first, highest one.
constexpr std::array<std::uint8_t, 64> kInitialPermutation{
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
    57, 49, 41, 33, 25, 17, 9,  1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7};
constexpr std::array<std::uint8_t, 64> kFinalPermutation{
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29,
    36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9,  49, 17, 57, 25};
constexpr std::array<std::uint8_t, 56> kPermutedChoice1{57, 49, 41, 33, 25, 17, 9,  1,  58, 50, 42, 34, 26, 18, 10, 2,  59, 51, 43,
                                                        35, 27, 19, 11, 3,  60, 52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7,  62, 54,
                                                        46, 38, 30, 22, 14, 6,  61, 53, 45, 37, 29, 21, 13, 5,  28, 20, 12, 4};
constexpr std::array<std::uint8_t, 48> kPermutedChoice2{14, 17, 11, 24, 1,  5,  3,  28, 15, 6,  21, 10, 23, 19, 12, 4,
                                                        26, 8,  16, 7,  27, 20, 13, 2,  41, 52, 31, 37, 47, 55, 30, 40,
                                                        51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32};
constexpr std::array<std::uint8_t, 32> kRoundPermutation{16, 7, 20, 21, 29, 12, 28, 17, 1,  15, 23, 26, 5,  18, 31, 10,
                                                         2,  8, 24, 14, 32, 27, 3,  9,  19, 13, 30, 6,  22, 11, 4,  25};
constexpr std::array<int, 16> kKeyShifts{1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1};
constexpr std::uint8_t kSubstitution[8][4][16] = {{{14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7},
                                                   {0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8},
                                                   {4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0},
                                                   {15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13}},
                                                  {{15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10},
                                                   {3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5},
                                                   {0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15},
                                                   {13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9}},
                                                  {{10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8},
                                                   {13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1},
                                                   {13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7},
                                                   {1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12}},
                                                  {{7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15},
                                                   {13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9},
                                                   {10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4},
                                                   {3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14}},
                                                  {{2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9},
                                                   {14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6},
                                                   {4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14},
                                                   {11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3}},
                                                  {{12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11},
                                                   {10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8},
                                                   {9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6},
                                                   {4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13}},
                                                  {{4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1},
                                                   {13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6},
                                                   {1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2},
                                                   {6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12}},
                                                  {{13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7},
                                                   {1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2},
                                                   {7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8},
                                                   {2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11}}};

/// A choice of bits as the standard prints it, turned at compile time into one look-up for each four bits of input.
template <std::size_t InputBits, std::size_t OutputBits>
class BitSelection {
 public:
  explicit constexpr BitSelection(const std::array<std::uint8_t, OutputBits>& table) {
    for (std::size_t out = 0; out < OutputBits; ++out) {
      const std::size_t from_top = table[out] - std::size_t{1};
      const std::size_t bit_in_nibble = 3 - from_top % 4;
      for (std::size_t value = 0; value < 16; ++value) {
        if (((value >> bit_in_nibble) & 1) != 0) nibbles_[from_top / 4][value] |= std::uint64_t{1} << (OutputBits - 1 - out);
      }
    }
  }
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t input) const noexcept {
    std::uint64_t output = 0;
    for (std::size_t n = 0; n < kNibbles; ++n) output |= nibbles_[n][(input >> (InputBits - 4 - 4 * n)) & 0xf];
    return output;
  }

 private:
  static constexpr std::size_t kNibbles = InputBits / 4;
  std::array<std::array<std::uint64_t, 16>, kNibbles> nibbles_{};
};

constexpr BitSelection<64, 64> kFirst{kInitialPermutation};
constexpr BitSelection<64, 64> kLast{kFinalPermutation};
constexpr BitSelection<64, 56> kChoice1{kPermutedChoice1};
constexpr BitSelection<56, 48> kChoice2{kPermutedChoice2};

/// kSubstituted[box][six bits]: the box's four bits, already at the places where the permutation P puts them.
constexpr auto kSubstituted = [] {
  constexpr BitSelection<32, 32> permute{kRoundPermutation};
  std::array<std::array<std::uint32_t, 64>, 8> boxes{};
  for (std::size_t box = 0; box < 8; ++box) {
    for (std::size_t six = 0; six < 64; ++six) {
      const std::size_t row = ((six >> 4) & 2) | (six & 1);
      const std::uint64_t four = kSubstitution[box][row][(six >> 1) & 0xf];
      boxes[box][six] = static_cast<std::uint32_t>(permute(four << (28 - 4 * box)));
    }
  }
  return boxes;
}();

std::uint64_t load_block(std::span<const std::uint8_t, 8> bytes) noexcept {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
  return value;
}

/// The cipher function f. E's group n is the bits 4n to 4n+5 of `right`, counted round: a rotation and a mask.
std::uint32_t cipher_function(std::uint32_t right, std::uint64_t subkey) noexcept {
  std::uint32_t result = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const std::uint32_t expanded = std::rotl(right, static_cast<int>(5 + 4 * n)) & 0x3f;
    result |= kSubstituted[n][expanded ^ ((subkey >> (42 - 6 * n)) & 0x3f)];
  }
  return result;
}

}  // namespace

DesBlock des_expand_key(std::span<const std::uint8_t, 7> key7) noexcept {
  std::uint64_t bits = 0;
  for (const std::uint8_t byte : key7) bits = (bits << 8) | byte;
  DesBlock key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(((bits >> (49 - 7 * i)) & 0x7f) << 1);
  return key;
}

DesBlock des_encrypt(std::span<const std::uint8_t, 8> key8, std::span<const std::uint8_t, 8> block) noexcept {
  constexpr std::uint32_t kHalfMask = (1U << 28) - 1;
  const std::uint64_t chosen = kChoice1(load_block(key8));
  auto c = static_cast<std::uint32_t>(chosen >> 28);
  auto d = static_cast<std::uint32_t>(chosen) & kHalfMask;

  const std::uint64_t start = kFirst(load_block(block));
  auto left = static_cast<std::uint32_t>(start >> 32);
  auto right = static_cast<std::uint32_t>(start);
  for (const int shift : kKeyShifts) {
    c = ((c << shift) | (c >> (28 - shift))) & kHalfMask;
    d = ((d << shift) | (d >> (28 - shift))) & kHalfMask;
    const std::uint64_t subkey = kChoice2((std::uint64_t{c} << 28) | d);
    const std::uint32_t mixed = left ^ cipher_function(right, subkey);
    left = right;
    right = mixed;
  }
  const std::uint64_t sealed = kLast((std::uint64_t{right} << 32) | left);  // the halves are not exchanged after the last round
  DesBlock out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(sealed >> (56 - 8 * i));
  return out;
}

DesBlock des_encrypt(std::span<const std::uint8_t, 7> key7, std::span<const std::uint8_t, 8> block) noexcept {
  DesBlock key8 = des_expand_key(key7);
  const DesBlock sealed = des_encrypt(std::span<const std::uint8_t, 8>{key8}, block);
  wipe(key8);
  return sealed;
}

}  // namespace postern::crypto
