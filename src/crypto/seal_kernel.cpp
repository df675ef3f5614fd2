#include "crypto/seal_kernel.hpp"

#include <cstdlib>
#include <utility>

#include "crypto/md5_steps.hpp"
#include "crypto/rc4_wide.hpp"

namespace postern::crypto {
namespace {

using detail::WideRc4;

/// `blocks` blocks of `hashed` into `state` and as many bytes of `in` through the cipher to `out`, one step of MD5 to each byte.
/// The cipher stands at the border of a group. What a round hashes is read before the cipher writes; so `out` may be behind
/// `hashed` in the same text (sealing in place), or ahead of it by a block or more (unsealing).
void interleave(HashState& state, const std::uint8_t* hashed, WideRc4& rc4, const std::uint8_t* in, std::uint8_t* out,
                std::size_t blocks) noexcept {
  HashState sum = state;
  WideRc4::Position position = rc4.begin_groups();
  for (; blocks != 0; --blocks, hashed += kHashBlockBytes, in += kHashBlockBytes, out += kHashBlockBytes) {
    std::uint32_t words[16];
    for (std::size_t i = 0; i < 16; ++i) words[i] = load_word(hashed + 4 * i);
    std::uint32_t v[4] = {sum[0], sum[1], sum[2], sum[3]};
    const auto eight_steps = [&]<std::size_t Group>(std::integral_constant<std::size_t, Group>) __attribute__((always_inline)) {
      constexpr std::size_t first = Group * WideRc4::kGroupBytes;
      rc4.group(position, in + first, out + first,
                [&]<std::size_t K>(std::integral_constant<std::size_t, K>)
                    __attribute__((always_inline)) { detail::md5_step<first + K>(v, words); });
    };
    [&]<std::size_t... Groups>(std::index_sequence<Groups...>) __attribute__((always_inline)) {
      (eight_steps(std::integral_constant<std::size_t, Groups>{}), ...);
    }(std::make_index_sequence<kHashBlockBytes / WideRc4::kGroupBytes>{});
    for (std::size_t i = 0; i < 4; ++i) sum[i] += v[i];
  }
  rc4.end_groups(position);
  state = sum;
}

/// How many bytes the hash takes until it is at the border of a block, and past the first group of the cipher.
std::size_t bytes_to_block(const Md5& hash) noexcept {
  const std::size_t bytes = (kHashBlockBytes - hash.buffered_bytes()) % kHashBlockBytes;
  return bytes < WideRc4::kGroupBytes ? bytes + kHashBlockBytes : bytes;
}

}  // namespace

void mac_and_encrypt(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  if (in.size() < kSealKernelFromBytes || !cipher.may_apply(in, out)) {
    mac.update(in);
    cipher.apply(in, out);
    return;
  }
  Md5& hash = mac.message_hash();
  WideRc4 rc4{cipher};
  // The cipher stays up to seven bytes behind the hash, because its groups begin where its own counter says.
  const std::size_t hash_from = bytes_to_block(hash);
  const std::size_t to_group = rc4.bytes_to_group();
  const std::size_t cipher_from = hash_from - (hash_from - to_group) % WideRc4::kGroupBytes;
  const std::size_t run = (in.size() - hash_from) / kHashBlockBytes * kHashBlockBytes;
  hash.update(in.first(hash_from));
  rc4.apply(in.data(), out.data(), cipher_from);
  HashState state = hash.state();
  interleave(state, in.data() + hash_from, rc4, in.data() + cipher_from, out.data() + cipher_from, run / kHashBlockBytes);
  hash.resume(state, run);
  wipe(state.data(), sizeof state);
  hash.update(in.subspan(hash_from + run));
  const std::size_t done = cipher_from + run;
  rc4.apply(in.data() + done, out.data() + done, in.size() - done);
}

void decrypt_and_mac(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  if (in.size() < kSealKernelFromBytes || !cipher.may_apply(in, out)) {
    cipher.apply(in, out);
    mac.update(out);
    return;
  }
  Md5& hash = mac.message_hash();
  WideRc4 rc4{cipher};
  // The hash stays a block and up to seven bytes behind the cipher.
  const std::size_t hash_from = bytes_to_block(hash);
  const std::size_t ahead = hash_from + kHashBlockBytes;
  const std::size_t cipher_from =
      ahead + (rc4.bytes_to_group() + WideRc4::kGroupBytes - ahead % WideRc4::kGroupBytes) % WideRc4::kGroupBytes;
  const std::size_t run = (in.size() - cipher_from) / kHashBlockBytes * kHashBlockBytes;
  rc4.apply(in.data(), out.data(), cipher_from);
  hash.update(out.first(hash_from));
  HashState state = hash.state();
  interleave(state, out.data() + hash_from, rc4, in.data() + cipher_from, out.data() + cipher_from, run / kHashBlockBytes);
  hash.resume(state, run);
  wipe(state.data(), sizeof state);
  const std::size_t done = cipher_from + run;
  rc4.apply(in.data() + done, out.data() + done, in.size() - done);
  hash.update(out.subspan(hash_from + run));
}

}  // namespace postern::crypto
