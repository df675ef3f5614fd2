// The gateway's log: one line an event on standard error. Never a token or a header's value (R27).
#pragma once

#include <string>
#include <string_view>

namespace postern::http::log {

void set_level(std::string_view level);  // "debug", "info", "warn", "error"
void debug(std::string_view line);
void info(std::string_view line);
void warn(std::string_view line);
void error(std::string_view line);

/// Replaces control characters, so that a name from the network cannot start a line of its own.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace postern::http::log
