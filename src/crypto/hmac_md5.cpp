#include "crypto/hmac_md5.hpp"

#include <algorithm>

#include "crypto/md5_kernels.hpp"
#include "crypto/padded_message.hpp"

namespace postern::crypto {

HmacMd5Key::HmacMd5Key(ByteView key) noexcept : inner_{kInitialHashState}, outer_{kInitialHashState} {
  std::array<std::uint8_t, kHashBlockBytes> inner{};
  if (key.size() > inner.size()) {
    Digest hashed = Md5::digest(key);
    std::copy(hashed.begin(), hashed.end(), inner.begin());
    wipe(hashed);
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<std::uint8_t, kHashBlockBytes> outer;
  for (std::size_t i = 0; i < inner.size(); ++i) outer[i] = inner[i] ^ kHmacOuterPad;
  for (auto& byte : inner) byte ^= kHmacInnerPad;
  detail::md5_kernels().two(inner_.data(), inner.data(), outer_.data(), outer.data(), 1);
  wipe(inner);
  wipe(outer);
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

Digest hmac_md5(const HmacMd5Key& key, std::span<const ByteView> parts) noexcept {
  if (!PaddedMessage::fits(parts)) {
    HmacMd5 mac{key};
    for (const ByteView part : parts) mac.update(part);
    return mac.finish();
  }
  const PaddedMessage message{parts};
  detail::Rc4Walk no_cipher{};
  HashState mac;
  detail::md5_kernels().message(
      {key.inner().data(), key.outer().data(), message.blocks(), message.count(), nullptr, nullptr, 0, nullptr, 0}, no_cipher,
      mac.data());
  const Digest digest = to_digest(mac);
  wipe(mac.data(), sizeof mac);
  return digest;
}

Digest hmac_md5(const HmacMd5Key& key, std::initializer_list<ByteView> parts) noexcept {
  return hmac_md5(key, std::span{parts.begin(), parts.size()});
}

Digest hmac_md5(ByteView key, std::initializer_list<ByteView> parts) noexcept {
  const HmacMd5Key prepared{key};
  return hmac_md5(prepared, parts);
}

}  // namespace postern::crypto
