// The lanes of MD5 over vectors of any width, in the vector language that g++ and clang share. Each file that includes this is
// compiled for the registers it uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "crypto/md5_lanes_kernels.hpp"
#include "crypto/md5_steps.hpp"

namespace postern::crypto::detail {

template <std::size_t Width>
using LaneWords [[gnu::vector_size(4 * Width)]] = std::uint32_t;

/// Sixteen bytes from each of the Width/4 blocks at `blocks`, `blocks + 4`, ... side by side.
template <std::size_t Width>
[[gnu::always_inline]] inline void load_pieces(LaneWords<Width>& out, const std::uint8_t* const* blocks,
                                               std::size_t offset) noexcept {
  if constexpr (Width == 4) {
    std::memcpy(&out, blocks[0] + offset, sizeof out);
  } else {
    LaneWords<Width / 2> low;
    LaneWords<Width / 2> high;
    load_pieces<Width / 2>(low, blocks, offset);
    load_pieces<Width / 2>(high, blocks + Width / 2, offset);
    [&]<std::size_t... K>(std::index_sequence<K...>)
        __attribute__((always_inline)) { out = __builtin_shufflevector(low, high, K...); }(std::make_index_sequence<Width>{});
  }
}

/// Within each sixteen bytes: words `First`, `First + 1` of a and b, one of each in turn.
template <std::size_t Width, std::size_t First>
[[gnu::always_inline]] inline void zip_words(LaneWords<Width>& out, const LaneWords<Width>& a, const LaneWords<Width>& b) noexcept {
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    out = __builtin_shufflevector(a, b, (K % 2 * Width + K / 4 * 4 + First + K % 4 / 2)...);
  }(std::make_index_sequence<Width>{});
}

/// Within each sixteen bytes: words `First` and `First + 1` of a, then of b.
template <std::size_t Width, std::size_t First>
[[gnu::always_inline]] inline void join_pairs(LaneWords<Width>& out, const LaneWords<Width>& a,
                                              const LaneWords<Width>& b) noexcept {
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    out = __builtin_shufflevector(a, b, (K % 4 / 2 * Width + K / 4 * 4 + First + K % 2)...);
  }(std::make_index_sequence<Width>{});
}

/// words[k] = word k of each block: loads and 4x4 transpositions.
template <std::size_t Width>
[[gnu::always_inline]] inline void load_words(LaneWords<Width> (&words)[16], const std::uint8_t* const* blocks,
                                              std::size_t at) noexcept {
#pragma GCC unroll 4
  for (std::size_t quad = 0; quad < 4; ++quad) {
    LaneWords<Width> row[4];
    LaneWords<Width> zipped[4];
    for (std::size_t k = 0; k < 4; ++k) load_pieces<Width>(row[k], blocks + k, at + 16 * quad);
    zip_words<Width, 0>(zipped[0], row[0], row[1]);
    zip_words<Width, 2>(zipped[1], row[0], row[1]);
    zip_words<Width, 0>(zipped[2], row[2], row[3]);
    zip_words<Width, 2>(zipped[3], row[2], row[3]);
    join_pairs<Width, 0>(words[4 * quad], zipped[0], zipped[2]);
    join_pairs<Width, 2>(words[4 * quad + 1], zipped[0], zipped[2]);
    join_pairs<Width, 0>(words[4 * quad + 2], zipped[1], zipped[3]);
    join_pairs<Width, 2>(words[4 * quad + 3], zipped[1], zipped[3]);
  }
}

/// `Vectors` vectors from lane `first` on, step by step beside each other: one fills the other's waits.
template <std::size_t Width, std::size_t Vectors>
[[gnu::always_inline]] inline void mix_lanes(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t first,
                                             std::size_t count) noexcept {
  LaneWords<Width> sum[Vectors][4];
  for (std::size_t n = 0; n < Vectors; ++n) {
    for (std::size_t k = 0; k < 4; ++k) std::memcpy(&sum[n][k], &states[k][first + n * Width], sizeof sum[n][k]);
  }
  const std::uint32_t* sine = kMd5Sine;
  asm("" : "+r"(sine));  // hides what it points to: a constant would be moved and spread by instructions that the steps need
  for (std::size_t at = 0; at < 64 * count; at += 64) {
    LaneWords<Width> words[Vectors][16];
    LaneWords<Width> v[Vectors][4];
    for (std::size_t n = 0; n < Vectors; ++n) {
      load_words<Width>(words[n], blocks + first + n * Width, at);
      for (std::size_t k = 0; k < 4; ++k) v[n][k] = sum[n][k];
    }
    [&]<std::size_t... Steps>(std::index_sequence<Steps...>) __attribute__((always_inline)) {
      if constexpr (Vectors == 1) {
        (md5_step<Steps>(v[0], words[0], sine), ...);
      } else {
        ((md5_step<Steps>(v[0], words[0], sine), md5_step<Steps>(v[1], words[1], sine)), ...);
      }
    }(std::make_index_sequence<64>{});
    for (std::size_t n = 0; n < Vectors; ++n) {
      for (std::size_t k = 0; k < 4; ++k) sum[n][k] += v[n][k];
    }
  }
  for (std::size_t n = 0; n < Vectors; ++n) {
    for (std::size_t k = 0; k < 4; ++k) std::memcpy(&states[k][first + n * Width], &sum[n][k], sizeof sum[n][k]);
  }
}

}  // namespace postern::crypto::detail
