#include "account/logon_hours.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace postern::account {
namespace {

constexpr std::string_view kField = "logon_hours";
constexpr std::size_t kDays = 7;
constexpr std::size_t kHoursOfDay = 24;
constexpr std::size_t kMaxText = 1024;
constexpr std::array<std::string_view, kDays> kDayNames{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::unexpected<Error> refuse(std::size_t offset, std::string message) {
  auto error = fail(ErrorCode::invalid_input, kField, offset, std::move(message));
  error.error().hint = "for example \"Mon-Fri 08-18, Sat 09-12\" in UTC, \"always\" or \"never\"";
  return error;
}

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 0x20) : letter; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::size_t> day_from(std::string_view name) {
  for (std::size_t day = 0; day < kDays; ++day) {
    if (same_word(name, kDayNames[day])) return day;
  }
  return std::nullopt;
}

std::optional<std::size_t> hour_from(std::string_view digits) {
  if (digits.empty() || digits.size() > 2) return std::nullopt;
  std::size_t value = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::size_t>(digit - '0');
  }
  return value <= kHoursOfDay ? std::optional{value} : std::nullopt;
}

/// The words of one entry with their offsets in the whole text.
struct Word {
  std::string_view text;
  std::size_t offset;
};
std::vector<Word> words_of(std::string_view entry, std::size_t offset) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < entry.size();) {
    if (entry[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t end = std::min(entry.find(' ', at), entry.size());
    words.push_back({entry.substr(at, end - at), offset + at});
    at = end;
  }
  return words;
}

using Span = std::pair<std::size_t, std::size_t>;  // first, and last or end

Result<Span> days_from(const Word& word) {
  const std::size_t dash = word.text.find('-');
  const auto first = day_from(word.text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : day_from(word.text.substr(dash + 1));
  if (!first || !last) return refuse(word.offset, "days are Sun, Mon, Tue, Wed, Thu, Fri, Sat, or two of them as in Mon-Fri");
  return Span{*first, *last};
}

Result<Span> hours_from(const Word& word) {
  const std::size_t dash = word.text.find('-');
  const auto first = hour_from(word.text.substr(0, dash));
  const auto end = dash == std::string_view::npos ? std::nullopt : hour_from(word.text.substr(dash + 1));
  if (!first || !end || *first == *end || *first == kHoursOfDay) {
    return refuse(word.offset, "hours are two whole hours from 00 to 24 as in 08-18");
  }
  return Span{*first, *end};
}

}  // namespace

LogonHours::LogonHours(std::span<const std::uint8_t, kBytes> bits) { std::ranges::copy(bits, bits_.begin()); }

bool LogonHours::hour(std::size_t day, std::size_t hour) const {
  const std::size_t bit = day * kHoursOfDay + hour;
  return (bits_[bit / 8] >> (bit % 8) & 1) != 0;
}

void LogonHours::add(std::size_t day, std::size_t hour) {
  const std::size_t bit = day * kHoursOfDay + hour;
  bits_[bit / 8] = static_cast<std::uint8_t>(bits_[bit / 8] | 1U << (bit % 8));
}

Result<LogonHours> LogonHours::parse(std::string_view text) {
  if (text.size() > kMaxText) return refuse(kMaxText, "the text is too long");
  if (same_word(text, "always")) return LogonHours{};
  LogonHours hours;
  hours.bits_.fill(0);
  if (same_word(text, "never")) return hours;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const auto words = words_of(text.substr(start, comma - start), start);
    if (words.size() != 2) return refuse(start, "an entry is days and hours");
    POSTERN_TRY(days, days_from(words[0]));
    POSTERN_TRY(span, hours_from(words[1]));
    const std::size_t day_count = (days.second + kDays - days.first) % kDays + 1;
    const std::size_t hour_count = (span.second + kHoursOfDay - span.first - 1) % kHoursOfDay + 1;
    for (std::size_t day = 0; day < day_count; ++day) {
      for (std::size_t i = 0; i < hour_count; ++i) {
        const std::size_t at = ((days.first + day) * kHoursOfDay + span.first + i) % kHours;
        hours.add(at / kHoursOfDay, at % kHoursOfDay);
      }
    }
    start = comma + 1;
  }
  return hours;
}

std::string LogonHours::to_text() const {
  if (allow_every_hour()) return "always";
  const auto day_at = [](std::size_t i) { return (i + 1) % kDays; };  // from Monday
  const auto same_hours = [&](std::size_t a, std::size_t b) {
    for (std::size_t h = 0; h < kHoursOfDay; ++h) {
      if (hour(a, h) != hour(b, h)) return false;
    }
    return true;
  };
  const auto two_digits = [](std::size_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  std::string text;
  for (std::size_t i = 0; i < kDays;) {
    std::size_t end = i + 1;
    while (end < kDays && same_hours(day_at(i), day_at(end))) ++end;
    std::string days{kDayNames[day_at(i)]};
    if (end > i + 1) days.append("-").append(kDayNames[day_at(end - 1)]);
    for (std::size_t h = 0; h < kHoursOfDay;) {
      if (!hour(day_at(i), h)) {
        ++h;
        continue;
      }
      std::size_t stop = h;
      while (stop < kHoursOfDay && hour(day_at(i), stop)) ++stop;
      if (!text.empty()) text += ", ";
      text += days + " " + two_digits(h) + "-" + two_digits(stop);
      h = stop;
    }
    i = end;
  }
  return text.empty() ? "never" : text;
}

bool LogonHours::allow(FileTime when) const {
  constexpr std::uint64_t kTicksPerHour = 3600 * FileTime::kTicksPerSecond;
  const std::uint64_t hours_since_1601 = when.ticks() / kTicksPerHour;
  // 1601-01-01 was a Monday: a day after the Sunday at which the bits begin.
  const std::uint64_t at = (hours_since_1601 + kHoursOfDay) % kHours;
  return hour(static_cast<std::size_t>(at / kHoursOfDay), static_cast<std::size_t>(at % kHoursOfDay));
}

bool LogonHours::allow_every_hour() const {
  return std::ranges::all_of(bits_, [](std::uint8_t byte) { return byte == 0xFF; });
}

}  // namespace postern::account
