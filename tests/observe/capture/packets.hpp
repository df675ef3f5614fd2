// Packets and capture files made in memory, and an analyzer that keeps what it is given.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "observe/capture/observer.hpp"
#include "observe/capture/reader.hpp"

namespace postern::observe::capture::test {

inline Bytes operator+(Bytes a, ByteView b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Bytes be16(std::uint32_t v) { return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}; }
inline Bytes be32(std::uint32_t v) { return be16(v >> 16) + be16(v); }
inline Bytes le16(std::uint32_t v) { return {static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v >> 8)}; }
inline Bytes le32(std::uint32_t v) { return le16(v) + le16(v >> 16); }
inline Bytes text(std::string_view s) { return to_bytes(as_bytes(s)); }
inline Bytes zeros(std::size_t count) { return Bytes(count); }

constexpr std::uint32_t kClientIp = 0x0a000001;  // 10.0.0.1
constexpr std::uint32_t kServerIp = 0x0a000002;

struct Ends {
  std::uint32_t client_ip = kClientIp;
  std::uint32_t server_ip = kServerIp;
  std::uint16_t client_port = 40'000;
  std::uint16_t server_port = 9'999;
};

inline Bytes tcp(std::uint16_t from, std::uint16_t to, std::uint32_t sequence, std::uint32_t acknowledged, std::uint8_t flags,
                 ByteView payload) {
  return be16(from) + be16(to) + be32(sequence) + be32(acknowledged) + Bytes{0x50, flags} + be16(8192) + be32(0) + payload;
}
inline Bytes udp(std::uint16_t from, std::uint16_t to, ByteView payload) {
  return be16(from) + be16(to) + be16(static_cast<std::uint32_t>(8 + payload.size())) + be16(0) + payload;
}
/// `fragment`: the flags and offset field.
inline Bytes ip4(std::uint32_t from, std::uint32_t to, std::uint8_t protocol, ByteView payload, std::uint16_t fragment = 0,
                 std::uint16_t id = 7, ByteView options = {}) {
  const auto header = static_cast<std::uint32_t>(20 + options.size());
  return Bytes{static_cast<std::uint8_t>(0x40 | header / 4), 0} + be16(static_cast<std::uint32_t>(header + payload.size())) +
         be16(id) + be16(fragment) + Bytes{64, protocol} + be16(0) + be32(from) + be32(to) + options + payload;
}
inline Bytes address6(std::uint8_t last) {
  Bytes address = Bytes{0x20, 0x01, 0x0d, 0xb8} + zeros(12);
  address.back() = last;
  return address;
}
inline Bytes ip6(std::uint8_t from, std::uint8_t to, std::uint8_t next, ByteView payload) {
  return Bytes{0x60, 0, 0, 0} + be16(static_cast<std::uint32_t>(payload.size())) + Bytes{next, 64} + address6(from) + address6(to) +
         payload;
}
inline Bytes ethernet(std::uint16_t type, ByteView payload) { return zeros(12) + be16(type) + payload; }

inline Packet packet_of(ByteView bytes, std::uint16_t link = link_type::kEthernet, FileTime time = FileTime{1}) {
  return {bytes, static_cast<std::uint32_t>(bytes.size()), link, time};
}

