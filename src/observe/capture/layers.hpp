// From a packet to the TCP segment or UDP datagram in it: link layers, IPv4 and IPv6, fragments, tunnels.
#pragma once

#include <cstdint>

#include "observe/capture/fragments.hpp"
#include "observe/capture/packet.hpp"
#include "observe/capture/statistics.hpp"
#include "observe/stream.hpp"

namespace postern::observe::capture {

namespace tcp_flag {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;
}  // namespace tcp_flag

/// A TCP segment or UDP datagram. `payload` lies in the packet, or in the fragment table until the next packet.
struct Transport {
  enum class Kind : std::uint8_t { none, tcp, udp };
  Kind kind = Kind::none;
  std::uint8_t flags = 0;
  Endpoint source{};
  Endpoint destination{};
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t missing = 0;  ///< bytes of payload behind `payload` that the capture cut off
  ByteView payload{};
};

/// Follows a packet's headers. Checksums are not verified: where sending is offloaded to the card, captures hold none that are
/// right. Never reads outside the packet; what cannot be followed is counted.
class Layers {
 public:
  static constexpr unsigned kMaxEncapsulations = 12;    ///< tags, labels and tunnels around one segment
  static constexpr unsigned kMaxExtensionHeaders = 12;  ///< of one IPv6 packet

  Layers(Fragments& fragments, Statistics& statistics) : fragments_{fragments}, statistics_{statistics} {}

  /// Puts the segment or datagram of the packet into `found`; its kind is none if the packet holds no TCP and no UDP that concerns
  /// us.
  void read(const Packet& packet, Transport& found);
  [[nodiscard]] Transport transport_of(const Packet& packet) {
    Transport found;
    read(packet, found);
    return found;
  }

 private:
  struct Network {
    Address source{};
    Address destination{};
    std::uint32_t missing = 0;
  };

  /// What most packets are: TCP in IPv4 without options or fragments, in Ethernet. False, and nothing done, for any other.
  bool plain(const Packet& packet);
  void link(std::uint16_t type, ByteView bytes);
  void ethernet(ByteView bytes);
  void ether_type(std::uint16_t type, ByteView bytes);
  void loopback(std::uint32_t family, ByteView bytes);
  void ppp(ByteView bytes);
  void mpls(ByteView bytes);
  void ip(ByteView bytes);
  void ip4(ByteView bytes);
  void ip6(ByteView bytes);
  void protocol(std::uint8_t number, ByteView bytes, const Network& network);
  void fragment(const FragmentKey& key, std::uint32_t offset, bool more, ByteView bytes, const Network& network);
  void tcp(ByteView bytes, const Network& network);
  /// Puts all but addresses and what is missing into found_. False if it is malformed, which is counted.
  [[gnu::always_inline]] inline bool tcp_header(ByteView bytes);
  void udp(ByteView bytes, const Network& network);
  void gre(ByteView bytes);
  /// True if one more header may be followed.
  [[nodiscard]] bool deeper();
  void malformed() { ++statistics_.malformed; }

  Fragments& fragments_;
  Statistics& statistics_;
  Transport* found_ = nullptr;  ///< while read() runs
  FileTime time_{};
  std::uint32_t cut_ = 0;  ///< bytes at the packet's end that the capture does not hold
  unsigned depth_ = 0;
};

}  // namespace postern::observe::capture
