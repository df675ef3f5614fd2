// The inventory's SQLite file: one connection, its statements, migrations. A connection belongs to one thread at a time.
//
// The account store has a wrapper of its own; it links what keeps secrets, and the sensor, which fills an inventory, must not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "event/timestamp.hpp"

namespace postern::inventory {

inline constexpr int kBusyTimeoutMilliseconds = 10'000;  ///< another process writes: then `timeout`

struct Migration {
  std::int64_t number = 0;
  const char* name = "";  ///< the file's
  const char* sql = "";
};
/// Those in src/inventory/migrations, in order (made by CMake).
[[nodiscard]] std::span<const Migration> built_in_migrations();

enum class Access : std::uint8_t { read, write };

class Database {
 public:
  /// "PSTI": says in the file's header whose database it is.
  static constexpr std::int64_t kApplicationId = 0x50535449;

  /// For `write` the file is made if it is not there, with mode 0600, and brought to the newest schema. Refuses another program's
  /// database (`denied`) and a newer schema (`unsupported`); a file to read that is not there is `not_found`.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& path, Access access,
                                                              std::span<const Migration> migrations = built_in_migrations());
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// Statements without rows or parameters.
  [[nodiscard]] Result<void> execute(const char* sql);
  /// The statement of a literal; prepared once.
  [[nodiscard]] Result<sqlite3_stmt*> prepare(std::string_view sql);
  [[nodiscard]] std::unexpected<Error> error(int code) const;
  [[nodiscard]] sqlite3* handle() const { return handle_; }
  [[nodiscard]] std::int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

 private:
  explicit Database(sqlite3* handle) : handle_{handle} {}
  [[nodiscard]] Result<void> migrate(std::span<const Migration> migrations, Access access);

  sqlite3* handle_;
  std::unordered_map<std::string_view, sqlite3_stmt*> statements_{};
};

/// One run of a statement. What is bound is not copied: it outlives the query. Errors of binding come out of step().
class Query {
 public:
  Query(Database& database, std::string_view sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // Binds the next parameter.
  Query& integer(std::int64_t value);
  Query& count(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }
  Query& text(std::string_view value);
  Query& optional_text(const std::optional<std::string>& value);
  Query& blob(ByteView value);
  Query& time(const std::optional<event::Timestamp>& value);
  Query& null();

  /// True with a row, false at the end.
  [[nodiscard]] Result<bool> step();
  /// For a statement without rows.
  [[nodiscard]] Result<void> run();

  // Columns of the row; copies.
  [[nodiscard]] std::int64_t integer_at(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t count_at(int column) const { return static_cast<std::uint64_t>(integer_at(column)); }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] std::string text_at(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text_at(int column) const;
  [[nodiscard]] std::optional<event::Timestamp> time_at(int column) const;
  [[nodiscard]] Bytes blob_at(int column) const;

 private:
  void bound(int code);

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
  std::optional<Error> failed_{};
};

/// Runs `body()` between BEGIN IMMEDIATE and COMMIT. Any error rolls everything back.
template <typename Body>
auto in_transaction(Database& database, Body&& body) -> decltype(body()) {
  POSTERN_CHECK(database.execute("BEGIN IMMEDIATE"));
  auto result = body();
  Result<void> committed;
  if (result) committed = database.execute("COMMIT");
  if (result && committed) return result;
  // SQLite may have rolled back itself (full disk): then there is no transaction left to roll back.
  if (sqlite3_get_autocommit(database.handle()) == 0) static_cast<void>(database.execute("ROLLBACK"));
  if (!committed) return std::unexpected{std::move(committed).error()};
  return result;
}

}  // namespace postern::inventory
