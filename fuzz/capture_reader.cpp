// Capture files of every format: each packet lies in the reader's window, has a
// length that is allowed, and the end is one of three.
#include "invariant.hpp"
#include "observe/capture/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using observe::capture::CaptureReader;
  auto reader = CaptureReader::open(observe::capture::input_of_bytes({data, size}));
  if (!reader) return 0;
  std::size_t sum = 0;
  for (auto batch = (*reader)->next(); !batch.empty(); batch = (*reader)->next()) {
    POSTERN_INVARIANT(batch.size() <= CaptureReader::kBatch);
    for (const auto& packet : batch) {
      POSTERN_INVARIANT(packet.bytes.size() <= observe::capture::kMaxPacketBytes && packet.original >= packet.bytes.size());
      for (const std::uint8_t byte : packet.bytes) sum += byte;
    }
  }
  POSTERN_INVARIANT((*reader)->ending() != CaptureReader::Ending::none);
  return sum == SIZE_MAX ? 1 : 0;
}
