// Where randomness and time come from: the operating system, or the caller's functions in tests.
#pragma once

#include <postern/postern.h>

#include "api/outcome.hpp"
#include "base/bytes.hpp"
#include "base/file_time.hpp"

namespace postern::api {

class Environment {
 public:
  Environment() = default;
  /// `given` may be null.
  [[nodiscard]] static Outcome<Environment> read(const postern_environment* given);

  /// From getrandom(2), of which each thread keeps some bytes (entropy::Reserve), unless the caller has said otherwise.
  [[nodiscard]] Outcome<postern_status> fill_random(MutableByteView bytes) const;
  [[nodiscard]] FileTime now() const;

 private:
  postern_environment given_{};
};

}  // namespace postern::api
