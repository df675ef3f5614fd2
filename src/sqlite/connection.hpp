// One SQLite connection with its prepared statements, and queries on it, for every room that keeps a file of its own. A connection
// belongs to one thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"

namespace postern::sqlite {

/// What connections of several threads did together.
struct Counting {
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> transactions{0};
};

enum class Access : std::uint8_t { read, write };

class Connection {
 public:
  struct Options {
    Access access = Access::read;
    std::chrono::milliseconds timeout{10'000};  ///< how long another process's lock is waited for, then `timeout`
    std::string_view field = "database";        ///< of errors; a literal
    Counting* counting = nullptr;               ///< outlives the connection; none: nothing is counted
  };
  /// Opens an existing database file.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const std::string& path, const Options& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Runs statements that give no rows. For PRAGMAs and migrations: nothing is bound, nothing is cached.
  Result<void> execute(const char* sql);
  /// Lengthens the write-ahead log to `bytes` with zeros, which SQLite reads as its end. The log must be open: after a transaction.
  Result<void> reserve_log(std::uint64_t bytes);
  [[nodiscard]] std::unexpected<Error> error(int code) const;

  [[nodiscard]] sqlite3* handle() const { return handle_; }
  [[nodiscard]] Counting* counting() const { return counting_; }
  [[nodiscard]] std::string_view field() const { return field_; }
  [[nodiscard]] std::int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
  [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(handle_); }
  /// The statement of a text that lives as long as the program (a literal); prepared once.
  [[nodiscard]] Result<sqlite3_stmt*> prepare(std::string_view sql);

 private:
  Connection(sqlite3* handle, const Options& options) : handle_{handle}, field_{options.field}, counting_{options.counting} {}

  sqlite3* handle_;
  std::string_view field_;
  Counting* counting_;
  std::unordered_map<std::string_view, sqlite3_stmt*> statements_{};
};

/// One run of a prepared statement. Bound texts and blobs are not copied: they outlive the query. Errors of binding come out of
/// step().
class Query {
 public:
  Query(Connection& connection, std::string_view sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // Binds the next parameter.
  Query& integer(std::int64_t value);
  Query& count(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }
  Query& text(std::string_view value);
  Query& optional_text(const std::optional<std::string>& value) { return value ? text(*value) : null(); }
  Query& blob(ByteView value);
  Query& time(FileTime value);  ///< ticks; what is past 2^63 - 1 becomes that
  Query& time(const std::optional<FileTime>& value);
  Query& null();

  /// True with a row, false at the end.
  [[nodiscard]] Result<bool> step();
  /// For a statement without rows.
  Result<void> run();

  // Columns of the row; copies.
  [[nodiscard]] std::int64_t integer_at(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t count_at(int column) const { return static_cast<std::uint64_t>(integer_at(column)); }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] std::string text_at(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text_at(int column) const;
  [[nodiscard]] ByteView blob_at(int column) const;  ///< good until the next step
  [[nodiscard]] FileTime time_at(int column) const { return FileTime{static_cast<std::uint64_t>(integer_at(column))}; }
  [[nodiscard]] std::optional<FileTime> optional_time_at(int column) const;

 private:
  void bound(int code);

  Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
  std::optional<Error> failed_{};
  bool counted_ = false;
};

/// Runs `body(connection)` between BEGIN IMMEDIATE and COMMIT. Any error rolls everything back.
template <typename Body>
auto in_transaction(Connection& connection, Body&& body) -> decltype(body(connection)) {
  POSTERN_CHECK(connection.execute("BEGIN IMMEDIATE"));
  auto result = body(connection);
  Result<void> committed;
  if (result) committed = connection.execute("COMMIT");
  if (!result || !committed) {
    // SQLite may have rolled back itself (full disk): then there is no transaction and this is refused, which is as well.
    if (sqlite3_get_autocommit(connection.handle()) == 0) static_cast<void>(connection.execute("ROLLBACK"));
    if (!committed) return std::unexpected{std::move(committed).error()};
    return result;
  }
  if (Counting* const counting = connection.counting()) counting->transactions.fetch_add(1, std::memory_order_relaxed);
  return result;
}

}  // namespace postern::sqlite
