// Packets of a network interface, through libpcap: the kernel's ring, a filter in the kernel, several readers side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "observe/capture/packet.hpp"

namespace postern::observe::capture {

struct LiveOptions {
  std::string interface{};
  std::string filter{};  ///< as tcpdump writes them; empty takes everything
  std::uint32_t snapshot_bytes = 65'535;
  std::size_t ring_bytes = std::size_t{32} * 1024 * 1024;  ///< of each reader
  int block_milliseconds = 20;                             ///< how long the kernel may collect packets before it hands them over
  enum class Promiscuous : std::uint8_t { no, yes } promiscuous = Promiscuous::yes;
  /// Readers with the same number share the interface's connections: both directions of one come to the same reader. 0: all of it.
  std::uint16_t fanout_group = 0;
};

/// One reader of an interface. Needs CAP_NET_RAW to open, nothing afterwards.
class LiveSource {
 public:
  struct Counts {
    std::uint64_t received = 0;
    std::uint64_t dropped = 0;  ///< by the kernel because the ring was full, and by the interface
  };

  [[nodiscard]] static Result<std::unique_ptr<LiveSource>> open(const LiveOptions& options);
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  ~LiveSource();

  /// Waits at most `milliseconds` and gives what came to `take`; a packet is good until `take` returns.
  [[nodiscard]] Result<void> poll(int milliseconds, const std::function<void(std::span<const Packet>)>& take);
  [[nodiscard]] Counts counts();

 private:
  struct Handle;
  explicit LiveSource(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace postern::observe::capture
