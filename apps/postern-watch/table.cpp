#include "postern-watch/table.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "postern-watch/printer.hpp"

namespace postern::watch {
namespace {

using event::Severity;
using inventory::Dependency;

constexpr std::string_view kEllipsis = "…";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::size_t kGap = 2;  ///< blanks between columns
/// Lines that are no dependencies: title, sums, heads.
constexpr std::size_t kHeadLines = 3;

/// A character and the bytes it has.
struct Letter {
  char32_t code = 0;
  std::size_t bytes = 1;
};
Letter letter_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned first = byte(0);
  const std::size_t count = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (count == 1 || at + count > text.size()) return {first, 1};
  char32_t code = first & (0x7fU >> count);
  for (std::size_t i = 1; i < count; ++i) code = code << 6 | (byte(i) & 0x3fU);
  return {code, count};
}

/// Unicode's East Asian Width W and F, and marks that take no place of their own, as far as names have them.
std::size_t width_of(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  constexpr Range kNone[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
  constexpr Range kWide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},
                             {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
  const auto holds = [code](const Range& range) { return code >= range.first && code <= range.last; };
  if (std::ranges::any_of(kNone, holds)) return 0;
  return std::ranges::any_of(kWide, holds) ? 2 : 1;
}

enum Column : std::size_t { kLast, kCount, kClient, kServer, kService, kAccount, kVersion, kReason, kWorst, kColumns };

struct ColumnRule {
  std::string_view head;
  std::size_t least;  ///< columns below which it is of no use
  std::size_t most;
};
constexpr std::array<ColumnRule, kColumns> kRules{{{"LAST", 8, 8},
                                                   {"COUNT", 5, 9},
                                                   {"CLIENT", 9, 39},
                                                   {"SERVER", 10, 40},
                                                   {"SERVICE", 4, 10},
                                                   {"ACCOUNT", 8, 40},
                                                   {"VERSION", 6, 10},
                                                   {"WHY NTLM", 8, 40},
                                                   {"WORST", 8, 24}}};
/// What goes first where the pane is narrow.
constexpr std::array kDropped{kService, kReason, kVersion, kLast, kCount, kWorst};

using Cells = std::array<std::string, kColumns>;

template <typename E>
std::string word(const std::optional<E>& value) {
  return value ? std::string{event::name_of(*value)} : std::string{"?"};
}

std::string shown(const std::string& name, std::string_view instead) {
  return name.empty() ? std::string{instead} : printable(is_utf8(name) ? name : std::string{"?"});
}

/// A reason in few words: those that Windows numbers have some of their own.
std::string why(const event::Reason& reason) {
  struct Short {
    std::uint32_t id;
    std::string_view text;
  };
  constexpr Short kShort[] = {{1, "asked for NTLM"}, {2, "local account"},   {5, "no target name"},  {6, "unknown name"},
                              {7, "IP address"},     {8, "duplicated name"}, {9, "no KDC in reach"}, {11, "null session"}};
  if (reason.id) {
    const auto* known = std::ranges::find(kShort, *reason.id, &Short::id);
    if (known != std::end(kShort)) return std::string{known->text};
  }
  return printable(reason.name.value_or(""));
}

Cells cells_of(const Dependency& d) {
  Cells cells;
  cells[kLast] = d.last_seen ? time_of_day(d.last_seen->file_time()) : "?";
  cells[kCount] = std::to_string(d.events);
  if (d.key.other) {
    cells[kClient] = "(others)";
    return cells;
  }
  cells[kClient] = shown(d.key.client, "?");
  cells[kServer] = shown(d.key.server, "?");
  cells[kService] = word(d.key.service);
  cells[kAccount] = shown(d.key.account, d.key.account_kind == event::AccountKind::anonymous ? "(anonymous)" : "?");
  cells[kVersion] = word(d.key.version);
  if (d.reason) cells[kReason] = why(d.reason->reason);
  if (d.finding && d.finding->severity != Severity::info) cells[kWorst] = printable(d.finding->id);
  return cells;
}

int rank(const Dependency& d) { return d.finding ? static_cast<int>(d.finding->severity) : -1; }

/// Columns' widths for these rows in `columns`; 0: left out.
std::array<std::size_t, kColumns> widths_for(const std::vector<Cells>& rows, std::size_t columns) {
  std::array<std::size_t, kColumns> widths{};
  for (std::size_t i = 0; i < kColumns; ++i) {
    widths[i] = std::max(kRules[i].least, std::min(display_width(kRules[i].head), kRules[i].most));
    for (const Cells& row : rows) widths[i] = std::max(widths[i], std::min(display_width(row[i]), kRules[i].most));
  }
  const auto natural = widths;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const std::size_t width : widths) sum += width == 0 ? 0 : width + kGap;
    return sum == 0 ? 0 : sum - kGap;
  };
  const auto shrink = [&] {
    std::size_t widest = kColumns;
    for (std::size_t i = 0; i < kColumns; ++i) {
      if (widths[i] > kRules[i].least && (widest == kColumns || widths[i] > widths[widest])) widest = i;
    }
    if (widest == kColumns) return false;
    --widths[widest];
    return true;
  };
  std::size_t dropped = 0;
  while (total() > columns) {
    if (shrink()) continue;
    if (dropped == kDropped.size()) break;
    widths[kDropped[dropped++]] = 0;
  }
  // What a column that was left out gave back goes to those that miss most.
  for (std::size_t spare = columns - std::min(columns, total()); spare > 0; --spare) {
    std::size_t most = kColumns;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const bool misses = widths[i] != 0 && widths[i] < natural[i];
      if (misses && (most == kColumns || natural[i] - widths[i] > natural[most] - widths[most])) most = i;
    }
    if (most == kColumns) break;
    ++widths[most];
  }
  return widths;
}

