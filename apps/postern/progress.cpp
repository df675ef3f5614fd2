#include "postern/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

#include "postern/output.hpp"

namespace postern::cli {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr auto kRedraw = std::chrono::milliseconds{200};

}  // namespace

std::string progress_line(std::string_view what, std::uint64_t done, double share, double seconds) {
  std::string line;
  if (share >= 0) {
    share = std::clamp(share, 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
    line = fmt::format("[{:#<{}}{:.<{}}] {:3.0f} %  ", "", filled, "", kBarWidth - filled, share * 100);
  }
  line += fmt::format("{} {}", done, what);
  if (seconds > 0) line += fmt::format("  {:.0f}/s", static_cast<double>(done) / seconds);
  if (share > 0 && share < 1) line += fmt::format("  {:.0f} s left", seconds * (1 - share) / share);
  return line;
}

void note(std::string_view text) { std::fputs((printable(text) + "\n").c_str(), stderr); }

Progress::Progress(std::string_view what)
    : what_{what}, begun_{std::chrono::steady_clock::now()}, on_terminal_{::isatty(STDERR_FILENO) != 0} {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

double Progress::seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }

void Progress::show(std::uint64_t done, double share) {
  if (!on_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - drawn_ < kRedraw) return;
  drawn_ = now;
  shown_ = true;
  std::fputs(("\r" + progress_line(what_, done, share, seconds()) + "\x1b[K").c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace postern::cli
