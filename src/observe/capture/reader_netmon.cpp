// Captures of Microsoft Network Monitor 2 (and of programs that write its format) for CaptureReader.
#include <algorithm>
#include <array>
#include <chrono>

#include "base/reader.hpp"
#include "observe/capture/reader.hpp"

namespace postern::observe::capture {
namespace {

// Header: "GMBU", minor, major, link, SYSTEMTIME (16 bytes), then offset and length of the table of frames. Frames follow the
// header without a gap, each with its own head and, from version 2.1 on, a tail whose first two bytes are the frame's own link; the
// table that comes last is not needed to read them in order.
constexpr std::size_t kTablePlace = 24;
constexpr std::size_t kHeadBytes = 72;         // with everything that version 2.3 knows
constexpr std::size_t kPaddedHeadBytes = 128;  // as the program itself writes it
constexpr std::size_t kFrameHeadBytes = 16;
constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kPcapLinks = 0xe000;   // 0xe000 + LINKTYPE, where the low byte is one
constexpr std::uint16_t kEventTrace = 0xffe0;  // an event of Event Tracing for Windows; two kinds of them hold a packet
constexpr std::uint16_t kNoLink = 0xffff;      // for Layers: nothing to look into

// Where things lie in such an event: EVENT_HEADER (evntcons.h, 80 bytes), the buffer's context, counts, then the provider's data.
constexpr std::size_t kProviderPlace = 24;
constexpr std::size_t kEventIdPlace = 40;
constexpr std::size_t kEventData = 89;
using Guid = std::array<std::uint8_t, 16>;
// {2ED6006E-4729-4609-B423-3EE7BCD678EF} Microsoft-Windows-NDIS-PacketCapture, event 1001: two interface numbers, length, bytes.
constexpr Guid kNdisCapture{0x6e, 0x00, 0xd6, 0x2e, 0x29, 0x47, 0x09, 0x46, 0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef};
constexpr std::uint16_t kNdisPacket = 1001;
constexpr std::size_t kNdisLengthPlace = 8;
// {4D4F80D9-C8BD-4D73-BB5B-19C90402C5AC} Microsoft-Windows-PktMon, event 160: where in the stack, two lengths, bytes.
constexpr Guid kPktMon{0xd9, 0x80, 0x4f, 0x4d, 0xbd, 0xc8, 0x73, 0x4d, 0xbb, 0x5b, 0x19, 0xc9, 0x04, 0x02, 0xc5, 0xac};
constexpr std::uint16_t kPktMonPacket = 160;
constexpr std::size_t kPktMonTypePlace = 14;
constexpr std::size_t kPktMonLengthPlace = 32;
constexpr std::uint16_t kPktMonEthernet = 1;

/// The Ethernet frame in an event; empty if there is none.
ByteView frame_of_event(ByteView event) {
  if (event.size() < kEventData) return {};
  const std::uint16_t id = load_le<std::uint16_t>(event.data() + kEventIdPlace);
  const ByteView provider = event.subspan(kProviderPlace, std::tuple_size_v<Guid>);
  const ByteView data = event.subspan(kEventData);
  std::size_t start = 0;
  std::size_t length = 0;
  if (id == kNdisPacket && std::ranges::equal(provider, kNdisCapture) && data.size() >= kNdisLengthPlace + 4) {
    start = kNdisLengthPlace + 4;
    length = load_le<std::uint32_t>(data.data() + kNdisLengthPlace);
  } else if (id == kPktMonPacket && std::ranges::equal(provider, kPktMon) && data.size() >= kPktMonLengthPlace + 2 &&
             load_le<std::uint16_t>(data.data() + kPktMonTypePlace) == kPktMonEthernet) {
    start = kPktMonLengthPlace + 2;
    length = load_le<std::uint16_t>(data.data() + kPktMonLengthPlace);
  }
  return length <= data.size() - start ? data.subspan(start, length) : ByteView{};
}

std::size_t tail_bytes(std::uint8_t minor) {
  switch (minor) {
    case 0: return 0;
    case 1: return 2;    // link
    case 2: return 6;    // and process
    default: return 15;  // and UTC time and time zone
  }
}

std::uint16_t link_of(std::uint16_t network) {
  if (network == kEthernet) return link_type::kEthernet;
  if ((network & 0xff00) == kPcapLinks) return network & 0xff;
  return kNoLink;
}

FileTime time_of(const std::uint8_t* system_time) {
  using namespace std::chrono;
  const auto field = [system_time](int index) { return int{load_le<std::uint16_t>(system_time + 2 * index)}; };
  const year_month_day date{year{field(0)}, month{static_cast<unsigned>(field(1))}, day{static_cast<unsigned>(field(3))}};
  if (!date.ok()) return FileTime{FileTime::kUnixEpochTicks};
  const auto moment = sys_days{date} + hours{field(4)} + minutes{field(5)} + seconds{field(6)} + milliseconds{field(7)};
  return FileTime::from_unix_microseconds(duration_cast<microseconds>(moment.time_since_epoch()).count());
}

}  // namespace

Result<void> CaptureReader::read_netmon_head() {
  window_.want(kPaddedHeadBytes + kFrameHeadBytes);
  const ByteView head = window_.view();
  if (head.size() < kPaddedHeadBytes)
    return fail(ErrorCode::truncated, "netmon.header", head.size(), "the file ends inside its header");
  version_minor_ = head[4];
  if (head[5] != 2) return fail(ErrorCode::unsupported, "netmon.version_major", 5, "only version 2 is read");
  format_ = Format::netmon;
  link_ = link_of(load_le<std::uint16_t>(head.data() + 6));
  started_ = time_of(head.data() + 8);
  frames_end_ = load_le<std::uint32_t>(head.data() + kTablePlace);
  // The header's length is not written down. A frame has a length; padding has none.
  const auto is_frame = load_le<std::uint32_t>(head.data() + kHeadBytes + 8) > 0;
  window_.consume(is_frame ? kHeadBytes : kPaddedHeadBytes);
  return {};
}

CaptureReader::Step CaptureReader::netmon_frame() {
  in_record_ = true;  // the table of frames follows the last one: an end before it is one too early
  if (window_.offset() >= frames_end_) {
    finish(Ending::complete);
    return Step::end;
  }
  if (need(kFrameHeadBytes) == Step::wait) return Step::wait;
  const std::uint8_t* frame = window_.view().data();
  const std::uint32_t original = load_le<std::uint32_t>(frame + 8);
  const std::uint32_t captured = load_le<std::uint32_t>(frame + 12);
  if (captured > kMaxPacketBytes) return damaged("netmon.captured_length", "a packet longer than any link carries");
  const std::size_t tail = tail_bytes(version_minor_);
  if (need(kFrameHeadBytes + captured + tail) == Step::wait) return Step::wait;
  const FileTime time{started_.ticks() + load_le<std::uint64_t>(frame) * FileTime::kTicksPerMicrosecond};
  frame = window_.view().data();
  const std::uint16_t network = tail > 0 ? load_le<std::uint16_t>(frame + kFrameHeadBytes + captured) : std::uint16_t{0};
  const std::uint16_t link = tail > 0 ? link_of(network) : link_;
  if (network == kEventTrace) {
    const ByteView inner = frame_of_event(ByteView{frame + kFrameHeadBytes, captured});
    if (!inner.empty()) {
      const auto place = static_cast<std::size_t>(inner.data() - frame);
      return give(place, inner.size(), static_cast<std::uint32_t>(inner.size()), link_type::kEthernet, time,
                  kFrameHeadBytes + captured + tail);
    }
  }
  return give(kFrameHeadBytes, captured, original, link, time, kFrameHeadBytes + captured + tail);
}

}  // namespace postern::observe::capture
