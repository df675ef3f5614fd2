// What a fuzz target says about every input: a broken invariant stops the run, and the input is kept by libFuzzer.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.hpp"

#define POSTERN_INVARIANT(condition)                                                         \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

namespace postern::fuzz {

inline bool same(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

/// True if `part` is empty or lies inside `whole`.
inline bool inside(ByteView part, ByteView whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace postern::fuzz
