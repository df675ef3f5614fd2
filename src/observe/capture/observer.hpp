// From packets to analyzers: connections, their bytes in order, the memory limit.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "observe/capture/flow_table.hpp"
#include "observe/capture/fragments.hpp"
#include "observe/capture/layers.hpp"
#include "observe/capture/packet.hpp"
#include "observe/capture/statistics.hpp"
#include "observe/capture/stream_order.hpp"
#include "observe/stream.hpp"

namespace postern::observe::capture {

/// Packets of one source in, calls of analyzers and witness out, on one thread. A connection whose first bytes carry no NTLM costs
/// one look into a table per packet from then on.
class Observer {
 public:
  static constexpr std::size_t kDefaultMemoryLimit = std::size_t{64} * 1024 * 1024;
  static constexpr std::size_t kMinMemoryLimit = std::size_t{1} * 1024 * 1024;
  static constexpr std::size_t kMaxUndecidedBytes = std::size_t{16} * 1024;  ///< kept of a connection until it is recognised
  static constexpr std::size_t kGroup = 16;           ///< packets whose slots are fetched before the first is looked at
  static constexpr std::size_t kEvictionSample = 16;  ///< connections of which the one that holds most is given up

  using Recogniser = Recognition (*)(const Connection&, ByteView first_client, ByteView first_server);
  using DatagramReader = void (*)(const Connection&, Side from, ByteView datagram, const Moment&, Witness&);

  struct Options {
    /// Bytes for what is remembered of connections: the table, what waits for its turn, what analyzers hold, fragments. The
    /// reader's buffers and the witness are not in it.
    std::size_t memory_limit = kDefaultMemoryLimit;
    std::uint64_t seed = 0;  ///< of the table's hash: random, except in tests
    /// Observers side by side number connections and frames apart: the first is `number_start` + 1, then in steps.
    std::uint64_t number_start = 0;
    std::uint64_t number_step = 1;
    Recogniser recogniser = nullptr;
    DatagramReader datagram_reader = nullptr;
  };

  /// `witness` must outlive the observer.
  Observer(const Options& options, Witness& witness);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer();

  void on_packets(std::span<const Packet> packets);
  /// The capture ended: what waits is given to analyzers, holes passed over, and every connection ends.
  void finish();

  /// Another memory limit from here on, at least kMinMemoryLimit: where what is next to the observer takes more or less. What is
  /// too much goes when the next connection keeps something.
  void limit_memory(std::size_t bytes) { options_.memory_limit = std::max(bytes, kMinMemoryLimit); }

  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  /// What the memory limit counts, now.
  [[nodiscard]] std::size_t memory_used() const;

 private:
  struct Flow;
  class Sink;
  struct Decoded {
    Transport transport{};
    FlowKey key{};
    Moment moment{};
  };

  void process(std::span<const Decoded> decoded);
  void on_segment(const Transport& segment, const FlowKey& key, const Moment& moment);
  void on_datagram(const Transport& datagram, const Moment& moment);

  FlowSlot* open_slot(const Transport& segment, const FlowKey& key);
  /// Tells the witness of a KDC that does not answer or refuses the connection.
  void watch_kdc(const FlowSlot& slot, const Transport& segment, unsigned source, const Moment& moment);
  /// A SYN: a new connection, whatever was there before.
  void on_syn(FlowSlot& slot, const Transport& segment, unsigned source);
  /// The first bytes of a connection: most are recognised here and take no memory.
  void on_first_bytes(FlowSlot& slot, const Transport& segment, unsigned source, const Moment& moment);
  void on_flow_segment(Flow& flow, const Transport& segment, unsigned source, const Moment& moment);
  void on_dropped_segment(FlowSlot& slot, const Transport& segment, unsigned source);

  [[nodiscard]] Connection connection_of(const FlowSlot& slot, const Transport& segment, unsigned source);
  Flow& make_flow(FlowSlot& slot, const Connection& connection, unsigned client_end);
  /// Bytes of a flow that is not yet recognised. False once it is nothing.
  bool recognise(Flow& flow, Side from, ByteView bytes, const Moment& moment);
  void count(Recognition::Kind kind);
  /// Ends the flow's part in this: tells the witness, frees it. The slot stays in `state`, or goes if that is empty.
  void end_flow(Flow& flow, FlowSlot::State state);
  void account(Flow& flow);
  void reclaim();

  Options options_;
  Witness& witness_;
  Statistics statistics_{};
  Fragments fragments_;
  Layers layers_;
  FlowHash hash_;
  FlowTable table_;
  std::array<Decoded, kGroup> group_{};
  std::vector<std::unique_ptr<Flow>> flows_{};
  std::vector<std::uint32_t> free_flows_{};
  std::size_t flow_count_ = 0;
  std::size_t flow_bytes_ = 0;
  std::size_t flow_hand_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t connections_ = 0;
};

}  // namespace postern::observe::capture
