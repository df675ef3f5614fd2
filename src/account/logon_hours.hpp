// Logon hours: the hours of a week in which an account may log on (MS-SAMR 2.2.6.5, logonHours).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/file_time.hpp"
#include "base/result.hpp"

namespace postern::account {

/// 168 bits, one for each hour of a week in UTC; bit 0 of byte 0 is Sunday from 00:00 to 01:00.
class LogonHours {
 public:
  static constexpr std::size_t kBytes = 21;
  static constexpr std::size_t kHours = kBytes * 8;

  /// Every hour.
  LogonHours() { bits_.fill(0xFF); }
  explicit LogonHours(std::span<const std::uint8_t, kBytes> bits);

  /// "always", "never", or days and hours in UTC: "Mon-Fri 08-18, Sat 09-12", "Sun-Sat 00-24". A span of hours may run past
  /// midnight ("Fri 22-06"), and one of days past Saturday ("Sat-Mon"). Refuses other text with `invalid_input` and the offset.
  [[nodiscard]] static Result<LogonHours> parse(std::string_view text);
  /// What `parse` reads back to the same hours, days in the order of a week that begins on Monday.
  [[nodiscard]] std::string to_text() const;

  [[nodiscard]] bool allow(FileTime when) const;
  [[nodiscard]] bool allow_every_hour() const;
  [[nodiscard]] const std::array<std::uint8_t, kBytes>& bits() const { return bits_; }
  bool operator==(const LogonHours&) const = default;

 private:
  [[nodiscard]] bool hour(std::size_t day, std::size_t hour) const;
  void add(std::size_t day, std::size_t hour);

  std::array<std::uint8_t, kBytes> bits_{};
};

}  // namespace postern::account
