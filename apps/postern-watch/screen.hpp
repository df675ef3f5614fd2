// A terminal that a table is drawn on again and again.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "postern-watch/table.hpp"

namespace postern::watch {

/// True if standard output is a terminal that can move its cursor. To be asked before the process is confined.
[[nodiscard]] bool stdout_is_screen();
/// The size of the terminal now, with colours unless NO_COLOR forbids them; 80 by 24 where it has none to tell.
[[nodiscard]] Pane screen_pane();

/// The lines as one write: each over the one before it, the rest cleared. Pure.
[[nodiscard]] std::string drawing_of(const std::vector<std::string>& lines);

/// Draws at most every kEvery, on the terminal's second page, so that what was there before comes back at the end.
class Screen {
 public:
  static constexpr std::chrono::milliseconds kEvery{250};

  Screen() = default;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { leave(); }

  [[nodiscard]] bool due(std::chrono::steady_clock::time_point now) const { return now >= next_; }
  void draw(const std::vector<std::string>& lines, std::chrono::steady_clock::time_point now);
  void leave();

 private:
  std::chrono::steady_clock::time_point next_{};
  bool entered_ = false;
};

}  // namespace postern::watch
