// HmacMd5Run: two HMACs of one computation beside each other, where one of them does not need the other's result.
#pragma once

#include <array>
#include <span>

#include "base/bytes.hpp"
#include "crypto/hmac_md5.hpp"
#include "crypto/padded_message.hpp"

namespace postern::crypto {

/// One HMAC, taken some blocks further at a time. MD5 waits for its own last step most of the time, so what a second one does
/// beside it costs next to nothing. Wipes itself.
class HmacMd5Run {
 public:
  /// The MAC of the parts one after the other; neither they nor the key are needed afterwards. A message longer than PaddedMessage
  /// takes is hashed here and now, alone.
  HmacMd5Run(const HmacMd5Key& key, std::span<const ByteView> parts) noexcept;
  HmacMd5Run(const HmacMd5Run&) = delete;
  HmacMd5Run& operator=(const HmacMd5Run&) = delete;
  ~HmacMd5Run();

  /// The MAC. Ends the run: nothing may be called on the object afterwards.
  [[nodiscard]] Digest finish() noexcept;
  /// The same; meanwhile `other` gets as far as it comes, which may be to its end.
  [[nodiscard]] Digest finish_beside(HmacMd5Run& other) noexcept;

 private:
  enum class Stage : std::uint8_t { inner, outer, done };
  static std::span<const ByteView> if_it_fits(std::span<const ByteView> parts) noexcept;
  /// The blocks at hand are used up: goes on to the outer hash, or ends.
  void next_stage() noexcept;
  void take(std::size_t blocks) noexcept;

  PaddedMessage message_;
  HashState state_;
  HashState outer_;
  std::array<std::uint8_t, kHashBlockBytes> outer_block_;  // written before it is read
  const std::uint8_t* at_;
  std::size_t left_;
  Stage stage_ = Stage::inner;
};

}  // namespace postern::crypto
