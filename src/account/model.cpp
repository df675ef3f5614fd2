#include "account/model.hpp"

#include <algorithm>

#include "account/names.hpp"
#include "base/reader.hpp"

namespace postern::account {
namespace {

bool is_one_of(const std::vector<std::string>& workstations, std::string_view claimed) {
  claimed.remove_prefix(std::min(claimed.find_first_not_of('\\'), claimed.size()));
  const std::string key = name_key(claimed);
  return std::ranges::any_of(workstations, [&](const std::string& name) { return name_key(name) == key; });
}

}  // namespace

std::string_view name_of(AccountKind kind) {
  switch (kind) {
    case AccountKind::domain: return "domain";
    case AccountKind::local: return "local";
    case AccountKind::machine: return "machine";
  }
  return {};
}

std::optional<AccountKind> account_kind_from_name(std::string_view name) {
  for (const AccountKind kind : {AccountKind::domain, AccountKind::local, AccountKind::machine}) {
    if (name == name_of(kind)) return kind;
  }
  return std::nullopt;
}

DomainSid DomainSid::from_random(const std::array<std::uint8_t, 12>& random) {
  return {{load_le<std::uint32_t>(random.data()), load_le<std::uint32_t>(random.data() + 4),
           load_le<std::uint32_t>(random.data() + 8)}};
}

std::string DomainSid::to_text() const {
  std::string text = "S-1-5-21";
  for (const std::uint32_t sub_authority : sub_authorities) text += "-" + std::to_string(sub_authority);
  return text;
}

std::string DomainSid::to_text(std::uint32_t rid) const { return to_text() + "-" + std::to_string(rid); }

AccountSecrets AccountSecrets::duplicate() const {
  AccountSecrets copy;
  copy.nt_hash = nt_hash.duplicate();
  copy.aes_keys = aes_keys;
  copy.aes256 = aes256.duplicate();
  copy.aes128 = aes128.duplicate();
  copy.salt = salt;
  copy.history.reserve(history.size());
  for (const NtHash& hash : history) copy.history.push_back(hash.duplicate());
  return copy;
}

bool is_protected_users(std::string_view group) {
  static const std::string key = name_key(kProtectedUsers);
  const std::size_t separator = group.rfind('\\');
  return name_key(separator == std::string_view::npos ? group : group.substr(separator + 1)) == key;
}

bool is_protected_user(const Account& account) { return std::ranges::any_of(account.groups, is_protected_users); }

std::optional<bool> network_allowed(const Account& account, std::string_view address) {
  if (account.networks.empty()) return true;
  const auto client = IpAddress::parse(address);
  if (!client) return std::nullopt;
  return std::ranges::any_of(account.networks, [&](const IpNetwork& network) { return network.contains(*client); });
}

bool old_password_is_accepted(const Account& account, FileTime now, const OldPasswordPolicy& policy) {
  if (account.kind != AccountKind::domain || account.old_password_revoked || now < account.password_set_at) return false;
  const std::uint64_t age_seconds = (now.ticks() - account.password_set_at.ticks()) / FileTime::kTicksPerSecond;
  return policy.allowed.count() > 0 && age_seconds < static_cast<std::uint64_t>(policy.allowed.count());
}

std::optional<NtStatus> account_state(const Account& account, const BadPasswordState& bad_passwords, FileTime now,
                                      const LockoutPolicy& lockout, const PasswordAgePolicy& password_age,
                                      std::string_view workstation) {
  if (!account.enabled) return NtStatus::account_disabled;
  if (account.expires_at && *account.expires_at <= now) return NtStatus::account_expired;
  if (is_locked(bad_passwords, lockout, now)) return NtStatus::account_locked_out;
  if (!account.logon_hours.allow(now)) return NtStatus::invalid_logon_hours;
  if (!account.workstations.empty() && !is_one_of(account.workstations, workstation)) return NtStatus::invalid_workstation;
  if (account.password_must_change) return NtStatus::password_must_change;
  if (password_age.max_age.count() > 0 && account.kind != AccountKind::machine && now > account.password_set_at) {
    const std::uint64_t age_seconds = (now.ticks() - account.password_set_at.ticks()) / FileTime::kTicksPerSecond;
    if (age_seconds >= static_cast<std::uint64_t>(password_age.max_age.count())) return NtStatus::password_expired;
  }
  return std::nullopt;
}

}  // namespace postern::account
