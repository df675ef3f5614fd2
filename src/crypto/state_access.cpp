#include "crypto/state_access.hpp"

#include <algorithm>
#include <array>

namespace postern::crypto {

void StateAccess::save(const HmacMd5Key& key, std::span<std::uint8_t, kHmacKeyBytes> out) noexcept {
  std::uint8_t* at = out.data();
  for (const HashState* state : {&key.inner(), &key.outer()}) {
    for (const std::uint32_t word : *state) {
      store_word(at, word);
      at += sizeof word;
    }
  }
}

HmacMd5Key StateAccess::load_hmac_key(std::span<const std::uint8_t, kHmacKeyBytes> bytes) noexcept {
  HashState inner;
  HashState outer;
  const std::uint8_t* at = bytes.data();
  for (HashState* state : {&inner, &outer}) {
    for (std::uint32_t& word : *state) {
      word = load_word(at);
      at += sizeof word;
    }
  }
  HmacMd5Key key{inner, outer};
  wipe(inner.data(), sizeof inner);
  wipe(outer.data(), sizeof outer);
  return key;
}

void StateAccess::save(const Rc4& cipher, std::span<std::uint8_t, kRc4Bytes> out) noexcept {
  std::ranges::copy(cipher.cells_, out.begin());
  out[256] = cipher.i_;
  out[257] = cipher.j_;
}

std::optional<Rc4> StateAccess::load_rc4(std::span<const std::uint8_t, kRc4Bytes> bytes) noexcept {
  // A permutation has each value once. Sorting would branch on secrets; a table of what was seen is what RC4 does anyway.
  std::array<std::uint8_t, 256> seen{};
  for (const std::uint8_t cell : bytes.first<256>()) seen[cell] = 1;
  std::uint32_t values = 0;
  for (const std::uint8_t mark : seen) values += mark;
  if (values != seen.size()) return std::nullopt;
  constexpr std::uint8_t kAnyKey[1] = {0};  // its cells are overwritten at once
  Rc4 cipher{kAnyKey};
  std::ranges::copy(bytes.first<256>(), cipher.cells_.begin());
  cipher.i_ = bytes[256];
  cipher.j_ = bytes[257];
  return cipher;
}

}  // namespace postern::crypto
