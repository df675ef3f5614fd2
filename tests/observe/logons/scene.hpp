// Logons in parts, shown to a sensor: the defaults are an honest one, and a test changes one thing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/reader.hpp"
#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"
#include "observe/logons/collector.hpp"
#include "wire/av_pairs.hpp"

namespace postern::observe {

/// A logon in parts; the defaults are an honest one that nothing is found in.
struct Parts {
  std::uint8_t client = 17;
  std::uint8_t server = 1;
  std::uint16_t port = 445;
  Carrier carrier = Carrier::smb2;
  wire::NegotiateFlags offered{0xe2888215};
  wire::NegotiateFlags chosen{0xe28a8215};
  std::uint8_t challenge = 1;  ///< of different logons different
  bool pattern = false;
  bool server_time = true;
  std::string server_name = "FS1";
  std::string user = "alice";
  std::string domain = "LAB";
  std::string spn = "cifs/fs1.lab.test";
  std::string target{};
  bool announce_mic = true;
  bool zero_mic = false;
  enum class Response : std::uint8_t { v2, v1, v1_ess, lm, none } response = Response::v2;
  bool in_spnego = true;
  bool failed = false;
  OutcomeSeen::Standing standing = OutcomeSeen::Standing::as_named;
  std::uint64_t second = 0;
  std::string workstation{};
  std::optional<wire::NegotiateFlags> last{};  ///< of the AUTHENTICATE, where they are others than the server chose
  enum class Info : std::uint8_t { names, nobody, none } info = Info::names;
  std::string answered_name{};  ///< the server's name in the response
  enum class Binding : std::uint8_t { absent, zero, hash } binding = Binding::absent;
  bool ended_tls = false;
  bool empty_spn = false;  ///< MsvAvTargetName is there and says nothing
  bool challenge_seen = true;
  std::int64_t server_clock = 0;                ///< seconds that it is ahead of the capture's
  std::optional<std::int64_t> server_stands{};  ///< the second that it stands at, whatever time it is
};

inline constexpr std::uint64_t kStart = 0x01d9'0000'0000'0000;
inline FileTime time_of(const Parts& parts) { return FileTime{kStart + parts.second * FileTime::kTicksPerSecond}; }
inline FileTime server_time_of(const Parts& parts) {
  const std::int64_t seconds = parts.server_stands.value_or(static_cast<std::int64_t>(parts.second) + parts.server_clock);
  return FileTime{kStart + static_cast<std::uint64_t>(seconds) * FileTime::kTicksPerSecond};
}

inline Bytes negotiate_of(const Parts& parts) {
  wire::NegotiateMessage message;
  message.flags = parts.offered;
  return message.write().value();
}
inline Bytes challenge_of(const Parts& parts) {
  wire::ChallengeMessage message;
  message.flags = parts.chosen;
  std::array<std::uint8_t, 8> value{9, 4, 7, 1, 8, 2, 6, parts.challenge};
  if (parts.pattern) value = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  message.server_challenge = wire::ServerChallenge{value};
  wire::AvPairsBuilder pairs;
  if (parts.info == Parts::Info::names) {
    pairs.add(wire::AvId::nb_domain_name, utf16("LAB"));
    pairs.add(wire::AvId::nb_computer_name, utf16(parts.server_name));
  }
  if (parts.server_time) pairs.add_timestamp(server_time_of(parts));
  const Bytes info = std::move(pairs).finish();
  if (parts.info != Parts::Info::none) message.target_info = info;
  return message.write().value();
}
inline Bytes response_of(const Parts& parts) {
  Bytes response(16);
  for (std::size_t i = 0; i < response.size(); ++i) response[i] = static_cast<std::uint8_t>(parts.challenge * 16 + i);
  Bytes head = from_hex("0101000000000000000000000000d901a1a2a3a4a5a6a7a800000000").value();
  // A client copies the server's time, or has its own.
  store_le(&head[8], (parts.server_time ? server_time_of(parts) : time_of(parts)).ticks());
  response.insert(response.end(), head.begin(), head.end());
  wire::AvPairsBuilder pairs;
  if (!parts.answered_name.empty()) pairs.add(wire::AvId::nb_computer_name, utf16(parts.answered_name));
  if (parts.announce_mic) pairs.add_flags(2);
  if (parts.empty_spn || !parts.spn.empty()) pairs.add(wire::AvId::target_name, utf16(parts.spn));
  if (parts.binding != Parts::Binding::absent)
    pairs.add(wire::AvId::channel_bindings, Bytes(16, parts.binding == Parts::Binding::zero ? 0 : 7));
  const Bytes list = std::move(pairs).finish();
  response.insert(response.end(), list.begin(), list.end());
  return response;
}
inline Bytes authenticate_of(const Parts& parts) {
  wire::AuthenticateMessage message;
  message.flags = parts.last.value_or(parts.chosen);
  const Bytes user = utf16(parts.user);
  const Bytes domain = utf16(parts.domain);
  const Bytes workstation = utf16(parts.workstation);
  message.workstation = workstation;
  message.user_name = user;
  message.domain_name = domain;
  Bytes nt;
  Bytes lm(24, 0);
  switch (parts.response) {
    case Parts::Response::v2: nt = response_of(parts); break;
    case Parts::Response::v1:
      nt = Bytes(24, 0x41);
      lm = nt;
      break;
    case Parts::Response::v1_ess:
      nt = Bytes(24, 0x41);
      lm[0] = 1;
      break;
    case Parts::Response::lm: lm = Bytes(24, 0x42); break;
    case Parts::Response::none: lm.clear(); break;
  }
  message.nt_response = nt;
  message.lm_response = lm;
  message.mic = wire::Mic{};
  Bytes out = message.write().value();
  if (!parts.zero_mic) out[wire::AuthenticateMessage::kMicOffset] = 1;
  return out;
}

inline Address address(std::uint8_t last) { return Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last}}; }