/// A pcap file of these packets: little-endian, microseconds.
class PcapFile {
 public:
  explicit PcapFile(std::uint32_t link = 1) : bytes_{le32(0xa1b2c3d4) + le16(2) + le16(4) + zeros(8) + le32(65'535) + le32(link)} {}
  PcapFile& add(ByteView packet, std::uint32_t seconds = 1, std::uint32_t microseconds = 0) {
    const Bytes length = le32(static_cast<std::uint32_t>(packet.size()));
    bytes_ = std::move(bytes_) + le32(seconds) + le32(microseconds) + length + length + packet;
    return *this;
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// What the analyzers of one test were given.
struct Heard {
  struct Stream {
    std::array<std::string, 2> bytes{};  ///< client's and server's; a gap of n bytes is written as "<n>"
    std::vector<std::uint64_t> frames{};
    Connection connection{};
    bool ended = false;
  };
  std::vector<Stream> streams{};
  std::vector<std::string> datagrams{};
  std::vector<std::string> notes{};
  std::size_t held_each = 0;          ///< what each analyzer says that it holds
  std::size_t done_after = SIZE_MAX;  ///< bytes after which an analyzer wants no more
};
inline Heard& heard() {
  static Heard instance;
  return instance;
}

class KeepingAnalyzer final : public Analyzer {
 public:
  explicit KeepingAnalyzer(const Connection& connection) : index_{heard().streams.size()} {
    heard().streams.push_back({.connection = connection});
  }
  Interest on_bytes(Side from, ByteView bytes, const Moment& moment, Witness&) override {
    Heard::Stream& stream = heard().streams[index_];
    stream.bytes[from == Side::client ? 0 : 1] += as_text(bytes);
    stream.frames.push_back(moment.frame);
    return stream.bytes[0].size() + stream.bytes[1].size() >= heard().done_after ? Interest::done : Interest::more;
  }
  Interest on_gap(Side from, std::uint64_t bytes, Witness&) override {
    heard().streams[index_].bytes[from == Side::client ? 0 : 1] += "<" + std::to_string(bytes) + ">";
    return Interest::more;
  }
  [[nodiscard]] std::size_t held_bytes() const override { return heard().held_each; }

 private:
  std::size_t index_;
};

/// "wait..." is undecided, 0x16 TLS, 0x05 SOCKS, "junk" nothing; everything else has an analyzer.
inline Recognition recognise_for_test(const Connection& connection, ByteView client, ByteView server) {
  Recognition answer;
  const ByteView first = client.empty() ? server : client;
  if (first.empty() || (as_text(first).starts_with("wait") && first.size() < 8)) return answer;
  answer.kind = first[0] == 0x16                     ? Recognition::Kind::tls
                : first[0] == 0x05                   ? Recognition::Kind::socks
                : as_text(first).starts_with("junk") ? Recognition::Kind::nothing
                                                     : Recognition::Kind::carrier;
  if (answer.kind == Recognition::Kind::carrier) answer.analyzer = std::make_unique<KeepingAnalyzer>(connection);
  return answer;
}

inline void read_datagram_for_test(const Connection& connection, Side from, ByteView datagram, const Moment&, Witness&) {
  heard().datagrams.push_back((from == Side::client ? connection.client : connection.server).text() + " " +
                              std::string{as_text(datagram)});
}

class KeepingWitness final : public Witness {
 public:
  void on_message(const Connection&, const MessageSeen&) override {}
  void on_outcome(const Connection&, const OutcomeSeen&) override {}
  void on_note(const Connection& connection, const NoteSeen& note) override {
    heard().notes.push_back(connection.server.text() + " " + note.detail);
  }
  void on_connection_end(const Connection& connection) override {
    for (Heard::Stream& stream : heard().streams) {
      if (stream.connection.id == connection.id) stream.ended = true;
    }
  }
};

/// An observer with the analyzer above, and a TCP connection to play into it.
class Stage {
 public:
  explicit Stage(std::size_t memory_limit = Observer::kDefaultMemoryLimit)
      : observer_{Observer::Options{.memory_limit = memory_limit,
                                    .seed = 1,
                                    .recogniser = recognise_for_test,
                                    .datagram_reader = read_datagram_for_test},
                  witness_} {
    heard() = Heard{};
  }
  void give(ByteView bytes, std::uint16_t link = link_type::kEthernet, std::uint32_t cut = 0) {
    Packet packet = packet_of(bytes, link, FileTime{++time_});
    packet.original += cut;
    observer_.on_packets({&packet, 1});
  }
  void segment(Side from, std::uint32_t sequence, std::uint32_t acknowledged, std::uint8_t flags, std::string_view payload = {},
               const Ends& ends = {}) {
    const bool client = from == Side::client;
    const Bytes segment = tcp(client ? ends.client_port : ends.server_port, client ? ends.server_port : ends.client_port, sequence,
                              acknowledged, flags, as_bytes(payload));
    give(ethernet(0x0800, ip4(client ? ends.client_ip : ends.server_ip, client ? ends.server_ip : ends.client_ip, 6, segment)));
  }
  /// SYN, SYN-ACK, ACK: the client's first byte is at 101, the server's at 501.
  void open(const Ends& ends = {}) {
    segment(Side::client, 100, 0, tcp_flag::kSyn, {}, ends);
    segment(Side::server, 500, 101, tcp_flag::kSyn | tcp_flag::kAck, {}, ends);
    segment(Side::client, 101, 501, tcp_flag::kAck, {}, ends);
  }
  void client(std::uint32_t sequence, std::string_view payload, std::uint32_t acknowledged = 501, const Ends& ends = {}) {
    segment(Side::client, sequence, acknowledged, tcp_flag::kAck, payload, ends);
  }
  void server(std::uint32_t sequence, std::string_view payload, std::uint32_t acknowledged = 101, const Ends& ends = {}) {
    segment(Side::server, sequence, acknowledged, tcp_flag::kAck, payload, ends);
  }
  Observer& observer() { return observer_; }
  const Statistics& statistics() const { return observer_.statistics(); }
  /// What the first analyzer heard of a side.
  static std::string said(Side side = Side::client, std::size_t stream = 0) {
    return heard().streams.size() > stream ? heard().streams[stream].bytes[side == Side::client ? 0 : 1] : "(no analyzer)";
  }

 private:
  KeepingWitness witness_;
  Observer observer_;
  std::uint64_t time_ = FileTime::kUnixEpochTicks;
};

}  // namespace postern::observe::capture::test
