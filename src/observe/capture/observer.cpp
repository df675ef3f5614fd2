#include "observe/capture/observer.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace postern::observe::capture {
namespace {

constexpr std::size_t kSlotSample = 32;      // slots of which the least worth is forgotten when the table is full
constexpr unsigned kLastSeenShift = 4;       // last_seen counts packets in sixteens
constexpr std::size_t kAnalyzerBytes = 512;  // an analyzer beside what it says it holds
constexpr std::uint32_t kResetWindow = std::uint32_t{1} << 20;  // how far ahead of its stream a RST may stand
constexpr std::uint32_t kLateSynWindow = std::uint32_t{1} << 16;
constexpr std::uint16_t kKerberosPort = 88;

Side side_of(unsigned end, unsigned client_end) { return end == client_end ? Side::client : Side::server; }
std::size_t index_of(Side side) { return side == Side::client ? 0 : 1; }

/// The ports that servers of what carries NTLM listen on, for connections whose start was not seen.
bool is_service(std::uint16_t port) {
  constexpr std::array<std::uint16_t, 24> kPorts{23,  25,  80,   88,   110,  119,  135,  139,  143,  389,  443,  445,
                                                 587, 593, 1080, 1433, 2525, 3128, 3268, 3389, 5985, 8000, 8080, 8888};
  return std::ranges::binary_search(kPorts, port);
}

bool starts_with(ByteView bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::ranges::equal(bytes.first(text.size()), as_bytes(text));
}

/// Whether the sender of a connection's first bytes seen midstream is its server: by what only one side says, then by ports.
bool sender_is_server(const Transport& segment) {
  if (starts_with(segment.payload, "HTTP/1.")) return true;
  for (const std::string_view method : {"GET ", "POST ", "HEAD ", "PUT ", "CONNECT ", "OPTIONS "}) {
    if (starts_with(segment.payload, method)) return false;
  }
  constexpr std::size_t kSmb2FlagsPlace = 4 + 16;
  if (segment.payload.size() > kSmb2FlagsPlace && starts_with(segment.payload.subspan(4), "\xfeSMB")) {
    return (segment.payload[kSmb2FlagsPlace] & 1) != 0;  // MS-SMB2 2.2.1.2: SMB2_FLAGS_SERVER_TO_REDIR
  }
  const bool from_service = is_service(segment.source.port);
  const bool to_service = is_service(segment.destination.port);
  if (from_service != to_service) return from_service;
  return segment.source.port < segment.destination.port;
}

}  // namespace

struct Observer::Flow {
  struct Pending {
    Side from = Side::client;
    Bytes bytes{};
    Moment moment{};
  };
  Connection connection{};
  std::array<StreamOrder, 2> streams{};  ///< client's, server's
  std::unique_ptr<Analyzer> analyzer{};
  std::array<Bytes, 2> first{};  ///< until there is an analyzer
  std::vector<Pending> pending{};
  std::size_t pending_bytes = 0;
  std::uint64_t key = 0;
  std::uint64_t last_packet = 0;
  std::size_t counted = 0;  ///< bytes of this flow in flow_bytes_
  std::uint32_t index = 0;
  unsigned client_end = 0;  ///< in the order of the key
  bool classed = false;     ///< it stands in the statistics
};

/// Takes one stream's bytes to the analyzer. False means that the flow is over.
class Observer::Sink {
 public:
  Sink(Observer& observer, Flow& flow, Side from) : observer_{observer}, flow_{flow}, from_{from} {}
  bool bytes(ByteView bytes, const Moment& moment) {
    if (flow_.analyzer == nullptr) return observer_.recognise(flow_, from_, bytes, moment);
    return flow_.analyzer->on_bytes(from_, bytes, moment, observer_.witness_) == Interest::more;
  }
  bool gap(std::uint64_t count) {
    ++observer_.statistics_.gaps;
    observer_.statistics_.gap_bytes += count;
    if (flow_.analyzer != nullptr) return flow_.analyzer->on_gap(from_, count, observer_.witness_) == Interest::more;
    // Not recognised yet: from here on it is a connection seen midstream.
    flow_.connection.start_seen = false;
    flow_.first[index_of(from_)].clear();
    std::erase_if(flow_.pending, [this](const Flow::Pending& pending) { return pending.from == from_; });
    flow_.pending_bytes = 0;
    for (const Flow::Pending& pending : flow_.pending) flow_.pending_bytes += pending.bytes.size();
    return true;
  }

