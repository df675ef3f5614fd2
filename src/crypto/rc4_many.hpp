// Short texts under many keys of RC4, as key exchanges are: the time goes into the key schedules, and four of them side by side
// take less than two one after the other.
#pragma once

#include <span>

#include "base/bytes.hpp"
#include "crypto/rc4.hpp"

namespace postern::crypto {

/// One text under a key of its own. `in` and `out` have the same size, apart or the same place.
struct Rc4Job {
  ByteView key;
  ByteView in;
  MutableByteView out;
};

/// For each job what `Rc4{key}.apply(in, out)` does, and aborts where that would. Keys of 16 bytes go four at a time.
void rc4_many(std::span<const Rc4Job> jobs) noexcept;

}  // namespace postern::crypto
