// Lanes in registers of eight words, two at a time.
#include "crypto/md5_lanes_vector.hpp"

namespace postern::crypto::detail {

#if defined(__AVX2__)
namespace {

void mix(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes, std::size_t count) noexcept {
  if (lanes > 8) {
    mix_lanes<8, 2>(states, blocks, 0, count);
  } else {
    mix_lanes<8, 1>(states, blocks, 0, count);
  }
}

}  // namespace

const Md5LanesFunction kMd5LanesAvx2 = &mix;
#else
const Md5LanesFunction kMd5LanesAvx2 = nullptr;
#endif

}  // namespace postern::crypto::detail
