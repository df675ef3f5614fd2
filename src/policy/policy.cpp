#include "policy/policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <span>
#include <utility>

namespace postern::policy {
namespace {

std::string text_of(LmCompatibilityLevel level) { return std::to_string(level.number()); }
template <event::NamedEnum E>
std::string text_of(E value) {
  return std::string{name_of(value)};
}
std::string text_of(ClockSkew skew) {
  if (!skew.seconds()) return "off";
  const std::uint32_t seconds = *skew.seconds();
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

std::string text_of(SessionSecurity security) {
  if (security.mask() == 0) return "0";
  std::array<char, 12> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", security.mask());
  return text.data();
}
template <typename List>
  requires requires(const List& list) { list.names(); }
std::string text_of(const List& list) {
  return join_list(list.names());
}

/// Digits of that base and nothing else.
std::optional<std::uint32_t> number_from(std::string_view text, int base = 10) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

template <event::NamedEnum E>
bool read(std::string_view text, E& value) {
  const auto found = from_name<E>(text);
  if (found) value = *found;
  return found.has_value();
}
bool read(std::string_view text, LmCompatibilityLevel& level) {
  const auto number = number_from(text);
  const auto found = number ? LmCompatibilityLevel::of(*number) : std::nullopt;
  if (found) level = *found;
  return found.has_value();
}
bool read(std::string_view text, ClockSkew& skew) {
  if (text == "off") {
    skew = ClockSkew::off();
    return true;
  }
  if (text.empty()) return false;
  const std::uint64_t unit = text.back() == 'h' ? 3600 : text.back() == 'm' ? 60 : text.back() == 's' ? 1 : 0;
  const auto number = number_from(text.substr(0, text.size() - 1));
  if (unit == 0 || !number) return false;
  const auto found = ClockSkew::of_seconds(*number * unit);
  if (found) skew = *found;
  return found.has_value();
}

bool read(std::string_view text, SessionSecurity& security) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const auto number = is_hex ? number_from(text.substr(2), 16) : number_from(text);
  const auto found = number ? SessionSecurity::of(*number) : std::nullopt;
  if (found) security = *found;
  return found.has_value();
}
template <typename List>
bool read_entries(const std::vector<std::string>& entries, List& list) {
  auto found = List::of(entries);
  if (found) list = std::move(*found);
  return found.has_value();
}
template <typename List>
  requires requires(const List& list) { list.names(); }
bool read(std::string_view text, List& list) {
  return read_entries(split_list(text), list);
}

/// Level as Windows numbers it.
constexpr std::array<std::string_view, 3> kLevelNumbers{"0", "1", "2"};

template <auto Member>
struct NumberedLevel {
  static std::string text(const Policy& policy) { return std::string{kLevelNumbers.at(static_cast<std::size_t>(policy.*Member))}; }
  static bool set(Policy& policy, std::string_view value) {
    const auto found = std::ranges::find(kLevelNumbers, value);
    if (found == kLevelNumbers.end()) return false;
    policy.*Member = static_cast<Level>(found - kLevelNumbers.begin());
    return true;
  }
};

template <auto Member>
struct Access {
  static std::string text(const Policy& policy) { return text_of(policy.*Member); }
  static bool set(Policy& policy, std::string_view value) { return read(value, policy.*Member); }
  static bool set_list(Policy& policy, const std::vector<std::string>& entries) { return read_entries(entries, policy.*Member); }
};

struct Row {
  std::string_view name;
  std::string_view takes;
  std::string (*text)(const Policy&);
  bool (*set)(Policy&, std::string_view);
  bool (*set_list)(Policy&, const std::vector<std::string>&);  // null where the setting is no list
};

template <auto Member>
constexpr Row row(std::string_view name, std::string_view takes) {
  return {name, takes, &Access<Member>::text, &Access<Member>::set, nullptr};
}
template <auto Member>
constexpr Row numbered(std::string_view name, std::string_view takes) {
  return {name, takes, &NumberedLevel<Member>::text, &NumberedLevel<Member>::set, nullptr};
}
template <auto Member>
constexpr Row list(std::string_view name, std::string_view takes) {
  return {name, takes, &Access<Member>::text, &Access<Member>::set, &Access<Member>::set_list};
}

constexpr std::string_view kTakesServers = "a list of server names, each with at most 255 characters and no blanks";
constexpr std::string_view kTakesFlags = "a sum of 0x10, 0x20, 0x80000 and 0x20000000";
constexpr std::string_view kTakesNetworks =
    "a list of networks as in 192.0.2.0/24 or 2001:db8::/32, with no bits set beyond the prefix";

constexpr std::array kRows{
    row<&Policy::lm_compatibility_level>(kLmCompatibilityLevel, "0 to 5"),
    row<&Policy::restrict_sending>(kRestrictSendingNTLMTraffic, "0, 1 or 2"),
    row<&Policy::restrict_receiving>(kRestrictReceivingNTLMTraffic, "0, 1 or 2"),
    row<&Policy::audit_receiving>(kAuditReceivingNTLMTraffic, "0, 1 or 2"),
    row<&Policy::restrict_in_domain>(kRestrictNTLMInDomain, "0, 1, 3, 5 or 7"),
    row<&Policy::audit_in_domain>(kAuditNTLMInDomain, "0, 1, 3, 5 or 7"),
    list<&Policy::client_allowed_servers>(kClientAllowedNTLMServers, kTakesServers),
    list<&Policy::dc_allowed_servers>(kDCAllowedNTLMServers, kTakesServers),
    row<&Policy::min_client_security>(kNtlmMinClientSec, kTakesFlags),
    row<&Policy::min_server_security>(kNtlmMinServerSec, kTakesFlags),
    row<&Policy::block_ntlm_v1_sso>(kBlockNtlmv1SSO, "0 or 1"),
    row<&Policy::block_ntlm>(kBlockNTLM, "0 or 1"),
    list<&Policy::block_ntlm_exceptions>(kBlockNTLMServerExceptionList, kTakesServers),
    numbered<&Policy::smb_server_name_hardening>(kSmbServerNameHardeningLevel, "0, 1 or 2"),
    numbered<&Policy::ldap_channel_binding>(kLdapEnforceChannelBinding, "0, 1 or 2"),
    row<&Policy::allow_anonymous>(kAllowAnonymous, "never or always"),
    row<&Policy::require_mic>(kRequireMic, "never, when-supported or always"),
    row<&Policy::extended_protection>(kExtendedProtection, "never, when-supported or always"),
    row<&Policy::target_name_check>(kTargetNameCheck, "never, when-supported or always"),
    row<&Policy::plain_http>(kPlainHttp, "never, loopback or always"),
    row<&Policy::clock_skew>(kClockSkew, "off, or a time of at most 366 days as in 36h, 90m, 30s"),
    row<&Policy::legacy_crypto>(kLegacyCrypto, "allow or refuse"),
    list<&Policy::outgoing_hosts>(kOutgoingHosts, "a list of host names or addresses, each with at most one *"),
    list<&Policy::deny_versions>(kDenyVersions, "a list of LM, NTLMv1, NTLMv1-ESS, LMv2, NTLMv2 and anonymous"),
    list<&Policy::deny_services>(kDenyServices,
                                 "a list of http, http-proxy, smb, ldap, dcerpc, mssql, smtp, imap, pop3, rdp, winrm and other"),
    list<&Policy::allow_client_networks>(kAllowClientNetworks, kTakesNetworks),
    list<&Policy::deny_client_networks>(kDenyClientNetworks, kTakesNetworks),
    list<&Policy::deny_findings>(kDenyFindings, "a list of ids of findings: small letters, digits and -"),
};

static_assert(std::ranges::equal(kRows, std::span{kSettingNames}.first(kRows.size()), {}, &Row::name),
              "a SettingId is the row's number");

const Row* find_row(std::string_view name) {
  const auto row = std::ranges::find_if(kRows, [&](const Row& each) { return equal_without_case(each.name, name); });
  return row == kRows.end() ? nullptr : &*row;
}

std::unexpected<Error> no_setting(std::string_view name) {
  return fail(ErrorCode::not_found, "policy", Error::kNoOffset, "no setting is called \"" + std::string{name} + "\"");
}

std::unexpected<Error> takes_not(const Row& row, std::string_view value) {
  return fail(ErrorCode::invalid_input, row.name, Error::kNoOffset,
              std::string{row.name} + " takes " + std::string{row.takes} + ", not \"" + std::string{value} + "\"");
}

}  // namespace

std::vector<Setting> settings_of(const Policy& policy) {
  std::vector<Setting> settings;
  for (const Row& row : kRows) settings.push_back({row.name, row.text(policy)});
  return settings;
}

std::optional<SettingId> setting_id(std::string_view name) {
  const auto found = std::ranges::find(kSettingNames, name);
  if (found == kSettingNames.end()) return std::nullopt;
  return static_cast<SettingId>(found - kSettingNames.begin());
}

std::string value_of(const Policy& policy, SettingId setting) {
  const auto index = static_cast<std::size_t>(setting);
  return index < kRows.size() ? kRows[index].text(policy) : std::string{};
}

std::string value_of(const Policy& policy, std::string_view name) {
  const auto setting = setting_id(name);
  return setting ? value_of(policy, *setting) : std::string{};
}

Result<void> set(Policy& policy, std::string_view name, std::string_view value) {
  const Row* const row = find_row(name);
  if (row == nullptr) return no_setting(name);
  if (!row->set(policy, value)) return takes_not(*row, value);
  return {};
}

Result<void> set_list(Policy& policy, std::string_view name, const std::vector<std::string>& entries) {
  const Row* const row = find_row(name);
  if (row == nullptr) return no_setting(name);
  if (row->set_list == nullptr || !row->set_list(policy, entries)) return takes_not(*row, join_list(entries));
  return {};
}

bool is_list(std::string_view name) {
  const auto row = std::ranges::find(kRows, name, &Row::name);
  return row != kRows.end() && row->set_list != nullptr;
}

std::string_view setting_name(std::string_view name) {
  const Row* const row = find_row(name);
  return row == nullptr ? std::string_view{} : row->name;
}

}  // namespace postern::policy
