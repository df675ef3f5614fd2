// StateAccess: ciphers and keys taken apart and put together again, for a session that moves to another process. Nobody else has a
// reason to see inside, so the classes name this one as their friend and show nothing to others.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "crypto/hmac_md5.hpp"
#include "crypto/rc4.hpp"

namespace postern::crypto {

class StateAccess {
 public:
  static constexpr std::size_t kHmacKeyBytes = 2 * kHashBytes;  ///< the inner and the outer state, words little-endian
  static constexpr std::size_t kRc4Bytes = 256 + 2;             ///< the cells, then i and j

  /// As good as the key: the caller wipes `out`.
  static void save(const HmacMd5Key& key, std::span<std::uint8_t, kHmacKeyBytes> out) noexcept;
  [[nodiscard]] static HmacMd5Key load_hmac_key(std::span<const std::uint8_t, kHmacKeyBytes> bytes) noexcept;

  /// As good as the key: the caller wipes `out`. `cipher` is live, not moved from.
  static void save(const Rc4& cipher, std::span<std::uint8_t, kRc4Bytes> out) noexcept;
  /// Nothing if the cells are no permutation: no key leads there, and the stream would repeat itself.
  [[nodiscard]] static std::optional<Rc4> load_rc4(std::span<const std::uint8_t, kRc4Bytes> bytes) noexcept;
};

}  // namespace postern::crypto
