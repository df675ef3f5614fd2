// One direction put in order, against a naive one that keeps for each byte of
// the stream the first value seen.
#include <map>

#include "invariant.hpp"
#include "observe/capture/stream_order.hpp"

namespace {

using namespace postern;
using observe::Moment;

constexpr std::uint32_t kStart = 0xffff'ff80;  // numbers wrap soon

/// Where the stream is, and that each byte given is the first that came for its
/// place.
struct Sink {
  const std::map<std::uint32_t, std::uint8_t>& first;
  std::uint32_t at = 0;
  bool bytes(ByteView bytes, const Moment&) {
    for (const std::uint8_t byte : bytes) {
      const auto place = first.find(at++);
      POSTERN_INVARIANT(place != first.end() && place->second == byte);
    }
    return true;
  }
  bool gap(std::uint64_t count) {
    POSTERN_INVARIANT(count > 0);
    at += static_cast<std::uint32_t>(count);
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using observe::capture::StreamOrder;
  std::map<std::uint32_t, std::uint8_t> first;
  Sink sink{first};
  StreamOrder stream;
  observe::capture::Statistics statistics;
  stream.start_at(kStart);
  constexpr std::size_t kHeadBytes = 3;
  // Offset, length and what to do; then the segment's bytes.
  while (size >= kHeadBytes) {
    const std::uint32_t offset = data[0] * 2U;
    const std::size_t length = std::min<std::size_t>(data[1] & 0x3fU, size - kHeadBytes);
    const std::uint32_t missing = data[1] >> 6U;
    const unsigned what = data[2] & 3U;
    const ByteView segment{data + kHeadBytes, length};
    data += kHeadBytes + length;
    size -= kHeadBytes + length;
    if (what == 3) {
      POSTERN_INVARIANT(stream.acknowledged(kStart + offset, sink));
    } else if (length + missing > 0) {
      for (std::uint32_t i = 0; i < length; ++i) {
        if (offset + i >= sink.at) first.emplace(offset + i, segment[i]);
      }
      POSTERN_INVARIANT(stream.add(kStart + offset, segment, missing, {}, statistics, sink));
    }
    POSTERN_INVARIANT(stream.next() == kStart + sink.at);
  }
  POSTERN_INVARIANT(stream.flush(sink) && !stream.waiting() && stream.held_bytes() == 0);
  return 0;
}
