// The kernels of md5_kernels.hpp over words of any kind. `Machine` has the Word, how it is loaded, added and read, and a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "crypto/md5_kernels.hpp"

namespace postern::crypto::detail {

inline constexpr std::size_t kMd5BlockBytes = 64;

template <typename Machine>
using WordOf = typename Machine::Word;

template <typename Machine>
[[gnu::always_inline]] inline void load_words(WordOf<Machine> (&words)[16], const std::uint8_t* block) noexcept {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < 16; ++i) {
    std::uint32_t word;
    __builtin_memcpy(&word, block + 4 * i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    words[i] = Machine::from(word);
  }
}

/// The steps of a block; `between(step)`, with the step as a constant, after each.
template <typename Machine, typename Between>
[[gnu::always_inline]] inline void mix_block(WordOf<Machine> (&sum)[4], const WordOf<Machine> (&words)[16],
                                             Between between) noexcept {
  WordOf<Machine> v[4] = {sum[0], sum[1], sum[2], sum[3]};
  [&]<std::size_t... Steps>(std::index_sequence<Steps...>) __attribute__((always_inline)) {
    ((Machine::template step<Steps>(v, words), between(std::integral_constant<std::size_t, Steps>{})), ...);
  }(std::make_index_sequence<64>{});
#pragma GCC unroll 4
  for (std::size_t k = 0; k < 4; ++k) sum[k] = Machine::add(sum[k], v[k]);
}

template <typename Machine>
[[gnu::always_inline]] inline void load_state(WordOf<Machine> (&sum)[4], const std::uint32_t* state) noexcept {
#pragma GCC unroll 4
  for (std::size_t k = 0; k < 4; ++k) sum[k] = Machine::from(state[k]);
}

template <typename Machine>
[[gnu::always_inline]] inline void store_state(std::uint32_t* state, const WordOf<Machine> (&sum)[4]) noexcept {
#pragma GCC unroll 4
  for (std::size_t k = 0; k < 4; ++k) state[k] = Machine::to(sum[k]);
}

template <typename Machine>
[[gnu::always_inline]] inline void run_one(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) noexcept {
  WordOf<Machine> sum[4];
  load_state<Machine>(sum, state);
  for (; count != 0; --count, blocks += kMd5BlockBytes) {
    WordOf<Machine> words[16];
    load_words<Machine>(words, blocks);
    mix_block<Machine>(sum, words, [](auto) __attribute__((always_inline)) {});
  }
  store_state<Machine>(state, sum);
}

template <typename Machine>
[[gnu::always_inline]] inline void run_seal(std::uint32_t* state, const std::uint8_t* hashed, Rc4Walk& walk_kept,
                                            const std::uint8_t* in, std::uint8_t* out, std::size_t count) noexcept {
  Rc4Walk walk = walk_kept;
  WordOf<Machine> sum[4];
  load_state<Machine>(sum, state);
  for (; count != 0; --count, hashed += kMd5BlockBytes, in += kMd5BlockBytes, out += kMd5BlockBytes) {
    WordOf<Machine> words[16];
    load_words<Machine>(words, hashed);
    std::uint64_t stream = 0;
    mix_block<Machine>(sum, words, [&]<std::size_t Step>(std::integral_constant<std::size_t, Step>) __attribute__((always_inline)) {
      constexpr std::size_t k = Step % Rc4Walk::kGroupBytes;
      stream |= std::uint64_t{walk.byte()} << (8 * k);
      if constexpr (k + 1 == Rc4Walk::kGroupBytes) {
        Rc4Walk::exclusive_or(stream, in + Step - k, out + Step - k);
        stream = 0;
      }
    });
  }
  store_state<Machine>(state, sum);
  walk_kept = walk;
}

/// How much of the cipher goes with sixteen steps of MD5.
enum class Density : std::uint8_t { none, one_group, two_groups };

/// Steps First to First + 15, and `D` groups of `in` to `out`.
template <typename Machine, std::size_t First, Density D>
[[gnu::always_inline]] inline void sixteen_steps(WordOf<Machine> (&v)[4], const WordOf<Machine> (&words)[16], Rc4Walk& walk,
                                                 const std::uint8_t* in, std::uint8_t* out) noexcept {
  std::uint64_t stream = 0;
  const auto after = [&]<std::size_t K>(std::integral_constant<std::size_t, K>) __attribute__((always_inline)) {
    constexpr std::size_t kGroup = Rc4Walk::kGroupBytes;
    if constexpr (D == Density::one_group && K % 2 == 1) {
      stream |= std::uint64_t{walk.byte()} << (8 * (K / 2));
      if constexpr (K == 15) Rc4Walk::exclusive_or(stream, in, out);
    } else if constexpr (D == Density::two_groups) {
      stream |= std::uint64_t{walk.byte()} << (8 * (K % kGroup));
      if constexpr (K % kGroup == kGroup - 1) {
        Rc4Walk::exclusive_or(stream, in + K + 1 - kGroup, out + K + 1 - kGroup);
        stream = 0;
      }
    }
  };
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    ((Machine::template step<First + K>(v, words), after(std::integral_constant<std::size_t, K>{})), ...);
  }(std::make_index_sequence<16>{});
}

