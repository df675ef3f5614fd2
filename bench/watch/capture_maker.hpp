// A capture made from a seed: mixed traffic of a company's network with a few NTLM logons in it, and the truth about them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace postern::bench {

struct CapturePlan {
  std::uint64_t connections = 200'000;
  std::uint64_t seed = 1;
  std::uint32_t ntlm_per_mille = 20;
  std::uint32_t lost_per_mille = 0;     ///< packets that are left out, as a port that is too slow leaves them out
  std::uint32_t swapped_per_mille = 0;  ///< packets that come behind their connection's next
  std::uint32_t doubled_per_mille = 0;  ///< packets that come twice, as a second tap gives them
};

struct CaptureMade {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t logons = 0;
  std::uint64_t whole_logons = 0;  ///< all the packets of whose three messages are in the capture, once at least
};

/// Writes the capture (pcap, Ethernet, microseconds) and a line of JSON for each logon in it: {client, server, carrier, split,
/// version, user, domain, workstation, whole}. The same plan makes the same bytes on every machine. No response is computed from a
/// password: they are random.
[[nodiscard]] Result<CaptureMade> make_capture(const CapturePlan& plan, const std::string& capture_path,
                                               const std::string& truth_path);

}  // namespace postern::bench
