// What texts hold on the heap, so that tables of them can be held to so many bytes (R36).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "observe/logons/decode.hpp"

namespace postern::observe {

/// What an allocation costs beside its bytes.
inline constexpr std::size_t kAllocationBytes = 16;

[[nodiscard]] inline std::size_t heap_bytes(const std::string& text) {
  static const std::size_t in_place = std::string{}.capacity();
  return text.capacity() <= in_place ? 0 : text.capacity() + kAllocationBytes;
}
[[nodiscard]] inline std::size_t heap_bytes(const std::optional<std::string>& text) { return text ? heap_bytes(*text) : 0; }
[[nodiscard]] inline std::size_t heap_bytes(const std::vector<std::string>& texts) {
  std::size_t sum = texts.empty() ? 0 : texts.capacity() * sizeof(std::string) + kAllocationBytes;
  for (const std::string& text : texts) sum += heap_bytes(text);
  return sum;
}
[[nodiscard]] std::size_t heap_bytes(const DecodedMessage& message);

}  // namespace postern::observe
