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

template <typename Machine>
[[gnu::always_inline]] inline void run_message(const Md5Message& message, Rc4Walk& walk_kept, std::uint32_t* mac) noexcept {
  constexpr std::size_t kHashWords = 4;
  constexpr std::uint32_t kOuterBits = (kMd5BlockBytes + 4 * kHashWords) * 8;
  Rc4Walk walk = walk_kept;
  const std::uint8_t* in = message.in;
  std::uint8_t* out = message.out;
  std::size_t left = message.size;
  const std::uint8_t* block = message.blocks;
  WordOf<Machine> sum[4];
  load_state<Machine>(sum, message.inner);
  for (std::size_t n = 0; n <= message.count; ++n, block += kMd5BlockBytes) {
    WordOf<Machine> words[16];
    if (n < message.count) {
      load_words<Machine>(words, block);
    } else {  // around the inner hash the outer: one block, of the digest and its padding
      for (std::size_t k = 0; k < 16; ++k) words[k] = Machine::from(0);
      for (std::size_t k = 0; k < kHashWords; ++k) words[k] = sum[k];
      words[kHashWords] = Machine::from(0x80);
      words[14] = Machine::from(kOuterBits);
      load_state<Machine>(sum, message.outer);
    }
    // Every eight steps a group of the cipher, as long as there are any.
    WordOf<Machine> v[4] = {sum[0], sum[1], sum[2], sum[3]};
    const auto eight = [&]<std::size_t First>(std::integral_constant<std::size_t, First>) __attribute__((always_inline)) {
      const auto steps = [&]<std::size_t... K>(std::index_sequence<K...>, auto between)
                             __attribute__((always_inline)) { ((Machine::template step<First + K>(v, words), between(K)), ...); };
      constexpr std::make_index_sequence<Rc4Walk::kGroupBytes> kGroup{};
      if (left < Rc4Walk::kGroupBytes) {
        steps(kGroup, [](std::size_t) __attribute__((always_inline)) {});
        return;
      }
      std::uint64_t stream = 0;
      steps(kGroup, [&](std::size_t k) __attribute__((always_inline)) { stream |= std::uint64_t{walk.byte()} << (8 * k); });
      Rc4Walk::exclusive_or(stream, in, out);
      in += Rc4Walk::kGroupBytes;
      out += Rc4Walk::kGroupBytes;
      left -= Rc4Walk::kGroupBytes;
    };
    [&]<std::size_t... Groups>(std::index_sequence<Groups...>) __attribute__((always_inline)) {
      (eight(std::integral_constant<std::size_t, Groups * Rc4Walk::kGroupBytes>{}), ...);
    }(std::make_index_sequence<kMd5BlockBytes / Rc4Walk::kGroupBytes>{});
    for (std::size_t k = 0; k < 4; ++k) sum[k] = Machine::add(sum[k], v[k]);
  }
  store_state<Machine>(mac, sum);
  walk.apply(in, out, left);
  walk_kept = walk;
}

}  // namespace postern::crypto::detail
