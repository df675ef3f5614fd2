// The 64 steps of MD5 (RFC 1321, 3.4), over one word each or over vectors of words: what md5_compress() and the kernels share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

// Everything here is inlined into its caller without exception. Some callers are compiled for newer processors than the rest of the
// program; a function of theirs that the linker kept for all would end the program on an older one.
namespace postern::crypto::detail {

/// T[i] = floor(2^32 * |sin(i)|), i = 1..64 in radians (RFC 1321, 3.4).
inline constexpr std::uint32_t kMd5Sine[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,  //
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,  //
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,  //
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,  //
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,  //
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,  //
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,  //
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
/// Rotations of the four steps that repeat through a round.
inline constexpr int kMd5Rotate[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/// The word of the block that a step takes (RFC 1321, 3.4, where it is written out).
consteval std::size_t md5_word_of(std::size_t step) {
  switch (step / 16) {
    case 0: return step % 16;
    case 1: return (5 * step + 1) % 16;
    case 2: return (3 * step + 5) % 16;
    default: return (7 * step) % 16;
  }
}

/// One step. `Word` is std::uint32_t or a vector of them (each element its own message). `sine` is kMd5Sine, or a pointer to it for
/// who would rather have it read from memory than built of instructions.
template <std::size_t Step, typename Word>
[[gnu::always_inline]] inline void md5_step(Word (&v)[4], const Word (&words)[16], const std::uint32_t* sine = kMd5Sine) noexcept {
  constexpr std::size_t round = Step / 16;
  constexpr std::size_t a = (64 - Step) % 4;  // the roles of the four words move on by one each step
  constexpr int left = kMd5Rotate[round][Step % 4];
  const Word b = v[(a + 1) % 4];
  const Word c = v[(a + 2) % 4];
  const Word d = v[(a + 3) % 4];
  // b is what the step before has just made, so all that can be added without it is added first.
  Word sum = v[a] + words[md5_word_of(Step)] + sine[Step];
  if constexpr (round == 0) {
    sum += d ^ (b & (c ^ d));  // F: b chooses c or d
  } else if constexpr (round == 1) {
    if constexpr (sizeof(Word) == 64) {
      sum += (b & d) | (c & ~d);  // G: d chooses b or c; AVX-512 has one instruction for it
    } else {
      sum += c & ~d;  // G; the halves have no common bit, so + stands for |
      sum += b & d;
    }
  } else if constexpr (round == 2) {
    sum += b ^ (c ^ d);  // H
  } else {
    sum += c ^ (b | ~d);  // I
  }
  v[a] = b + ((sum << left) | (sum >> (32 - left)));
}

/// The steps of `Steps`, one after the other.
template <typename Word, std::size_t... Steps>
[[gnu::always_inline]] inline void md5_steps(Word (&v)[4], const Word (&words)[16], std::index_sequence<Steps...>) noexcept {
  (md5_step<Steps>(v, words), ...);
}

}  // namespace postern::crypto::detail
