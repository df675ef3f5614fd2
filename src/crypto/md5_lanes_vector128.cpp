// Lanes in registers of four words: the least that x86-64 and 64-bit ARM have.
#include "crypto/md5_lanes_vector.hpp"

namespace postern::crypto::detail {

#if defined(__SSE2__) || (defined(__ARM_NEON) && defined(__LITTLE_ENDIAN__))
namespace {

void mix(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes, std::size_t count) noexcept {
  std::size_t first = 0;
  for (; first + 4 < lanes; first += 8) mix_lanes<4, 2>(states, blocks, first, count);
  if (first < lanes) mix_lanes<4, 1>(states, blocks, first, count);
}

}  // namespace

const Md5LanesFunction kMd5LanesVector128 = &mix;
#else
const Md5LanesFunction kMd5LanesVector128 = nullptr;
#endif

}  // namespace postern::crypto::detail
