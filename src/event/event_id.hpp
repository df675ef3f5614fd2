// EventId: names one event; ids sort as the events' times do.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_time.hpp"

namespace postern::event {

/// 128 bits: milliseconds since 1970 (48), microseconds of that millisecond (10), random (70). The text form is a ULID: 26 letters
/// of Crockford's base 32, upper case, which sort as the ids do. Events of one microsecond sort in random order.
class EventId {
 public:
  static constexpr std::size_t kRandomBytes = 9;  ///< 72 bits, of which 70 are used
  static constexpr std::size_t kTextLength = 26;

  constexpr EventId() = default;
  /// `random` comes from the operating system's generator; the caller owns it. Times before 1970 count as 1970.
  [[nodiscard]] static EventId make(FileTime time, std::span<const std::uint8_t, kRandomBytes> random);
  /// Reads exactly what `text` writes; nothing for lower case, other lengths or values over 128 bits.
  [[nodiscard]] static std::optional<EventId> from_text(std::string_view text);

  [[nodiscard]] std::string text() const;
  [[nodiscard]] FileTime time() const;  ///< to the microsecond
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  auto operator<=>(const EventId&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace postern::event
