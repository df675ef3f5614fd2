// Reader: takes little-endian fields off a byte view, checks every bound, never wraps (R1).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern {

class Reader {
 public:
  /// Reads `input`; offsets in errors are counted from `base`, the place of `input` in a larger one.
  explicit Reader(ByteView input, std::size_t base = 0) : input_{input}, base_{base} {}

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return input_.size() - position_; }
  [[nodiscard]] bool at_end() const { return remaining() == 0; }
  [[nodiscard]] ByteView rest() const { return input_.subspan(position_); }

  Result<ByteView> take(std::size_t count, std::string_view field) {
    if (count > remaining()) [[unlikely]]
      return too_short(field);
    const ByteView bytes = input_.subspan(position_, count);
    position_ += count;
    return bytes;
  }
  Result<std::uint8_t> u8(std::string_view field) {
    if (remaining() < 1) [[unlikely]]
      return too_short(field);
    return input_[position_++];
  }
  Result<std::uint16_t> u16(std::string_view field) { return little_endian<std::uint16_t>(field); }
  Result<std::uint32_t> u32(std::string_view field) { return little_endian<std::uint32_t>(field); }
  Result<std::uint64_t> u64(std::string_view field) { return little_endian<std::uint64_t>(field); }

  /// Succeeds if nothing is left.
  Result<void> expect_end(std::string_view field) const {
    if (!at_end()) return fail(ErrorCode::malformed, field, base_ + position_, "bytes after the end");
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<Error> too_short(std::string_view field) const {
    return fail(ErrorCode::truncated, field, base_ + position_, "the input ends inside this field");
  }
  template <typename Integer>
  Result<Integer> little_endian(std::string_view field) {
    if (remaining() < sizeof(Integer)) [[unlikely]]
      return too_short(field);
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      value = static_cast<Integer>(value | (static_cast<Integer>(input_[position_ + i]) << (8 * i)));
    }
    position_ += sizeof(Integer);
    return value;
  }

  ByteView input_;
  std::size_t base_;
  std::size_t position_ = 0;
};

/// A little-endian integer at a place that the caller has checked.
template <typename Integer>
[[nodiscard]] constexpr Integer load_le(const std::uint8_t* bytes) noexcept {
  Integer value = 0;
  if !consteval {
    // Compilers do not see a single load in the loop below wherever they inline it.
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&value, bytes, sizeof value);
      return value;
    }
  }
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(value | (static_cast<Integer>(bytes[i]) << (8 * i)));
  }
  return value;
}

template <typename Integer>
constexpr void store_le(std::uint8_t* bytes, Integer value) noexcept {
  if !consteval {
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(bytes, &value, sizeof value);
      return;
    }
  }
  for (std::size_t i = 0; i < sizeof(Integer); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace postern
