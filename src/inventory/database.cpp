#include "inventory/database.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace postern::inventory {
namespace {

constexpr std::string_view kField = "inventory";

/// Makes the file before SQLite does, so that no umask decides its mode; -wal and -shm take the mode over.
Result<void> make_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, path + ": " + std::strerror(errno));
  ::close(descriptor);
  return {};
}

}  // namespace

Result<std::unique_ptr<sqlite::Connection>> open_database(const std::string& path, sqlite::Access access,
                                                          std::span<const sqlite::Migration> migrations) {
  const bool writes = access == sqlite::Access::write;
  if (writes) {
    POSTERN_CHECK(make_file(path));
  } else if (::access(path.c_str(), F_OK) != 0) {
    return fail(ErrorCode::not_found, kField, Error::kNoOffset, "there is no inventory " + path);
  }
  // For writing either way: a file of an older schema is brought to ours before it is read.
  POSTERN_TRY(connection, sqlite::Connection::open(path, {.access = sqlite::Access::write, .field = kField}));
  POSTERN_CHECK(sqlite::migrate(*connection, kOwner, migrations, writes ? sqlite::IfEmpty::make : sqlite::IfEmpty::refuse));
  if (!writes) POSTERN_CHECK(connection->execute("PRAGMA query_only = ON"));
  return connection;
}

}  // namespace postern::inventory