 private:
  Observer& observer_;
  Flow& flow_;
  Side from_;
};

Observer::Observer(const Options& options, Witness& witness)
    : options_{options},
      witness_{witness},
      fragments_{statistics_},
      layers_{fragments_, statistics_},
      hash_{options.seed},
      table_{std::max(options.memory_limit, kMinMemoryLimit) / 2 / sizeof(FlowSlot)} {
  options_.memory_limit = std::max(options.memory_limit, kMinMemoryLimit);
  assert(options_.recogniser != nullptr);
}

Observer::~Observer() = default;

std::size_t Observer::memory_used() const {
  return table_.bytes() + flow_bytes_ + flows_.capacity() * sizeof(flows_[0]) + free_flows_.capacity() * sizeof(std::uint32_t) +
         fragments_.held_bytes();
}

void Observer::on_packets(std::span<const Packet> packets) {
  std::size_t count = 0;
  for (const Packet& packet : packets) {
    ++packets_;
    statistics_.bytes += packet.bytes.size();
    if (packet.original > packet.bytes.size()) ++statistics_.cut_packets;
    Decoded& decoded = group_[count];
    const std::uint64_t fragments_before = statistics_.fragments;
    layers_.read(packet, decoded.transport);
    if (decoded.transport.kind != Transport::Kind::none) {
      decoded.moment = {options_.number_start + (packets_ - 1) * options_.number_step + 1, packet.time};
      if (decoded.transport.kind == Transport::Kind::tcp) {
        decoded.key = hash_.key(decoded.transport.source, decoded.transport.destination);
        table_.prefetch(decoded.key.hash);
      }
      ++count;
    }
    // What was put together from fragments lies in their table only until the next packet is looked at.
    if (count == kGroup || (count > 0 && statistics_.fragments != fragments_before)) {
      process(std::span{group_}.first(count));
      count = 0;
    }
  }
  process(std::span{group_}.first(count));
  statistics_.packets = packets_;
}

void Observer::process(std::span<const Decoded> decoded) {
  for (const Decoded& one : decoded) {
    if (one.transport.kind == Transport::Kind::tcp) {
      on_segment(one.transport, one.key, one.moment);
    } else {
      on_datagram(one.transport, one.moment);
    }
  }
}

void Observer::on_datagram(const Transport& datagram, const Moment& moment) {
  if (options_.datagram_reader == nullptr || datagram.missing > 0) return;
  const bool from_server = datagram.source.port == kKerberosPort;
  const Connection conversation{.id = options_.number_start + connections_++ * options_.number_step + 1,
                                .client = from_server ? datagram.destination : datagram.source,
                                .server = from_server ? datagram.source : datagram.destination,
                                .start_seen = true};
  options_.datagram_reader(conversation, from_server ? Side::server : Side::client, datagram.payload, moment, witness_);
}

