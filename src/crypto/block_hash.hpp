// BlockHash: what MD4 and MD5 share. Both cut the message into blocks of 64 bytes, pad it alike (RFC 1320 and RFC 1321, 3.1
// and 3.2) and keep four 32-bit words; only the compression function differs.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace postern::crypto {

inline constexpr std::size_t kHashBlockBytes = 64;
inline constexpr std::size_t kHashBytes = 16;

/// The words A, B, C, D. Plain data: who holds a state that a key went into wipes it.
using HashState = std::array<std::uint32_t, 4>;
using Digest = std::array<std::uint8_t, kHashBytes>;

/// Initial value of A, B, C, D (RFC 1320 and RFC 1321, 3.3).
inline constexpr HashState kInitialHashState{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

/// A little-endian word at any address, in one load where the machine is little-endian itself.
[[nodiscard]] inline std::uint32_t load_word(const std::uint8_t* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  return word;
}

inline void store_word(std::uint8_t* bytes, std::uint32_t word) noexcept {
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  std::memcpy(bytes, &word, sizeof word);
}

/// Copies at most a few blocks. The compiler is not told how many: knowing a bound, it uses the processor's string instructions,
/// whose start takes longer than all the rest.
inline void copy_short(std::uint8_t* to, const std::uint8_t* from, std::size_t size) noexcept {
  asm("" : "+r"(size));
  std::memcpy(to, from, size);
}

/// Zeros in a whole block, by the widest stores that every processor has, for the same reason.
inline void zero_block(std::uint8_t* block) noexcept {
  using Quarter [[gnu::vector_size(16)]] = std::uint64_t;
  const Quarter zeros{};
  for (std::size_t at = 0; at < kHashBlockBytes; at += sizeof zeros) std::memcpy(block + at, &zeros, sizeof zeros);
}

[[nodiscard]] inline Digest to_digest(const HashState& state) noexcept {
  Digest digest;
  for (std::size_t i = 0; i < state.size(); ++i) store_word(digest.data() + 4 * i, state[i]);
  return digest;
}

/// A hash under way. Not copyable, because what went in may be secret; wipes itself (R27). Messages up to 2^61 - 1 bytes.
template <void (*Compress)(HashState&, ByteView)>
class BlockHash {
 public:
  BlockHash() noexcept = default;
  /// Goes on from `state`, into which `absorbed_bytes` (a multiple of 64) went already; HMAC starts from a keyed state so.
  BlockHash(const HashState& state, std::uint64_t absorbed_bytes) noexcept : state_{state}, total_bytes_{absorbed_bytes} {}
  BlockHash(const BlockHash&) = delete;
  BlockHash& operator=(const BlockHash&) = delete;
  ~BlockHash() {
    wipe(state_.data(), sizeof state_);
    wipe(buffer_);
  }

  void update(ByteView bytes) noexcept {
    if (bytes.empty()) return;  // its data() may be null
    const std::size_t buffered = total_bytes_ % kHashBlockBytes;
    total_bytes_ += bytes.size();
    if (buffered != 0) {
      const std::size_t wanted = std::min(bytes.size(), kHashBlockBytes - buffered);
      copy_short(buffer_.data() + buffered, bytes.data(), wanted);
      if (buffered + wanted < kHashBlockBytes) return;
      Compress(state_, buffer_);
      bytes = bytes.subspan(wanted);
    }
    const std::size_t whole = bytes.size() - bytes.size() % kHashBlockBytes;
    if (whole != 0) Compress(state_, bytes.first(whole));
    if (whole != bytes.size()) copy_short(buffer_.data(), bytes.data() + whole, bytes.size() - whole);
  }

  /// The digest of all that was given. Ends the hash: nothing may be called on the object afterwards.
  [[nodiscard]] Digest finish() noexcept {
    std::size_t used = total_bytes_ % kHashBlockBytes;
    buffer_[used++] = 0x80;
    if (used > kHashBlockBytes - kLengthBytes) {
      std::memset(buffer_.data() + used, 0, kHashBlockBytes - used);
      Compress(state_, buffer_);
      used = 0;
    }
    std::memset(buffer_.data() + used, 0, kHashBlockBytes - kLengthBytes - used);
    const std::uint64_t bits = total_bytes_ * 8;
    store_word(buffer_.data() + 56, static_cast<std::uint32_t>(bits));
    store_word(buffer_.data() + 60, static_cast<std::uint32_t>(bits >> 32));
    Compress(state_, buffer_);
    return to_digest(state_);
  }

  /// The state before padding; meaningful to a caller that gave whole blocks only.
  [[nodiscard]] const HashState& state() const noexcept { return state_; }

  /// How many bytes wait for the rest of their block: 0 to 63.
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return total_bytes_ % kHashBlockBytes; }
  /// For kernels that mix blocks in by themselves: goes on from `state`, which is state() and `bytes` more. No bytes were waiting,
  /// and `bytes` is a multiple of 64.
  void resume(const HashState& state, std::uint64_t bytes) noexcept {
    state_ = state;
    total_bytes_ += bytes;
  }

  [[nodiscard]] static Digest digest(ByteView message) noexcept {
    BlockHash hash;
    hash.update(message);
    return hash.finish();
  }

 private:
  static constexpr std::size_t kLengthBytes = 8;

  HashState state_ = kInitialHashState;
  std::uint64_t total_bytes_ = 0;
  std::array<std::uint8_t, kHashBlockBytes> buffer_;  // only what update() wrote is ever read
};

}  // namespace postern::crypto
