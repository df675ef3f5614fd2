// A witness that writes down what it is told, one line each, and ways to hand a conversation to an analyzer.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "observe/stream.hpp"
#include "wire/messages.hpp"

namespace postern::observe {

/// What was seen, in order. Frames are left out: how the stream was cut moves them.
class Recorder final : public Witness {
 public:
  void on_message(const Connection&, const MessageSeen& seen) override {
    const auto type = wire::type_of(seen.message);
    std::string line =
        "message " + std::to_string(seen.exchange) + ' ' + side(seen.from) + ' ' + std::string{name_of(seen.carrier)};
    line += " type " + (type ? std::to_string(static_cast<unsigned>(*type)) : std::string{"?"});
    if (seen.in_spnego) line += " spnego";
    for (const std::string& mech : seen.offered_mechs) line += ' ' + mech;
    if (!seen.target.empty()) line += " target " + seen.target;
    if (seen.winrm) line += " winrm";
    if (seen.asks_proxy) line += " asks-proxy";
    if (seen.ended_tls) line += " ended-tls";
    lines.push_back(line);
    frames.push_back(seen.moment.frame);
    messages.push_back(to_bytes(seen.message));
  }
  void on_outcome(const Connection&, const OutcomeSeen& seen) override {
    constexpr std::string_view kResults[] = {"success", "failure", "unknown"};
    std::string line =
        "outcome " + std::to_string(seen.exchange) + ' ' + std::string{kResults[static_cast<std::size_t>(seen.result)]};
    if (seen.standing == OutcomeSeen::Standing::guest) line += " guest";
    if (seen.standing == OutcomeSeen::Standing::anonymous) line += " anonymous";
    lines.push_back(line + ' ' + seen.text);
  }
  void on_note(const Connection&, const NoteSeen& seen) override {
    constexpr std::string_view kKinds[] = {"kerberos-token",       "mechs-offered",   "target-named", "signing-required",
                                           "signing-not-required", "rpc-level",       "rpc-call",     "encrypted",
                                           "as-request",           "tgs-request",     "kdc-error",    "kdc-reply",
                                           "kerberos-error",       "kdc-unreachable", "given-up"};
    lines.push_back("note " + std::string{kKinds[static_cast<std::size_t>(seen.kind)]} + ' ' + side(seen.from) + ' ' +
                    std::to_string(seen.number) + ' ' + seen.detail);
  }
  void on_classic_logon(const Connection&, const ClassicLogonSeen& seen) override {
    lines.push_back("classic " + std::to_string(seen.exchange) + ' ' + seen.domain + '\\' + seen.user + " lm " +
                    std::to_string(seen.lm_response.size()) + " nt " + std::to_string(seen.nt_response.size()) + " challenge " +
                    std::to_string(seen.challenge.size()));
  }
  void on_connection_end(const Connection&) override { lines.emplace_back("end"); }

  std::vector<std::string> lines;
  std::vector<std::uint64_t> frames;  ///< of the messages
  std::vector<Bytes> messages;

 private:
  static std::string side(Side from) { return from == Side::client ? "client" : "server"; }
};

/// A turn of a conversation.
struct Turn {
  Side from = Side::client;
  Bytes bytes{};
};
using Talk = std::vector<Turn>;

inline Turn client_says(std::string_view text) { return {Side::client, to_bytes(as_bytes(text))}; }
inline Turn server_says(std::string_view text) { return {Side::server, to_bytes(as_bytes(text))}; }
inline Turn client_says(Bytes bytes) { return {Side::client, std::move(bytes)}; }
inline Turn server_says(Bytes bytes) { return {Side::server, std::move(bytes)}; }

inline Connection connection_to(std::uint16_t port) {
  Connection connection;
  connection.id = 1;
  connection.client = {Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 10}}, 50000};
  connection.server = {Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}}, port};
  connection.start_seen = true;
  return connection;
}

