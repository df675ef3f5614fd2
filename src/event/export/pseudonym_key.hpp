// The key of pseudonyms, in a file of its own.
#pragma once

#include <string>

#include "base/keyed_digest.hpp"
#include "base/result.hpp"

namespace postern::event {

/// Reads 32 hexadecimal digits. Refuses, with the path and what helps, a file that group or others may use in any way, that belongs
/// to neither this user nor root, or that is no regular file: whoever has the key can try names. Errors: `io`, `denied`,
/// `malformed`.
[[nodiscard]] Result<DigestKey> load_pseudonym_key(const std::string& path);

}  // namespace postern::event