template <typename Machine>
[[gnu::always_inline]] inline void run_message(const Md5Message& message, Rc4Walk& walk_kept, std::uint32_t* mac) noexcept {
  constexpr std::size_t kHashWords = 4;
  constexpr std::uint32_t kOuterBits = (kMd5BlockBytes + 4 * kHashWords) * 8;
  constexpr std::size_t kOne = Rc4Walk::kGroupBytes;
  constexpr std::size_t kTwo = 2 * kOne;
  Rc4Walk walk = walk_kept;
  const std::uint8_t* in = message.in;
  std::uint8_t* out = message.out;
  std::size_t left = message.size;
  // A text of half the message's length and less is spread over all of it, which leaves MD5 less to wait for.
  const bool is_spread = message.size <= message.count * kMd5BlockBytes / 2;
  const std::uint8_t* block = message.blocks;
  WordOf<Machine> sum[4];
  load_state<Machine>(sum, message.inner);
  for (std::size_t n = 0; n < message.count; ++n, block += kMd5BlockBytes) {
    WordOf<Machine> words[16];
    load_words<Machine>(words, block);
    WordOf<Machine> v[4] = {sum[0], sum[1], sum[2], sum[3]};
    const auto sixteen = [&]<std::size_t First>(std::integral_constant<std::size_t, First>) __attribute__((always_inline)) {
      if (left < kOne) {
        sixteen_steps<Machine, First, Density::none>(v, words, walk, in, out);
        return;
      }
      const std::size_t bytes = is_spread || left < kTwo ? kOne : kTwo;
      if (bytes == kOne) {
        sixteen_steps<Machine, First, Density::one_group>(v, words, walk, in, out);
      } else {
        sixteen_steps<Machine, First, Density::two_groups>(v, words, walk, in, out);
      }
      in += bytes;
      out += bytes;
      left -= bytes;
    };
    [&]<std::size_t... Quarters>(std::index_sequence<Quarters...>) __attribute__((always_inline)) {
      (sixteen(std::integral_constant<std::size_t, 16 * Quarters>{}), ...);
    }(std::make_index_sequence<4>{});
    for (std::size_t k = 0; k < 4; ++k) sum[k] = Machine::add(sum[k], v[k]);
  }
  // What is left of the cipher's part needs nothing of the hash, and the processor does it while the outer hash waits for itself.
  walk.apply(in, out, left);
  for (std::size_t k = 0; k < message.stream_size; ++k) message.stream[k] = static_cast<std::uint8_t>(walk.byte());
  // Around the inner hash the outer: one block, of the digest and its padding.
  WordOf<Machine> words[16];
  for (std::size_t k = 0; k < 16; ++k) words[k] = Machine::from(0);
  for (std::size_t k = 0; k < kHashWords; ++k) words[k] = sum[k];
  words[kHashWords] = Machine::from(0x80);
  words[14] = Machine::from(kOuterBits);
  load_state<Machine>(sum, message.outer);
  mix_block<Machine>(sum, words, [](auto) __attribute__((always_inline)) {});
  store_state<Machine>(mac, sum);
  walk_kept = walk;
}

}  // namespace postern::crypto::detail