void Observer::on_segment(const Transport& segment, const FlowKey& key, const Moment& moment) {
  FlowSlot* slot = table_.find(key.hash);
  if (slot == nullptr) {
    // An acknowledgment, a FIN or a RST of something that was not seen opens nothing.
    const bool has_payload = !segment.payload.empty() || segment.missing > 0;
    if ((segment.flags & tcp_flag::kRst) != 0 || (!has_payload && (segment.flags & tcp_flag::kSyn) == 0)) return;
    slot = open_slot(segment, key);
  }
  slot->last_seen = static_cast<std::uint32_t>(packets_ >> kLastSeenShift);
  if (slot->state == FlowSlot::State::dropped) [[likely]] {
    if ((segment.flags & (tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst)) != 0) on_dropped_segment(*slot, segment, key.source);
    return;
  }
  if (slot->state == FlowSlot::State::opening &&
      (segment.source.port == kKerberosPort || segment.destination.port == kKerberosPort)) {
    watch_kdc(*slot, segment, key.source, moment);
  }
  if ((segment.flags & tcp_flag::kSyn) != 0) {
    on_syn(*slot, segment, key.source);
    if (segment.payload.empty()) return;
    slot = table_.find(key.hash);  // TCP Fast Open: data in the SYN
    if (slot == nullptr) return;
  }
  if (slot->state == FlowSlot::State::flow) return on_flow_segment(*flows_[slot->flow], segment, key.source, moment);
  if ((segment.flags & tcp_flag::kRst) != 0) return table_.erase(slot);
  // The other end's first sequence number, if its SYN was not seen, is what this one expects.
  const unsigned other = 1 - key.source;
  if ((slot->bits & FlowSlot::kStartSeen) != 0 && (segment.flags & tcp_flag::kAck) != 0 &&
      (slot->bits & FlowSlot::kKnown << other) == 0) {
    slot->next[other] = segment.acknowledged;
    slot->bits = static_cast<std::uint8_t>(slot->bits | FlowSlot::kKnown << other);
  }
  if (!segment.payload.empty() || segment.missing > 0) return on_first_bytes(*slot, segment, key.source, moment);
  if ((segment.flags & tcp_flag::kFin) != 0) table_.erase(slot);  // closed before anybody said anything
}

FlowSlot* Observer::open_slot(const Transport& segment, const FlowKey& key) {
  const bool may_grow = !table_.would_grow() || memory_used() + table_.bytes() * 2 <= options_.memory_limit;
  if (!table_.has_room() || !may_grow) {
    FlowSlot* least = table_.least_worth(kSlotSample);
    if (least->state == FlowSlot::State::flow) {
      ++statistics_.evicted_connections;
      end_flow(*flows_[least->flow], FlowSlot::State::empty);
    } else {
      ++statistics_.evicted_entries;
      table_.erase(least);
    }
  }
  ++statistics_.connections;
  FlowSlot* slot = table_.insert(key.hash);
  if (table_.bytes() > statistics_.memory_peak_bytes) statistics_.memory_peak_bytes = memory_used();
  // Midstream: until more is known, the client is who the first bytes and the ports make it.
  if ((segment.flags & tcp_flag::kSyn) == 0) {
    const unsigned client = sender_is_server(segment) ? 1 - key.source : key.source;
    slot->bits = static_cast<std::uint8_t>(FlowSlot::kClient << client);
  }
  return slot;
}

void Observer::on_dropped_segment(FlowSlot& slot, const Transport& segment, unsigned source) {
  if ((segment.flags & tcp_flag::kRst) != 0) return table_.erase(&slot);
  if ((segment.flags & tcp_flag::kSyn) != 0) {  // the ports are used again
    ++statistics_.connections;
    slot.state = FlowSlot::State::opening;
    slot.bits = 0;
    return on_syn(slot, segment, source);
  }
  slot.bits = static_cast<std::uint8_t>(slot.bits | FlowSlot::kFin << source);
  constexpr std::uint8_t kBoth = FlowSlot::kFin | FlowSlot::kFin << 1;
  if ((slot.bits & kBoth) == kBoth) table_.erase(&slot);
}

