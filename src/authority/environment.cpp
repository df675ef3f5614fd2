#include "authority/environment.hpp"

#include <chrono>
#include <cstdlib>

#include "entropy/entropy.hpp"

namespace postern::authority {

FileTime SystemEnvironment::now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

std::uint64_t SystemEnvironment::monotonic_ticks() {
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(ticks).count()) / 100;
}

void SystemEnvironment::random(MutableByteView out) {
  if (!entropy::fill(out)) std::abort();
}

}  // namespace postern::authority
