#include "api/environment.hpp"

#include <chrono>

#include "entropy/entropy.hpp"

namespace postern::api {

Outcome<Environment> Environment::read(const postern_environment* given) {
  Environment environment;
  if (given == nullptr) return environment;
  POSTERN_TRY(known, read_struct(given, postern_environment{}, "environment"));
  environment.given_ = known;
  return environment;
}

Outcome<postern_status> Environment::fill_random(MutableByteView bytes) const {
  if (given_.random != nullptr) {
    if (given_.random(given_.user_data, bytes.data(), bytes.size()) == 0) return POSTERN_OK;
    return refuse(POSTERN_INTERNAL, "environment", "the caller's random source failed");
  }
  if (!entropy::fill(bytes)) return refuse(POSTERN_INTERNAL, "environment", "the kernel gives no random numbers");
  return POSTERN_OK;
}

FileTime Environment::now() const {
  if (given_.now != nullptr) return FileTime{given_.now(given_.user_data)};
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

}  // namespace postern::api
