#include "crypto/seal_kernel.hpp"

#include <algorithm>
#include <array>

#include "crypto/md5_kernels.hpp"
#include "crypto/padded_message.hpp"

namespace postern::crypto {
namespace {

/// Up to this size a text is sealed in one call with its MAC; above, the kernel without an end is faster.
constexpr std::size_t kOneCallBytesMax = 256;

/// How many bytes the hash takes until it is at the border of a block.
std::size_t bytes_to_block(const Md5& hash) noexcept { return (kHashBlockBytes - hash.buffered_bytes()) % kHashBlockBytes; }

}  // namespace

void mac_and_encrypt(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  Md5& hash = mac.message_hash();
  const std::size_t before = bytes_to_block(hash);
  if (in.size() < before + kHashBlockBytes || !cipher.may_apply(in, out)) {
    mac.update(in);
    cipher.apply(in, out);
    return;
  }
  const std::size_t run = (in.size() - before) / kHashBlockBytes * kHashBlockBytes;
  detail::Rc4Walk walk = cipher.begin();
  hash.update(in.first(before));
  walk.apply(in.data(), out.data(), before);
  HashState state = hash.state();
  detail::md5_kernels().seal(state.data(), in.data() + before, walk, in.data() + before, out.data() + before,
                             run / kHashBlockBytes);
  hash.resume(state, run);
  wipe(state.data(), sizeof state);
  const std::size_t done = before + run;
  hash.update(in.subspan(done));
  walk.apply(in.data() + done, out.data() + done, in.size() - done);
  cipher.end(walk);
}

void decrypt_and_mac(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  Md5& hash = mac.message_hash();
  const std::size_t before = bytes_to_block(hash);
  if (in.size() < before + 2 * kHashBlockBytes || !cipher.may_apply(in, out)) {
    cipher.apply(in, out);
    mac.update(out);
    return;
  }
  // The hash stays a block behind the cipher.
  const std::size_t ahead = before + kHashBlockBytes;
  const std::size_t run = (in.size() - ahead) / kHashBlockBytes * kHashBlockBytes;
  detail::Rc4Walk walk = cipher.begin();
  walk.apply(in.data(), out.data(), ahead);
  hash.update(out.first(before));
  HashState state = hash.state();
  detail::md5_kernels().seal(state.data(), out.data() + before, walk, in.data() + ahead, out.data() + ahead, run / kHashBlockBytes);
  hash.resume(state, run);
  wipe(state.data(), sizeof state);
  const std::size_t done = ahead + run;
  walk.apply(in.data() + done, out.data() + done, in.size() - done);
  cipher.end(walk);
  hash.update(out.subspan(before + run));
}

namespace {

/// The MAC of `parts`, which fit; meanwhile the cipher turns `in` into `out` and gives `stream`.
Digest in_one_call(const HmacMd5Key& key, std::span<const ByteView> parts, Rc4& cipher, ByteView in, MutableByteView out,
                   MutableByteView stream) noexcept {
  const PaddedMessage message{parts};
  detail::Rc4Walk walk = cipher.begin();
  HashState mac;
  detail::md5_kernels().message({.inner = key.inner().data(),
                                 .outer = key.outer().data(),
                                 .blocks = message.blocks(),
                                 .count = message.count(),
                                 .in = in.data(),
                                 .out = out.data(),
                                 .size = in.size(),
                                 .stream = stream.data(),
                                 .stream_size = stream.size()},
                                walk, mac.data());
  cipher.end(walk);
  const Digest digest = to_digest(mac);
  wipe(mac.data(), sizeof mac);
  return digest;
}

void give_stream(Rc4& cipher, MutableByteView stream) noexcept {
  std::ranges::fill(stream, std::uint8_t{0});
  cipher.apply(stream);
}

}  // namespace

Digest mac_and_encrypt(const HmacMd5Key& key, ByteView head, Rc4& cipher, ByteView in, MutableByteView out,
                       MutableByteView stream) noexcept {
  const std::array parts{head, in};
  if (in.size() <= kOneCallBytesMax && PaddedMessage::fits(parts) && cipher.may_apply(in, out))
    return in_one_call(key, parts, cipher, in, out, stream);
  HmacMd5 mac{key};
  mac.update(head);
  mac_and_encrypt(mac, cipher, in, out);
  give_stream(cipher, stream);
  return mac.finish();
}

Digest mac_and_stream(const HmacMd5Key& key, std::span<const ByteView> parts, Rc4& cipher, MutableByteView stream) noexcept {
  if (PaddedMessage::fits(parts) && cipher.may_apply({}, {})) return in_one_call(key, parts, cipher, {}, {}, stream);
  give_stream(cipher, stream);
  return hmac_md5(key, parts);
}

}  // namespace postern::crypto