void Observer::on_syn(FlowSlot& slot, const Transport& segment, unsigned source) {
  const bool answer = (segment.flags & tcp_flag::kAck) != 0;
  const unsigned other = 1 - source;
  const std::uint32_t next = segment.sequence + 1;
  FlowSlot* at = &slot;
  if (slot.state == FlowSlot::State::flow) {
    Flow& flow = *flows_[slot.flow];
    StreamOrder& stream = flow.streams[index_of(side_of(source, flow.client_end))];
    if (answer && !stream.known()) return stream.start_at(next);
    // The same SYN again, or one that came late, stands just before what was read; any other number begins a new connection.
    if (stream.known() && stream.next() - next < kLateSynWindow) return;
    const std::uint64_t key = flow.key;
    end_flow(flow, FlowSlot::State::opening);
    at = table_.find(key);
    ++statistics_.connections;
    at->bits = 0;
  }
  const unsigned client = answer ? other : source;
  if (!answer) at->bits = 0;  // what an older attempt with these ports left
  at->next[source] = next;
  at->bits = static_cast<std::uint8_t>(at->bits | FlowSlot::kStartSeen | FlowSlot::kKnown << source);
  at->bits = static_cast<std::uint8_t>((at->bits & ~(FlowSlot::kClient | FlowSlot::kClient << 1)) | FlowSlot::kClient << client);
  if (answer && (at->bits & FlowSlot::kKnown << other) == 0) {
    at->next[other] = segment.acknowledged;
    at->bits = static_cast<std::uint8_t>(at->bits | FlowSlot::kKnown << other);
  }
}

void Observer::watch_kdc(const FlowSlot& slot, const Transport& segment, unsigned source, const Moment& moment) {
  const bool from_kdc = segment.source.port == kKerberosPort;
  const bool refused = from_kdc && (segment.flags & tcp_flag::kRst) != 0;
  const std::uint8_t kdc_known = static_cast<std::uint8_t>(FlowSlot::kKnown << (1 - source));
  const bool asked_again = !from_kdc && (segment.flags & (tcp_flag::kSyn | tcp_flag::kAck)) == tcp_flag::kSyn &&
                           (slot.bits & FlowSlot::kKnown << source) != 0 && slot.next[source] == segment.sequence + 1 &&
                           (slot.bits & kdc_known) == 0;
  if (!refused && !asked_again) return;
  const Connection connection = connection_of(slot, segment, source);
  NoteSeen note{.kind = NoteSeen::Kind::kdc_unreachable, .moment = moment, .from = from_kdc ? Side::server : Side::client};
  note.detail = refused ? "refused" : "no answer";
  witness_.on_note(connection, note);
}

Connection Observer::connection_of(const FlowSlot& slot, const Transport& segment, unsigned source) {
  const bool from_client = (slot.bits & FlowSlot::kClient << source) != 0;
  Connection connection{.id = options_.number_start + connections_++ * options_.number_step + 1,
                        .client = from_client ? segment.source : segment.destination,
                        .server = from_client ? segment.destination : segment.source,
                        .start_seen = (slot.bits & FlowSlot::kStartSeen) != 0};
  constexpr std::uint8_t kBoth = FlowSlot::kKnown | FlowSlot::kKnown << 1;
  if (connection.start_seen && (slot.bits & kBoth) == kBoth) {
    const unsigned client = from_client ? source : 1 - source;
    connection.first_sequences = std::uint64_t{slot.next[client]} << 32 | slot.next[1 - client];
  }
  return connection;
}

void Observer::count(Recognition::Kind kind) {
  switch (kind) {
    case Recognition::Kind::carrier: ++statistics_.analysed; return;
    case Recognition::Kind::tls: ++statistics_.tls; return;
    case Recognition::Kind::socks: ++statistics_.socks; return;
    case Recognition::Kind::nothing:
    case Recognition::Kind::undecided: ++statistics_.nothing; return;
  }
}

