#include "inventory/database.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace postern::inventory {
namespace {

constexpr std::string_view kField = "inventory";

ErrorCode code_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::timeout;
    case SQLITE_CONSTRAINT: return ErrorCode::conflict;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return ErrorCode::denied;
    case SQLITE_NOTADB: return ErrorCode::malformed;
    default: return ErrorCode::io;
  }
}

/// Makes the file before SQLite does, so that no umask decides its mode; -wal and -shm take the mode over.
Result<void> make_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, path + ": " + std::strerror(errno));
  ::close(descriptor);
  return {};
}

Result<std::int64_t> number_of(Database& database, std::string_view sql) {
  Query query{database, sql};
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::internal, "a PRAGMA gave no row");
  return query.integer_at(0);
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access, std::span<const Migration> migrations) {
  if (access == Access::write) {
    POSTERN_CHECK(make_file(path));
  } else if (::access(path.c_str(), F_OK) != 0) {
    return fail(ErrorCode::not_found, kField, Error::kNoOffset, "there is no inventory " + path);
  }
  sqlite3* handle = nullptr;
  // A reader opens read-write too, because WAL needs the -shm file; query_only keeps it from writing.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database{new Database{handle}};
  if (code != SQLITE_OK) return database->error(code);
  sqlite3_busy_timeout(handle, kBusyTimeoutMilliseconds);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // FULL: what a merge acknowledged is on the disk.
  POSTERN_CHECK(
      database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                        "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY"));
  POSTERN_CHECK(database->migrate(migrations, access));
  if (access == Access::read) POSTERN_CHECK(database->execute("PRAGMA query_only = ON"));
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<void> Database::migrate(std::span<const Migration> migrations, Access access) {
  POSTERN_TRY(application_id, number_of(*this, "PRAGMA application_id"));
  POSTERN_TRY(objects, number_of(*this, "SELECT count(*) FROM sqlite_schema"));
  POSTERN_TRY(version, number_of(*this, "PRAGMA user_version"));
  const bool empty = application_id == 0 && objects == 0 && version == 0;
  if (application_id != kApplicationId && !(empty && access == Access::write)) {
    return fail(ErrorCode::denied, kField, Error::kNoOffset, "the file is no inventory of Postern");
  }
  const std::int64_t newest = migrations.empty() ? 0 : migrations.back().number;
  if (version > newest) {
    return fail(ErrorCode::unsupported, kField, Error::kNoOffset,
                "the inventory has schema " + std::to_string(version) + ", this program knows up to " + std::to_string(newest));
  }
  for (const Migration& migration : migrations) {
    if (migration.number <= version) continue;
    const auto run = [&]() -> Result<void> {
      // Again, under the lock: another process may have run it since.
      POSTERN_TRY(now, number_of(*this, "PRAGMA user_version"));
      if (now >= migration.number) return {};
      POSTERN_CHECK(execute(migration.sql));
      // PRAGMA takes no parameters. Both numbers are ours.
      POSTERN_CHECK(execute(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str()));
      return execute(("PRAGMA user_version = " + std::to_string(migration.number)).c_str());
    };
    POSTERN_CHECK(in_transaction(*this, run));
  }
  return {};
}

Result<void> Database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

std::unexpected<Error> Database::error(int code) const {
  const char* text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return fail(code_of(code), kField, Error::kNoOffset, std::string{"SQLite: "} + text + " (" + std::to_string(code) + ")");
}

Result<sqlite3_stmt*> Database::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  statements_.emplace(sql, statement);
  return statement;
}

Query::Query(Database& database, std::string_view sql) : database_{database} {
  auto prepared = database.prepare(sql);
  if (prepared) {
    statement_ = *prepared;
  } else {
    failed_ = std::move(prepared).error();
  }
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::bound(int code) {
  if (code != SQLITE_OK && !failed_) failed_ = database_.error(code).error();
}

Query& Query::integer(std::int64_t value) {
  if (statement_ != nullptr) bound(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

Query& Query::text(std::string_view value) {
  const char* start = value.empty() ? "" : value.data();  // an empty view may have no address, and SQLite would bind NULL
  if (statement_ != nullptr) {
    bound(sqlite3_bind_text64(statement_, next_parameter_++, start, value.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  return *this;
}

Query& Query::optional_text(const std::optional<std::string>& value) { return value ? text(std::string_view{*value}) : null(); }

Query& Query::blob(ByteView value) {
  if (statement_ != nullptr) {
    bound(sqlite3_bind_blob64(statement_, next_parameter_++, value.data(), value.size(), SQLITE_STATIC));
  }
  return *this;
}

Query& Query::time(const std::optional<event::Timestamp>& value) {
  return value ? count(value->file_time().ticks()) : null();  // a Timestamp ends in year 9999: within 63 bits
}

Query& Query::null() {
  if (statement_ != nullptr) bound(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

Result<bool> Query::step() {
  if (failed_) return std::unexpected{*failed_};
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_.error(code);
}

Result<void> Query::run() {
  POSTERN_TRY(row, step());
  if (row) return fail(ErrorCode::internal, "a statement without rows gave one");
  return {};
}

std::string Query::text_at(int column) const {
  const auto* start = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (start == nullptr) return {};
  return {start, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string> Query::optional_text_at(int column) const {
  if (is_null(column)) return std::nullopt;
  return text_at(column);
}

std::optional<event::Timestamp> Query::time_at(int column) const {
  if (is_null(column)) return std::nullopt;
  return event::Timestamp{FileTime{count_at(column)}};
}

Bytes Query::blob_at(int column) const {
  const auto* start = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (start == nullptr) return {};
  return {start, start + sqlite3_column_bytes(statement_, column)};
}

}  // namespace postern::inventory
