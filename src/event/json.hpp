// A LogonEvent's JSON form, written. Reading it is event/reader.
#pragma once

#include <string>
#include <string_view>

#include "event/logon_event.hpp"

namespace postern::event {

/// One line without its end: keys in the order of docs/events.md, unknown members left out, text in UTF-8 (bytes that are not
/// become U+FFFD), control characters and line separators escaped, so that an event is one line to every reader.
[[nodiscard]] std::string to_json(const LogonEvent& event);

/// `text` as a JSON string with its quotes, under the same rules, for other objects that go beside events.
void append_json_text(std::string& out, std::string_view text);

}  // namespace postern::event
