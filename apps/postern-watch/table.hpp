// What is seen, as a table for people: a line per dependency (who logs on to what, and how), the worst first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_time.hpp"
#include "event/logon_event.hpp"
#include "inventory/dependency.hpp"

namespace postern::watch {

enum class Colour : std::uint8_t { off, on };

/// Where a table is drawn.
struct Pane {
  std::size_t columns = 80;
  std::size_t rows = 0;  ///< 0: as many as there are
  Colour colour = Colour::off;
};

/// "09:15:42", UTC.
[[nodiscard]] std::string time_of_day(FileTime time);
/// Columns that `utf8` takes on a terminal: two for wide characters, none for combining ones.
[[nodiscard]] std::size_t display_width(std::string_view utf8);
/// `utf8` in exactly `width` columns: filled with blanks, or cut with an ellipsis at its end.
[[nodiscard]] std::string fitted(std::string_view utf8, std::size_t width);

class DependencyTable {
 public:
  static constexpr std::size_t kMaxDependencies = 4'096;  ///< what comes beyond is counted in one line
  static constexpr std::size_t kNews = 6;                 ///< latest findings of a warning or more that are told in words

  void add(const event::LogonEvent& event);

  /// The table as lines without their ends: `title`, the sums, a line per dependency and the latest findings. Never wider than the
  /// pane, and never more lines than it has rows. Pure.
  [[nodiscard]] std::vector<std::string> lines(const Pane& pane, std::string_view title) const;

 private:
  struct News {
    event::Severity severity = event::Severity::info;
    std::string text{};
  };

  std::map<inventory::KeyDigest, inventory::Dependency> dependencies_{};
  inventory::Dependency other_ = inventory::other_bucket();
  std::deque<News> news_{};  ///< the latest last
  std::uint64_t logons_ = 0;
  std::uint64_t warnings_ = 0, alarms_ = 0;  ///< logons whose worst finding is one
};

}  // namespace postern::watch
