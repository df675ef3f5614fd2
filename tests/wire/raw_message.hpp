// Messages put together byte by byte, without the code under test: what peers send, and what they should not.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::wire::test {

inline Bytes hex(std::string_view text) {
  const auto bytes = from_hex(text);
  EXPECT_TRUE(bytes.has_value()) << text;
  return bytes.value_or(Bytes{});
}

/// ASCII as UTF-16LE.
inline Bytes utf16(std::string_view ascii) {
  Bytes out;
  for (const char c : ascii) {
    out.push_back(static_cast<std::uint8_t>(c));
    out.push_back(0);
  }
  return out;
}

inline Bytes ascii(std::string_view text) { return to_bytes(as_bytes(text)); }

/// Where the fields of the headers stand (MS-NLMP 2.2.1): written out here a second time, on purpose.
namespace at {
inline constexpr std::size_t kNegotiateFlags = 12, kNegotiateDomain = 16, kNegotiateWorkstation = 24, kNegotiateVersion = 32;
inline constexpr std::size_t kTargetName = 12, kChallengeFlags = 20, kServerChallenge = 24, kReserved = 32, kTargetInfo = 40,
                             kChallengeVersion = 48;
inline constexpr std::size_t kLm = 12, kNt = 20, kDomain = 28, kUser = 36, kWorkstation = 44, kSessionKey = 52,
                             kAuthenticateFlags = 60, kAuthenticateVersion = 64, kMic = 72;
}  // namespace at

class RawMessage {
 public:
  RawMessage(std::uint32_t type, std::size_t header_bytes) : bytes_(header_bytes) {
    constexpr std::string_view signature{"NTLMSSP\0", 8};
    for (std::size_t i = 0; i < signature.size(); ++i) bytes_[i] = static_cast<std::uint8_t>(signature[i]);
    u32(8, type);
  }

  RawMessage& u16(std::size_t offset, std::uint32_t value) { return little_endian(offset, value, 2); }
  RawMessage& u32(std::size_t offset, std::uint32_t value) { return little_endian(offset, value, 4); }
  RawMessage& put(std::size_t offset, ByteView bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes_.at(offset + i) = bytes[i];
    return *this;
  }
  /// Appends the payload and lets the header field point to it.
  RawMessage& field(std::size_t header_offset, ByteView payload) {
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    const auto length = static_cast<std::uint32_t>(payload.size());
    point(header_offset, length, offset);
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    return *this;
  }
  /// Lets the header field point anywhere.
  RawMessage& point(std::size_t header_offset, std::uint32_t length, std::uint32_t offset) {
    u16(header_offset, length).u16(header_offset + 2, length);
    return u32(header_offset + 4, offset);
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  RawMessage& little_endian(std::size_t offset, std::uint32_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes_.at(offset + i) = static_cast<std::uint8_t>(value >> (8 * i));
    return *this;
  }
  Bytes bytes_;
};

/// A heap block of exactly the view's size, so that ASan sees a read one byte past it.
class ExactCopy {
 public:
  explicit ExactCopy(ByteView bytes) : size_{bytes.size()}, block_{std::make_unique<std::uint8_t[]>(size_)} {
    std::copy(bytes.begin(), bytes.end(), block_.get());
  }
  [[nodiscard]] ByteView view() const { return {block_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::uint8_t[]> block_;
};

template <typename T>
ErrorCode code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorCode::internal : result.error().code;
}

/// One AV pair's bytes.
inline Bytes av(std::uint16_t id, ByteView value) {
  Bytes out{static_cast<std::uint8_t>(id), static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(value.size()),
            static_cast<std::uint8_t>(value.size() >> 8)};
  out.insert(out.end(), value.begin(), value.end());
  return out;
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline const Bytes kEol{0, 0, 0, 0};

/// NTLMv2_RESPONSE: a proof of 0x11 bytes, time 2003, client challenge of 0xaa bytes, then `rest` (the AV list and the tail).
inline Bytes ntlmv2_response(const Bytes& rest) {
  return Bytes(16, 0x11) + hex("01010000000000000090d336b734c301aaaaaaaaaaaaaaaa00000000") + rest;
}

}  // namespace postern::wire::test
