// Statistics, progress and errors of postern-watch, on standard error.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "observe/capture/statistics.hpp"
#include "observe/logons/tracker.hpp"
#include "postern-watch/options.hpp"

namespace postern::watch {

/// A readable line "postern-watch: TEXT" on standard error.
void say(std::string_view text);
/// The error where it belongs: with --json or --messages as an object on standard output, and a readable line on standard error.
void say_error(const Options& options, const Error& error);

/// {"statistics": {...}}: counters of the capture room and of the tracker.
[[nodiscard]] std::string statistics_json(const observe::capture::Statistics& capture, const observe::LogonTrackerCounters& logons,
                                          double seconds);
/// The same for people.
[[nodiscard]] std::string statistics_text(const observe::capture::Statistics& capture, const observe::LogonTrackerCounters& logons,
                                          double seconds);

/// A bar on standard error while a long file is read; nothing where that is no terminal.
class Progress {
 public:
  Progress(std::uint64_t total_bytes, bool wanted);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();
  void at(std::uint64_t bytes);
  void clear();

 private:
  static constexpr std::chrono::milliseconds kEvery{200};
  std::uint64_t total_;
  bool shown_ = false;
  bool wanted_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace postern::watch
