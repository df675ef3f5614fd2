// A keyed digest (SipHash-2-4, 128 bits): equal values can be matched across records, and say nothing to who lacks the key (R29).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace postern {

using DigestKey = Secret<struct DigestKeyTag, 16>;
using KeyedDigest = std::array<std::uint8_t, 16>;

/// SipHash-2-4 with 128-bit output of `message` (Aumasson and Bernstein, 2012; the 128-bit form of the reference code).
[[nodiscard]] KeyedDigest keyed_digest(const DigestKey& key, ByteView message) noexcept;

}  // namespace postern
