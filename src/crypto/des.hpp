// DES, one block in ECB (FIPS 46-3): NTLMv1's responses are three of them (MS-NLMP 6, DESL).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace postern::crypto {

using DesBlock = std::array<std::uint8_t, 8>;

/// The 8-byte DES key that carries the 56 bits of `key7`, seven to a byte from the top; the parity bits (the lowest ones) are zero.
/// The caller wipes it.
[[nodiscard]] DesBlock des_expand_key(std::span<const std::uint8_t, 7> key7) noexcept;

/// Encrypts one block under an 8-byte key whose parity bits are ignored. Its tables are indexed by secret values: a named exception
/// to constant-time indexing, kept because NTLMv1 is off by default and 2^56 keys can be searched in any case.
[[nodiscard]] DesBlock des_encrypt(std::span<const std::uint8_t, 8> key8, std::span<const std::uint8_t, 8> block) noexcept;

/// Encrypts one block under a 7-byte key, as DESL takes them out of a hash.
[[nodiscard]] DesBlock des_encrypt(std::span<const std::uint8_t, 7> key7, std::span<const std::uint8_t, 8> block) noexcept;

}  // namespace postern::crypto
