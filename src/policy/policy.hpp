// Policy: what one service, and the authority behind it, allow. docs/policy.md lists each setting, its values, default and reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/named_enum.hpp"
#include "event/names.hpp"
#include "policy/lists.hpp"

namespace postern::policy {

using event::from_name;
using event::name_of;

/// `when_supported` asks only of those whom the setting's text calls supporting; `always` asks of everybody.
enum class Level : std::uint8_t { never, when_supported, always };
enum class PlainHttp : std::uint8_t { never, loopback, always };
enum class AllowAnonymous : std::uint8_t { never, always };
enum class LegacyCrypto : std::uint8_t { allow, refuse };

// Windows' settings whose values are numbers; the enumerators are in the order of the numbers.
enum class RestrictSending : std::uint8_t { allow, audit, deny };
enum class RestrictReceiving : std::uint8_t { allow, deny_domain_accounts, deny_all };
enum class AuditReceiving : std::uint8_t { off, domain_accounts, all };
/// Of RestrictNTLMInDomain and AuditNTLMInDomain: 0, 1, 3, 5, 7. A domain server is a member of the domain.
enum class DomainScope : std::uint8_t { none, domain_accounts_to_domain_servers, domain_accounts, domain_servers, all };
enum class BlockNtlmV1Sso : std::uint8_t { audit, enforce };
enum class BlockNtlm : std::uint8_t { off, on };

/// Lsa\LmCompatibilityLevel as the account's authority reads it: 0 to 3 accept every version, 4 all but LM, 5 NTLMv2 only.
class LmCompatibilityLevel {
 public:
  static constexpr std::uint8_t kHighest = 5;
  constexpr LmCompatibilityLevel() = default;
  /// Nothing for a number over 5.
  [[nodiscard]] static constexpr std::optional<LmCompatibilityLevel> of(unsigned number) {
    if (number > kHighest) return std::nullopt;
    LmCompatibilityLevel level;
    level.number_ = static_cast<std::uint8_t>(number);
    return level;
  }
  [[nodiscard]] constexpr unsigned number() const { return number_; }
  bool operator==(const LmCompatibilityLevel&) const = default;

 private:
  std::uint8_t number_ = kHighest;
};

/// How far a client's time may be from the authority's, in either direction.
class ClockSkew {
 public:
  static constexpr std::uint32_t kDefaultSeconds = 36 * 3600;
  static constexpr std::uint32_t kMaxSeconds = 366 * 24 * 3600;
  constexpr ClockSkew() = default;  // 36 hours
  [[nodiscard]] static constexpr ClockSkew off() {
    ClockSkew skew;
    skew.seconds_.reset();
    return skew;
  }
  /// Nothing for 0 and for more than a year.
  [[nodiscard]] static constexpr std::optional<ClockSkew> of_seconds(std::uint64_t seconds) {
    if (seconds == 0 || seconds > kMaxSeconds) return std::nullopt;
    ClockSkew skew;
    skew.seconds_ = static_cast<std::uint32_t>(seconds);
    return skew;
  }
  /// Unset: any time is taken.
  [[nodiscard]] constexpr std::optional<std::uint32_t> seconds() const { return seconds_; }
  bool operator==(const ClockSkew&) const = default;

 private:
  std::optional<std::uint32_t> seconds_ = kDefaultSeconds;
};

/// What NtlmMinClientSec and NtlmMinServerSec ask of the flags of the exchange: a mask of NEGOTIATE flags.
class SessionSecurity {
 public:
  static constexpr std::uint32_t kIntegrity = 0x00000010;
  static constexpr std::uint32_t kConfidentiality = 0x00000020;
  static constexpr std::uint32_t kExtendedSessionSecurity = 0x00080000;
  static constexpr std::uint32_t k128Bit = 0x20000000;
  constexpr SessionSecurity() = default;  // nothing
  /// Nothing for a mask with a bit that means nothing there.
  [[nodiscard]] static constexpr std::optional<SessionSecurity> of(std::uint32_t mask) {
    if ((mask & ~(kIntegrity | kConfidentiality | kExtendedSessionSecurity | k128Bit)) != 0) return std::nullopt;
    SessionSecurity security;
    security.mask_ = mask;
    return security;
  }
  [[nodiscard]] constexpr std::uint32_t mask() const { return mask_; }
  bool operator==(const SessionSecurity&) const = default;

