// Where commands get recorded logons from: posternd's store over the admin socket, or files of LogonEvents as JSON lines.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/logon_event.hpp"
#include "postern/output.hpp"

namespace postern::cli {

struct EventQuery {
  /// Files, folders (every `*.jsonl`, `*.ndjson` and `*.json` in them, by name) or `-`. Empty: posternd.
  std::vector<std::string> files{};
  std::string socket{};
  std::string config{};
  std::string account{}, server{}, version{}, outcome{};  ///< posternd filters by these; of files they are checked here
  std::optional<event::Timestamp> from{};                 ///< inclusive
  std::optional<event::Timestamp> until{};                ///< exclusive
  std::optional<event::Service> service{};                ///< only of this kind of service
  std::uint64_t after_sequence = 0;                       ///< posternd's only
};

struct EventsRead {
  std::uint64_t events = 0;  ///< that matched
  std::uint64_t bad_lines = 0;
  std::optional<Error> first_bad{};
  std::uint64_t last_sequence = 0;  ///< of posternd's
  double seconds = 0;
};

/// An event, the line or JSON text it came as, and the last sequence of posternd's answer that it came in (0 from files). Returns
/// an error to stop.
using OnEvent = std::function<Result<void>(const event::LogonEvent& event, std::string_view json, std::uint64_t sequence)>;

/// Reads them all, oldest first, with a progress bar. Errors: files that cannot be read, an authority that does not answer, what
/// `on_event` said. A line that is no event is counted and left out.
[[nodiscard]] Result<EventsRead> read_events(const EventQuery& query, const OnEvent& on_event);

/// "24h", "90m", "7d", "30s" before `now`, or a time of RFC 3339.
[[nodiscard]] std::optional<event::Timestamp> moment_from(std::string_view text, FileTime now);

/// Says on standard error how many lines were no events.
void warn_of_bad_lines(const EventsRead& read, const Output& output);

}  // namespace postern::cli
