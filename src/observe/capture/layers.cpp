#include "observe/capture/layers.hpp"

#include <algorithm>
#include <cstring>

#include "base/reader.hpp"

namespace postern::observe::capture {
namespace {

constexpr std::uint16_t kIp4 = 0x0800;
constexpr std::uint16_t kIp6 = 0x86dd;
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kProviderVlan = 0x88a8;  // QinQ, IEEE 802.1ad
constexpr std::uint16_t kOldQinq = 0x9100;
constexpr std::uint16_t kOldQinq2 = 0x9200;
constexpr std::uint16_t kMpls = 0x8847;
constexpr std::uint16_t kMplsMulticast = 0x8848;
constexpr std::uint16_t kPppoeSession = 0x8864;
constexpr std::uint16_t kBridging = 0x6558;  // transparent Ethernet bridging, in GRE and GENEVE
constexpr std::uint16_t kErspan = 0x88be;    // type I without, type II with a sequence number in the GRE header
constexpr std::uint16_t kErspan3 = 0x22eb;
constexpr std::uint16_t kGrePpp = 0x880b;
constexpr std::uint16_t kMaxLength = 1500;  // below 1536 an EtherType is a length (IEEE 802.3 3.2.6)

constexpr std::uint16_t kPppIp4 = 0x0021;
constexpr std::uint16_t kPppIp6 = 0x0057;

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kIpInIp = 4;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t k6in4 = 41;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kGre = 47;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kMplsInIp = 137;

constexpr std::uint16_t kKerberosPort = 88;
constexpr std::uint16_t kVxlanPort = 4789;
constexpr std::uint16_t kOldVxlanPort = 8472;  // Linux before the port was assigned
constexpr std::uint16_t kGenevePort = 6081;

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIp4Bytes = 20;
constexpr std::size_t kIp6Bytes = 40;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kUdpBytes = 8;

std::uint16_t be16(const std::uint8_t* p) { return __builtin_bswap16(load_le<std::uint16_t>(p)); }
std::uint32_t be32(const std::uint8_t* p) { return __builtin_bswap32(load_le<std::uint32_t>(p)); }

/// Both halves are stored as the flow table's hash loads them: a load of what other stores wrote together would wait for them.
void put_address4(Address& address, const std::uint8_t* p) {
  constexpr std::uint64_t kMapped = 0xffff'0000;
  store_le(address.bytes.data(), std::uint64_t{0});
  store_le(address.bytes.data() + 8, std::uint64_t{load_le<std::uint32_t>(p)} << 32 | kMapped);
}

Address address4(const std::uint8_t* p) {
  Address address;
  put_address4(address, p);
  return address;
}

Address address6(const std::uint8_t* p) {
  Address address;
  std::memcpy(address.bytes.data(), p, address.bytes.size());
  return address;
}

}  // namespace

void Layers::read(const Packet& packet, Transport& found) {
  found_ = &found;
  found.kind = Transport::Kind::none;
  time_ = packet.time;
  cut_ = packet.original - static_cast<std::uint32_t>(packet.bytes.size());
  depth_ = 0;
  if (plain(packet)) [[likely]]
    return;
  const std::uint64_t refused_before = statistics_.malformed + statistics_.too_nested + statistics_.fragments;
  link(packet.link, packet.bytes);
  if (found.kind == Transport::Kind::none) {
    const std::uint64_t refused_after = statistics_.malformed + statistics_.too_nested + statistics_.fragments;
    if (refused_before == refused_after) ++statistics_.other_packets;
  }
}

void Layers::tcp(ByteView bytes, const Network& network) {
  if (!tcp_header(bytes)) return;
  found_->source.address = network.source;
  found_->destination.address = network.destination;
  found_->missing = network.missing;
}

bool Layers::tcp_header(ByteView bytes) {
  const std::size_t header = bytes.size() < kTcpBytes ? 0 : std::size_t{4} * (bytes[12] >> 4U);
  if (header < kTcpBytes || header > bytes.size()) {
    malformed();
    return false;
  }
  ++statistics_.tcp_packets;
  Transport& found = *found_;
  found.kind = Transport::Kind::tcp;
  found.flags = bytes[13];
  found.source.port = be16(bytes.data());
  found.destination.port = be16(bytes.data() + 2);
  found.sequence = be32(bytes.data() + 4);
  found.acknowledged = be32(bytes.data() + 8);
  found.payload = ByteView{bytes.data() + header, bytes.size() - header};
  return true;
}

bool Layers::plain(const Packet& packet) {
  constexpr std::uint8_t kVersionAndLength = 0x45;  // version 4, a header of five words
  constexpr std::uint16_t kMoreOrOffset = 0x3fff;
  const ByteView bytes = packet.bytes;
  if (packet.link != link_type::kEthernet || bytes.size() < kEthernetBytes + kIp4Bytes + kTcpBytes) return false;
  const std::uint8_t* header = bytes.data() + kEthernetBytes;
  const std::size_t total = be16(header + 2);
  if (be16(bytes.data() + 12) != kIp4 || header[0] != kVersionAndLength || header[9] != kTcp ||
      (be16(header + 6) & kMoreOrOffset) != 0 || total < kIp4Bytes + kTcpBytes) {
    return false;
  }
  const std::size_t here = std::min(total, bytes.size() - kEthernetBytes);
  if (!tcp_header(ByteView{header + kIp4Bytes, here - kIp4Bytes})) return true;
  put_address4(found_->source.address, header + 12);
  put_address4(found_->destination.address, header + 16);
  found_->missing = static_cast<std::uint32_t>(total - here);
  return true;
}

bool Layers::deeper() {
  if (++depth_ <= kMaxEncapsulations) return true;
  ++statistics_.too_nested;
  return false;
}

void Layers::link(std::uint16_t type, ByteView bytes) {
  switch (type) {
    case link_type::kEthernet: return ethernet(bytes);
    case link_type::kRawBsd:
    case link_type::kRawOpenBsd:
    case link_type::kRaw:
    case link_type::kIpv4:
    case link_type::kIpv6: return ip(bytes);
    case link_type::kNull:
      if (bytes.size() < 4) return malformed();
      // Families are small numbers: the order of the machine that wrote them shows.
      return loopback(bytes[0] != 0 || bytes[1] != 0 ? static_cast<std::uint32_t>(bytes[0] | bytes[1] << 8) : be32(bytes.data()),
                      bytes.subspan(4));
    case link_type::kLoop:
      if (bytes.size() < 4) return malformed();
      return loopback(be32(bytes.data()), bytes.subspan(4));
    case link_type::kLinuxCooked:
      if (bytes.size() < 16) return malformed();
      return ether_type(be16(bytes.data() + 14), bytes.subspan(16));
    case link_type::kLinuxCooked2:
      if (bytes.size() < 20) return malformed();
      return ether_type(be16(bytes.data()), bytes.subspan(20));
    case link_type::kPpp:
    case link_type::kPppSerial: return ppp(bytes);
    default: return;
  }
}

void Layers::loopback(std::uint32_t family, ByteView bytes) {
  constexpr std::uint32_t kFamilyIp4 = 2;
  constexpr std::uint32_t kFamilyIp6[] = {10, 24, 28, 30};  // Linux, NetBSD and OpenBSD, FreeBSD, macOS
  if (family == kFamilyIp4 || std::ranges::find(kFamilyIp6, family) != std::end(kFamilyIp6)) ip(bytes);
}

void Layers::ethernet(ByteView bytes) {
  if (bytes.size() < kEthernetBytes) return malformed();
  ether_type(be16(bytes.data() + 12), bytes.subspan(kEthernetBytes));
}

void Layers::ether_type(std::uint16_t type, ByteView bytes) {
  while (true) {
    switch (type) {
      case kIp4: return ip4(bytes);
      case kIp6: return ip6(bytes);
      case kVlan:
      case kProviderVlan:
      case kOldQinq:
      case kOldQinq2:
        if (bytes.size() < 4) return malformed();
        if (!deeper()) return;
        type = be16(bytes.data() + 2);
        bytes = bytes.subspan(4);
        continue;
      case kMpls:
      case kMplsMulticast: return mpls(bytes);
      case kPppoeSession:
        if (bytes.size() < 6) return malformed();
        if (!deeper()) return;
        return ppp(bytes.subspan(6));
      default: break;
    }
    // A length, then LLC: only SNAP with an EtherType of its own leads on.
    if (type > kMaxLength || bytes.size() < 8) return;
    constexpr std::uint8_t kSnap[] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    if (!std::ranges::equal(bytes.first(6), kSnap) || !deeper()) return;
    type = be16(bytes.data() + 6);
    bytes = bytes.subspan(8);
    if (type <= kMaxLength) return;
  }
}

void Layers::ppp(ByteView bytes) {
  constexpr std::uint8_t kAllStations = 0xff;
  constexpr std::uint8_t kUnnumbered = 0x03;
  if (bytes.size() >= 2 && bytes[0] == kAllStations && bytes[1] == kUnnumbered) bytes = bytes.subspan(2);
  if (bytes.empty()) return malformed();
  // RFC 1661 6.5: a protocol number may be sent in one byte, which is then odd.
  const bool short_form = (bytes[0] & 1) != 0;
  if (!short_form && bytes.size() < 2) return malformed();
  const std::uint16_t protocol = short_form ? bytes[0] : be16(bytes.data());
  if (protocol == kPppIp4 || protocol == kPppIp6) ip(bytes.subspan(short_form ? 1 : 2));
}

void Layers::mpls(ByteView bytes) {
  constexpr std::uint8_t kBottomOfStack = 0x01;
  bool bottom = false;
  while (!bottom) {
    if (bytes.size() < 4) return malformed();
    if (!deeper()) return;
    bottom = (bytes[2] & kBottomOfStack) != 0;
    bytes = bytes.subspan(4);
  }
  if (bytes.empty()) return malformed();
  // RFC 4928: what follows says by its first four bits what it is; 0 is a pseudowire's control word (RFC 4385), with Ethernet
  // behind.
  const unsigned first = bytes[0] >> 4;
  if (first == 4 || first == 6) return ip(bytes);
  if (first == 0 && bytes.size() >= 4) return ethernet(bytes.subspan(4));
}

void Layers::ip(ByteView bytes) {
  if (bytes.empty()) return malformed();
  const unsigned version = bytes[0] >> 4;
  if (version == 4) return ip4(bytes);
  if (version == 6) return ip6(bytes);
  malformed();
}

void Layers::ip4(ByteView bytes) {
  if (bytes.size() < kIp4Bytes) return malformed();
  const std::size_t header = std::size_t{4} * (bytes[0] & 0x0fU);
  if (bytes[0] >> 4 != 4 || header < kIp4Bytes || header > bytes.size()) return malformed();
  std::size_t total = be16(bytes.data() + 2);
  // Segmentation offload: the card cuts what is longer than a length field holds, and the capture sees it before.
  if (total == 0) total = bytes.size() + cut_;
  if (total < header) return malformed();
  Network network{address4(bytes.data() + 12), address4(bytes.data() + 16), 0};
  const std::size_t here = std::min(total, bytes.size());
  // More than the capture cut: a mirror port cut it first, and did not say so.
  network.missing = static_cast<std::uint32_t>(total - here);
  const ByteView payload = bytes.subspan(header, here - header);
  const std::uint16_t fragment_field = be16(bytes.data() + 6);
  constexpr std::uint16_t kMore = 0x2000;
  constexpr std::uint16_t kOffset = 0x1fff;
  const std::uint8_t number = bytes[9];
  if ((fragment_field & (kMore | kOffset)) != 0) [[unlikely]] {
    const FragmentKey key{network.source, network.destination, be16(bytes.data() + 4), number, 4};
    return fragment(key, (fragment_field & kOffset) * 8U, (fragment_field & kMore) != 0, payload, network);
  }
  protocol(number, payload, network);
}

void Layers::ip6(ByteView bytes) {
  if (bytes.size() < kIp6Bytes || bytes[0] >> 4 != 6) return malformed();
  std::size_t total = kIp6Bytes + be16(bytes.data() + 4);
  if (total == kIp6Bytes) total = bytes.size() + cut_;  // a jumbogram (RFC 2675), or offload
  Network network{address6(bytes.data() + 8), address6(bytes.data() + 24), 0};
  const std::size_t here = std::min(total, bytes.size());
  network.missing = static_cast<std::uint32_t>(total - here);
  std::uint8_t next = bytes[6];
  ByteView rest = bytes.subspan(kIp6Bytes, here - kIp6Bytes);
  for (unsigned headers = 0;; ++headers) {
    if (headers > kMaxExtensionHeaders) {
      ++statistics_.too_nested;
      return;
    }
    std::size_t length = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
        if (rest.size() < 8) return malformed();
        length = (std::size_t{rest[1]} + 1) * 8;
        break;
      case kAuthentication:
        if (rest.size() < 8) return malformed();
        length = (std::size_t{rest[1]} + 2) * 4;
        break;
      case kFragment: {
        if (rest.size() < 8) return malformed();
        const std::uint16_t field = be16(rest.data() + 2);
        const bool more = (field & 1) != 0;
        const std::uint32_t offset = field & 0xfff8U;
        if (!more && offset == 0) {  // RFC 6946: an atomic fragment is whole
          length = 8;
          break;
        }
        const FragmentKey key{network.source, network.destination, be32(rest.data() + 4), rest[0], 6};
        return fragment(key, offset, more, rest.subspan(8), network);
      }
      default: return protocol(next, rest, network);
    }
    if (length > rest.size()) return malformed();
    next = rest[0];
    rest = rest.subspan(length);
  }
}

