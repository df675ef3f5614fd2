#include "crypto/hmac_md5.hpp"

#include <algorithm>

namespace postern::crypto {

HmacMd5Key::HmacMd5Key(ByteView key) noexcept : inner_{kInitialHashState}, outer_{kInitialHashState} {
  std::array<std::uint8_t, kHashBlockBytes> block{};
  if (key.size() > block.size()) {
    Digest hashed = Md5::digest(key);
    std::copy(hashed.begin(), hashed.end(), block.begin());
    wipe(hashed);
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (auto& byte : block) byte ^= kHmacInnerPad;
  md5_compress(inner_, block);
  for (auto& byte : block) byte ^= kHmacInnerPad ^ kHmacOuterPad;
  md5_compress(outer_, block);
  wipe(block);
}

HmacMd5Key::HmacMd5Key(HmacMd5Key&& other) noexcept : inner_{other.inner_}, outer_{other.outer_} {
  wipe(other.inner_.data(), sizeof other.inner_);
  wipe(other.outer_.data(), sizeof other.outer_);
}

HmacMd5Key& HmacMd5Key::operator=(HmacMd5Key&& other) noexcept {
  if (this != &other) {
    inner_ = other.inner_;
    outer_ = other.outer_;
    wipe(other.inner_.data(), sizeof other.inner_);
    wipe(other.outer_.data(), sizeof other.outer_);
  }
  return *this;
}

HmacMd5Key::~HmacMd5Key() {
  wipe(inner_.data(), sizeof inner_);
  wipe(outer_.data(), sizeof outer_);
}

Digest HmacMd5::finish() noexcept {
  // The outer message is one key block and the inner digest: padding and length are known, and one block is left to compress.
  constexpr std::size_t kOuterBits = (kHashBlockBytes + kHashBytes) * 8;
  const Digest inner = inner_.finish();
  std::array<std::uint8_t, kHashBlockBytes> block{};
  std::copy(inner.begin(), inner.end(), block.begin());
  block[kHashBytes] = 0x80;
  store_word(block.data() + 56, kOuterBits);
  md5_compress(outer_, block);
  return to_digest(outer_);
}

Digest hmac_md5(const HmacMd5Key& key, std::initializer_list<ByteView> parts) noexcept {
  HmacMd5 mac{key};
  for (const ByteView part : parts) mac.update(part);
  return mac.finish();
}

Digest hmac_md5(ByteView key, std::initializer_list<ByteView> parts) noexcept {
  const HmacMd5Key prepared{key};
  return hmac_md5(prepared, parts);
}

}  // namespace postern::crypto
