#include "postern-watch/screen.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace postern::watch {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";

/// What cannot be written is not drawn: the next drawing is whole again.
void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

bool stdout_is_screen() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && term != nullptr && std::string_view{term} != "dumb" && *term != '\0';
}

Pane screen_pane() {
  constexpr std::size_t kUsualColumns = 80, kUsualRows = 24;
  const char* no_colour = std::getenv("NO_COLOR");
  Pane pane{kUsualColumns, kUsualRows, no_colour != nullptr && *no_colour != '\0' ? Colour::off : Colour::on};
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    pane.columns = size.ws_col;
    pane.rows = size.ws_row;
  }
  return pane;
}

std::string drawing_of(const std::vector<std::string>& lines) {
  std::string out{"\x1b[H"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\r\n";  // none behind the last one, which would move the page up
    out += lines[i];
    out += "\x1b[K";
  }
  return out + "\x1b[J";
}

void Screen::draw(const std::vector<std::string>& lines, std::chrono::steady_clock::time_point now) {
  next_ = now + kEvery;
  std::string out{entered_ ? std::string_view{} : kEnter};
  entered_ = true;
  out += drawing_of(lines);
  write_all(out);
}

void Screen::leave() {
  if (!std::exchange(entered_, false)) return;
  write_all(kLeave);
}

}  // namespace postern::watch
