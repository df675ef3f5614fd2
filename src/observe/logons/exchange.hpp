// One exchange as the tracker keeps it, and the event that it becomes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/logon_event.hpp"
#include "observe/logons/decode.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

struct Exchange {
  Connection connection{};
  ExchangeKey key = 0;
  Carrier carrier = Carrier::http;
  Side client_side = Side::client;  ///< who sent NEGOTIATE or AUTHENTICATE
  Moment last{};

  std::optional<DecodedMessage> negotiate{};
  std::optional<DecodedMessage> challenge{};
  std::optional<DecodedMessage> authenticate{};
  bool classic = false;  ///< responses of SMB1 without NTLMSSP

  std::string target{};  ///< what the client called the server
  bool winrm = false;
  bool asks_proxy = false;
  bool ended_tls = false;  ///< the client's TLS ended before here
  bool in_spnego = false;
  std::vector<std::string> offered_mechs{};  ///< by the client
  std::string server_mechs{};                ///< offered by the server: OIDs, or HTTP's schemes
  bool kerberos_tried = false;               ///< a Kerberos token went to this server on this connection before

  std::optional<std::uint32_t> kerberos_error{};  ///< the server's answer to it, a KRB-ERROR

  std::optional<std::uint32_t> rpc_level{};
  std::optional<bool> signing_required{};
  bool encrypted = false;
  std::optional<OutcomeSeen> outcome{};
  std::vector<event::Finding> findings{};  ///< found while it went on

  [[nodiscard]] const Endpoint& client() const { return client_side == Side::client ? connection.client : connection.server; }
  [[nodiscard]] const Endpoint& server() const { return client_side == Side::client ? connection.server : connection.client; }
  /// The server's names: as its CHALLENGE gave them, or where that was not seen as the client's response repeats them.
  [[nodiscard]] const event::ServerNames* server_names() const;
  /// "frames 4, 5, 7"
  [[nodiscard]] std::string frames() const;
};

/// The event of an exchange that has an AUTHENTICATE (or classic responses), without id, findings and reason.
[[nodiscard]] event::LogonEvent event_of(const Exchange& exchange);

/// True for text that is an IPv4 or IPv6 address, with or without brackets or port.
[[nodiscard]] bool is_address_literal(std::string_view host);
/// `class/host:port/realm` in parts; text without a slash is a host without a class, or
/// nothing where it is an account's name.
struct SpnParts {
  std::string_view service{};
  std::string_view host{};
};
[[nodiscard]] SpnParts parts_of_spn(std::string_view spn);
/// `host:port` without the port.
[[nodiscard]] std::string_view host_of(std::string_view authority);

}  // namespace postern::observe
