// `postern account import`: the file, which holds passwords or hashes.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::cli {

/// The whole file. Refuses (`denied`) one that is no regular file, belongs to neither us nor root, or that group or others may use
/// in any way; `too_large` over what a request can carry.
[[nodiscard]] Result<SecretBytes> read_import_file(const std::string& path);

}  // namespace postern::cli
