#include "sqlite/migrations.hpp"

#include <string>

namespace postern::sqlite {
namespace {

Result<std::int64_t> number_of(Connection& connection, std::string_view sql) {
  Query query{connection, sql};
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::internal, "a PRAGMA gave no row");
  return query.integer_at(0);
}

Result<void> run_migration(Connection& connection, const Owner& owner, const Migration& migration) {
  return in_transaction(connection, [&](Connection& inside) -> Result<void> {
    // Again, under the lock: another process may have run it since.
    POSTERN_TRY(version, schema_version(inside));
    if (version >= migration.number) return {};
    if (auto ran = inside.execute(migration.sql); !ran) {
      ran.error().message = std::string{"migration "} + migration.name + ": " + ran.error().message;
      return ran;
    }
    // PRAGMA takes no parameters. Both numbers are ours.
    POSTERN_CHECK(inside.execute(("PRAGMA application_id = " + std::to_string(owner.application_id)).c_str()));
    return inside.execute(("PRAGMA user_version = " + std::to_string(migration.number)).c_str());
  });
}

}  // namespace

Result<std::int64_t> schema_version(Connection& connection) { return number_of(connection, "PRAGMA user_version"); }

Result<void> migrate(Connection& connection, const Owner& owner, std::span<const Migration> migrations, IfEmpty if_empty) {
  POSTERN_TRY(application_id, number_of(connection, "PRAGMA application_id"));
  POSTERN_TRY(objects, number_of(connection, "SELECT count(*) FROM sqlite_schema"));
  POSTERN_TRY(version, schema_version(connection));
  const bool ours = application_id == owner.application_id;
  const bool empty = application_id == 0 && objects == 0 && version == 0;
  if (!ours && !(empty && if_empty == IfEmpty::make)) {
    return fail(ErrorCode::denied, connection.field(), Error::kNoOffset,
                "the file is no " + std::string{owner.name} + " of Postern");
  }
  const std::int64_t newest = migrations.empty() ? 0 : migrations.back().number;
  if (version > newest) {
    return fail(ErrorCode::unsupported, connection.field(), Error::kNoOffset,
                "the " + std::string{owner.name} + " has schema " + std::to_string(version) + ", this program knows up to " +
                    std::to_string(newest));
  }
  for (const Migration& migration : migrations) {
    if (migration.number > version) POSTERN_CHECK(run_migration(connection, owner, migration));
  }
  return {};
}

}  // namespace postern::sqlite