/// Hands first bytes to `recognise` as the capture would, growing by one packet at a time, then everything to the analyzer. A cut
/// is the size of the packets that a turn is sent in; one frame each.
class Player {
 public:
  Player(const Connection& connection, Witness& witness) : connection_{connection}, witness_{witness} {}

  void play(const Turn& turn, const std::vector<std::size_t>& cuts) {
    std::size_t at = 0;
    for (std::size_t i = 0; at < turn.bytes.size(); ++i) {
      const std::size_t size = std::min(turn.bytes.size() - at, cuts.empty() ? turn.bytes.size() : cuts[i % cuts.size()]);
      packet(turn.from, ByteView{turn.bytes}.subspan(at, size));
      at += size;
    }
  }
  void gap(Side from, std::uint64_t bytes) {
    if (analyzer != nullptr && interest == Interest::more) interest = analyzer->on_gap(from, bytes, witness_);
  }
  void packet(Side from, ByteView bytes) {
    const Moment now{++frame, FileTime{frame}};
    if (analyzer != nullptr) {
      hand(from, bytes, now);
      return;
    }
    Bytes& first = from == Side::client ? first_client_ : first_server_;
    first.insert(first.end(), bytes.begin(), bytes.end());
    order_.push_back({from, bytes.size(), now});
    Recognition found = recognise(connection_, first_client_, first_server_);
    kind = found.kind;
    analyzer = std::move(found.analyzer);
    if (analyzer == nullptr) return;
    std::size_t client = 0;
    std::size_t server = 0;
    for (const Packet& packet : order_) {
      std::size_t& at = packet.from == Side::client ? client : server;
      hand(packet.from, ByteView{packet.from == Side::client ? first_client_ : first_server_}.subspan(at, packet.size),
           packet.moment);
      at += packet.size;
    }
  }

  Recognition::Kind kind = Recognition::Kind::undecided;
  Interest interest = Interest::more;
  std::unique_ptr<Analyzer> analyzer{};
  std::uint64_t frame = 0;
  std::size_t most_held = 0;

 private:
  struct Packet {
    Side from;
    std::size_t size;
    Moment moment;
  };
  void hand(Side from, ByteView bytes, const Moment& moment) {
    if (interest == Interest::done) return;
    interest = analyzer->on_bytes(from, bytes, moment, witness_);
    most_held = std::max(most_held, analyzer->held_bytes());
    EXPECT_LE(analyzer->held_bytes(), Analyzer::kMaxHeldBytes);
  }

  Connection connection_;
  Witness& witness_;
  Bytes first_client_;
  Bytes first_server_;
  std::vector<Packet> order_;
};

inline std::vector<std::string> seen_in(const Connection& connection, const Talk& talk, const std::vector<std::size_t>& cuts = {}) {
  Recorder recorder;
  Player player{connection, recorder};
  for (const Turn& turn : talk) player.play(turn, cuts);
  return recorder.lines;
}

/// The same is seen however the stream is cut: at every byte, byte by byte, and at random.
inline void expect_same_however_cut(const Connection& connection, const Talk& talk) {
  const std::vector<std::string> whole = seen_in(connection, talk);
  EXPECT_EQ(seen_in(connection, talk, {1}), whole);
  std::size_t longest = 0;
  for (const Turn& turn : talk) longest = std::max(longest, turn.bytes.size());
  const std::size_t step = longest > 2000 ? longest / 400 : 1;
  for (std::size_t cut = 1; cut < longest; cut += step) {
    ASSERT_EQ(seen_in(connection, talk, {cut, longest}), whole) << "cut at " << cut;
  }
  std::mt19937 random{7};  // NOLINT(bugprone-random-generator-seed): a test repeats itself
  for (int round = 0; round < 50; ++round) {
    std::vector<std::size_t> cuts(16);
    for (std::size_t& cut : cuts) cut = 1 + random() % 97;
    ASSERT_EQ(seen_in(connection, talk, cuts), whole);
  }
}

}  // namespace postern::observe
