// CRC-32 (IEEE 802.3, reflected, polynomial 0x04c11db7): the checksum in NTLMv1's message signature (MS-NLMP 3.4.4.1).
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace postern::crypto {

/// A checksum under way; an ordinary value. No protection against anyone.
class Crc32 {
 public:
  void update(ByteView bytes) noexcept;
  /// The checksum of all that was given so far; more may follow.
  [[nodiscard]] std::uint32_t value() const noexcept { return ~remainder_; }

 private:
  std::uint32_t remainder_ = 0xffffffff;
};

[[nodiscard]] inline std::uint32_t crc32(ByteView bytes) noexcept {
  Crc32 crc;
  crc.update(bytes);
  return crc.value();
}

}  // namespace postern::crypto
