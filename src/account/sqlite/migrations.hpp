// Migrations: numbered SQL files, compiled in, each run in one transaction. `user_version` is the number of the last one.
#pragma once

#include <cstdint>
#include <span>

#include "account/sqlite/connection.hpp"
#include "base/result.hpp"

namespace postern::account::sqlite {

struct Migration {
  std::int64_t number = 0;
  const char* name = "";  ///< the file's
  const char* sql = "";
};

/// "PSTN": says in the file's header whose database it is.
inline constexpr std::int64_t kApplicationId = 0x5053544E;

/// The migrations in src/account/sqlite/migrations, in order, numbered 1, 2, ... (made by CMake).
[[nodiscard]] std::span<const Migration> built_in_migrations();

/// The schema's number in the database; 0 for an empty one.
[[nodiscard]] Result<std::int64_t> schema_version(Connection& connection);

/// Runs what is missing. Refuses another program's database (`denied`), one that is not ours and not empty, and one newer than
/// `migrations` (`unsupported`).
[[nodiscard]] Result<void> migrate(Connection& connection, std::span<const Migration> migrations);

}  // namespace postern::account::sqlite
