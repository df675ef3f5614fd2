// FileTime: the time of NTLM messages and of Windows, and its RFC 3339 text.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

/// 100-nanosecond ticks since 1601-01-01T00:00:00Z (MS-DTYP 2.3.3). Any 64-bit value is one; arithmetic saturates.
class FileTime {
 public:
  static constexpr std::uint64_t kTicksPerSecond = 10'000'000;
  static constexpr std::uint64_t kTicksPerMicrosecond = 10;
  /// 1970-01-01T00:00:00Z: 369 years of which 89 were leap years.
  static constexpr std::uint64_t kUnixEpochTicks = (369ULL * 365 + 89) * 86'400 * kTicksPerSecond;

  constexpr FileTime() = default;
  constexpr explicit FileTime(std::uint64_t ticks) : ticks_{ticks} {}
  /// From microseconds since 1970; times before 1601 become 1601.
  [[nodiscard]] static constexpr FileTime from_unix_microseconds(std::int64_t microseconds) {
    const std::int64_t earliest = -static_cast<std::int64_t>(kUnixEpochTicks / kTicksPerMicrosecond);
    if (microseconds <= earliest) return FileTime{0};
    const std::int64_t since_1601 = microseconds - earliest;
    return FileTime{static_cast<std::uint64_t>(since_1601) * kTicksPerMicrosecond};
  }

  [[nodiscard]] constexpr std::uint64_t ticks() const { return ticks_; }
  [[nodiscard]] constexpr std::int64_t unix_microseconds() const {
    const std::int64_t since_1601 = static_cast<std::int64_t>(ticks_ / kTicksPerMicrosecond);
    return since_1601 - static_cast<std::int64_t>(kUnixEpochTicks / kTicksPerMicrosecond);
  }
  /// |a - b| in ticks, for clock-skew tests.
  [[nodiscard]] constexpr std::uint64_t distance_ticks(FileTime other) const {
    return ticks_ > other.ticks_ ? ticks_ - other.ticks_ : other.ticks_ - ticks_;
  }
  /// RFC 3339 in UTC with microseconds, for example `2026-11-22T10:00:00.123456Z`; years past 9999 print as year 9999's last
  /// moment.
  [[nodiscard]] std::string to_rfc3339() const;
  /// Reads RFC 3339 with any offset and 0 to 9 digits of fraction (what is finer than a tick is cut).
  [[nodiscard]] static std::optional<FileTime> from_rfc3339(std::string_view text);

  auto operator<=>(const FileTime&) const = default;

 private:
  std::uint64_t ticks_ = 0;
};

}  // namespace postern
