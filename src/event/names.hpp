// The closed vocabularies of a LogonEvent. docs/events.md says what each word means.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "event/named_enum.hpp"

namespace postern::event {

enum class SourceKind : std::uint8_t { authority, capture, winlog, samba, zeek };
template <>
inline constexpr std::array<std::string_view, 5> kNames<SourceKind>{"authority", "capture", "winlog", "samba", "zeek"};

enum class Outcome : std::uint8_t { success, failure, blocked, unknown };
template <>
inline constexpr std::array<std::string_view, 4> kNames<Outcome>{"success", "failure", "blocked", "unknown"};

enum class Package : std::uint8_t { ntlm, kerberos, negotiate };
template <>
inline constexpr std::array<std::string_view, 3> kNames<Package>{"NTLM", "Kerberos", "Negotiate"};

/// The kind of response that was used, decided on the response itself and never on flags (R12).
enum class NtlmVersion : std::uint8_t { lm, ntlm_v1, ntlm_v1_ess, lm_v2, ntlm_v2, anonymous };
template <>
inline constexpr std::array<std::string_view, 6> kNames<NtlmVersion>{"LM", "NTLMv1", "NTLMv1-ESS", "LMv2", "NTLMv2", "anonymous"};

/// `announced_missing`: MsvAvFlags promises an MIC and the message has none, or zeros. `absent`, `zero`: not promised.
enum class Mic : std::uint8_t { not_applicable, absent, zero, announced_missing, present, verified, wrong };
template <>
inline constexpr std::array<std::string_view, 7> kNames<Mic>{"not-applicable", "absent",   "zero", "announced-missing",
                                                             "present",        "verified", "wrong"};

/// `present`: a hash that is not zero came, and the server had none to compare it with.
enum class ChannelBinding : std::uint8_t { not_applicable, absent, zero, present, matched, mismatched };
template <>
inline constexpr std::array<std::string_view, 6> kNames<ChannelBinding>{"not-applicable", "absent",  "zero",
                                                                        "present",        "matched", "mismatched"};

/// MsvAvTargetName against the names that the service accepts; unset where the service named none.
enum class SpnCheck : std::uint8_t { absent, accepted, refused, untrusted };
template <>
inline constexpr std::array<std::string_view, 4> kNames<SpnCheck>{"absent", "accepted", "refused", "untrusted"};

enum class AccountKind : std::uint8_t { domain, local, machine, anonymous, guest, unknown };
template <>
inline constexpr std::array<std::string_view, 6> kNames<AccountKind>{"domain", "local", "machine", "anonymous", "guest", "unknown"};

enum class Service : std::uint8_t { http, http_proxy, smb, ldap, dcerpc, mssql, smtp, imap, pop3, rdp, winrm, other };
template <>
inline constexpr std::array<std::string_view, 12> kNames<Service>{"http", "http-proxy", "smb",  "ldap", "dcerpc", "mssql",
                                                                  "smtp", "imap",       "pop3", "rdp",  "winrm",  "other"};

enum class Confidence : std::uint8_t { proved, likely, guess };
template <>
inline constexpr std::array<std::string_view, 3> kNames<Confidence>{"proved", "likely", "guess"};

/// Where a rule is applied: on the client, on the server, on the server's domain controller, or where the account's hash is.
enum class Point : std::uint8_t { client, server, server_dc, account_dc };
template <>
inline constexpr std::array<std::string_view, 4> kNames<Point>{"client", "server", "server-dc", "account-dc"};

/// How far the exchange had come: NEGOTIATE known; AUTHENTICATE known; response, MIC and bindings compared. Ordered.
enum class Stage : std::uint8_t { negotiate, response, verified };
template <>
inline constexpr std::array<std::string_view, 3> kNames<Stage>{"negotiate", "response", "verified"};

/// `audit`: allowed, and worth a look. `depends`: the facts do not say; `why` says on what.
enum class Decision : std::uint8_t { allow, audit, deny, depends };
template <>
inline constexpr std::array<std::string_view, 4> kNames<Decision>{"allow", "audit", "deny", "depends"};

enum class Severity : std::uint8_t { info, warning, alarm };
template <>
inline constexpr std::array<std::string_view, 3> kNames<Severity>{"info", "warning", "alarm"};

}  // namespace postern::event
