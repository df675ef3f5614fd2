// What the capture room saw, and what it gave up (R36).
#pragma once

#include <cstdint>

namespace postern::observe::capture {

/// Counters since the start. Those of several observers add up.
struct Statistics {
  // Packets.
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;           ///< captured, link headers included
  std::uint64_t tcp_packets = 0;     ///< TCP segments whose headers were read
  std::uint64_t datagrams = 0;       ///< UDP to or from port 88
  std::uint64_t other_packets = 0;   ///< neither: other protocols, links that are not read
  std::uint64_t malformed = 0;       ///< a header that cannot be, or is cut
  std::uint64_t cut_packets = 0;     ///< shorter in the capture than on the wire
  std::uint64_t too_nested = 0;      ///< more encapsulations than Layers follows
  std::uint64_t kernel_dropped = 0;  ///< live: what the kernel and the interface had to drop

  // IP fragments.
  std::uint64_t fragments = 0;
  std::uint64_t datagrams_put_together = 0;
  std::uint64_t fragments_given_up = 0;  ///< datagrams whose missing fragments never came, or that did not fit

  // Connections, each in one class once its first bytes are known.
  std::uint64_t connections = 0;  ///< opened, or first seen midstream
  std::uint64_t analysed = 0;     ///< an analyzer reads or read it
  std::uint64_t nothing = 0;      ///< no carrier of NTLM
  std::uint64_t tls = 0;          ///< not observable
  std::uint64_t socks = 0;        ///< not observable

  // Reassembly of the connections that are analysed.
  std::uint64_t retransmitted = 0;  ///< segments that brought nothing new
  std::uint64_t reordered = 0;      ///< segments that came before their turn and were kept
  std::uint64_t overlaps = 0;       ///< segments cut because part of them had been seen: the first bytes seen win
  std::uint64_t gaps = 0;           ///< holes that were passed over
  std::uint64_t gap_bytes = 0;

  // Given up for the memory limit.
  std::uint64_t evicted_connections = 0;  ///< that were analysed
  std::uint64_t evicted_entries = 0;      ///< connections that were only remembered: half open, or known to be nothing
  std::uint64_t memory_peak_bytes = 0;    ///< of what the limit counts

  Statistics& operator+=(const Statistics& other);
};

/// What each counter is called in JSON and on the terminal, in order: calls visit(name, value).
template <typename Visit>
void for_each_counter(const Statistics& s, Visit visit) {
  visit("packets", s.packets);
  visit("bytes", s.bytes);
  visit("tcp_packets", s.tcp_packets);
  visit("datagrams", s.datagrams);
  visit("other_packets", s.other_packets);
  visit("malformed", s.malformed);
  visit("cut_packets", s.cut_packets);
  visit("too_nested", s.too_nested);
  visit("kernel_dropped", s.kernel_dropped);
  visit("fragments", s.fragments);
  visit("datagrams_put_together", s.datagrams_put_together);
  visit("fragments_given_up", s.fragments_given_up);
  visit("connections", s.connections);
  visit("analysed", s.analysed);
  visit("nothing", s.nothing);
  visit("tls", s.tls);
  visit("socks", s.socks);
  visit("retransmitted", s.retransmitted);
  visit("reordered", s.reordered);
  visit("overlaps", s.overlaps);
  visit("gaps", s.gaps);
  visit("gap_bytes", s.gap_bytes);
  visit("evicted_connections", s.evicted_connections);
  visit("evicted_entries", s.evicted_entries);
  visit("memory_peak_bytes", s.memory_peak_bytes);
}

}  // namespace postern::observe::capture
