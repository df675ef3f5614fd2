// Cursor: how far a sink has come, kept in a small file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::forward {

struct Cursor {
  std::uint64_t sequence = 0;  ///< the last event that the sink has taken
  std::uint64_t dropped = 0;   ///< events that were gone before the sink got them, over all time
  bool operator==(const Cursor&) const = default;
};

/// The file's text. `malformed` for what write_cursor() does not write.
[[nodiscard]] Result<Cursor> parse_cursor(std::string_view text);
[[nodiscard]] std::string text_of(const Cursor& cursor);

/// Nothing if there is no such file. `malformed` for a file that this did not write: nobody guesses where to go on.
[[nodiscard]] Result<std::optional<Cursor>> read_cursor(const std::string& path);
/// Replaces the file as a whole: whoever is killed at any moment leaves the old one or the new one (R32).
[[nodiscard]] Result<void> write_cursor(const std::string& path, const Cursor& cursor);

}  // namespace postern::forward