 private:
  std::uint32_t mask_ = 0;
};

using VersionSet = EnumSet<event::NtlmVersion>;
using ServiceSet = EnumSet<event::Service>;

/// The settings that `evaluate` reads, for one service. The default is what a fresh Postern enforces.
struct Policy {
  LmCompatibilityLevel lm_compatibility_level{};
  RestrictSending restrict_sending = RestrictSending::allow;
  RestrictReceiving restrict_receiving = RestrictReceiving::allow;
  AuditReceiving audit_receiving = AuditReceiving::off;
  DomainScope restrict_in_domain = DomainScope::none;
  DomainScope audit_in_domain = DomainScope::none;
  NameList client_allowed_servers{};
  NameList dc_allowed_servers{};
  SessionSecurity min_client_security{};
  SessionSecurity min_server_security{};
  BlockNtlmV1Sso block_ntlm_v1_sso = BlockNtlmV1Sso::audit;
  BlockNtlm block_ntlm = BlockNtlm::off;
  NameList block_ntlm_exceptions{};
  Level smb_server_name_hardening = Level::never;  ///< written as Windows does: 0, 1, 2
  Level ldap_channel_binding = Level::never;       ///< likewise
  AllowAnonymous allow_anonymous = AllowAnonymous::never;
  Level require_mic = Level::never;
  Level extended_protection = Level::when_supported;
  Level target_name_check = Level::when_supported;
  PlainHttp plain_http = PlainHttp::loopback;
  ClockSkew clock_skew{};
  LegacyCrypto legacy_crypto = LegacyCrypto::allow;
  HostPatterns outgoing_hosts{};  ///< empty: our client sends NTLM to nobody
  VersionSet deny_versions{};
  ServiceSet deny_services{};
  NetworkList allow_client_networks{};  ///< empty: every network
  NetworkList deny_client_networks{};
  FindingList deny_findings{};
  bool operator==(const Policy&) const = default;
};

/// The settings' names, in the order in which they are listed everywhere.
inline constexpr std::string_view kLmCompatibilityLevel = "LmCompatibilityLevel";
inline constexpr std::string_view kRestrictSendingNTLMTraffic = "RestrictSendingNTLMTraffic";
inline constexpr std::string_view kRestrictReceivingNTLMTraffic = "RestrictReceivingNTLMTraffic";
inline constexpr std::string_view kAuditReceivingNTLMTraffic = "AuditReceivingNTLMTraffic";
inline constexpr std::string_view kRestrictNTLMInDomain = "RestrictNTLMInDomain";
inline constexpr std::string_view kAuditNTLMInDomain = "AuditNTLMInDomain";
inline constexpr std::string_view kClientAllowedNTLMServers = "ClientAllowedNTLMServers";
inline constexpr std::string_view kDCAllowedNTLMServers = "DCAllowedNTLMServers";
inline constexpr std::string_view kNtlmMinClientSec = "NtlmMinClientSec";
inline constexpr std::string_view kNtlmMinServerSec = "NtlmMinServerSec";
inline constexpr std::string_view kBlockNtlmv1SSO = "BlockNtlmv1SSO";
inline constexpr std::string_view kBlockNTLM = "BlockNTLM";
inline constexpr std::string_view kBlockNTLMServerExceptionList = "BlockNTLMServerExceptionList";
inline constexpr std::string_view kSmbServerNameHardeningLevel = "SmbServerNameHardeningLevel";
inline constexpr std::string_view kLdapEnforceChannelBinding = "LdapEnforceChannelBinding";
inline constexpr std::string_view kAllowAnonymous = "AllowAnonymous";
inline constexpr std::string_view kRequireMic = "RequireMic";
inline constexpr std::string_view kExtendedProtection = "ExtendedProtection";
inline constexpr std::string_view kTargetNameCheck = "TargetNameCheck";
inline constexpr std::string_view kPlainHttp = "PlainHttp";
inline constexpr std::string_view kClockSkew = "ClockSkew";
inline constexpr std::string_view kLegacyCrypto = "LegacyCrypto";
inline constexpr std::string_view kOutgoingHosts = "OutgoingHosts";
inline constexpr std::string_view kDenyVersions = "DenyVersions";
inline constexpr std::string_view kDenyServices = "DenyServices";
inline constexpr std::string_view kAllowClientNetworks = "AllowClientNetworks";
inline constexpr std::string_view kDenyClientNetworks = "DenyClientNetworks";
inline constexpr std::string_view kDenyFindings = "DenyFindings";

/// What decisions about one account are called. No policy sets them: they are facts that the account's authority knows.
inline constexpr std::string_view kProtectedUsers = "ProtectedUsers";
inline constexpr std::string_view kAccountNtlm = "AccountNtlm";
inline constexpr std::string_view kAccountNetworks = "AccountNetworks";
inline constexpr std::string_view kAccountState = "AccountState";

/// All of the above in order; the four about accounts come last.
enum class SettingId : std::uint8_t {
  lm_compatibility_level,
  restrict_sending,
  restrict_receiving,
  audit_receiving,
  restrict_in_domain,
  audit_in_domain,
  client_allowed_servers,
  dc_allowed_servers,
  min_client_security,
  min_server_security,
  block_ntlm_v1_sso,
  block_ntlm,
  block_ntlm_exceptions,
  smb_server_name_hardening,
  ldap_channel_binding,
  allow_anonymous,
  require_mic,
  extended_protection,
  target_name_check,
  plain_http,
  clock_skew,
  legacy_crypto,
  outgoing_hosts,
  deny_versions,
  deny_services,
  allow_client_networks,
  deny_client_networks,
  deny_findings,
  protected_users,
  account_ntlm,
  account_networks,
  account_state
};
inline constexpr std::array kSettingNames{kLmCompatibilityLevel,
                                          kRestrictSendingNTLMTraffic,
                                          kRestrictReceivingNTLMTraffic,
                                          kAuditReceivingNTLMTraffic,
                                          kRestrictNTLMInDomain,
                                          kAuditNTLMInDomain,
                                          kClientAllowedNTLMServers,
                                          kDCAllowedNTLMServers,
                                          kNtlmMinClientSec,
                                          kNtlmMinServerSec,
                                          kBlockNtlmv1SSO,
                                          kBlockNTLM,
                                          kBlockNTLMServerExceptionList,
                                          kSmbServerNameHardeningLevel,
                                          kLdapEnforceChannelBinding,
                                          kAllowAnonymous,
                                          kRequireMic,
                                          kExtendedProtection,
                                          kTargetNameCheck,
                                          kPlainHttp,
                                          kClockSkew,
                                          kLegacyCrypto,
                                          kOutgoingHosts,
                                          kDenyVersions,
                                          kDenyServices,
                                          kAllowClientNetworks,
                                          kDenyClientNetworks,
                                          kDenyFindings,
                                          kProtectedUsers,
                                          kAccountNtlm,
                                          kAccountNetworks,
                                          kAccountState};
[[nodiscard]] constexpr std::string_view name_of(SettingId setting) { return kSettingNames.at(static_cast<std::size_t>(setting)); }
/// The one with that exact name.
[[nodiscard]] std::optional<SettingId> setting_id(std::string_view name);

struct Setting {
  std::string_view name{};
  std::string value{};
  bool operator==(const Setting&) const = default;
};

/// Every setting with its value as text, in order.
[[nodiscard]] std::vector<Setting> settings_of(const Policy& policy);
/// One setting's value as text; empty for a name that is none of those above.
[[nodiscard]] std::string value_of(const Policy& policy, std::string_view name);
[[nodiscard]] std::string value_of(const Policy& policy, SettingId setting);
/// Sets one setting from its text form. Names in any case, values exactly as documented; `ClockSkew` takes `36h`, `90m`, `30s` or
/// `off`, a list `a, b` or `none`. An error names the setting and what it takes, and leaves the policy as it was.
[[nodiscard]] Result<void> set(Policy& policy, std::string_view name, std::string_view value);
/// The same from the entries of a list; an error for a setting that is none.
[[nodiscard]] Result<void> set_list(Policy& policy, std::string_view name, const std::vector<std::string>& entries);
/// Whether the setting of that exact name is a list.
[[nodiscard]] bool is_list(std::string_view name);
/// The exact name of a setting that is written in any case; empty if there is none.
[[nodiscard]] std::string_view setting_name(std::string_view name);

}  // namespace postern::policy

namespace postern::event {
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::Level>{"never", "when-supported", "always"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::PlainHttp>{"never", "loopback", "always"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::AllowAnonymous>{"never", "always"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::LegacyCrypto>{"allow", "refuse"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::RestrictSending>{"0", "1", "2"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::RestrictReceiving>{"0", "1", "2"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::AuditReceiving>{"0", "1", "2"};
template <>
inline constexpr std::array<std::string_view, 5> kNames<policy::DomainScope>{"0", "1", "3", "5", "7"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::BlockNtlmV1Sso>{"0", "1"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::BlockNtlm>{"0", "1"};
}  // namespace postern::event
