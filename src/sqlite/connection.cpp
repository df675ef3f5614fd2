#include "sqlite/connection.hpp"

#include <algorithm>
#include <limits>

namespace postern::sqlite {
namespace {

ErrorCode code_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::timeout;
    case SQLITE_CONSTRAINT: return ErrorCode::conflict;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return ErrorCode::denied;
    case SQLITE_NOTADB: return ErrorCode::malformed;
    case SQLITE_TOOBIG: return ErrorCode::too_large;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_INTERNAL: return ErrorCode::internal;
    default: return ErrorCode::io;
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, const Options& options) {
  // NOMUTEX: a connection is for one thread at a time. A reader opens read-write too, because WAL needs the -shm file;
  // it is kept from writing by query_only.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection{new Connection{handle, options}};
  if (code != SQLITE_OK) return connection->error(code);
  const auto milliseconds = std::clamp<std::int64_t>(options.timeout.count(), 0, std::numeric_limits<int>::max());
  sqlite3_busy_timeout(handle, static_cast<int>(milliseconds));
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // FULL: a COMMIT that returned is on the disk (R32). secure_delete: what was removed is gone from the file, not only from the
  // tables. A checkpoint costs several commits' time, and whoever logs on then waits for it: rarely, so.
  POSTERN_CHECK(
      connection->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                          "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                          "PRAGMA wal_autocheckpoint = 4000"));
  if (options.access == Access::read) POSTERN_CHECK(connection->execute("PRAGMA query_only = ON"));
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<void> Connection::execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<void> Connection::reserve_log(std::uint64_t bytes) {
  sqlite3_file* log = nullptr;
  if (const int code = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
      code != SQLITE_OK)
    return error(code);
  if (log == nullptr || log->pMethods == nullptr) return fail(ErrorCode::internal, "the write-ahead log is not open");
  constexpr std::size_t kChunkBytes = 64 * 1024;
  const Bytes zeros(kChunkBytes);
  sqlite3_int64 size = 0;
  int code = log->pMethods->xFileSize(log, &size);
  while (code == SQLITE_OK && static_cast<std::uint64_t>(size) < bytes) {
    const std::size_t count = std::min<std::uint64_t>(kChunkBytes, bytes - static_cast<std::uint64_t>(size));
    code = log->pMethods->xWrite(log, zeros.data(), static_cast<int>(count), size);
    size += static_cast<sqlite3_int64>(count);
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) return error(code);
  return {};
}

std::unexpected<Error> Connection::error(int code) const {
  const char* text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return fail(code_of(code), field_, Error::kNoOffset, std::string{"SQLite: "} + text + " (" + std::to_string(code) + ")");
}

Result<sqlite3_stmt*> Connection::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  statements_.emplace(sql, statement);
  return statement;
}

Query::Query(Connection& connection, std::string_view sql) : connection_{connection} {
  auto prepared = connection.prepare(sql);
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
  if (code != SQLITE_OK && !failed_) failed_ = connection_.error(code).error();
}

Query& Query::integer(std::int64_t value) {
  if (statement_ != nullptr) bound(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

Query& Query::text(std::string_view value) {
  // An empty view may have no address, and SQLite would bind NULL.
  const char* start = value.empty() ? "" : value.data();
  if (statement_ != nullptr)
    bound(sqlite3_bind_text64(statement_, next_parameter_++, start, value.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::blob(ByteView value) {
  if (statement_ == nullptr) return *this;
  if (value.empty()) {
    bound(sqlite3_bind_zeroblob(statement_, next_parameter_++, 0));
  } else {
    bound(sqlite3_bind_blob64(statement_, next_parameter_++, value.data(), value.size(), SQLITE_STATIC));
  }
  return *this;
}

Query& Query::time(FileTime value) {
  constexpr std::uint64_t kLatest = std::numeric_limits<std::int64_t>::max();
  return integer(static_cast<std::int64_t>(std::min(value.ticks(), kLatest)));
}

Query& Query::time(const std::optional<FileTime>& value) { return value ? time(*value) : null(); }

Query& Query::null() {
  if (statement_ != nullptr) bound(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

Result<bool> Query::step() {
  if (failed_) return std::unexpected{*failed_};
  if (!counted_) {
    counted_ = true;
    if (Counting* const counting = connection_.counting()) {
      (sqlite3_stmt_readonly(statement_) != 0 ? counting->reads : counting->writes).fetch_add(1, std::memory_order_relaxed);
    }
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_.error(code);
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

ByteView Query::blob_at(int column) const {
  const auto* start = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (start == nullptr) return {};
  return {start, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string> Query::optional_text_at(int column) const {
  if (is_null(column)) return std::nullopt;
  return text_at(column);
}

std::optional<FileTime> Query::optional_time_at(int column) const {
  if (is_null(column)) return std::nullopt;
  return time_at(column);
}

}  // namespace postern::sqlite