std::string line_of(const Cells& cells, const std::array<std::size_t, kColumns>& widths) {
  std::string line;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (widths[i] == 0) continue;
    if (!line.empty()) line.append(kGap, ' ');
    if (i == kCount) {  // numbers end at the same place
      const std::size_t width = display_width(cells[i]);
      line += fitted(std::string(widths[i] - std::min(widths[i], width), ' ') + cells[i], widths[i]);
    } else {
      line += fitted(cells[i], widths[i]);
    }
  }
  return line;
}

std::string coloured(std::string line, std::optional<Severity> severity, Colour colour) {
  if (colour == Colour::off || !severity || *severity == Severity::info) return line;
  return std::string{*severity == Severity::alarm ? "\x1b[1;31m" : "\x1b[33m"} + line + std::string{kReset};
}

/// Nothing wider than the pane, and no blanks at the end.
std::string trimmed_to(std::string_view text, std::size_t columns) {
  std::string line = display_width(text) > columns ? fitted(text, columns) : std::string{text};
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

/// `text` in lines of `columns` at most, broken at blanks where there are some; what follows the first is indented.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  constexpr std::string_view kIndent = "  ";
  std::vector<std::string> out;
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool begins = line.empty() || line == kIndent;
    if (!begins && display_width(line) + 1 + display_width(word) > columns) {
      out.push_back(trimmed_to(line, columns));
      line = kIndent;
      line += word;
    } else {
      line += begins ? "" : " ";
      line += word;
    }
  }
  if (!line.empty()) out.push_back(trimmed_to(line, columns));
  return out;
}

}  // namespace

std::string time_of_day(FileTime time) {
  constexpr std::size_t kAt = 11, kLength = 8;  // of RFC 3339
  return time.to_rfc3339().substr(kAt, kLength);
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const Letter letter = letter_at(utf8, at);
    width += width_of(letter.code);
    at += letter.bytes;
  }
  return width;
}

std::string fitted(std::string_view utf8, std::size_t width) {
  const std::size_t natural = display_width(utf8);
  if (natural <= width) return std::string{utf8} + std::string(width - natural, ' ');
  if (width == 0) return {};
  std::string out;
  std::size_t used = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const Letter letter = letter_at(utf8, at);
    if (used + width_of(letter.code) > width - 1) break;
    out += utf8.substr(at, letter.bytes);
    used += width_of(letter.code);
    at += letter.bytes;
  }
  out += kEllipsis;
  return out + std::string(width - 1 - used, ' ');
}

