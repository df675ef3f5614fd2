// pcapng blocks (draft-ietf-opsawg-pcapng) of CaptureReader.
#include <algorithm>

#include "base/reader.hpp"
#include "observe/capture/reader.hpp"

namespace postern::observe::capture {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kOrderMagic = 0x1a2b3c4d;

constexpr std::uint32_t kBlockHeadBytes = 8;   // type, total length
constexpr std::uint32_t kBlockTailBytes = 4;   // total length again
constexpr std::uint32_t kSectionBytes = 28;    // the smallest section header: head, magic, version, section length, tail
constexpr std::uint32_t kInterfaceBytes = 20;  // the smallest interface description
constexpr std::size_t kPacketHeadBytes = 28;   // of enhanced and obsolete packet blocks: to the packet's bytes
constexpr std::size_t kSimpleHeadBytes = 12;

constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr std::uint16_t kOptionTimeOffset = 14;
constexpr std::size_t kOptionHeadBytes = 4;

constexpr std::uint8_t kPowerOfTwo = 0x80;
constexpr unsigned kMaxDecimalDigits = 19;  // 10^19 is the largest power of ten in 64 bits
constexpr unsigned kMaxBinaryDigits = 63;

/// Units per second of if_tsresol; 0 for one that no 64-bit number holds.
std::uint64_t units_of(std::uint8_t resolution) {
  const unsigned digits = resolution & 0x7fU;
  if ((resolution & kPowerOfTwo) != 0) return digits <= kMaxBinaryDigits ? std::uint64_t{1} << digits : 0;
  if (digits > kMaxDecimalDigits) return 0;
  std::uint64_t units = 1;
  for (unsigned i = 0; i < digits; ++i) units *= 10;
  return units;
}

FileTime time_of(std::uint64_t stamp, std::uint64_t units_per_second, std::int64_t offset_seconds) {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t seconds = stamp / units_per_second + static_cast<std::uint64_t>(offset_seconds);
  const auto fraction =
      static_cast<std::uint64_t>(static_cast<Wide>(stamp % units_per_second) * FileTime::kTicksPerSecond / units_per_second);
  return FileTime{FileTime::kUnixEpochTicks + seconds * FileTime::kTicksPerSecond + fraction};
}

constexpr std::uint64_t padded(std::uint64_t length) { return (length + 3) & ~std::uint64_t{3}; }

}  // namespace

CaptureReader::Step CaptureReader::pcapng_block() {
  in_record_ = false;
  if (need(kBlockHeadBytes) == Step::wait) return Step::wait;
  // The type of a section header reads the same in both orders; what follows it says which one this section has.
  if (load_le<std::uint32_t>(window_.view().data()) == kSectionHeader) {
    if (need(kBlockHeadBytes + sizeof(std::uint32_t)) == Step::wait) return Step::wait;
    const auto magic = load_le<std::uint32_t>(window_.view().data() + kBlockHeadBytes);
    if (magic != kOrderMagic && magic != __builtin_bswap32(kOrderMagic))
      return damaged("SHB.byte_order_magic", "a section of no byte order");
    order_ = magic == kOrderMagic ? Order::little : Order::big;
    const std::uint32_t total = u32(window_.view().data() + 4);
    if (total < kSectionBytes || total > kMaxDescription)
      return damaged("SHB.total_length", "a section header of impossible length");
    if (need(total) == Step::wait) return Step::wait;
    return section_header(window_.view().first(total));
  }
  const std::uint32_t type = u32(window_.view().data());
  const std::uint32_t total = u32(window_.view().data() + 4);
  if (total < kBlockHeadBytes + kBlockTailBytes) return damaged("block.total_length", "a block shorter than its own head");
  switch (type) {
    case kInterface:
      if (total < kInterfaceBytes || total > kMaxDescription)
        return damaged("IDB.total_length", "an interface of impossible length");
      if (need(total) == Step::wait) return Step::wait;
      return interface_description(window_.view().first(total));
    case kEnhancedPacket:
    case kObsoletePacket:
    case kSimplePacket: return packet_block(type, total);
    default: return skip(padded(total));
  }
}

