// Migrations: numbered SQL files, compiled in, each run in one transaction. `user_version` is the number of the last one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "sqlite/connection.hpp"

namespace postern::sqlite {

struct Migration {
  std::int64_t number = 0;
  const char* name = "";  ///< the file's
  const char* sql = "";
};

/// Whose database a file is: written into its header (`application_id`), and what to call it in errors.
struct Owner {
  std::int64_t application_id = 0;
  std::string_view name = "database";
};

/// The schema's number in the database; 0 for an empty one.
[[nodiscard]] Result<std::int64_t> schema_version(Connection& connection);

/// What becomes of an empty file.
enum class IfEmpty : bool { make, refuse };

/// Runs what is missing, on a connection for writing. Refuses another program's database (`denied`), one that is not ours and not
/// empty, and one newer than `migrations` (`unsupported`).
[[nodiscard]] Result<void> migrate(Connection& connection, const Owner& owner, std::span<const Migration> migrations,
                                   IfEmpty if_empty = IfEmpty::make);

}  // namespace postern::sqlite