/// A sensor, and logons that it sees.
class Scene {
 public:
  explicit Scene(LogonTrackerConfig config = test_config()) : tracker_{std::move(config), collector} {}

  Connection connect(const Parts& parts) {
    Connection connection;
    connection.id = ++connections_;
    connection.client = {address(parts.client), static_cast<std::uint16_t>(50'000 + connections_)};
    connection.server = {address(parts.server), parts.port};
    return connection;
  }
  Moment moment(const Parts& parts) { return {++frame_, time_of(parts)}; }

  void say(const Connection& connection, const Parts& parts, Side from, ByteView message) {
    MessageSeen seen;
    seen.exchange = 1;
    seen.moment = moment(parts);
    seen.from = from;
    seen.carrier = parts.carrier;
    seen.message = message;
    seen.in_spnego = parts.in_spnego;
    if (from == Side::client) seen.target = parts.target;
    seen.ended_tls = parts.ended_tls;
    tracker_.on_message(connection, seen);
  }
  void note(const Connection& connection, const Parts& parts, NoteSeen::Kind kind, std::string detail = {},
            std::uint32_t number = 0, ExchangeKey exchange = 0) {
    NoteSeen seen;
    seen.kind = kind;
    seen.exchange = exchange;
    seen.moment = moment(parts);
    seen.carrier = parts.carrier;
    seen.from = kind == NoteSeen::Kind::kdc_error ? Side::server : Side::client;
    seen.detail = std::move(detail);
    seen.number = number;
    tracker_.on_note(connection, seen);
  }
  void end(const Connection& connection, const Parts& parts) {
    OutcomeSeen seen;
    seen.exchange = 1;
    seen.moment = moment(parts);
    seen.carrier = parts.carrier;
    seen.result = parts.failed ? OutcomeSeen::Result::failure : OutcomeSeen::Result::success;
    seen.standing = parts.standing;
    tracker_.on_outcome(connection, seen);
    tracker_.on_connection_end(connection);
  }
  const event::LogonEvent& log_on(const Parts& parts) { return log_on(connect(parts), parts); }
  const event::LogonEvent& log_on(const Connection& connection, const Parts& parts) {
    say(connection, parts, Side::client, negotiate_of(parts));
    if (parts.challenge_seen) say(connection, parts, Side::server, challenge_of(parts));
    say(connection, parts, Side::client, authenticate_of(parts));
    end(connection, parts);
    return collector.events.back();
  }

  Collector collector;

 private:
  LogonTracker tracker_;
  std::uint64_t connections_ = 0;
  std::uint64_t frame_ = 0;
};

inline std::vector<std::string> ids(const event::LogonEvent& event) {
  std::vector<std::string> out;
  for (const event::Finding& finding : event.findings) out.push_back(finding.id);
  return out;
}
inline std::vector<std::string> found_in(const Parts& parts) { return ids(Scene{}.log_on(parts)); }
using Ids = std::vector<std::string>;

}  // namespace postern::observe
