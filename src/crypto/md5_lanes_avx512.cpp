// Lanes in registers of sixteen words, where each function of MD5 is one instruction and so is its rotation.
#include "crypto/md5_lanes_vector.hpp"

namespace postern::crypto::detail {

#if defined(__AVX512F__) && defined(__AVX512VL__)
namespace {

void mix(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t, std::size_t count) noexcept {
  mix_lanes<16, 1>(states, blocks, 0, count);
}

}  // namespace

const Md5LanesFunction kMd5LanesAvx512 = &mix;
#else
const Md5LanesFunction kMd5LanesAvx512 = nullptr;
#endif

}  // namespace postern::crypto::detail