CaptureReader::Step CaptureReader::section_header(ByteView block) {
  if (const std::uint16_t major = u16(block.data() + 12); major != 1)
    return damaged("SHB.major_version", "a version that nobody has described");
  interfaces_.clear();
  return skip(padded(block.size()));
}

CaptureReader::Step CaptureReader::interface_description(ByteView block) {
  if (interfaces_.size() >= kMaxInterfaces) return damaged("IDB", "more interfaces than a section may have here");
  Interface interface{.link = u16(block.data() + 8), .snapshot = u32(block.data() + 12)};
  ByteView options = block.subspan(16, block.size() - 16 - kBlockTailBytes);
  while (options.size() >= kOptionHeadBytes) {
    const std::uint16_t code = u16(options.data());
    const std::size_t length = u16(options.data() + 2);
    if (code == kOptionEnd || length > options.size() - kOptionHeadBytes) break;
    const std::uint8_t* value = options.data() + kOptionHeadBytes;
    if (code == kOptionTimeResolution && length >= 1) {
      interface.units_per_second = units_of(*value);
      if (interface.units_per_second == 0) return damaged("IDB.if_tsresol", "a resolution of time finer than 64 bits hold");
    }
    if (code == kOptionTimeOffset && length >= sizeof(std::uint64_t)) {
      const std::uint64_t low = u32(value + (order_ == Order::little ? 0 : 4));
      const std::uint64_t high = u32(value + (order_ == Order::little ? 4 : 0));
      interface.offset_seconds = static_cast<std::int64_t>(high << 32 | low);
    }
    options = options.subspan(std::min<std::size_t>(options.size(), kOptionHeadBytes + static_cast<std::size_t>(padded(length))));
  }
  interfaces_.push_back(interface);
  return skip(padded(block.size()));
}

CaptureReader::Step CaptureReader::packet_block(std::uint32_t type, std::uint32_t total) {
  const std::size_t head = type == kSimplePacket ? kSimpleHeadBytes : kPacketHeadBytes;
  if (total < head + kBlockTailBytes) return damaged("packet.total_length", "a packet block shorter than its own head");
  if (need(head) == Step::wait) return Step::wait;
  const std::uint8_t* block = window_.view().data();
  std::uint32_t number = 0;
  if (type == kEnhancedPacket) number = u32(block + 8);
  if (type == kObsoletePacket) number = u16(block + 8);
  if (number >= interfaces_.size()) return damaged("packet.interface", "a packet of an interface that was not described");
  const Interface& interface = interfaces_[number];

  if (type == kSimplePacket) {
    const std::uint32_t original = u32(block + 8);
    std::uint32_t captured = std::min(original, total - static_cast<std::uint32_t>(head) - kBlockTailBytes);
    if (interface.snapshot != 0) captured = std::min(captured, interface.snapshot);
    if (captured > kMaxPacketBytes) return damaged("SPB.length", "a packet longer than any link carries");
    if (need(head + captured) == Step::wait) return Step::wait;
    return give(head, captured, original, interface.link, last_time_, padded(total));
  }
  const std::uint64_t stamp = std::uint64_t{u32(block + 12)} << 32 | u32(block + 16);
  const std::uint32_t captured = u32(block + 20);
  if (captured > kMaxPacketBytes) return damaged("packet.captured_length", "a packet longer than any link carries");
  if (captured > total - head - kBlockTailBytes) return damaged("packet.captured_length", "a packet longer than its block");
  if (need(head + captured) == Step::wait) return Step::wait;
  last_time_ = time_of(stamp, interface.units_per_second, interface.offset_seconds);
  return give(head, captured, u32(block + 24), interface.link, last_time_, padded(total));
}

}  // namespace postern::observe::capture
