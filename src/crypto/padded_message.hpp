// PaddedMessage: a short message under HMAC, laid out in whole blocks, so that a kernel gets all of it in one call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "crypto/block_hash.hpp"

namespace postern::crypto {

/// The parts one after the other with MD5's padding behind them (RFC 1321, 3.1 and 3.2), as a message of which one block, the
/// key's, went in before. Wipes itself.
class PaddedMessage {
  static constexpr std::size_t kMaxBlocks = 20;
  static constexpr std::size_t kLengthBytes = 8;

 public:
  static constexpr std::size_t kMaxBytes = kMaxBlocks * kHashBlockBytes - 1 - kLengthBytes;

  [[nodiscard]] static bool fits(std::span<const ByteView> parts) noexcept {
    std::size_t left = kMaxBytes;
    for (const ByteView part : parts) {
      if (part.size() > left) return false;
      left -= part.size();
    }
    return true;
  }

  /// The parts fit.
  explicit PaddedMessage(std::span<const ByteView> parts) noexcept {
    std::size_t used = 0;
    for (const ByteView part : parts) {
      if (part.empty()) continue;  // its data() may be null
      copy_short(bytes_.data() + used, part.data(), part.size());
      used += part.size();
    }
    count_ = (used + kLengthBytes) / kHashBlockBytes + 1;
    const std::size_t end = count_ * kHashBlockBytes;
    bytes_[used] = 0x80;
    zeros(bytes_.data() + used + 1, end - used - 1);
    const std::uint64_t bits = (kHashBlockBytes + used) * 8;
    store_word(bytes_.data() + end - kLengthBytes, static_cast<std::uint32_t>(bits));
    store_word(bytes_.data() + end - kLengthBytes / 2, static_cast<std::uint32_t>(bits >> 32));
  }
  PaddedMessage(const PaddedMessage&) = delete;
  PaddedMessage& operator=(const PaddedMessage&) = delete;
  ~PaddedMessage() { wipe(bytes_.data(), count_ * kHashBlockBytes); }

  [[nodiscard]] const std::uint8_t* blocks() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  /// As copy_short() for zeros.
  static void zeros(std::uint8_t* to, std::size_t size) noexcept {
    asm("" : "+r"(size));
    std::memset(to, 0, size);
  }

  std::size_t count_ = 0;
  std::array<std::uint8_t, kMaxBlocks * kHashBlockBytes> bytes_;  // only what was written is read
};

}  // namespace postern::crypto
