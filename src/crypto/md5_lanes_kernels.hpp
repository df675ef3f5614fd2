// What md5_lanes.cpp and the kernels, each in a file with its own compiler flags, know of each other; and for the tests, each
// kernel by name. No library header but these two: see md5_steps.hpp for why.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::crypto::detail {

inline constexpr std::size_t kMd5Lanes = 16;

/// Word k of lane n's state is at [k][n].
using Md5LaneStates = std::uint32_t[4][kMd5Lanes];

/// Mixes `count` blocks, lane n's from `blocks[n]` on, into the states of the first `lanes` lanes. The other lanes' pointers are as
/// good to read from, and their states are anything afterwards.
using Md5LanesFunction = void (*)(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes,
                                  std::size_t count) noexcept;

/// Null where the compiler or the architecture cannot make it. A processor may still lack what it needs: md5_lanes_function()
/// knows.
extern const Md5LanesFunction kMd5LanesVector128;
extern const Md5LanesFunction kMd5LanesAvx2;
extern const Md5LanesFunction kMd5LanesAvx512;

/// As md5_compress(), lane by lane: the twin that the others are compared with.
void md5_lanes_plain(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes, std::size_t count) noexcept;

}  // namespace postern::crypto::detail
