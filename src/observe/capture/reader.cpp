#include "observe/capture/reader.hpp"

#include <algorithm>

#include "base/reader.hpp"

namespace postern::observe::capture {
namespace {

constexpr std::size_t kPcapHeadBytes = 24;
constexpr std::size_t kPcapRecordBytes = 16;
constexpr std::size_t kPatchedRecordBytes = 24;
// https://www.tcpdump.org/manpages/pcap-savefile.5.html, and libpcap's sf-pcap.c for the older ones.
constexpr std::uint32_t kMagicMicro = 0xa1b2c3d4;
constexpr std::uint32_t kMagicNano = 0xa1b23c4d;
constexpr std::uint32_t kMagicPatched = 0xa1b2cd34;  // "Kuznetzov's": interface, protocol and packet type behind each header
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kNetmon2 = 0x55424d47;  // "GMBU"
constexpr std::uint64_t kNanosecondsPerTick = 100;
constexpr std::uint64_t kSecondsBefore1970 = FileTime::kUnixEpochTicks / FileTime::kTicksPerSecond;
constexpr std::uint32_t kLinkMask = 0xffff;  // above: whether frames end in a checksum

std::uint32_t swapped(std::uint32_t value) { return __builtin_bswap32(value); }

}  // namespace

std::string_view CaptureReader::format() const {
  switch (format_) {
    case Format::pcap: return "pcap";
    case Format::pcapng: return "pcapng";
    case Format::netmon: return "netmon";
  }
  return {};
}

Result<std::unique_ptr<CaptureReader>> CaptureReader::open(std::unique_ptr<Input> input) {
  POSTERN_TRY(plain, unpacked(std::move(input)));
  std::unique_ptr<CaptureReader> reader{new CaptureReader{Window{std::move(plain)}}};
  POSTERN_CHECK(reader->read_head());
  return reader;
}

Result<void> CaptureReader::read_head() {
  window_.want(kPcapHeadBytes);
  const ByteView head = window_.view();
  if (const Error* error = window_.error(); error != nullptr && head.size() < kPcapHeadBytes) return std::unexpected{*error};
  if (head.empty()) return fail(ErrorCode::truncated, "capture", 0, "the input is empty");
  if (head.size() < sizeof(std::uint32_t)) return fail(ErrorCode::unsupported, "capture", 0, "the input is no capture");
  const auto magic = load_le<std::uint32_t>(head.data());
  if (magic == kSectionHeader) {
    format_ = Format::pcapng;
    return {};
  }
  if (magic == kNetmon2) return read_netmon_head();
  return read_pcap_head(magic);
}

Result<void> CaptureReader::read_pcap_head(std::uint32_t magic) {
  for (const Order order : {Order::little, Order::big}) {
    const std::uint32_t ours = order == Order::little ? magic : swapped(magic);
    if (ours != kMagicMicro && ours != kMagicNano && ours != kMagicPatched) continue;
    const ByteView head = window_.view();
    if (head.size() < kPcapHeadBytes)
      return fail(ErrorCode::truncated, "pcap.header", head.size(), "the file ends inside its header");
    order_ = order;
    record_header_ = ours == kMagicPatched ? kPatchedRecordBytes : kPcapRecordBytes;
    nanoseconds_ = ours == kMagicNano;
    const std::uint16_t major = u16(head.data() + 4);
    const std::uint16_t minor = u16(head.data() + 6);
    if (major != 2) return fail(ErrorCode::unsupported, "pcap.version_major", 4, "a version of pcap that nobody has described");
    old_lengths_ = minor < 3;
    link_ = static_cast<std::uint16_t>(u32(head.data() + 20) & kLinkMask);
    window_.consume(kPcapHeadBytes);
    return {};
  }
  return fail(ErrorCode::unsupported, "capture", 0,
              "neither pcap nor pcapng nor Network Monitor 2, plain or packed with gzip or zstd");
}

std::span<const Packet> CaptureReader::next() {
  count_ = 0;
  while (ending_ == Ending::none && count_ < kBatch) {
    const Step step = this->step();
    if (step == Step::again) continue;
    if (step == Step::end) break;
    // The packets of this batch lie in the window: they are handed out before it moves.
    if (count_ > 0) break;
    window_.want(wanted_);
    if (window_.view().size() < wanted_) {
      if (const Error* error = window_.error(); error != nullptr) {
        error_ = *error;
        finish(error->code == ErrorCode::truncated ? Ending::truncated : Ending::damaged);
      } else {
        finish(window_.view().empty() && !in_record_ && skip_ == 0 ? Ending::complete : Ending::truncated);
      }
    }
  }
  return std::span{batch_}.first(count_);
}

CaptureReader::Step CaptureReader::step() {
  if (skip_ > 0) {
    const std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, window_.view().size()));
    window_.consume(now);
    skip_ -= now;
    if (skip_ > 0) return need(1);
  }
  switch (format_) {
    case Format::pcap: return pcap_record();
    case Format::pcapng: return pcapng_block();
    case Format::netmon: return netmon_frame();
  }
  return Step::end;
}

