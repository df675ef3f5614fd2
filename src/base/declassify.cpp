#include "base/declassify.hpp"

namespace postern {

bool declassify(bool verdict) noexcept { return verdict; }

}  // namespace postern
