#include "event/reader/event_lines.hpp"

#include <utility>

#include "event/reader/parse_event.hpp"

namespace postern::event {

void EventLines::feed(std::string_view chunk) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view part = chunk.substr(0, end);
    const bool ends_here = end != std::string_view::npos;
    if (skipping_) {
      skipping_ = !ends_here;
    } else if (unfinished_.size() + part.size() > kMaxEventJsonBytes) {
      ++lines_;
      refuse(Error{ErrorCode::too_large, "event", Error::kNoOffset, "an event has at most 1 MiB", {}});
      unfinished_ = {};
      skipping_ = !ends_here;
    } else if (!ends_here) {
      unfinished_ += part;
    } else if (unfinished_.empty()) {
      take(part);
    } else {
      unfinished_ += part;
      take(unfinished_);
      unfinished_.clear();
    }
    if (!ends_here) return;
    chunk.remove_prefix(end + 1);
  }
}

void EventLines::finish() {
  if (!unfinished_.empty()) take(unfinished_);
  unfinished_.clear();
  skipping_ = false;
}

void EventLines::take(std::string_view line) {
  ++lines_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  auto event = parse_event(line);
  if (!event) return refuse(std::move(event).error());
  ++events_;
  on_event_(std::move(*event), line);
}

void EventLines::refuse(Error error) {
  ++bad_lines_;
  if (first_error_) return;
  error.message = "line " + std::to_string(lines_) + ": " + error.message;
  first_error_ = std::move(error);
}

}  // namespace postern::event
