#include "base/secret.hpp"

#include "base/declassify.hpp"

namespace postern {

namespace {

/// Hides a value from the optimiser, which would otherwise be free to leave the loop early.
std::uint8_t opaque(std::uint8_t value) noexcept {
  asm volatile("" : "+r"(value));
  return value;
}

}  // namespace

bool constant_time_equal(ByteView a, ByteView b) noexcept {
  if (a.size() != b.size()) return false;
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = opaque(static_cast<std::uint8_t>(difference | (a[i] ^ b[i])));
  return declassify(difference == 0);
}

bool constant_time_is_zero(ByteView bytes) noexcept {
  std::uint8_t seen = 0;
  for (const std::uint8_t byte : bytes) seen = opaque(static_cast<std::uint8_t>(seen | byte));
  return declassify(seen == 0);
}

}  // namespace postern
