// Writer: appends little-endian fields to an owned buffer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace postern {

class Writer {
 public:
  Writer() = default;
  /// Reserves the size that the caller computed before writing (R16).
  explicit Writer(std::size_t expected_size) { out_.reserve(expected_size); }

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) { little_endian(value); }
  void u32(std::uint32_t value) { little_endian(value); }
  void u64(std::uint64_t value) { little_endian(value); }
  void bytes(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void zeros(std::size_t count) { out_.resize(out_.size() + count); }

  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] ByteView view() const { return out_; }
  [[nodiscard]] Bytes take() && { return std::move(out_); }

 private:
  template <typename Integer>
  void little_endian(Integer value) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  Bytes out_;
};

}  // namespace postern
