// SqliteStore: account::Store on one SQLite database. Its functions are spread over reads.cpp, admin.cpp, passwords.cpp,
// restrictions.cpp, logons.cpp, events.cpp and keys.cpp.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "account/private_file.hpp"
#include "account/sealed_blob.hpp"
#include "account/store.hpp"
#include "sqlite/connection.hpp"

namespace postern::account::sqlite {

using postern::sqlite::Access;
using postern::sqlite::Connection;
using postern::sqlite::in_transaction;
using postern::sqlite::Query;

/// StoreCounters that several threads count.
struct Counting : postern::sqlite::Counting {
  std::atomic<std::uint64_t> blobs_opened{0};
};

/// Connections for reads, lent to one thread at a time.
class ReaderPool {
 public:
  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<Connection> connection) : pool_{&pool}, connection_{std::move(connection)} {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    [[nodiscard]] Connection& connection() { return *connection_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  void add(std::unique_ptr<Connection> connection) { give_back(std::move(connection)); }
  /// `timeout` if none comes free in time.
  [[nodiscard]] Result<Lease> borrow(std::chrono::milliseconds timeout);

 private:
  void give_back(std::unique_ptr<Connection> connection);

  std::mutex mutex_{};
  std::condition_variable freed_{};
  std::vector<std::unique_ptr<Connection>> free_{};
};

/// Numbers that change with the accounts whose names fall on them (R44): a fixed size whatever the number of accounts.
class ChangeStamps {
 public:
  [[nodiscard]] std::uint64_t of(DomainId domain, std::string_view key) const {
    return stamps_[index(domain, key)].load(std::memory_order_acquire);
  }
  void bump(DomainId domain, std::string_view key) { stamps_[index(domain, key)].fetch_add(1, std::memory_order_acq_rel); }

 private:
  static constexpr std::size_t kStamps = 4096;
  [[nodiscard]] static std::size_t index(DomainId domain, std::string_view key);

  std::array<std::atomic<std::uint64_t>, kStamps> stamps_{};
};

/// A row of `account` as the admin commands need it.
struct AccountRow {
  AccountId id{};
  DomainId domain{};
  std::string name{};
  std::string name_key{};
  AccountKind kind = AccountKind::domain;
  std::uint32_t key_version = 0;
  FileTime password_set_at{};
};

class SqliteStore final : public Store {
 public:
  /// What open() has prepared.
  struct Parts {
    FileHandle lock{};
    std::string key_file{};
    std::chrono::milliseconds timeout{};
    KeyRing keys{};
    std::unique_ptr<Counting> counting{};
    std::unique_ptr<Connection> writer{};
    std::vector<std::unique_ptr<Connection>> readers{};
  };
  [[nodiscard]] static Result<std::unique_ptr<Store>> make(Parts parts);

  Result<std::optional<Domain>> find_domain(std::string_view name) override;
  Result<std::vector<Domain>> list_domains() override;
  Result<std::optional<AccountWithSecrets>> find_account(DomainId domain, std::string_view name) override;
  Result<std::optional<Account>> show_account(DomainId domain, std::string_view name) override;
  Result<std::vector<Account>> list_accounts(DomainId domain, std::string_view after, std::size_t limit) override;
  Result<std::vector<AccountWithSecrets>> list_secrets(DomainId domain, std::string_view after, std::size_t limit) override;
  Result<std::vector<StoredEvent>> list_events(const EventFilter& filter, std::uint64_t after_sequence, std::size_t limit) override;
  Result<std::vector<StoredEvent>> list_last_events(const EventFilter& filter, std::size_t limit) override;
  Result<EventExtent> event_extent() override;

  Result<Domain> add_domain(const NewDomain& domain, FileTime now) override;
  Result<Account> add_account(const NewAccount& account, FileTime now) override;
  Result<void> add_accounts(std::span<const NewAccount> accounts, FileTime now) override;
  Result<void> set_password(AccountId account, const SecretBytes& password, const PasswordTerms& terms, FileTime now) override;
  Result<void> change(AccountId account, const AccountChange& change) override;
  Result<void> set_enabled(AccountId account, Enabled enabled) override;
  Result<void> unlock(AccountId account) override;
  Result<void> remove_account(AccountId account) override;
  Result<void> set_expiry(AccountId account, std::optional<FileTime> expires_at) override;
  Result<void> set_must_change(AccountId account, MustChange must_change) override;
  Result<void> set_groups(AccountId account, std::vector<std::string> groups) override;

  Result<std::vector<CounterOutcome>> commit_logons(std::span<const LogonCommit> commits) override;
  Result<std::size_t> remove_events(FileTime before, std::size_t limit) override;
  Result<std::size_t> remove_events_through(std::uint64_t sequence, std::size_t limit) override;

  std::uint64_t change_stamp(DomainId domain, std::string_view name) const override;
  StoreCounters counters() const override;
  Result<void> rotate_key() override;

 private:
  explicit SqliteStore(Parts parts);

  /// The writer's lock, waited for no longer than the timeout.
  [[nodiscard]] Result<std::unique_lock<std::timed_mutex>> lock_writer();
  [[nodiscard]] std::shared_ptr<const KeyRing> keys() const;

  /// A write on one existing account: `body(connection, row)` in a transaction; afterwards caches of the account are stale.
  template <typename Body>
  Result<void> change_account(AccountId account, Body&& body);
  /// An account that is ready to be written: checked, its keys derived.
  struct Prepared {
    Account account{};
    std::string name_key{};
    SecretBytes secrets{};
  };
  [[nodiscard]] Result<Prepared> prepare(const NewAccount& account, const Domain& domain, FileTime now);
  [[nodiscard]] Result<Account> insert(Connection& connection, const Domain& domain, Prepared& prepared);
  [[nodiscard]] Result<AccountSecrets> read_secrets(Connection& connection, const AccountRow& row);
  [[nodiscard]] Result<SecretBytes> open_blob(const BlobPlace& place, const SealedBlob& blob);
  enum class Order : std::uint8_t { oldest, newest };
  [[nodiscard]] Result<std::vector<StoredEvent>> read_events(Order order, const EventFilter& filter, std::uint64_t after_sequence,
                                                             std::size_t limit);

  FileHandle lock_;
  std::string key_file_;
  std::chrono::milliseconds timeout_;
  std::unique_ptr<Counting> counting_;
  mutable std::mutex keys_mutex_{};
  std::shared_ptr<const KeyRing> keys_;
  SealedBlob decoy_{};  ///< opened in place of the secrets of an account that does not exist (R37)
  ChangeStamps stamps_{};
  std::timed_mutex writer_mutex_{};
  std::unique_ptr<Connection> writer_;
  ReaderPool readers_{};
};

[[nodiscard]] inline std::int64_t number_of(AccountId id) { return static_cast<std::int64_t>(id); }
[[nodiscard]] inline std::int64_t number_of(DomainId id) { return static_cast<std::int64_t>(id); }
/// `not_found` without it.
[[nodiscard]] Result<Domain> existing_domain(Connection& connection, DomainId id);
[[nodiscard]] Result<std::optional<AccountRow>> read_account_row(Connection& connection, AccountId id);

template <typename Body>
Result<void> SqliteStore::change_account(AccountId account, Body&& body) {
  POSTERN_TRY(lock, lock_writer());
  AccountRow changed;
  auto done = in_transaction(*writer_, [&](Connection& connection) -> Result<void> {
    POSTERN_TRY(row, read_account_row(connection, account));
    if (!row) return fail(ErrorCode::not_found, "account.id", Error::kNoOffset, "there is no such account");
    changed = std::move(*row);
    return body(connection, changed);
  });
  // Also after an error: a failed COMMIT may have reached the disk, and a stamp too many costs one read.
  stamps_.bump(changed.domain, changed.name_key);
  return done;
}

/// The only row of key_check belongs to no account.
inline constexpr BlobPlace kKeyCheckPlace{};

/// The parts of a list as the table holds them, and back.
[[nodiscard]] std::string joined_list(std::span<const std::string> parts);
[[nodiscard]] std::vector<std::string> split_list(std::string_view joined, char separator);

[[nodiscard]] Result<void> check_groups(std::span<const std::string> groups);
Result<void> store_groups(Connection& connection, AccountId account, std::span<const std::string> groups);
Result<void> store_secret(Connection& connection, AccountId account, const SealedBlob& blob);
Result<void> write_key_check(Connection& connection, const KeyRing& keys);
/// `not_found` if the ring lacks the key, `conflict` if it has another key of that id.
Result<void> verify_key_check(Connection& connection, const KeyRing& keys);
[[nodiscard]] Result<SealedBlob> blob_at(const Query& query, int first_column);
[[nodiscard]] Result<std::optional<Domain>> read_domain(Connection& connection, DomainId id);

}  // namespace postern::account::sqlite
