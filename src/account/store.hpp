// Where domains, accounts and events are kept. Made by account/sqlite (account/sqlite/open.hpp).
//
// Every function may be called from any thread. What returned without an error is durable (R32); what returned an error changed
// nothing, except that after an `io` error of a write the write may be found done after a restart. No function waits for a lock or
// a connection longer than configured (R33): then it fails with `timeout`. A backend that fails is an Error and never "no such
// account" (R8, R28).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "account/model.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::account {

struct NewDomain {
  std::string netbios_name{};
  std::string dns_name{};
  std::string realm{};                        ///< empty: the DNS name in upper case
  std::array<std::uint8_t, 12> sid_random{};  ///< from a good random source
};

enum class MustChange : bool { no, yes };
enum class Enabled : bool { no, yes };

struct NewAccount {
  DomainId domain{};
  std::string name{};  ///< of a machine: ends with `$`
  AccountKind kind = AccountKind::domain;
  SecretBytes password{};  ///< UTF-8
  std::vector<std::string> groups{};
  MustChange must_change = MustChange::no;
  Enabled enabled = Enabled::yes;
  std::optional<FileTime> expires_at{};
  /// Instead of a password, which is empty then: the account has no AES keys until its next password.
  std::optional<NtHash> nt_hash{};
  std::optional<FileTime> password_set_at{};  ///< nothing: now
};
/// Whether the password that was there is accepted for a while (OldPasswordPolicy).
enum class OldPassword : bool { accepted_for_a_while, revoked };
/// Whether a remembered password may be set again.
enum class Reuse : bool { allowed, refused };

/// How a password is set.
struct PasswordTerms {
  // NOLINTNEXTLINE(google-explicit-constructor): most callers say no more than this
  PasswordTerms(MustChange change) : must_change{change} {}
  MustChange must_change;
  OldPassword old_password = OldPassword::accepted_for_a_while;
  Reuse reuse = Reuse::allowed;
  std::size_t history = kMaxPasswordHistory;  ///< earlier passwords to remember; kHarmlessOldPasswords at least are
  std::chrono::seconds min_age{0};            ///< `conflict` if the password that is there is younger
};

/// What is to become of an account's restrictions; what is nothing stays as it is.
struct AccountChange {
  std::optional<LogonHours> logon_hours{};
  std::optional<std::vector<std::string>> workstations{};  ///< empty: any; at most kMaxWorkstations
  std::optional<std::vector<IpNetwork>> networks{};        ///< empty: any; at most kMaxNetworks
  std::optional<bool> ntlm_allowed{};
  std::optional<bool> canary{};
  std::optional<bool> protected_user{};  ///< joins the group kProtectedUsers, or leaves each of that name
  std::optional<std::optional<FileTime>> expires_at{};
  std::optional<MustChange> must_change{};
};
inline constexpr std::size_t kMaxWorkstations = 64;
inline constexpr std::size_t kMaxNetworks = 64;

/// One LogonEvent as it is stored: the columns that filters use, and the whole JSON line.
struct EventRecord {
  std::string id{};  ///< unique
  FileTime time{};
  std::string outcome{};  ///< "success", "failure", "blocked", "unknown"
  std::string status{};   ///< "STATUS_LOGON_FAILURE"
  std::string account{};  ///< DOMAIN\name
  std::string server{};
  std::string version{};  ///< "NTLMv2"
  std::string json{};     ///< at most kMaxEventBytes
  std::string client{};   ///< address
  bool operator==(const EventRecord&) const = default;
};
inline constexpr std::size_t kMaxEventBytes = 256 * 1024;

struct StoredEvent {
  std::uint64_t sequence = 0;  ///< grows in the order of commits, so that a follower misses none
  EventRecord event{};
};

/// Texts compare as names (upper-cased); empty = any.
struct EventFilter {
  std::string account{};  ///< DOMAIN\name
  std::string server{};
  std::string version{};
  std::string outcome{};
  std::optional<FileTime> from{};   ///< inclusive
  std::optional<FileTime> until{};  ///< exclusive
  std::string client{};             ///< address, as the event has it
  std::string finding{};            ///< id of a finding
  std::string setting{};            ///< that said audit, deny or depends
};
inline constexpr std::size_t kMaxEventsPerRead = 10'000;
inline constexpr std::size_t kMaxAccountsPerRead = 10'000;

/// What a logon does to its account's counters.
struct CounterUpdate {
  /// Nothing for an unknown account: then a row of equal size is written elsewhere, so that the work is the same (R37).
  std::optional<AccountId> account{};
  std::uint64_t counters_version = 0;  ///< as read; the update is dropped if a password set or unlock came in between
  BadPasswordState bad_passwords{};
  std::optional<FileTime> last_logon{};  ///< nothing: stays
};

struct LogonCommit {
  EventRecord event{};
  std::optional<CounterUpdate> counters{};
  /// What the event is found by beside its columns (`tag_of_…`): written with it, gone with it. At most kMaxEventTags.
  std::vector<std::string> tags{};
};
inline constexpr std::size_t kMaxEventTags = 64;

// What is rare enough to be looked for: the rest is found by reading on. The store itself adds those of outcome and version.
[[nodiscard]] inline std::string tag_of_finding(std::string_view id) { return "finding:" + std::string{id}; }
[[nodiscard]] inline std::string tag_of_setting(std::string_view name) { return "setting:" + std::string{name}; }
/// Empty for success.
[[nodiscard]] inline std::string tag_of_outcome(std::string_view outcome) {
  return outcome.empty() || outcome == "success" ? std::string{} : "outcome:" + std::string{outcome};
}
/// Empty for NTLMv2.
[[nodiscard]] inline std::string tag_of_version(std::string_view version) {
  return version.empty() || version == "NTLMv2" ? std::string{} : "version:" + std::string{version};
}