void Layers::fragment(const FragmentKey& key, std::uint32_t offset, bool more, ByteView bytes, const Network& network) {
  if (network.missing > 0) {
    ++statistics_.fragments;
    ++statistics_.fragments_given_up;
    return;
  }
  const auto whole = fragments_.add(key, offset, more, bytes, time_);
  if (!whole) return;
  cut_ = 0;
  protocol(key.protocol, *whole, network);
}

void Layers::protocol(std::uint8_t number, ByteView bytes, const Network& network) {
  switch (number) {
    case kTcp: return tcp(bytes, network);
    case kUdp: return udp(bytes, network);
    case kIpInIp:
    case k6in4:
      if (deeper()) ip(bytes);
      return;
    case kGre:
      if (deeper()) gre(bytes);
      return;
    case kMplsInIp: return mpls(bytes);
    default: return;
  }
}

void Layers::udp(ByteView bytes, const Network& network) {
  if (bytes.size() < kUdpBytes) return malformed();
  const std::uint16_t from = be16(bytes.data());
  const std::uint16_t to = be16(bytes.data() + 2);
  const std::size_t length = be16(bytes.data() + 4);
  ByteView payload = bytes.subspan(kUdpBytes);
  if (length >= kUdpBytes) payload = payload.first(std::min(payload.size(), length - kUdpBytes));
  if (to == kVxlanPort || to == kOldVxlanPort) {
    constexpr std::uint8_t kHasNetwork = 0x08;  // RFC 7348 5: the I flag
    if (payload.size() < 8 || (payload[0] & kHasNetwork) == 0) return;
    if (deeper()) ethernet(payload.subspan(8));
    return;
  }
  if (to == kGenevePort) {
    if (payload.size() < 8 || payload[0] >> 6 != 0) return;  // RFC 8926 3.4: version 0
    const std::size_t options = std::size_t{4} * (payload[0] & 0x3fU);
    if (payload.size() < 8 + options) return malformed();
    if (!deeper()) return;
    const std::uint16_t type = be16(payload.data() + 2);
    if (type == kBridging) return ethernet(payload.subspan(8 + options));
    return ether_type(type, payload.subspan(8 + options));
  }
  if (from != kKerberosPort && to != kKerberosPort) return;
  ++statistics_.datagrams;
  found_->kind = Transport::Kind::udp;
  found_->source = {network.source, from};
  found_->destination = {network.destination, to};
  found_->missing = network.missing;
  found_->payload = payload;
}

