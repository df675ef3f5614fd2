// The inventory's SQLite file: whose it is, its migrations, and how it is opened.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "sqlite/connection.hpp"
#include "sqlite/migrations.hpp"

namespace postern::inventory {

/// "PSTI" in the file's header.
inline constexpr sqlite::Owner kOwner{0x50535449, "inventory"};

/// Those in src/inventory/migrations, in order (made by CMake).
[[nodiscard]] std::span<const sqlite::Migration> built_in_migrations();

/// For `write` the file is made if it is not there, with mode 0600, and brought to the newest schema. Refuses another program's
/// database (`denied`) and a newer schema (`unsupported`); a file to read that is not there is `not_found`.
[[nodiscard]] Result<std::unique_ptr<sqlite::Connection>> open_database(
    const std::string& path, sqlite::Access access, std::span<const sqlite::Migration> migrations = built_in_migrations());

}  // namespace postern::inventory
