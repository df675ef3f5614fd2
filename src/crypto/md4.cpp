#include "crypto/md4.hpp"

#include <utility>

namespace postern::crypto {
namespace {

/// What round `Round` adds to each step (RFC 1320, 3.4).
constexpr std::array<std::uint32_t, 3> kAdded{0, 0x5a827999, 0x6ed9eba1};
/// Rotations of the four steps that repeat through a round.
constexpr int kRotate[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
/// Word of the block that each step takes.
constexpr std::size_t kWord[48] = {0, 1, 2, 3,  4, 5,  6, 7,  8, 9, 10, 11, 12, 13, 14, 15,  //
                                   0, 4, 8, 12, 1, 5,  9, 13, 2, 6, 10, 14, 3,  7,  11, 15,  //
                                   0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5,  13, 3,  11, 7,  15};

template <std::size_t Step>
[[gnu::always_inline]] inline void step(std::uint32_t (&v)[4], const std::uint32_t (&words)[16]) noexcept {
  constexpr std::size_t round = Step / 16;
  constexpr std::size_t a = (48 - Step) % 4;  // the roles of the four words move on by one each step
  const std::uint32_t b = v[(a + 1) % 4];
  const std::uint32_t c = v[(a + 2) % 4];
  const std::uint32_t d = v[(a + 3) % 4];
  std::uint32_t mixed;
  if constexpr (round == 0) {
    mixed = d ^ (b & (c ^ d));  // F: b chooses c or d
  } else if constexpr (round == 1) {
    mixed = (b & c) | (d & (b | c));  // G: the majority
  } else {
    mixed = b ^ c ^ d;  // H
  }
  v[a] = std::rotl(v[a] + mixed + words[kWord[Step]] + kAdded[round], kRotate[round][Step % 4]);
}

template <std::size_t... Steps>
[[gnu::always_inline]] inline void all_steps(std::uint32_t (&v)[4], const std::uint32_t (&words)[16],
                                             std::index_sequence<Steps...>) noexcept {
  (step<Steps>(v, words), ...);
}

}  // namespace

void md4_compress(HashState& state, ByteView blocks) noexcept {
  HashState sum = state;
  for (; blocks.size() >= kHashBlockBytes; blocks = blocks.subspan(kHashBlockBytes)) {
    std::uint32_t words[16];
    for (std::size_t i = 0; i < 16; ++i) words[i] = load_word(blocks.data() + 4 * i);
    std::uint32_t v[4] = {sum[0], sum[1], sum[2], sum[3]};
    all_steps(v, words, std::make_index_sequence<48>{});
    for (std::size_t i = 0; i < 4; ++i) sum[i] += v[i];
  }
  state = sum;
}

}  // namespace postern::crypto
