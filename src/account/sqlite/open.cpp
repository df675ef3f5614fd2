#include "account/sqlite/open.hpp"

#include <cerrno>
#include <sys/file.h>
#include <sys/stat.h>

#include "account/key_file.hpp"
#include "account/private_file.hpp"
#include "account/sqlite/schema.hpp"
#include "account/sqlite/sqlite_store.hpp"

namespace postern::account::sqlite {
namespace {

constexpr std::size_t kMaxReaders = 64;
constexpr std::uint64_t kPageBytes = 4096;  // SQLite's default since 3.12

Result<void> check_config(const Config& config) {
  const auto refuse = [](std::string_view field, const char* message) {
    return fail(ErrorCode::invalid_input, field, Error::kNoOffset, message);
  };
  if (config.directory.empty()) return refuse("store.directory", "no directory is named");
  if (config.key_file.empty()) return refuse("store.key_file", "no key file is named");
  if (config.readers < 1 || config.readers > kMaxReaders) return refuse("store.readers", "1 to 64 connections");
  if (config.timeout.count() < 1) return refuse("store.timeout", "the timeout is not positive");
  return {};
}

/// One process at a time: the change stamps know only of our own writes.
Result<FileHandle> lock_directory(const std::string& directory) {
  POSTERN_TRY(file, open_private_file(directory + "/postern.lock"));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) {
    return fail(ErrorCode::conflict, "store.directory", Error::kNoOffset, "another process has the database open: " + directory);
  }
  return fail(ErrorCode::io, "store.directory", Error::kNoOffset, "cannot lock " + directory);
}

/// The keys; made only together with a new database, because a new key beside old blobs would hide that the right one is lost.
Result<KeyRing> load_or_make_keys(const Config& config, bool database_is_new) {
  POSTERN_TRY(existence, existence_of(config.key_file));
  if (existence == Existence::present) return load_key_file(config.key_file);
  if (!database_is_new) {
    return fail(ErrorCode::not_found, "store.key_file", Error::kNoOffset,
                "the key file of this database is missing: " + config.key_file);
  }
  KeyRing keys;
  POSTERN_TRY(key, make_storage_key());
  POSTERN_CHECK(keys.add(1, std::move(key)));
  POSTERN_CHECK(save_key_file(config.key_file, keys));
  return keys;
}

Result<void> check_database_files(const std::string& database) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    POSTERN_TRY(existence, existence_of(database + suffix));
    if (existence == Existence::present) POSTERN_CHECK(check_private_file(database + suffix));
  }
  return {};
}

Result<void> check_or_write_key_check(Connection& writer, const KeyRing& keys) {
  return in_transaction(writer, [&](Connection& connection) -> Result<void> {
    bool initialised = false;
    {
      Query query{connection, "SELECT 1 FROM key_check UNION ALL SELECT 1 FROM account LIMIT 1"};
      POSTERN_TRY(row, query.step());
      initialised = row;
    }
    return initialised ? verify_key_check(connection, keys) : write_key_check(connection, keys);
  });
}

}  // namespace

Result<std::unique_ptr<Store>> open(const Config& config) {
  POSTERN_CHECK(check_config(config));
  POSTERN_CHECK(make_private_directory(config.directory));
  SqliteStore::Parts parts;
  POSTERN_TRY(lock, lock_directory(config.directory));
  parts.lock = std::move(lock);

  const std::string database = config.directory + "/postern.db";
  POSTERN_CHECK(check_database_files(database));
  POSTERN_TRY(existence, existence_of(database));
  bool database_is_new = existence == Existence::missing;
  if (!database_is_new) {
    struct stat status{};
    database_is_new = ::stat(database.c_str(), &status) == 0 && status.st_size == 0;
  }
  POSTERN_TRY(keys, load_or_make_keys(config, database_is_new));
  parts.keys = std::move(keys);
  parts.key_file = config.key_file;
  parts.timeout = config.timeout;
  // Made here and not by SQLite, so that no umask decides its mode. The -wal and -shm files take the mode over.
  POSTERN_CHECK(open_private_file(database));

  parts.counting = std::make_unique<Counting>();
  POSTERN_TRY(writer,
              Connection::open(database, {.access = Access::write, .timeout = config.timeout, .counting = parts.counting.get()}));
  POSTERN_CHECK(postern::sqlite::migrate(*writer, kOwner, built_in_migrations()));
  POSTERN_CHECK(check_or_write_key_check(*writer, parts.keys));
  if (config.max_database_bytes > 0) {
    const std::string pragma =
        "PRAGMA max_page_count = " + std::to_string(std::max<std::uint64_t>(config.max_database_bytes / kPageBytes, 1));
    POSTERN_CHECK(writer->execute(pragma.c_str()));
  }
  if (config.reserved_log_bytes > 0) POSTERN_CHECK(writer->reserve_log(config.reserved_log_bytes));
  parts.writer = std::move(writer);
  for (std::size_t i = 0; i < config.readers; ++i) {
    POSTERN_TRY(reader,
                Connection::open(database, {.access = Access::read, .timeout = config.timeout, .counting = parts.counting.get()}));
    parts.readers.push_back(std::move(reader));
  }
  return SqliteStore::make(std::move(parts));
}

}  // namespace postern::account::sqlite
