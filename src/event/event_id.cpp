#include "event/event_id.hpp"

#include <algorithm>

namespace postern::event {
namespace {

// Crockford's base 32: digits and upper-case letters without I, L, O, U. In ASCII order, so that texts sort as values do.
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static_assert(kAlphabet.size() == 32 && std::ranges::is_sorted(kAlphabet));

constexpr std::uint64_t kMillisecondsMask = (std::uint64_t{1} << 48) - 1;

}  // namespace

EventId EventId::make(FileTime time, std::span<const std::uint8_t, kRandomBytes> random) {
  const auto microseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(time.unix_microseconds(), 0));
  const std::uint64_t milliseconds = (microseconds / 1000) & kMillisecondsMask;
  const std::uint64_t rest = microseconds % 1000;  // below 2^10

  EventId id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes_[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  id.bytes_[6] = static_cast<std::uint8_t>(rest >> 2);
  id.bytes_[7] = static_cast<std::uint8_t>(((rest & 0x3) << 6) | (random[0] & 0x3f));
  std::copy(random.begin() + 1, random.end(), id.bytes_.begin() + 8);
  return id;
}

FileTime EventId::time() const {
  std::uint64_t milliseconds = 0;
  for (std::size_t i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | bytes_[i];
  const std::uint64_t rest = static_cast<std::uint64_t>(bytes_[6]) << 2 | bytes_[7] >> 6;
  return FileTime::from_unix_microseconds(static_cast<std::int64_t>(milliseconds * 1000 + rest));
}

std::string EventId::text() const {
  // 26 letters of 5 bits hold 130: the first letter has the top 3 bits only.
  std::string text(kTextLength, '0');
  std::uint32_t window = 0;
  std::size_t bits = 2;  // the two zero bits in front
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes_) {
    window = (window << 8 | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[at++] = kAlphabet[window >> bits & 0x1f];
    }
  }
  return text;
}

std::optional<EventId> EventId::from_text(std::string_view text) {
  if (text.size() != kTextLength || text.front() > '7') return std::nullopt;
  EventId id;
  std::uint32_t window = 0;
  std::size_t bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    const std::size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    window = (window << 5 | static_cast<std::uint32_t>(digit)) & 0xffff;
    bits += i == 0 ? 3 : 5;
    if (bits >= 8) {
      bits -= 8;
      id.bytes_[at++] = static_cast<std::uint8_t>(window >> bits);
    }
  }
  return id;
}

}  // namespace postern::event
