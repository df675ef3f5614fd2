#include "account/sqlite/sqlite_store.hpp"

#include <functional>

#include "account/names.hpp"
#include "base/text.hpp"

namespace postern::account::sqlite {

Result<ReaderPool::Lease> ReaderPool::borrow(std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  if (!freed_.wait_until(lock, std::chrono::system_clock::now() + timeout, [this] { return !free_.empty(); })) {
    return fail(ErrorCode::timeout, "database", Error::kNoOffset, "no connection came free in time");
  }
  Lease lease{*this, std::move(free_.back())};
  free_.pop_back();
  return lease;
}

void ReaderPool::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::scoped_lock lock{mutex_};
    free_.push_back(std::move(connection));
  }
  freed_.notify_one();
}

std::size_t ChangeStamps::index(DomainId domain, std::string_view key) {
  const std::size_t mixed = std::hash<std::string_view>{}(key) ^ (static_cast<std::size_t>(domain) * 0x9E3779B97F4A7C15ULL);
  return mixed % kStamps;
}

SqliteStore::SqliteStore(Parts parts)
    : lock_{std::move(parts.lock)},
      key_file_{std::move(parts.key_file)},
      timeout_{parts.timeout},
      counting_{std::move(parts.counting)},
      keys_{std::make_shared<const KeyRing>(std::move(parts.keys))},
      writer_{std::move(parts.writer)} {
  for (auto& reader : parts.readers) readers_.add(std::move(reader));
}

Result<std::unique_ptr<Store>> SqliteStore::make(Parts parts) {
  std::unique_ptr<SqliteStore> store{new SqliteStore{std::move(parts)}};
  // As long as an ordinary account's: a salt of a realm and a name.
  AccountSecrets nobody;
  nobody.salt = "EXAMPLE.ORGnobody";
  const SecretBytes plain = encode_secrets(nobody);
  POSTERN_TRY(decoy, store->keys()->seal(kKeyCheckPlace, plain.reveal()));
  store->decoy_ = std::move(decoy);
  return store;
}

Result<std::unique_lock<std::timed_mutex>> SqliteStore::lock_writer() {
  std::unique_lock lock{writer_mutex_, std::defer_lock};
  if (!lock.try_lock_until(std::chrono::system_clock::now() + timeout_)) {
    return fail(ErrorCode::timeout, "database", Error::kNoOffset, "another write took too long");
  }
  return lock;
}

std::uint64_t SqliteStore::change_stamp(DomainId domain, std::string_view name) const {
  return stamps_.of(domain, is_utf8(name) ? name_key(name) : std::string{});
}

StoreCounters SqliteStore::counters() const {
  return {.reads = counting_->reads.load(std::memory_order_relaxed),
          .writes = counting_->writes.load(std::memory_order_relaxed),
          .transactions = counting_->transactions.load(std::memory_order_relaxed),
          .blobs_opened = counting_->blobs_opened.load(std::memory_order_relaxed)};
}

}  // namespace postern::account::sqlite
