#include "authority/detection/guessing.hpp"

#include <algorithm>
#include <string>

namespace postern::authority::detection {
namespace {

using enum event::Severity;

constexpr std::uint64_t kGuessTicks = kGuessSeconds * FileTime::kTicksPerSecond;

std::uint64_t since(std::uint64_t then, FileTime now) { return now.ticks() > then ? now.ticks() - then : 0; }

}  // namespace

/// True if what is counted has ended: the whole window has passed, or, once it was enough, a pause as long.
bool Guessing::is_over(const Window& window, FileTime now, std::size_t enough) {
  return since(window.count >= enough ? window.last : window.start, now) > kGuessTicks;
}

void Guessing::note(Window& window, std::uint64_t mark, FileTime now, std::size_t enough) {
  if (window.count == 0 || is_over(window, now, enough)) window = {.start = now.ticks()};
  window.last = now.ticks();
  const auto short_mark = static_cast<std::uint32_t>(mark);
  const auto end = window.marks.begin() + window.count;
  if (window.count >= enough || std::find(window.marks.begin(), end, short_mark) != end) return;
  window.marks[window.count++] = short_mark;
}

void Guessing::forget(Window& window, std::uint64_t mark, std::size_t enough) {
  if (window.count >= enough) return;  // what was told stays told until it pauses
  const auto end = window.marks.begin() + window.count;
  const auto place = std::find(window.marks.begin(), end, static_cast<std::uint32_t>(mark));
  if (place == end) return;
  *place = *(end - 1);
  --window.count;
}

void Guessing::failed(const Lesson& lesson, Found& found) {
  if (lesson.address == 0) return;
  const auto told = [&](const Window& window) {
    return std::to_string(since(window.start, lesson.time) / FileTime::kTicksPerSecond) + " s";
  };
  Window& address = by_address_.at(lesson.address);
  note(address, lesson.account, lesson.time, kSprayedAccounts);
  if (address.count >= kSprayedAccounts) {
    found.add(Id::password_spraying, warning, "at least " + std::to_string(kSprayedAccounts) + " accounts within " + told(address));
  }
  Window& account = by_account_.at(lesson.account);
  note(account, lesson.address, lesson.time, kGuessingClients);
  if (account.count >= kGuessingClients) {
    found.add(Id::password_guessing, warning, "at least " + std::to_string(kGuessingClients) + " clients within " + told(account));
  }
}

bool Guessing::is_spraying(const Lesson& lesson) {
  const Window* window = lesson.address == 0 ? nullptr : by_address_.find(lesson.address);
  return window != nullptr && window->count >= kSprayedAccounts && !is_over(*window, lesson.time, kSprayedAccounts);
}

void Guessing::succeeded(const Lesson& lesson) {
  if (Window* window = by_address_.find(lesson.address)) forget(*window, lesson.account, kSprayedAccounts);
  if (Window* window = by_account_.find(lesson.account)) forget(*window, lesson.address, kGuessingClients);
}

}  // namespace postern::authority::detection
