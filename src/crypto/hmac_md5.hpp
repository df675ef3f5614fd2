// HMAC-MD5 (RFC 2104): a key that has gone through both pads once, and messages under it.
#pragma once

#include <initializer_list>
#include <span>

#include "base/bytes.hpp"
#include "crypto/md5.hpp"

namespace postern::crypto {

/// What the key is combined with for the inner and the outer hash (RFC 2104, section 2).
inline constexpr std::uint8_t kHmacInnerPad = 0x36;
inline constexpr std::uint8_t kHmacOuterPad = 0x5c;

namespace detail {
class Md5LanesKeys;
}

/// A key of HMAC-MD5, kept as the two MD5 states behind K xor ipad and K xor opad (RFC 2104, section 4), which saves two of the
/// four blocks of a short message. The key itself is not kept. Moves, never copies, wipes itself; a moved-from key is no key: do
/// not use it.
class HmacMd5Key {
 public:
  /// A key of any length; one over 64 bytes is hashed first (RFC 2104, section 2).
  explicit HmacMd5Key(ByteView key) noexcept;
  HmacMd5Key(HmacMd5Key&& other) noexcept;
  HmacMd5Key& operator=(HmacMd5Key&& other) noexcept;
  HmacMd5Key(const HmacMd5Key&) = delete;
  HmacMd5Key& operator=(const HmacMd5Key&) = delete;
  ~HmacMd5Key();

  /// A second holder of the same key: written out, because each copy is one more place to wipe.
  [[nodiscard]] HmacMd5Key duplicate() const noexcept { return HmacMd5Key{inner_, outer_}; }

  /// The keyed states, for kernels that compute many messages at once.
  [[nodiscard]] const HashState& inner() const& noexcept { return inner_; }
  [[nodiscard]] const HashState& outer() const& noexcept { return outer_; }
  const HashState& inner() const&& = delete;
  const HashState& outer() const&& = delete;

 private:
  friend class StateAccess;
  friend class detail::Md5LanesKeys;
  HmacMd5Key(const HashState& inner, const HashState& outer) noexcept : inner_{inner}, outer_{outer} {}

  HashState inner_;
  HashState outer_;
};

/// One message under a key. Keeps what it needs of the key, so the key may go first.
class HmacMd5 {
 public:
  explicit HmacMd5(const HmacMd5Key& key) noexcept : inner_{key.inner(), kHashBlockBytes}, outer_{key.outer()} {}
  HmacMd5(const HmacMd5&) = delete;
  HmacMd5& operator=(const HmacMd5&) = delete;
  ~HmacMd5() { wipe(outer_.data(), sizeof outer_); }

  HmacMd5& update(ByteView bytes) noexcept {
    inner_.update(bytes);
    return *this;
  }
  /// The MAC of all that was given. Ends the message: nothing may be called on the object afterwards.
  [[nodiscard]] Digest finish() noexcept;

  /// The hash of the message under way, for kernels that mix blocks in by themselves.
  [[nodiscard]] Md5& message_hash() noexcept { return inner_; }

 private:
  Md5 inner_;
  HashState outer_;
};

/// The MAC of the parts one after the other. What PaddedMessage takes goes through a kernel in one piece.
[[nodiscard]] Digest hmac_md5(const HmacMd5Key& key, std::span<const ByteView> parts) noexcept;
[[nodiscard]] Digest hmac_md5(const HmacMd5Key& key, std::initializer_list<ByteView> parts) noexcept;
[[nodiscard]] Digest hmac_md5(ByteView key, std::initializer_list<ByteView> parts) noexcept;

}  // namespace postern::crypto
