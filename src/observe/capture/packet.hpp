// A packet as a capture gives it, before anybody has looked inside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/file_time.hpp"

namespace postern::observe::capture {

/// More than any link carries; what libpcap takes at most. A record that claims more is damage, not a packet.
inline constexpr std::size_t kMaxPacketBytes = 262'144;

/// LINKTYPE numbers of tcpdump.org, those that Layers understands.
namespace link_type {
inline constexpr std::uint16_t kNull = 0;
inline constexpr std::uint16_t kEthernet = 1;
inline constexpr std::uint16_t kPpp = 9;
inline constexpr std::uint16_t kRawBsd = 12;
inline constexpr std::uint16_t kRawOpenBsd = 14;
inline constexpr std::uint16_t kPppSerial = 50;
inline constexpr std::uint16_t kRaw = 101;
inline constexpr std::uint16_t kLoop = 108;
inline constexpr std::uint16_t kLinuxCooked = 113;
inline constexpr std::uint16_t kIpv4 = 228;
inline constexpr std::uint16_t kIpv6 = 229;
inline constexpr std::uint16_t kLinuxCooked2 = 276;
}  // namespace link_type

/// `bytes` belongs to the reader and is good until it is asked for more.
struct Packet {
  ByteView bytes{};
  std::uint32_t original = 0;  ///< length on the wire; more than bytes.size() if the capture cut it
  std::uint16_t link = 0;      ///< LINKTYPE
  FileTime time{};
};

}  // namespace postern::observe::capture
