// What the authority knows about its domains and accounts.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/lockout.hpp"
#include "account/logon_hours.hpp"
#include "base/file_time.hpp"
#include "base/ip_network.hpp"
#include "base/keys.hpp"
#include "base/nt_status.hpp"

namespace postern::account {

enum class DomainId : std::int64_t {};
/// Never used again after an account is removed.
enum class AccountId : std::int64_t {};

/// The values are stored and part of a blob's associated data: never renumber. They equal ntlm::AccountKind's.
enum class AccountKind : std::uint8_t { domain = 1, local = 2, machine = 3 };

[[nodiscard]] std::string_view name_of(AccountKind kind);  // "domain", "local", "machine"
[[nodiscard]] std::optional<AccountKind> account_kind_from_name(std::string_view name);

/// The three numbers that make S-1-5-21-a-b-c (MS-DTYP 2.4.2.4).
struct DomainSid {
  std::array<std::uint32_t, 3> sub_authorities{};

  [[nodiscard]] static DomainSid from_random(const std::array<std::uint8_t, 12>& random);
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] std::string to_text(std::uint32_t rid) const;
  bool operator==(const DomainSid&) const = default;
};

inline constexpr std::uint32_t kFirstRid = 1000;  ///< below are the well-known ones (MS-SAMR 3.1.1.9.2.1)

struct Domain {
  DomainId id{};
  std::string netbios_name{};
  std::string dns_name{};
  std::string realm{};
  DomainSid sid{};
  FileTime created{};
  bool operator==(const Domain&) const = default;
};

/// An account without its secrets. A plain value.
struct Account {
  AccountId id{};
  DomainId domain{};
  std::string name{};
  std::uint32_t rid = 0;
  std::string sid{};
  AccountKind kind = AccountKind::domain;
  bool enabled = true;
  bool password_must_change = false;
  std::optional<FileTime> expires_at{};  ///< the account's end, not the password's
  FileTime password_set_at{};
  FileTime created{};
  std::uint32_t key_version = 0;       ///< counts password sets, from 1 (Kerberos' kvno)
  std::uint64_t counters_version = 0;  ///< grows with each password set and unlock; CounterUpdate carries it back
  BadPasswordState bad_passwords{};
  std::optional<FileTime> last_logon{};
  std::vector<std::string> groups{};  ///< sorted
  LogonHours logon_hours{};
  std::vector<std::string> workstations{};  ///< that a client must claim to be; empty: any. A claim is all it is
  std::vector<IpNetwork> networks{};        ///< that a client's address must be of; empty: any
  bool ntlm_allowed = true;
  bool canary = false;   ///< a decoy that nobody uses: whoever does, raises an alarm
  bool aes_keys = true;  ///< false: only an NT hash is known (imported), so there is no Kerberos until the next password
  bool old_password_revoked = false;  ///< the password before this one is never accepted
  bool operator==(const Account&) const = default;
};

/// Membership is by name, as in a domain: the group `Protected Users`, alone or with a domain before it, in any case.
inline constexpr std::string_view kProtectedUsers = "Protected Users";
[[nodiscard]] bool is_protected_users(std::string_view group);
[[nodiscard]] bool is_protected_user(const Account& account);

/// Whether a client at `address` may use the account; nothing if the account is bound to networks and the address is unknown.
[[nodiscard]] std::optional<bool> network_allowed(const Account& account, std::string_view address);

enum class AesKeys : bool { missing, present };

/// How many earlier passwords are remembered at most; Windows remembers as many.
inline constexpr std::size_t kMaxPasswordHistory = 24;
/// A wrong password that was one of the last so many is no guess (the N-2 rule).
inline constexpr std::size_t kHarmlessOldPasswords = 2;

/// What an account's password became. There is no LM hash.
struct AccountSecrets {
  NtHash nt_hash{};
  AesKeys aes_keys = AesKeys::present;
  Aes256Key aes256{};
  Aes128Key aes128{};
  std::string salt{};             ///< of the two AES keys; not secret
  std::vector<NtHash> history{};  ///< of the passwords before, newest first, at most kMaxPasswordHistory

  [[nodiscard]] AccountSecrets duplicate() const;
};

struct AccountWithSecrets {
  Account account{};
  AccountSecrets secrets{};
  /// Store::change_stamp() of this account's name as it was before the row was read: what is derived from `secrets` may be kept as
  /// long as change_stamp() still answers the same (R44).
  std::uint64_t change_stamp = 0;
};

/// Effective-MaximumPasswordAge; 0 = passwords do not age.
struct PasswordAgePolicy {
  std::chrono::seconds max_age{0};
  bool operator==(const PasswordAgePolicy&) const = default;
};

/// Lsa\OldPasswordAllowedPeriod: so long after a change the password before it still logs on, so that nobody is locked out while
/// the change spreads. 0 = never.
struct OldPasswordPolicy {
  std::chrono::seconds allowed{0};
  bool operator==(const OldPasswordPolicy&) const = default;
};

/// What a new password must be. A reset by an admin is held to the length; a change that the account's owner asks for to all of it,
/// as in a domain (MS-SAMR 3.1.1.8.5).
struct PasswordRules {
  std::size_t min_chars = 0;                            ///< UTF-16 code units
  std::size_t history = kMaxPasswordHistory;            ///< earlier passwords that may not be set again
  std::chrono::seconds min_age = std::chrono::days{1};  ///< of the password that is there
  bool operator==(const PasswordRules&) const = default;
};

/// Whether the account's previous password is accepted at `now`: domain accounts only, and only for network logons over NTLM, as
/// which every logon comes here (KB906305). A clock that went back accepts nothing.
[[nodiscard]] bool old_password_is_accepted(const Account& account, FileTime now, const OldPasswordPolicy& policy);

/// Why the account may not log on, in the order in which a domain controller looks (MS-APDS 3.1.5): disabled, expired, locked,
/// logon hours, workstation, password must change, password expired; nothing if it may. `bad_passwords` is the state before this
/// logon's own charge. `workstation` is what the client claims to be; it is compared without leading backslashes, in any case.
/// The password of a machine does not age (MS-ADTS 3.1.1.4.5.17).
[[nodiscard]] std::optional<NtStatus> account_state(const Account& account, const BadPasswordState& bad_passwords, FileTime now,
                                                    const LockoutPolicy& lockout, const PasswordAgePolicy& password_age,
                                                    std::string_view workstation = {});

}  // namespace postern::account
