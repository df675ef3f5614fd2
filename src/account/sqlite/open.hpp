// Opens the SQLite store: one directory, one key file elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "account/store.hpp"

namespace postern::account::sqlite {

struct Config {
  std::string directory{};  ///< holds postern.db; made with mode 0700 if its parent exists and it does not
  std::string key_file{};   ///< in another directory, or at least another file; made with mode 0600 together with a new database
  std::chrono::milliseconds timeout{2'000};  ///< how long any call waits for a lock or a connection (R33)
  std::size_t readers = 4;                   ///< connections for reads, 1 to 64
  std::uint64_t max_database_bytes = 0;      ///< writes fail beyond; 0 = as large as the disk
  /// So much of the write-ahead log is written at once when the store opens: a commit that overwrites a log is on the disk in two
  /// thirds of the time of one that makes it longer.
  std::uint64_t reserved_log_bytes = 0;
};

/// Opens or makes the database and the key file, and brings an older schema up to date. Refuses (R30): a directory, database or key
/// file that group or others may use, or that belongs to neither us nor root (`denied`); a missing key file beside a database that
/// has a schema, or a key file of another database (`not_found`, `conflict`); a database of a newer schema (`unsupported`) or of
/// another program; one that another process has open (`conflict`).
[[nodiscard]] Result<std::unique_ptr<Store>> open(const Config& config);

}  // namespace postern::account::sqlite