void Layers::gre(ByteView bytes) {
  constexpr std::uint16_t kChecksum = 0x8000;
  constexpr std::uint16_t kRoutes = 0x4000;
  constexpr std::uint16_t kKey = 0x2000;
  constexpr std::uint16_t kSequence = 0x1000;
  constexpr std::uint16_t kAcknowledgment = 0x0080;  // of version 1, RFC 2637
  constexpr std::uint16_t kVersion = 0x0007;
  if (bytes.size() < 4) return malformed();
  const std::uint16_t flags = be16(bytes.data());
  const std::uint16_t type = be16(bytes.data() + 2);
  const unsigned version = flags & kVersion;
  if (version > 1 || (flags & kRoutes) != 0) return;  // source routes left the standard with RFC 2784
  std::size_t header = 4;
  if ((flags & kChecksum) != 0) header += 4;
  if ((flags & kKey) != 0) header += 4;
  if ((flags & kSequence) != 0) header += 4;
  if (version == 1 && (flags & kAcknowledgment) != 0) header += 4;
  if (bytes.size() < header) return malformed();
  ByteView rest = bytes.subspan(header);
  switch (type) {
    case kBridging: return ethernet(rest);
    case kGrePpp:
      if (!rest.empty()) ppp(rest);
      return;
    case kErspan: {
      const std::size_t own = (flags & kSequence) != 0 ? 8 : 0;
      if (rest.size() < own) return malformed();
      return ethernet(rest.subspan(own));
    }
    case kErspan3: {
      constexpr std::uint8_t kOptional = 0x01;  // a subheader of 8 bytes follows
      if (rest.size() < 12) return malformed();
      const std::size_t own = (rest[11] & kOptional) != 0 ? 20 : 12;
      const unsigned frame_type = (rest[10] >> 2) & 0x1fU;  // behind the P bit: 0 Ethernet, 2 IP
      if (rest.size() < own) return malformed();
      if (frame_type == 0) return ethernet(rest.subspan(own));
      if (frame_type == 2) return ip(rest.subspan(own));
      return;
    }
    default: return ether_type(type, rest);
  }
}

}  // namespace postern::observe::capture
