#include "crypto/md5_lanes.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/secret.hpp"
#include "crypto/md5_lanes_run.hpp"

namespace postern::crypto {
namespace detail {

/// Prepares keys for HmacMd5Key, eight at a time: the inner pads in the even lanes, the outer ones in the odd.
class Md5LanesKeys {
 public:
  static constexpr std::size_t kKeys = kMd5Lanes / 2;

  Md5LanesKeys() noexcept = default;
  Md5LanesKeys(const Md5LanesKeys&) = delete;
  Md5LanesKeys& operator=(const Md5LanesKeys&) = delete;
  ~Md5LanesKeys() {
    wipe(states_, sizeof states_);
    wipe(pads_, sizeof pads_);
  }

  void prepare(Md5LanesFunction mix, std::span<const ByteView> keys, std::span<std::optional<HmacMd5Key>> prepared) noexcept {
    std::array<const std::uint8_t*, kMd5Lanes> blocks;
    blocks.fill(pads_[0]);
    for (std::size_t k = 0; k < keys.size(); ++k) {
      Digest hashed{};
      ByteView key = keys[k];
      if (key.size() > kHashBlockBytes) {  // RFC 2104, section 2
        hashed = Md5::digest(key);
        key = hashed;
      }
      pad(2 * k, key, kHmacInnerPad);
      pad(2 * k + 1, key, kHmacOuterPad);
      wipe(hashed);
      blocks[2 * k] = pads_[2 * k];
      blocks[2 * k + 1] = pads_[2 * k + 1];
    }
    for (std::size_t word = 0; word < kInitialHashState.size(); ++word) std::ranges::fill(states_[word], kInitialHashState[word]);
    mix(states_, blocks.data(), 2 * keys.size(), 1);
    for (std::size_t k = 0; k < keys.size(); ++k) prepared[k] = HmacMd5Key{state(2 * k), state(2 * k + 1)};
  }

 private:
  void pad(std::size_t lane, ByteView key, std::uint8_t with) noexcept {
    std::memset(pads_[lane], with, kHashBlockBytes);
    for (std::size_t k = 0; k < key.size(); ++k) pads_[lane][k] ^= key[k];
  }
  [[nodiscard]] HashState state(std::size_t lane) const noexcept {
    return {states_[0][lane], states_[1][lane], states_[2][lane], states_[3][lane]};
  }

  alignas(64) Md5LaneStates states_;
  std::uint8_t pads_[kMd5Lanes][kHashBlockBytes];
};

void md5_lanes_plain(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes, std::size_t count) noexcept {
  for (std::size_t n = 0; n < lanes; ++n) {
    HashState state{states[0][n], states[1][n], states[2][n], states[3][n]};
    md5_compress(state, {blocks[n], count * kHashBlockBytes});
    for (std::size_t k = 0; k < state.size(); ++k) states[k][n] = state[k];
  }
}

Md5LanesFunction md5_lanes_function(Md5LanesKernel kernel) noexcept {
  switch (kernel) {
    case Md5LanesKernel::plain: return &md5_lanes_plain;
    case Md5LanesKernel::vector128: return kMd5LanesVector128;
#if defined(__x86_64__)
    case Md5LanesKernel::avx2: return __builtin_cpu_supports("avx2") ? kMd5LanesAvx2 : nullptr;
    case Md5LanesKernel::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? kMd5LanesAvx512 : nullptr;
#else
    default: return nullptr;
#endif
  }
  return nullptr;
}

void hmac_md5_keys_many(Md5LanesFunction mix, std::span<const ByteView> keys,
                        std::span<std::optional<HmacMd5Key>> prepared) noexcept {
  if (keys.size() != prepared.size()) std::abort();
  Md5LanesKeys eight;
  for (std::size_t at = 0; at < keys.size(); at += Md5LanesKeys::kKeys) {
    const std::size_t count = std::min(keys.size() - at, Md5LanesKeys::kKeys);
    eight.prepare(mix, keys.subspan(at, count), prepared.subspan(at, count));
  }
}

}  // namespace detail

Md5LanesKernel md5_lanes_kernel() noexcept {
  static const Md5LanesKernel kernel = [] {
    for (const auto candidate : {Md5LanesKernel::avx512, Md5LanesKernel::avx2, Md5LanesKernel::vector128}) {
      if (detail::md5_lanes_function(candidate) != nullptr) return candidate;
    }
    return Md5LanesKernel::plain;
  }();
  return kernel;
}

std::string_view to_string(Md5LanesKernel kernel) noexcept {
  switch (kernel) {
    case Md5LanesKernel::plain: return "plain";
    case Md5LanesKernel::vector128: return "128-bit vectors";
    case Md5LanesKernel::avx2: return "AVX2";
    case Md5LanesKernel::avx512: return "AVX-512";
  }
  return "unknown";
}

void hmac_md5_many(std::span<HmacMd5Job> jobs) noexcept {
  detail::Md5Lanes{detail::md5_lanes_function(md5_lanes_kernel())}.run(jobs);
}

void md5_many(std::span<Md5Job> jobs) noexcept { detail::Md5Lanes{detail::md5_lanes_function(md5_lanes_kernel())}.run(jobs); }

void hmac_md5_keys_many(std::span<const ByteView> keys, std::span<std::optional<HmacMd5Key>> prepared) noexcept {
  detail::hmac_md5_keys_many(detail::md5_lanes_function(md5_lanes_kernel()), keys, prepared);
}

}  // namespace postern::crypto
