// The file of storage keys: text, apart from the database, readable by its owner only (R30).
//
//   # comment
//   postern-storage-keys 1
//   active 2
//   key 1 64 hexadecimal digits
//   key 2 64 hexadecimal digits
#pragma once

#include <string>
#include <string_view>

#include "account/sealed_blob.hpp"
#include "base/result.hpp"

namespace postern::account {

inline constexpr std::size_t kMaxKeyFileBytes = 16 * 1024;

/// Refuses another version, unknown words, keys of another size, a key twice, no active key; the error's offset is the line's
/// start.
[[nodiscard]] Result<KeyRing> parse_key_file(std::string_view text);
[[nodiscard]] SecretBytes write_key_file(const KeyRing& keys);

/// Checks the file and its directory, then reads it.
[[nodiscard]] Result<KeyRing> load_key_file(const std::string& path);
/// Checks the directory, then replaces the file durably and at once.
[[nodiscard]] Result<void> save_key_file(const std::string& path, const KeyRing& keys);

}  // namespace postern::account
