// What the authority takes from its surroundings, so that tests can give it: the time and randomness.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/secret.hpp"

namespace postern::authority {

class Environment {
 public:
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  virtual ~Environment() = default;

  /// The wall clock, for messages, account state and events. May jump.
  [[nodiscard]] virtual FileTime now() = 0;
  /// Ticks of 100 ns from a clock that never goes back, for time-outs.
  [[nodiscard]] virtual std::uint64_t monotonic_ticks() = 0;
  /// Fills with bytes of the system's generator. Thread-safe.
  virtual void random(MutableByteView out) = 0;

  template <typename Fixed>
  [[nodiscard]] Fixed random_value() {
    std::array<std::uint8_t, Fixed::kSize> bytes{};
    random(bytes);
    Fixed value{bytes};
    wipe(bytes);  // it may be a secret
    return value;
  }
};

/// clock_gettime and getrandom, of which each thread keeps some bytes (entropy::Reserve). A system that gives no randomness ends
/// the process: nothing can be minted then.
class SystemEnvironment final : public Environment {
 public:
  [[nodiscard]] FileTime now() override;
  [[nodiscard]] std::uint64_t monotonic_ticks() override;
  void random(MutableByteView out) override;
};

}  // namespace postern::authority