void DependencyTable::add(const event::LogonEvent& event) {
  ++logons_;
  Dependency one = inventory::dependency_of(event);
  one.example.clear();  // nobody looks at it here, and it is long
  one.days.clear();
  if (one.finding && one.finding->severity != Severity::info) {
    ++(one.finding->severity == Severity::alarm ? alarms_ : warnings_);
  }
  for (const event::Finding& finding : event.findings) {
    const auto same = [&](const News& news) { return news.text == finding.text; };
    if (finding.severity == Severity::info || std::ranges::any_of(news_, same)) continue;
    if (news_.size() == kNews) news_.pop_front();
    news_.push_back({finding.severity, finding.text});
  }
  const inventory::KeyDigest digest = inventory::digest_of(one.key);
  const auto known = dependencies_.find(digest);
  if (known != dependencies_.end()) {
    inventory::combine(known->second, one);
  } else if (dependencies_.size() < kMaxDependencies) {
    dependencies_.emplace(digest, std::move(one));
  } else {
    inventory::combine(other_, one);
  }
}

std::vector<std::string> DependencyTable::lines(const Pane& pane, std::string_view title) const {
  std::vector<const Dependency*> order;
  order.reserve(dependencies_.size() + 1);
  for (const auto& [digest, dependency] : dependencies_) order.push_back(&dependency);
  std::ranges::sort(order, [](const Dependency* a, const Dependency* b) {
    return std::tuple{rank(*b), b->last_seen, b->events, a->key.client} <
           std::tuple{rank(*a), a->last_seen, a->events, b->key.client};
  });
  if (other_.events > 0) order.push_back(&other_);

  // The latest findings that fit into a third of the pane.
  std::vector<std::string> news;
  for (auto one = news_.rbegin(); one != news_.rend(); ++one) {
    std::vector<std::string> text =
        wrapped(fmt::format("{}: {}", event::name_of(one->severity), printable(one->text)), pane.columns);
    if (pane.rows > 0 && news.size() + text.size() > pane.rows / 3) break;
    for (std::string& line : text) line = coloured(std::move(line), one->severity, pane.colour);
    news.insert(news.begin(), text.begin(), text.end());
  }
  const std::size_t around = kHeadLines + (news.empty() ? 0 : news.size() + 1);
  std::size_t room = pane.rows == 0 ? order.size() : pane.rows - std::min(pane.rows, around);
  const bool hides = order.size() > room;
  if (hides && room > 0) --room;  // for the line that says how many there are
  const std::size_t count = std::min(room, order.size());

  std::vector<Cells> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(cells_of(*order[i]));
  const auto widths = widths_for(rows, pane.columns);
  Cells heads;
  for (std::size_t i = 0; i < kColumns; ++i) heads[i] = kRules[i].head;

  std::vector<std::string> out{trimmed_to(title, pane.columns)};
  out.push_back(trimmed_to(
      fmt::format("{} logons  {} dependencies  {} alarms  {} warnings", logons_, dependencies_.size(), alarms_, warnings_),
      pane.columns));
  out.push_back(trimmed_to(line_of(heads, widths), pane.columns));
  for (std::size_t i = 0; i < count; ++i) {
    const auto severity = order[i]->finding ? std::optional{order[i]->finding->severity} : std::nullopt;
    out.push_back(coloured(trimmed_to(line_of(rows[i], widths), pane.columns), severity, pane.colour));
  }
  if (hides) out.push_back(trimmed_to(fmt::format("and {} more", order.size() - count), pane.columns));
  if (!news.empty()) out.emplace_back();
  out.insert(out.end(), news.begin(), news.end());
  if (pane.rows > 0 && out.size() > pane.rows) out.resize(pane.rows);
  return out;
}

}  // namespace postern::watch
