// What posternd answers an observer (docs/admin-protocol.md), read whole or refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern::forward {

struct ReadEvent {
  std::uint64_t sequence = 0;
  std::string json{};
};

struct ReadBatch {
  std::vector<ReadEvent> events{};
  std::uint64_t first = 1;  ///< the oldest that the store keeps
  std::uint64_t end = 0;    ///< the last that it ever gave
};

/// The answer to `events` after number `after`: every sequence above it, each above the one before. Errors: `denied` with
/// posternd's own words where it said no, `malformed`.
[[nodiscard]] Result<ReadBatch> parse_events_reply(std::string_view reply, std::uint64_t after);
/// The object under `ok` of the answer to `status`, as text. Errors as above.
[[nodiscard]] Result<std::string> parse_status_reply(std::string_view reply);

}  // namespace postern::forward
