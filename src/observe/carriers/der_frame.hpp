// The head of a DER element in a stream, before all of it is there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace postern::observe {

struct DerFrame {
  enum class State : std::uint8_t { more, none, whole_head } state = State::more;
  std::size_t head_bytes = 0;     ///< tag and length
  std::uint64_t total_bytes = 0;  ///< with the content
};

/// Reads tag and length. `none`: this is no definite length of at most four octets.
[[nodiscard]] inline DerFrame der_frame(ByteView bytes) {
  DerFrame frame;
  if (bytes.size() < 2) return frame;
  std::uint64_t length = bytes[1];
  frame.head_bytes = 2;
  if (length >= 0x80) {
    const std::size_t octets = bytes[1] & 0x7fU;
    if (octets == 0 || octets > 4) return {DerFrame::State::none, 0, 0};
    frame.head_bytes += octets;
    if (bytes.size() < frame.head_bytes) return frame;
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = length << 8 | bytes[2 + i];
  }
  frame.state = DerFrame::State::whole_head;
  frame.total_bytes = frame.head_bytes + length;
  return frame;
}

}  // namespace postern::observe