/// The sequence numbers of the events that are kept. They have no gaps: what is below `first` was removed. Nothing kept: `first` is
/// `last` + 1.
struct EventExtent {
  std::uint64_t first = 1;
  std::uint64_t last = 0;  ///< ever given
  bool operator==(const EventExtent&) const = default;
};

enum class CounterOutcome : std::uint8_t {
  none,     ///< no update was asked for
  applied,  ///< written
  stale,    ///< dropped: the account was removed, unlocked or got a new password after it was read
  unknown,  ///< an unknown account's equal work
};

/// What was asked of the backend since it was opened (R37 is tested with these).
struct StoreCounters {
  std::uint64_t reads = 0;         ///< SELECT statements, whether they found a row or not
  std::uint64_t writes = 0;        ///< INSERT, UPDATE and DELETE statements
  std::uint64_t transactions = 0;  ///< committed write transactions, each durable
  std::uint64_t blobs_opened = 0;  ///< decryptions of secrets, the ones for unknown accounts included
  bool operator==(const StoreCounters&) const = default;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Reads.

  /// By NetBIOS or DNS name, any case.
  [[nodiscard]] virtual Result<std::optional<Domain>> find_domain(std::string_view name) = 0;
  [[nodiscard]] virtual Result<std::vector<Domain>> list_domains() = 0;  ///< by NetBIOS name
  /// For a logon. An unknown name costs the same reads and the same decryption as a known one (R37).
  [[nodiscard]] virtual Result<std::optional<AccountWithSecrets>> find_account(DomainId domain, std::string_view name) = 0;
  /// For a person: no secret leaves the database.
  [[nodiscard]] virtual Result<std::optional<Account>> show_account(DomainId domain, std::string_view name) = 0;
  /// By name, at most `limit` (kMaxAccountsPerRead), those after the name `after` (empty: from the start).
  [[nodiscard]] virtual Result<std::vector<Account>> list_accounts(DomainId domain, std::string_view after, std::size_t limit) = 0;
  /// As list_accounts, with what the passwords became: for the audit.
  [[nodiscard]] virtual Result<std::vector<AccountWithSecrets>> list_secrets(DomainId domain, std::string_view after,
                                                                             std::size_t limit) = 0;
  /// The oldest `limit` (at most kMaxEventsPerRead) events that match and were committed after `after_sequence`.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> list_events(const EventFilter& filter, std::uint64_t after_sequence,
                                                                     std::size_t limit) = 0;
  /// The newest `limit` events that match, oldest of them first.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> list_last_events(const EventFilter& filter, std::size_t limit) = 0;
  [[nodiscard]] virtual Result<EventExtent> event_extent() = 0;

  // Commands of an admin, each in one transaction. Errors: invalid_input, not_found, conflict (a name that is taken), io, timeout.

  [[nodiscard]] virtual Result<Domain> add_domain(const NewDomain& domain, FileTime now) = 0;
  [[nodiscard]] virtual Result<Account> add_account(const NewAccount& account, FileTime now) = 0;
  /// All of them or none. The offset of an error is the index of the account that is at fault.
  [[nodiscard]] virtual Result<void> add_accounts(std::span<const NewAccount> accounts, FileTime now) = 0;
  /// Sets new keys, counts the key version up, and remembers the password that was there. A lock stays: unlock() is a command of
  /// its own. `conflict` where the terms refuse the password.
  [[nodiscard]] virtual Result<void> set_password(AccountId account, const SecretBytes& password, const PasswordTerms& terms,
                                                  FileTime now) = 0;
  [[nodiscard]] virtual Result<void> change(AccountId account, const AccountChange& change) = 0;
  [[nodiscard]] virtual Result<void> set_enabled(AccountId account, Enabled enabled) = 0;
  [[nodiscard]] virtual Result<void> unlock(AccountId account) = 0;
  [[nodiscard]] virtual Result<void> remove_account(AccountId account) = 0;
  [[nodiscard]] virtual Result<void> set_expiry(AccountId account, std::optional<FileTime> expires_at) = 0;
  [[nodiscard]] virtual Result<void> set_must_change(AccountId account, MustChange must_change) = 0;
  [[nodiscard]] virtual Result<void> set_groups(AccountId account, std::vector<std::string> groups) = 0;

  // Logons.

  /// Events and counters of a batch in one transaction: all or none. One outcome for each commit, in order.
  [[nodiscard]] virtual Result<std::vector<CounterOutcome>> commit_logons(std::span<const LogonCommit> commits) = 0;
  /// Removes events older than `before`, at most `limit` of them; how many went.
  [[nodiscard]] virtual Result<std::size_t> remove_events(FileTime before, std::size_t limit) = 0;
  /// Removes the oldest events, at most `limit` of them and none after `sequence`; how many went.
  [[nodiscard]] virtual Result<std::size_t> remove_events_through(std::uint64_t sequence, std::size_t limit) = 0;

  // Caches (R44). No input or output, no lock: fit for each logon.

  /// A number that has changed when a command above on the account of that name has returned. Some other account's change may
  /// change it too. Logon commits do not.
  [[nodiscard]] virtual std::uint64_t change_stamp(DomainId domain, std::string_view name) const = 0;

  [[nodiscard]] virtual StoreCounters counters() const = 0;

  // Keys at rest.

  /// Makes a new key, seals every account's secrets with it and then drops the old keys from the key file. A crash in between
  /// leaves both keys in the file and every blob readable.
  [[nodiscard]] virtual Result<void> rotate_key() = 0;
};

}  // namespace postern::account
