// Fixed-size values with a meaning: Secret (moves, never copies, never prints, wipes itself) and Public.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"

namespace postern {

/// Overwrites memory with zeros in a way that the optimiser keeps (R27).
inline void wipe(void* memory, std::size_t size) noexcept {
  if (size == 0) return;
  std::memset(memory, 0, size);
  // The memory is an input of this empty statement, so the store above has a reader and stays.
  asm volatile("" : : "r"(memory) : "memory");
}
inline void wipe(MutableByteView bytes) noexcept { wipe(bytes.data(), bytes.size()); }

/// True if both have the same length and bytes. Time depends on the length alone (R27).
[[nodiscard]] bool constant_time_equal(ByteView a, ByteView b) noexcept;
/// True if every byte is zero. Time depends on the length alone.
[[nodiscard]] bool constant_time_is_zero(ByteView bytes) noexcept;

/// `Size` secret bytes whose meaning is the type `Tag`. A moved-from secret is zero.
template <typename Tag, std::size_t Size>
class Secret {
 public:
  static constexpr std::size_t kSize = Size;

  Secret() noexcept = default;  // all zero
  explicit Secret(std::span<const std::uint8_t, Size> bytes) noexcept { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }
  Secret(Secret&& other) noexcept : bytes_{other.bytes_} { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  /// A second holder of the same secret: written out, because each copy is one more place to wipe.
  [[nodiscard]] Secret duplicate() const noexcept { return Secret{std::span<const std::uint8_t, Size>{bytes_}}; }

  /// The bytes, on an lvalue only: a temporary would be wiped under the view.
  [[nodiscard]] std::span<const std::uint8_t, Size> reveal() const& noexcept { return bytes_; }
  std::span<const std::uint8_t, Size> reveal() const&& = delete;
  [[nodiscard]] std::span<std::uint8_t, Size> reveal_for_writing() & noexcept { return bytes_; }

  bool operator==(const Secret&) const = delete;  // compare in constant time

 private:
  std::array<std::uint8_t, Size> bytes_{};
};

/// `Size` ordinary bytes whose meaning is the type `Tag`.
template <typename Tag, std::size_t Size>
class Public {
 public:
  static constexpr std::size_t kSize = Size;

  constexpr Public() noexcept = default;
  constexpr explicit Public(std::span<const std::uint8_t, Size> bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  constexpr explicit Public(const std::array<std::uint8_t, Size>& bytes) noexcept : bytes_{bytes} {}

  [[nodiscard]] constexpr std::span<const std::uint8_t, Size> bytes() const& noexcept { return bytes_; }
  bool operator==(const Public&) const = default;

 private:
  std::array<std::uint8_t, Size> bytes_{};
};

/// Secret bytes of any length, for example a password in UTF-8. Moves, never copies, wipes its storage.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(ByteView bytes) : bytes_{bytes.begin(), bytes.end()} {}
  explicit SecretBytes(std::string_view text) : SecretBytes{as_bytes(text)} {}
  /// Takes the text over and wipes what the caller held.
  static SecretBytes take(std::string& text) {
    SecretBytes secret{std::string_view{text}};
    wipe(text.data(), text.size());
    text.clear();
    return secret;
  }
  SecretBytes(SecretBytes&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(bytes_); }

  [[nodiscard]] SecretBytes duplicate() const { return SecretBytes{ByteView{bytes_}}; }
  [[nodiscard]] ByteView reveal() const& noexcept { return bytes_; }
  ByteView reveal() const&& = delete;
  [[nodiscard]] std::string_view reveal_text() const& noexcept { return as_text(bytes_); }
  std::string_view reveal_text() const&& = delete;
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  Bytes bytes_;
};

}  // namespace postern
