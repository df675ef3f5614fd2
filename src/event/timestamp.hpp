// Timestamp: a FileTime cut to what an event's JSON can carry, so that a stored event and the live facts are equal.
#pragma once

#include <algorithm>

#include "base/file_time.hpp"

namespace postern::event {

/// A moment in whole microseconds from 1601 to the end of year 9999 (UTC). A client may claim any 64-bit time; what is finer is
/// cut, what is later becomes the last moment of year 9999.
class Timestamp {
 public:
  constexpr Timestamp() = default;
  constexpr explicit Timestamp(FileTime time)
      : time_{std::min(time.ticks() - time.ticks() % FileTime::kTicksPerMicrosecond, kLastTicks)} {}

  [[nodiscard]] constexpr FileTime file_time() const { return time_; }
  auto operator<=>(const Timestamp&) const = default;

 private:
  // 9999-12-31T23:59:59.999999Z: 3,067,671 days from 1601-01-01 to 10000-01-01, less one microsecond.
  static constexpr std::uint64_t kLastTicks = 3'067'671ULL * 86'400 * FileTime::kTicksPerSecond - FileTime::kTicksPerMicrosecond;
  FileTime time_{};
};

}  // namespace postern::event
