#include "crypto/md5.hpp"

#include <utility>

namespace postern::crypto {
namespace {

/// T[i] = floor(2^32 * |sin(i)|), i = 1..64 in radians (RFC 1321, 3.4).
constexpr std::uint32_t kSine[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,  //
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,  //
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,  //
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,  //
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,  //
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,  //
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,  //
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
/// Rotations of the four steps that repeat through a round.
constexpr int kRotate[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/// The word of the block that a step takes (RFC 1321, 3.4, where it is written out).
constexpr std::size_t word_of(std::size_t step) {
  switch (step / 16) {
    case 0: return step % 16;
    case 1: return (5 * step + 1) % 16;
    case 2: return (3 * step + 5) % 16;
    default: return (7 * step) % 16;
  }
}

template <std::size_t Step>
[[gnu::always_inline]] inline void step(std::uint32_t (&v)[4], const std::uint32_t (&words)[16]) noexcept {
  constexpr std::size_t round = Step / 16;
  constexpr std::size_t a = (64 - Step) % 4;  // the roles of the four words move on by one each step
  const std::uint32_t b = v[(a + 1) % 4];
  const std::uint32_t c = v[(a + 2) % 4];
  const std::uint32_t d = v[(a + 3) % 4];
  // b is what the step before has just made, so all that can be added without it is added first.
  std::uint32_t sum = v[a] + words[word_of(Step)] + kSine[Step];
  if constexpr (round == 0) {
    sum += d ^ (b & (c ^ d));  // F: b chooses c or d
  } else if constexpr (round == 1) {
    sum += c & ~d;  // G: d chooses b or c; the halves have no common bit, so + stands for |
    sum += b & d;
  } else if constexpr (round == 2) {
    sum += b ^ (c ^ d);  // H
  } else {
    sum += c ^ (b | ~d);  // I
  }
  v[a] = b + std::rotl(sum, kRotate[round][Step % 4]);
}

template <std::size_t... Steps>
[[gnu::always_inline]] inline void all_steps(std::uint32_t (&v)[4], const std::uint32_t (&words)[16],
                                             std::index_sequence<Steps...>) noexcept {
  (step<Steps>(v, words), ...);
}

}  // namespace

void md5_compress(HashState& state, ByteView blocks) noexcept {
  HashState sum = state;
  for (; blocks.size() >= kHashBlockBytes; blocks = blocks.subspan(kHashBlockBytes)) {
    std::uint32_t words[16];
    for (std::size_t i = 0; i < 16; ++i) words[i] = load_word(blocks.data() + 4 * i);
    std::uint32_t v[4] = {sum[0], sum[1], sum[2], sum[3]};
    all_steps(v, words, std::make_index_sequence<64>{});
    for (std::size_t i = 0; i < 4; ++i) sum[i] += v[i];
  }
  state = sum;
}

}  // namespace postern::crypto
