// The account store's schema: whose file it is, and the migrations that make it.
#pragma once

#include <span>

#include "sqlite/migrations.hpp"

namespace postern::account::sqlite {

/// "PSTN" in the file's header.
inline constexpr postern::sqlite::Owner kOwner{0x5053544E, "database"};

/// The migrations in src/account/sqlite/migrations, in order, numbered 1, 2, ... (made by CMake).
[[nodiscard]] std::span<const postern::sqlite::Migration> built_in_migrations();

}  // namespace postern::account::sqlite
