// Reads LogonEvents from JSON lines that come in chunks: a file, a pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "event/logon_event.hpp"

namespace postern::event {

/// One event a line, ended by LF or CR LF; empty lines are skipped. A line that is no event is counted and left out: one bad line
/// does not take the others with it. Holds at most one unfinished line of kMaxEventJsonBytes; what is longer is one bad line.
class EventLines {
 public:
  /// Gets each event with its line, as it came.
  using OnEvent = std::function<void(LogonEvent event, std::string_view line)>;
  explicit EventLines(OnEvent on_event) : on_event_{std::move(on_event)} {}

  void feed(std::string_view chunk);
  /// The input has ended: what is left is the last line.
  void finish();

  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t bad_lines() const { return bad_lines_; }
  /// The first bad line's error, with its number.
  [[nodiscard]] const std::optional<Error>& first_error() const { return first_error_; }

 private:
  void take(std::string_view line);
  void refuse(Error error);

  OnEvent on_event_;
  std::string unfinished_{};
  bool skipping_ = false;  ///< within a line that is too long
  std::uint64_t lines_ = 0, events_ = 0, bad_lines_ = 0;
  std::optional<Error> first_error_{};
};

}  // namespace postern::event
