// WideRc4: a key stream whose cells are words for the time of one call, for rc4.cpp and the kernels.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/secret.hpp"
#include "crypto/rc4.hpp"

namespace postern::crypto::detail {

/// Takes the stream of an Rc4 over and gives it back at its end, wiping itself. A byte written and read again at once is slow on
/// common processors, a word is not; so long texts go through wide cells, while a cipher that waits keeps its 258 bytes.
class WideRc4 {
 public:
  static constexpr std::size_t kGroupBytes = 8;  // how many bytes of stream meet the text in one word

  explicit WideRc4(Rc4& cipher) noexcept : cipher_{cipher}, next_{(cipher.i_ + std::size_t{1}) & 0xff}, j_{cipher.j_} {
    for (std::size_t k = 0; k < kCells; ++k) cells_[k] = cipher.cells_[k];
  }
  WideRc4(const WideRc4&) = delete;
  WideRc4& operator=(const WideRc4&) = delete;
  ~WideRc4() {
    for (std::size_t k = 0; k < kCells; ++k) cipher_.cells_[k] = static_cast<std::uint8_t>(cells_[k]);
    cipher_.i_ = static_cast<std::uint8_t>(next_ - 1);
    cipher_.j_ = static_cast<std::uint8_t>(j_);
    wipe(cells_, sizeof cells_);
    wipe(&j_, sizeof j_);
  }

  /// How many bytes to apply before groups may follow, so that the cells of a group lie side by side: 0 to 7.
  [[nodiscard]] std::size_t bytes_to_group() const noexcept { return (kGroupBytes - next_ % kGroupBytes) % kGroupBytes; }

  /// Exclusive-or of the next `size` bytes of the stream and `in`, to `out`: apart or the same place.
  void apply(const std::uint8_t* in, std::uint8_t* out, std::size_t size) noexcept {
    std::size_t at = 0;
    for (; at < size && next_ % kGroupBytes != 0; ++at) out[at] = static_cast<std::uint8_t>(in[at] ^ byte());
    Position position = begin_groups();
    for (; size - at >= kGroupBytes; at += kGroupBytes) group(position, in + at, out + at, [](auto) {});
    end_groups(position);
    for (; at < size; ++at) out[at] = static_cast<std::uint8_t>(in[at] ^ byte());
  }

  /// Where a run of groups stands, in variables of its own that the compiler keeps in registers.
  struct Position {
    std::size_t next;  // the next i; a multiple of 8 between groups
    std::size_t j;
    std::uint32_t a;  // cells[next], read ahead: the sum j needs it before all else
  };
  [[nodiscard]] Position begin_groups() const noexcept { return {next_, j_, cells_[next_]}; }
  void end_groups(const Position& position) noexcept {
    next_ = position.next;
    j_ = position.j;
  }

  /// Eight bytes. `between(std::integral_constant<std::size_t, K>)` is called after byte K; its instructions run in the shadow of
  /// ours.
  template <typename Between>
  [[gnu::always_inline]] inline void group(Position& position, const std::uint8_t* in, std::uint8_t* out,
                                           Between between) noexcept {
    std::uint32_t* const at = cells_ + position.next;
    position.next = (position.next + kGroupBytes) & 0xff;
    std::uint64_t stream = 0;
    step<0>(position, at, stream, between);
    step<1>(position, at, stream, between);
    step<2>(position, at, stream, between);
    step<3>(position, at, stream, between);
    step<4>(position, at, stream, between);
    step<5>(position, at, stream, between);
    step<6>(position, at, stream, between);
    step<7>(position, at, stream, between);
    if constexpr (std::endian::native == std::endian::big) stream = __builtin_bswap64(stream);
    std::uint64_t text;
    std::memcpy(&text, in, sizeof text);
    text ^= stream;
    std::memcpy(out, &text, sizeof text);
  }

 private:
  static constexpr std::size_t kCells = 256;

  template <std::size_t K, typename Between>
  [[gnu::always_inline]] inline void step(Position& position, std::uint32_t* at, std::uint64_t& stream, Between& between) noexcept {
    const std::uint32_t a = position.a;
    position.j = (position.j + a) & 0xff;
    const std::uint32_t b = cells_[position.j];
    cells_[position.j] = a;
    // The cell after this one: read now, before b is here. It is never cells[i], and cells[j] holds its new value already.
    position.a = K + 1 < kGroupBytes ? at[K + 1] : cells_[position.next];
    at[K] = b;
    stream |= std::uint64_t{cells_[(a + b) & 0xff]} << (8 * K);
    between(std::integral_constant<std::size_t, K>{});
  }

  [[gnu::always_inline]] inline std::uint32_t byte() noexcept {
    const std::uint32_t a = cells_[next_];
    j_ = (j_ + a) & 0xff;
    const std::uint32_t b = cells_[j_];
    cells_[next_] = b;
    cells_[j_] = a;
    next_ = (next_ + 1) & 0xff;
    return cells_[(a + b) & 0xff];
  }

  std::uint32_t cells_[kCells];  // first, which spares an addition in every address
  Rc4& cipher_;
  std::size_t next_;  // i + 1, the cell that the next byte starts from
  std::size_t j_;
};

}  // namespace postern::crypto::detail
