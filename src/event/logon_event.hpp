// LogonEvent: what is known of one logon, whoever saw it. docs/events.md is its contract; an unset member is unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/keyed_digest.hpp"
#include "base/nt_status.hpp"
#include "event/event_id.hpp"
#include "event/names.hpp"
#include "event/timestamp.hpp"

namespace postern::event {

/// UTF-8. Unset is unknown; empty was seen and was empty (a domain may be, peers write `user@realm` so).
using Text = std::optional<std::string>;

struct Source {
  std::optional<SourceKind> kind{};
  Text host{};    ///< the machine that saw it
  Text record{};  ///< where in its log or capture
  bool operator==(const Source&) const = default;
};

/// An NTSTATUS, also one that NtStatus does not list.
struct Status {
  std::uint32_t code = 0;
  Text name{};
  [[nodiscard]] static Status of(NtStatus status) { return {static_cast<std::uint32_t>(status), std::string{name_of(status)}}; }
  bool operator==(const Status&) const = default;
};

/// The server's names, as its CHALLENGE's target info gave them.
struct ServerNames {
  Text nb_computer{};
  Text nb_domain{};
  Text dns_computer{};
  Text dns_domain{};
  Text dns_tree{};
  bool operator==(const ServerNames&) const = default;
};

struct Ntlm {
  std::optional<NtlmVersion> version{};
  std::optional<std::uint32_t> negotiate_flags{};  ///< those that the server chose: the exchange's
  std::optional<Mic> mic{};
  std::optional<ChannelBinding> channel_binding{};
  Text spn{};  ///< MsvAvTargetName as sent
  std::optional<SpnCheck> spn_check{};
  std::optional<bool> sign{};
  std::optional<bool> seal{};
  std::optional<std::uint16_t> key_bits{};
  std::optional<Timestamp> client_time{};  ///< in the NTLMv2 response
  std::optional<Timestamp> server_time{};  ///< MsvAvTimestamp of the CHALLENGE
  std::optional<bool> timestamp_offered{};
  Text machine_id{};  ///< of MsvAvSingleHost, hex
  ServerNames server_names{};
  bool operator==(const Ntlm&) const = default;
};

struct Account {
  Text name{};
  Text domain{};
  Text sid{};
  AccountKind kind = AccountKind::unknown;
  std::optional<bool> protected_user{};   ///< JSON: `protected`; member of Protected Users
  std::optional<bool> ntlm_allowed{};     ///< false: NTLM is switched off for this account
  std::optional<bool> network_allowed{};  ///< whether the client's address is one that this account may come from
  /// What the account's own state said, as an NTSTATUS name: `STATUS_SUCCESS`, `STATUS_ACCOUNT_DISABLED`, … (MS-APDS 3.1.5).
  Text state{};
  bool operator==(const Account&) const = default;
};

struct Client {
  Text address{};  ///< textual IP address, no brackets, no port
  std::optional<std::uint16_t> port{};
  Text workstation{};  ///< as claimed
  Text process{};
  Text os_version{};
  bool operator==(const Client&) const = default;
};

struct Server {
  Text address{};
  std::optional<std::uint16_t> port{};
  Text name{};
  std::optional<Service> service{};
  std::optional<bool> domain_member{};
  bool operator==(const Server&) const = default;
};

struct Transport {
  std::optional<bool> tls{};
  std::optional<bool> encrypted{};
  std::optional<bool> signed_{};  ///< JSON: `signed`
  bool operator==(const Transport&) const = default;
};

/// Who compared the response.
struct Authority {
  Text name{};
  Text address{};
  bool operator==(const Authority&) const = default;
};

/// Why NTLM and not Kerberos.
struct Reason {
  std::optional<std::uint32_t> id{};  ///< Windows' NtlmUsageId
  Text name{};
  std::optional<Confidence> confidence{};
  Text evidence{};
  bool operator==(const Reason&) const = default;
};

/// What one setting said about this logon.
struct PolicyDecision {
  Point point = Point::server;
  Stage stage = Stage::verified;
  std::string setting{};
  std::string value{};
  Decision decision = Decision::allow;
  std::string why{};
  bool operator==(const PolicyDecision&) const = default;
};

/// Keyed digests, so that flows can be matched; never the values themselves (R29).
struct Correlation {
  std::optional<KeyedDigest> challenge_digest{};
  std::optional<KeyedDigest> proof_digest{};
  bool operator==(const Correlation&) const = default;
};

struct Finding {
  std::string id{};
  Severity severity = Severity::info;
  std::string text{};
  Text evidence{};
  bool operator==(const Finding&) const = default;
};

struct LogonEvent {
  static constexpr std::uint64_t kSchema = 1;

  std::optional<EventId> id{};
  std::optional<Timestamp> time{};
  Source source{};
  Outcome outcome = Outcome::unknown;
  std::optional<Status> status{};
  std::optional<Package> package{};
  Ntlm ntlm{};
  Account account{};
  Client client{};
  Server server{};
  Transport transport{};
  Authority authority{};
  Reason reason{};
  std::vector<PolicyDecision> policy{};  ///< the decisive one first
  Correlation correlation{};
  std::vector<Finding> findings{};
  bool operator==(const LogonEvent&) const = default;
};

}  // namespace postern::event