void Observer::on_first_bytes(FlowSlot& slot, const Transport& segment, unsigned source, const Moment& moment) {
  const std::uint32_t sequence = segment.sequence + ((segment.flags & tcp_flag::kSyn) != 0 ? 1 : 0);
  const bool known = (slot.bits & FlowSlot::kKnown << source) != 0;
  const auto ahead = known ? static_cast<std::int32_t>(sequence - slot.next[source]) : 0;
  const Connection connection = connection_of(slot, segment, source);
  const unsigned client_end = connection.client == segment.source ? source : 1 - source;
  const Side from = side_of(source, client_end);
  Recognition seen;
  if (ahead == 0 && !segment.payload.empty()) {
    const ByteView first = segment.payload.first(std::min(segment.payload.size(), kMaxFirstBytes));
    seen = options_.recogniser(connection, from == Side::client ? first : ByteView{}, from == Side::server ? first : ByteView{});
    if (seen.kind != Recognition::Kind::undecided && seen.kind != Recognition::Kind::carrier) [[likely]] {
      count(seen.kind);
      slot.state = FlowSlot::State::dropped;
      if ((segment.flags & tcp_flag::kFin) != 0) on_dropped_segment(slot, segment, source);
      return;
    }
  }
  if (seen.kind == Recognition::Kind::carrier) ++statistics_.analysed;
  Flow& flow = make_flow(slot, connection, client_end);
  flow.analyzer = std::move(seen.analyzer);
  on_flow_segment(flow, segment, source, moment);
}

Observer::Flow& Observer::make_flow(FlowSlot& slot, const Connection& connection, unsigned client_end) {
  std::uint32_t index = 0;
  if (free_flows_.empty()) {
    index = static_cast<std::uint32_t>(flows_.size());
    flows_.emplace_back();
  } else {
    index = free_flows_.back();
    free_flows_.pop_back();
  }
  flows_[index] = std::make_unique<Flow>();
  Flow& flow = *flows_[index];
  flow.connection = connection;
  flow.key = slot.key;
  flow.index = index;
  flow.client_end = client_end;
  for (unsigned end = 0; end < 2; ++end) {
    if ((slot.bits & FlowSlot::kKnown << end) != 0) flow.streams[index_of(side_of(end, client_end))].start_at(slot.next[end]);
  }
  slot.state = FlowSlot::State::flow;
  slot.flow = index;
  ++flow_count_;
  return flow;
}

void Observer::on_flow_segment(Flow& flow, const Transport& segment, unsigned source, const Moment& moment) {
  flow.last_packet = packets_;
  const Side from = side_of(source, flow.client_end);
  StreamOrder& stream = flow.streams[index_of(from)];
  StreamOrder& opposite = flow.streams[1 - index_of(from)];
  const std::uint32_t sequence = segment.sequence + ((segment.flags & tcp_flag::kSyn) != 0 ? 1 : 0);
  const auto length = static_cast<std::uint32_t>(segment.payload.size()) + segment.missing;
  bool wanted = true;
  bool changed = length > 0;
  if ((segment.flags & tcp_flag::kAck) != 0) {
    if (!opposite.known() && flow.connection.start_seen) opposite.start_at(segment.acknowledged);
    if (opposite.waiting()) [[unlikely]] {
      Sink sink{*this, flow, from == Side::client ? Side::server : Side::client};
      changed = true;
      wanted = opposite.acknowledged(segment.acknowledged, sink);
    }
  }
  if (wanted && length > 0) {
    Sink sink{*this, flow, from};
    wanted = stream.add(sequence, segment.payload, segment.missing, moment, statistics_, sink);
  }
  if (!wanted) return end_flow(flow, FlowSlot::State::dropped);
  if ((segment.flags & tcp_flag::kFin) != 0) stream.fin_at(sequence + length);
  const bool reset = (segment.flags & tcp_flag::kRst) != 0 && (!stream.known() || sequence - stream.next() < kResetWindow);
  if (reset || (stream.ended() && opposite.ended())) {
    Sink client{*this, flow, Side::client};
    Sink server{*this, flow, Side::server};
    if (flow.streams[0].flush(client)) (void)flow.streams[1].flush(server);
    return end_flow(flow, FlowSlot::State::empty);
  }
  if (changed) account(flow);
}

