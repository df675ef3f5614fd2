// Writes a file so that who reads it finds the old text or the new one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::cli {

/// Writes `text` beside the file, flushes it to the disk and renames it into place; mode and owner stay those of the file there was
/// (0640 and the caller's for a new one). A symbolic link is followed. Errors: `io`, `denied`; the file is then as it was.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace postern::cli
