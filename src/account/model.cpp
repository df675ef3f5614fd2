#include "account/model.hpp"

#include "base/reader.hpp"

namespace postern::account {

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
  copy.aes256 = aes256.duplicate();
  copy.aes128 = aes128.duplicate();
  copy.salt = salt;
  return copy;
}

std::optional<NtStatus> account_state(const Account& account, const BadPasswordState& bad_passwords, FileTime now,
                                      const LockoutPolicy& lockout, const PasswordAgePolicy& password_age) {
  if (!account.enabled) return NtStatus::account_disabled;
  if (account.expires_at && *account.expires_at <= now) return NtStatus::account_expired;
  if (is_locked(bad_passwords, lockout, now)) return NtStatus::account_locked_out;
  if (account.password_must_change) return NtStatus::password_must_change;
  if (password_age.max_age.count() > 0 && account.kind != AccountKind::machine && now > account.password_set_at) {
    const std::uint64_t age_seconds = (now.ticks() - account.password_set_at.ticks()) / FileTime::kTicksPerSecond;
    if (age_seconds >= static_cast<std::uint64_t>(password_age.max_age.count())) return NtStatus::password_expired;
  }
  return std::nullopt;
}

}  // namespace postern::account