bool Observer::recognise(Flow& flow, Side from, ByteView bytes, const Moment& moment) {
  Bytes& first = flow.first[index_of(from)];
  const std::size_t more = std::min(bytes.size(), kMaxFirstBytes - first.size());
  first.insert(first.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(more));
  Recognition seen = options_.recogniser(flow.connection, flow.first[0], flow.first[1]);
  if (seen.kind == Recognition::Kind::carrier) {
    ++statistics_.analysed;
    flow.analyzer = std::move(seen.analyzer);
    const std::vector<Flow::Pending> pending = std::move(flow.pending);
    flow.pending.clear();
    flow.pending_bytes = 0;
    for (const Flow::Pending& piece : pending) {
      if (flow.analyzer->on_bytes(piece.from, piece.bytes, piece.moment, witness_) == Interest::done) return false;
    }
    return flow.analyzer->on_bytes(from, bytes, moment, witness_) == Interest::more;
  }
  const bool both_full = flow.first[0].size() == kMaxFirstBytes && flow.first[1].size() == kMaxFirstBytes;
  if (seen.kind != Recognition::Kind::undecided || both_full || flow.pending_bytes + bytes.size() > kMaxUndecidedBytes) {
    count(seen.kind);
    flow.classed = true;
    return false;
  }
  flow.pending.push_back({from, to_bytes(bytes), moment});
  flow.pending_bytes += bytes.size();
  return true;
}

void Observer::end_flow(Flow& flow, FlowSlot::State state) {
  if (flow.analyzer != nullptr) {
    witness_.on_connection_end(flow.connection);
  } else if (!flow.classed) {
    ++statistics_.nothing;  // it ended before it was recognised
  }
  FlowSlot* slot = table_.find(flow.key);
  assert(slot != nullptr);
  if (state == FlowSlot::State::empty) {
    table_.erase(slot);
  } else {
    slot->state = state;
    slot->bits = 0;
  }
  flow_bytes_ -= flow.counted;
  --flow_count_;
  const std::uint32_t index = flow.index;
  free_flows_.push_back(index);
  flows_[index].reset();
}

void Observer::account(Flow& flow) {
  constexpr std::size_t kPendingOverhead = 64;
  const std::size_t held = sizeof(Flow) + kAnalyzerBytes + (flow.analyzer == nullptr ? 0 : flow.analyzer->held_bytes()) +
                           flow.streams[0].held_bytes() + flow.streams[1].held_bytes() + flow.pending_bytes +
                           flow.pending.size() * kPendingOverhead;
  if (held == flow.counted) return;
  flow_bytes_ += held - flow.counted;
  flow.counted = held;
  const std::size_t used = memory_used();
  if (used > options_.memory_limit) [[unlikely]]
    return reclaim();
  statistics_.memory_peak_bytes = std::max<std::uint64_t>(statistics_.memory_peak_bytes, used);
}

void Observer::reclaim() {
  while (memory_used() > options_.memory_limit) {
    if (flow_count_ == 0) return fragments_.clear();
    Flow* victim = nullptr;
    for (std::size_t seen = 0, looked = 0; seen < kEvictionSample && looked < flows_.size(); ++looked) {
      flow_hand_ = (flow_hand_ + 1) % flows_.size();
      Flow* flow = flows_[flow_hand_].get();
      if (flow == nullptr) continue;
      ++seen;
      const bool worse = victim == nullptr || flow->counted > victim->counted ||
                         (flow->counted == victim->counted && flow->last_packet < victim->last_packet);
      if (worse) victim = flow;
    }
    ++statistics_.evicted_connections;
    end_flow(*victim, FlowSlot::State::dropped);
  }
}

void Observer::finish() {
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    if (flows_[i] == nullptr) continue;
    Flow& flow = *flows_[i];
    Sink client{*this, flow, Side::client};
    Sink server{*this, flow, Side::server};
    if (flow.streams[0].flush(client)) (void)flow.streams[1].flush(server);
    end_flow(flow, FlowSlot::State::empty);
  }
  fragments_.clear();
}

}  // namespace postern::observe::capture
