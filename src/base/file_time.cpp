#include "base/file_time.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace postern {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::uint64_t kSecondsPerDay = 86'400;
constexpr auto kEpochDay = sys_days{year{1601} / month{1} / day{1}};
constexpr std::uint64_t kDaysUntilYear10000 =
    static_cast<std::uint64_t>((sys_days{year{10000} / month{1} / day{1}} - kEpochDay).count());
constexpr std::uint64_t kLastPrintable = kDaysUntilYear10000 * kSecondsPerDay * FileTime::kTicksPerSecond - 1;

/// Takes exactly `digits` decimal digits off the front.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take_character(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string FileTime::to_rfc3339() const {
  const std::uint64_t ticks = std::min(ticks_, kLastPrintable);
  const std::uint64_t seconds = ticks / kTicksPerSecond;
  const year_month_day date{kEpochDay + std::chrono::days{seconds / kSecondsPerDay}};
  const unsigned second_of_day = static_cast<unsigned>(seconds % kSecondsPerDay);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02u:%02u:%02u.%06uZ", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), second_of_day / 3600,
                                   second_of_day / 60 % 60, second_of_day % 60,
                                   static_cast<unsigned>(ticks % kTicksPerSecond / kTicksPerMicrosecond));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<FileTime> FileTime::from_rfc3339(std::string_view text) {
  const auto years = take_digits(text, 4);
  if (!years || !take_character(text, '-')) return std::nullopt;
  const auto months = take_digits(text, 2);
  if (!months || !take_character(text, '-')) return std::nullopt;
  const auto days = take_digits(text, 2);
  if (!days || !(take_character(text, 'T') || take_character(text, 't') || take_character(text, ' '))) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take_character(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || !take_character(text, ':')) return std::nullopt;
  const auto seconds = take_digits(text, 2);
  if (!seconds) return std::nullopt;

  std::uint64_t fraction_ticks = 0;
  if (take_character(text, '.')) {
    std::uint64_t unit = kTicksPerSecond / 10;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction_ticks += static_cast<std::uint64_t>(text.front() - '0') * unit;
      unit /= 10;
      text.remove_prefix(1);
      if (++digits > 9) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
  }

  std::int64_t offset_minutes = 0;
  if (!take_character(text, 'Z') && !take_character(text, 'z')) {
    const bool behind = take_character(text, '-');
    if (!behind && !take_character(text, '+')) return std::nullopt;
    const auto offset_hours = take_digits(text, 2);
    if (!offset_hours || !take_character(text, ':')) return std::nullopt;
    const auto offset_rest = take_digits(text, 2);
    if (!offset_rest || *offset_hours > 23 || *offset_rest > 59) return std::nullopt;
    offset_minutes = static_cast<std::int64_t>(*offset_hours * 60 + *offset_rest) * (behind ? -1 : 1);
  }
  if (!text.empty()) return std::nullopt;

  const year_month_day date{year{static_cast<int>(*years)}, month{*months}, day{*days}};
  if (!date.ok() || *hours > 23 || *minutes > 59 || *seconds > 60) return std::nullopt;  // 60: a leap second
  const std::int64_t day_count = (sys_days{date} - kEpochDay).count();
  const std::int64_t total_seconds =
      ((day_count * 24 + *hours) * 60 + *minutes - offset_minutes) * 60 + static_cast<std::int64_t>(*seconds);
  if (total_seconds < 0) return std::nullopt;
  return FileTime{static_cast<std::uint64_t>(total_seconds) * kTicksPerSecond + fraction_ticks};
}

}  // namespace postern
