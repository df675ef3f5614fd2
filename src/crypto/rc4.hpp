// RC4, the stream cipher of NTLM's key exchange and session security (MS-NLMP 3.4.3, 3.4.4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/declassify.hpp"
#include "crypto/rc4_walk.hpp"

namespace postern::crypto {

namespace detail {
class Rc4Four;
}  // namespace detail

/// A key stream under way. Moves, never copies (two users of one stream would give the exclusive-or of their texts away), wipes
/// itself. The cells are bytes, so the whole state lies in five cache lines. The cipher indexes them by secret values: that is what
/// RC4 is, and it is a named exception to constant-time indexing. Misuse (a key of no or over 256 bytes, texts of unequal size, a
/// moved-from cipher) is a fault of ours, never of a peer's bytes, and aborts, because going on would send clear text.
class Rc4 {
 public:
  static constexpr std::size_t kMaxKeyBytes = 256;

  /// `key` has 1 to 256 bytes.
  explicit Rc4(ByteView key) noexcept;
  Rc4(Rc4&& other) noexcept;
  Rc4& operator=(Rc4&& other) noexcept;
  ~Rc4();

  /// A second stream that goes on from the same place: written out, for a caller that must look ahead and come back.
  [[nodiscard]] Rc4 duplicate() const noexcept { return Rc4{*this}; }

  /// Exclusive-or of the next bytes of the stream and `in`, to `out`; same size, either apart or the same place.
  void apply(ByteView in, MutableByteView out) noexcept;
  void apply(MutableByteView in_out) noexcept { apply(in_out, in_out); }

  /// Takes the last `bytes` of the stream back, as if they had never been used: each step of RC4 is a swap, and can be undone.
  /// For a receiver whose message turns out to be forged; `bytes` is at most what this cipher has given since it was made.
  void rewind(std::size_t bytes) noexcept;

  /// For kernels that take bytes off the stream by themselves: where it stands, until end() is told where it has come to. Nothing
  /// else may be called in between.
  [[nodiscard]] detail::Rc4Walk begin() noexcept { return detail::Rc4Walk::at(cells_.data(), i_, j_); }
  void end(const detail::Rc4Walk& walk) noexcept {
    i_ = static_cast<std::uint8_t>(walk.next - 1);
    j_ = static_cast<std::uint8_t>(walk.j);
  }

  /// Whether apply() would not abort.
  [[nodiscard]] bool may_apply(ByteView in, MutableByteView out) const noexcept {
    // Live cells are a permutation, so no two are equal; those of a moved-from cipher are all zero.
    return in.size() == out.size() && declassify(cells_[0] != cells_[1]);
  }

 private:
  friend class StateAccess;
  friend class detail::Rc4Four;

  using Cells = std::array<std::uint8_t, 256>;
  struct Unscheduled {};
  explicit Rc4(Unscheduled) noexcept {}  // who calls this fills the cells
  static void fill_in_order(Cells& cells) noexcept;
  Rc4(const Rc4&) noexcept = default;
  void erase() noexcept;

  Cells cells_;
  std::uint8_t i_ = 0;
  std::uint8_t j_ = 0;
};

}  // namespace postern::crypto