CaptureReader::Step CaptureReader::need(std::size_t count) {
  if (window_.view().size() >= count) return Step::again;
  wanted_ = count;
  return Step::wait;
}

CaptureReader::Step CaptureReader::skip(std::uint64_t count) {
  skip_ = count;
  return Step::again;
}

CaptureReader::Step CaptureReader::give(std::size_t header, std::size_t captured, std::uint32_t original, std::uint16_t link,
                                        FileTime time, std::uint64_t whole) {
  const ByteView view = window_.view();
  batch_[count_++] = {view.subspan(header, captured), std::max(original, static_cast<std::uint32_t>(captured)), link, time};
  const std::uint64_t here = std::min<std::uint64_t>(whole, view.size());
  window_.consume(static_cast<std::size_t>(here));
  skip_ = whole - here;
  return Step::again;
}

CaptureReader::Step CaptureReader::damaged(std::string_view field, std::string message) {
  error_ = Error{ErrorCode::malformed, field, static_cast<std::size_t>(window_.offset()), std::move(message), {}};
  finish(Ending::damaged);
  return Step::end;
}

CaptureReader::Step CaptureReader::pcap_record() {
  if (need(record_header_) == Step::wait) return Step::wait;
  // All the records that lie here whole, at one go: this loop is most of what reading costs beside the kernel's copying.
  const ByteView view = window_.view();
  const Order order = order_;
  const auto number = [order](const std::uint8_t* bytes) {
    const auto value = load_le<std::uint32_t>(bytes);
    return order == Order::little ? value : swapped(value);
  };
  const std::size_t header = record_header_;
  const std::size_t captured_at = old_lengths_ ? 12 : 8;
  const std::size_t original_at = old_lengths_ ? 8 : 12;
  std::size_t count = count_;
  std::size_t at = 0;
  std::size_t whole = header;
  std::uint32_t captured = 0;
  for (; count < kBatch && view.size() - at >= header; at += whole) {
    const std::uint8_t* record = view.data() + at;
    captured = number(record + captured_at);
    whole = header + captured;
    if (captured > kMaxPacketBytes || view.size() - at < whole) break;
    const std::uint64_t fraction = number(record + 4);
    const std::uint64_t ticks = nanoseconds_ ? fraction / kNanosecondsPerTick : fraction * FileTime::kTicksPerMicrosecond;
    batch_[count++] = {ByteView{record + header, captured}, std::max(number(record + original_at), captured), link_,
                       FileTime{(number(record) + kSecondsBefore1970) * FileTime::kTicksPerSecond + ticks}};
  }
  count_ = count;
  window_.consume(at);
  if (captured > kMaxPacketBytes) return damaged("pcap.captured_length", "a packet longer than any link carries");
  if (count == kBatch || window_.view().size() < header) return Step::again;
  return need(whole);
}

}  // namespace postern::observe::capture
