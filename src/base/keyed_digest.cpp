#include "base/keyed_digest.hpp"

#include <bit>

#include "base/reader.hpp"

namespace postern {
namespace {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t squeeze() noexcept {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

KeyedDigest keyed_digest(const DigestKey& key, ByteView message) noexcept {
  const auto k0 = load_le<std::uint64_t>(key.reveal().data());
  const auto k1 = load_le<std::uint64_t>(key.reveal().data() + 8);
  SipState state{k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL ^ 0xee, k0 ^ 0x6c7967656e657261ULL,
                 k1 ^ 0x7465646279746573ULL};
  std::size_t i = 0;
  for (; i + 8 <= message.size(); i += 8) state.absorb(load_le<std::uint64_t>(message.data() + i));
  std::uint64_t last = static_cast<std::uint64_t>(message.size()) << 56;
  for (std::size_t k = 0; i + k < message.size(); ++k) last |= std::uint64_t{message[i + k]} << (8 * k);
  state.absorb(last);

  KeyedDigest digest{};
  state.v2 ^= 0xee;
  store_le(digest.data(), state.squeeze());
  state.v1 ^= 0xdd;
  store_le(digest.data() + 8, state.squeeze());
  wipe(&state, sizeof state);
  return digest;
}

}  // namespace postern
