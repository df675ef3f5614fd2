// Any bytes as the tables of a saved state (under a right checksum, which no mutation would find): refused, or taken within the
// limits and written again as what was taken.
#include "authority/detection/detector.hpp"
#include "base/reader.hpp"
#include "base/writer.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::authority::detection;
  Limits limits;
  limits.learned = {.accounts = 8, .habits = 8, .workstations = 8, .machine_ids = 8};
  const DigestKey key{};
  Writer out;
  out.bytes(as_bytes("PSTNDET1"));
  out.bytes(key.reveal());
  out.bytes({data, size});
  const KeyedDigest checksum = keyed_digest(key, out.view());
  out.bytes(checksum);
  Detector detector{key.duplicate(), limits};
  if (!detector.load(out.view())) {
    POSTERN_INVARIANT(detector.save().size() < 128);  // nothing was kept
    return 0;
  }
  POSTERN_INVARIANT(detector.bytes() <= detector.max_bytes());
  const Bytes state = detector.save();
  Detector again{key.duplicate(), limits};
  POSTERN_INVARIANT(again.load(state).has_value());
  POSTERN_INVARIANT(fuzz::same(again.save(), state));
  return 0;
}
