// Packets of any link type, one after the other: what is found lies in the
// packet or in the fragment table, whose bound holds.
#include "invariant.hpp"
#include "observe/capture/layers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::observe::capture;
  Statistics statistics;
  Fragments fragments{statistics};
  Layers layers{fragments, statistics};
  std::size_t sum = 0;
  // Link type and length, then the packet.
  constexpr std::size_t kHeadBytes = 3;
  while (size >= kHeadBytes) {
    const std::uint16_t link = data[0];
    const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(data[1] << 8 | data[2]), size - kHeadBytes);
    const Bytes packet{data + kHeadBytes, data + kHeadBytes + length};  // an allocation of its own: ASan sees a step past its end
    const auto found = layers.transport_of({packet, static_cast<std::uint32_t>(length) + (data[1] & 1U), link, FileTime{size}});
    if (found.kind != Transport::Kind::none) {
      POSTERN_INVARIANT(found.payload.size() <= Fragments::kMaxDatagramBytes);
      for (const std::uint8_t byte : found.payload) sum += byte;
    }
    POSTERN_INVARIANT(fragments.held_bytes() <= Fragments::kMaxBytes);
    data += kHeadBytes + length;
    size -= kHeadBytes + length;
  }
  fragments.clear();
  POSTERN_INVARIANT(fragments.held_bytes() == 0);
  return sum == SIZE_MAX ? 1 : 0;
}
