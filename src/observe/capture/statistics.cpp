#include "observe/capture/statistics.hpp"

namespace postern::observe::capture {

Statistics& Statistics::operator+=(const Statistics& other) {
  packets += other.packets;
  bytes += other.bytes;
  tcp_packets += other.tcp_packets;
  datagrams += other.datagrams;
  other_packets += other.other_packets;
  malformed += other.malformed;
  cut_packets += other.cut_packets;
  too_nested += other.too_nested;
  kernel_dropped += other.kernel_dropped;
  fragments += other.fragments;
  datagrams_put_together += other.datagrams_put_together;
  fragments_given_up += other.fragments_given_up;
  connections += other.connections;
  analysed += other.analysed;
  nothing += other.nothing;
  tls += other.tls;
  socks += other.socks;
  retransmitted += other.retransmitted;
  reordered += other.reordered;
  overlaps += other.overlaps;
  gaps += other.gaps;
  gap_bytes += other.gap_bytes;
  evicted_connections += other.evicted_connections;
  evicted_entries += other.evicted_entries;
  memory_peak_bytes += other.memory_peak_bytes;
  return *this;
}

}  // namespace postern::observe::capture
