// Reads a LogonEvent's JSON form: strict in what it knows, open to keys that a later version adds.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"
#include "event/logon_event.hpp"

namespace postern::event {

/// The longest event that is read. An authority's event has about 1,500 bytes.
inline constexpr std::size_t kMaxEventJsonBytes = std::size_t{1} << 20;

/// One JSON object. Refuses a `schema` that is missing or not 1, a key twice, a wrong type, an unknown word of a closed vocabulary,
/// a number out of range and whatever is no JSON or no UTF-8; the error's message starts with the field's path (`ntlm.mic: …`).
/// Unknown keys are skipped. Thread-safe.
[[nodiscard]] Result<LogonEvent> parse_event(std::string_view json);

}  // namespace postern::event
