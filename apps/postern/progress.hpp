// A progress bar on standard error, where that is a terminal and nowhere else.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::cli {

/// What a bar shows: `what` done, the share of the whole where that is known, the rate and the time left. Pure, for tests.
[[nodiscard]] std::string progress_line(std::string_view what, std::uint64_t done, double share, double seconds);

/// What is no part of an answer, for a person on standard error.
void note(std::string_view text);

class Progress {
 public:
  /// `what` names what is counted, in the plural: "events".
  explicit Progress(std::string_view what);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  ///< takes the bar away

  /// `share` is 0 to 1, or negative if the whole is unknown. Cheap: it draws a few times a second.
  void show(std::uint64_t done, double share);
  [[nodiscard]] double seconds() const;

 private:
  std::string what_;
  std::chrono::steady_clock::time_point begun_, drawn_{};
  bool on_terminal_;
  bool shown_ = false;
};

}  // namespace postern::cli
