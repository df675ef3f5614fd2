#include "authority/environment.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <sys/random.h>

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
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace postern::authority
