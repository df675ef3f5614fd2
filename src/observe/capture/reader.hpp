// Capture files: pcap of both byte orders and its variants, pcapng, Microsoft Network Monitor 2.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/reader.hpp"
#include "observe/capture/input.hpp"
#include "observe/capture/packet.hpp"

namespace postern::observe::capture {

/// Reads packets in batches off an Input, without looking inside. Keeps one Window, whatever lengths the file claims: a block that
/// is not wanted is skipped as it streams by.
class CaptureReader {
 public:
  static constexpr std::size_t kBatch = 256;               ///< packets that next() returns at most
  static constexpr std::size_t kMaxInterfaces = 4'096;     ///< of one pcapng section
  static constexpr std::size_t kMaxDescription = 262'144;  ///< bytes of a section header or interface block with its options

  enum class Ending : std::uint8_t {
    none,       ///< more may come
    complete,   ///< the file ended where a record ends
    truncated,  ///< it ended inside a record (or its packing did): what was before is good
    damaged,    ///< a record that cannot be, or reading failed: `error()` says what and where
  };

  /// Reads the file's head. `unsupported` if the input is no capture that we know; `truncated` if it is empty.
  [[nodiscard]] static Result<std::unique_ptr<CaptureReader>> open(std::unique_ptr<Input> input);

  /// The next packets; empty at the end, when `ending()` says which end that was. They are good until the next call.
  [[nodiscard]] std::span<const Packet> next();

  [[nodiscard]] Ending ending() const { return ending_; }
  [[nodiscard]] const Error& error() const { return error_; }
  /// "pcap", "pcapng" or "netmon".
  [[nodiscard]] std::string_view format() const;
  /// Bytes taken from the file, for a progress bar.
  [[nodiscard]] std::uint64_t taken() const { return window_.taken(); }

 private:
  enum class Format : std::uint8_t { pcap, pcapng, netmon };
  enum class Order : std::uint8_t { little, big };
  enum class Step : std::uint8_t { again, wait, end };
  struct Interface {
    std::uint16_t link = 0;
    std::uint32_t snapshot = 0;
    std::uint64_t units_per_second = 1'000'000;
    std::int64_t offset_seconds = 0;
  };

  explicit CaptureReader(Window window) : window_{std::move(window)} {}

  Result<void> read_head();
  Result<void> read_pcap_head(std::uint32_t magic);
  Result<void> read_netmon_head();

  /// Takes one record off the window if it lies there whole.
  Step step();
  Step pcap_record();
  Step pcapng_block();
  Step section_header(ByteView block);
  Step interface_description(ByteView block);
  Step packet_block(std::uint32_t type, std::uint32_t total);
  Step netmon_frame();

  [[nodiscard]] std::uint16_t u16(const std::uint8_t* bytes) const {
    const auto value = load_le<std::uint16_t>(bytes);
    return order_ == Order::little ? value : __builtin_bswap16(value);
  }
  [[nodiscard]] std::uint32_t u32(const std::uint8_t* bytes) const {
    const auto value = load_le<std::uint32_t>(bytes);
    return order_ == Order::little ? value : __builtin_bswap32(value);
  }
  /// Asks for `count` bytes from the window's start: `wait` until they are there, `end` when they never will be.
  Step need(std::size_t count);
  Step skip(std::uint64_t count);
  Step give(std::size_t header, std::size_t captured, std::uint32_t original, std::uint16_t link, FileTime time,
            std::uint64_t whole);
  Step damaged(std::string_view field, std::string message);
  void finish(Ending ending) { ending_ = ending; }

  Window window_;
  Format format_ = Format::pcap;
  Order order_ = Order::little;
  Ending ending_ = Ending::none;
  Error error_{};
  std::uint64_t skip_ = 0;  ///< bytes that are still to be passed over
  std::size_t wanted_ = 1;  ///< what must lie in the window before the next step gets on
  bool in_record_ = false;  ///< an end of the input now is inside a record
  std::array<Packet, kBatch> batch_{};
  std::size_t count_ = 0;  ///< packets in batch_

  std::uint16_t link_ = 0;         ///< pcap, NetMon
  std::size_t record_header_ = 0;  ///< pcap: 16, or 24 with what a patched libpcap added
  bool nanoseconds_ = false;       ///< pcap: the fraction counts those, else microseconds
  bool old_lengths_ = false;       ///< pcap before 2.3: captured and original length stand the other way round

  std::vector<Interface> interfaces_{};
  FileTime last_time_{FileTime::kUnixEpochTicks};  ///< for simple packet blocks, which carry none

  FileTime started_{};            ///< NetMon: what the frames' times count from
  std::uint64_t frames_end_ = 0;  ///< NetMon: where the frames end and the table of their places begins
  std::uint8_t version_minor_ = 0;
};

}  // namespace postern::observe::capture
