// A conversation of any bytes through one carrier's analyzer (POSTERN_FUZZ_CARRIER, a text) and the tracker: no crash, no more held
// than is allowed, and the same messages however the stream is cut.
//
// Input: packets, each with a head of three bytes: side and kind (bit 0: server, bit 1: a gap instead of bytes), length (16 bits,
// little-endian). A packet that is longer than what is left ends the input.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/reader.hpp"
#include "observe/carriers/analyzers.hpp"
#include "observe/logons/tracker.hpp"

namespace {

using namespace postern;
using namespace postern::observe;

constexpr std::string_view kCarrier = POSTERN_FUZZ_CARRIER;

class Output final : public LogonOutput {
 public:
  void on_message_object(const MessageObject& object) override {
    lines.push_back(object.type + to_json(object).substr(to_json(object).find("\"src\"")));
  }
  void on_event(const event::LogonEvent& event) override {
    if (!event.server.address) std::abort();
  }
  std::vector<std::string> lines;
};

std::unique_ptr<Analyzer> make(const Connection& connection, std::uint8_t choice) {
  if (kCarrier == "http") return make_http_analyzer(connection);
  if (kCarrier == "smb") return make_smb_analyzer(connection);
  if (kCarrier == "rpc") return make_rpc_analyzer(connection);
  if (kCarrier == "ldap") return make_ldap_analyzer(connection);
  if (kCarrier == "tds") return make_tds_analyzer(connection);
  if (kCarrier == "telnet") return make_telnet_analyzer(connection);
  if (kCarrier == "rdp") return make_rdp_analyzer(connection);
  if (kCarrier == "kerberos") return make_kerberos_analyzer(connection);
  constexpr Carrier kText[] = {Carrier::smtp, Carrier::imap, Carrier::pop3, Carrier::nntp};
  return make_text_analyzer(connection, kText[choice % 4]);
}

struct Packet {
  Side from = Side::client;
  bool gap = false;
  ByteView bytes{};
  std::size_t length = 0;
};

std::vector<Packet> packets_of(ByteView input) {
  std::vector<Packet> packets;
  while (input.size() >= 3) {
    Packet packet;
    packet.from = (input[0] & 1) != 0 ? Side::server : Side::client;
    packet.gap = (input[0] & 2) != 0;
    packet.length = load_le<std::uint16_t>(&input[1]);
    input = input.subspan(3);
    if (!packet.gap) {
      packet.bytes = input.first(std::min(packet.length, input.size()));
      input = input.subspan(packet.bytes.size());
    }
    packets.push_back(packet);
  }
  return packets;
}

std::vector<std::string> run(const std::vector<Packet>& packets, std::uint8_t choice, std::size_t cut) {
  Output output;
  LogonTracker tracker{LogonTrackerConfig{}, output};
  Connection connection;
  connection.id = 1;
  connection.server.port = 445;
  const auto analyzer = make(connection, choice);
  Interest interest = Interest::more;
  std::uint64_t frame = 0;
  for (const Packet& packet : packets) {
    ByteView rest = packet.bytes;
    if (packet.gap && interest == Interest::more) interest = analyzer->on_gap(packet.from, packet.length, tracker);
    while (!rest.empty() && interest == Interest::more) {
      const std::size_t size = std::min(cut, rest.size());
      interest = analyzer->on_bytes(packet.from, rest.first(size), {++frame, FileTime{1}}, tracker);
      if (analyzer->held_bytes() > Analyzer::kMaxHeldBytes) std::abort();
      rest = rest.subspan(size);
    }
  }
  tracker.on_connection_end(connection);
  tracker.finish();
  return output.lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView input{data, size};
  if (kCarrier == "recognise") {
    Connection connection;
    connection.server.port = load_le<std::uint16_t>(data);
    const std::size_t split = input.size() / 2;
    static_cast<void>(recognise(connection, input.first(split), input.subspan(split)));
    static_cast<void>(recognise(connection, input.subspan(2), {}));
    static_cast<void>(recognise(connection, {}, input.subspan(2)));
    return 0;
  }
  const std::vector<Packet> packets = packets_of(input.subspan(1));
  const auto whole = run(packets, data[0], SIZE_MAX);
  if (whole != run(packets, data[0], 1)) std::abort();
  if (whole != run(packets, data[0], 7)) std::abort();
  return 0;
}
