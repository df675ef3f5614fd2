// What would have been on the wire: conversations of named hosts, written into a capture.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "observe/capture/packets.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

/// Packets of a test's network, in order. Time goes on by a millisecond with each.
class Wire {
 public:
  /// Writes every packet twice, as two taps on one way do.
  bool tapped_twice = false;
  std::uint32_t seconds = 1'700'000'000;

  void put(std::uint32_t from, std::uint32_t to, std::uint16_t from_port, std::uint16_t to_port, std::uint32_t sequence,
           std::uint8_t flags, ByteView payload) {
    namespace packets = capture::test;
    const Bytes segment = packets::tcp(from_port, to_port, sequence, 1, flags, payload);
    const Bytes packet = packets::ethernet(0x0800, packets::ip4(from, to, 6, segment));
    for (int i = 0; i < (tapped_twice ? 2 : 1); ++i) {
      ++ticks_;
      file_.add(packet, seconds + ticks_ / 1000, ticks_ % 1000 * 1000);
    }
  }
  [[nodiscard]] const Bytes& bytes() const { return file_.bytes(); }
  /// Where the numbers of the next connection begin: another place for each, as hosts choose them, unless the step is made 0.
  std::uint32_t client_numbers = 1000;
  std::uint32_t server_numbers = 5000;
  std::uint32_t numbers_step = 0x0123'4567;

 private:
  capture::test::PcapFile file_;
  std::uint32_t ticks_ = 0;
};

/// One TCP connection on the wire; with a second pair of ends, the same packets are seen there as well (address translation).
class Conversation {
 public:
  struct Ends {
    std::uint32_t client = 0;
    std::uint32_t server = 0;
    std::uint16_t client_port = 0;
    std::uint16_t server_port = 0;
  };
  Conversation(Wire& wire, std::vector<Ends> seen_at)
      : wire_{wire}, seen_at_{std::move(seen_at)}, client_sequence_{wire.client_numbers}, server_sequence_{wire.server_numbers} {
    wire.client_numbers += wire.numbers_step;
    wire.server_numbers += wire.numbers_step;
    send(Side::client, {}, 0x02);
    send(Side::server, {}, 0x12);
    send(Side::client, {}, 0x10);
  }
  void client(ByteView bytes) { send(Side::client, bytes, 0x18); }
  void server(ByteView bytes) { send(Side::server, bytes, 0x18); }
  void client(std::string_view text) { client(as_bytes(text)); }
  void server(std::string_view text) { server(as_bytes(text)); }
  /// So many bytes of the server that the capture has not.
  void lose_of_server(std::uint32_t bytes) { server_sequence_ += bytes; }
  void close() {
    send(Side::client, {}, 0x11);
    send(Side::server, {}, 0x11);
  }

 private:
  void send(Side from, ByteView bytes, std::uint8_t flags) {
    std::uint32_t& sequence = from == Side::client ? client_sequence_ : server_sequence_;
    for (const Ends& ends : seen_at_) {
      const bool client = from == Side::client;
      wire_.put(client ? ends.client : ends.server, client ? ends.server : ends.client,
                client ? ends.client_port : ends.server_port, client ? ends.server_port : ends.client_port, sequence, flags, bytes);
    }
    sequence += static_cast<std::uint32_t>(bytes.size()) + ((flags & 0x03) != 0 ? 1 : 0);
  }

  Wire& wire_;
  std::vector<Ends> seen_at_;
  std::uint32_t client_sequence_;
  std::uint32_t server_sequence_;
};

}  // namespace postern::observe
