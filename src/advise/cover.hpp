// The smallest choice of sets that covers everything: exactly where that is in reach, greedily with a bound where it is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace postern::advise {

inline constexpr std::size_t kMaxCoverNodes = 200'000;  ///< steps of the exact search before it gives up

struct Cover {
  std::vector<std::size_t> chosen{};     ///< indices of sets, in order; none can be left out
  bool smallest = false;                 ///< proved: no smaller choice covers as much
  std::size_t at_least = 0;              ///< no cover has fewer sets; equal to chosen.size() if `smallest`
  std::vector<std::size_t> uncovered{};  ///< elements that no set holds
};

/// `sets[i]` are the elements (below `elements`, ascending) that the i-th set holds. Of sets that serve equally the earlier is
/// taken. Branch and bound on the element with the fewest sets, from the greedy choice down; over `max_nodes` steps the best so far
/// stands, and `at_least` is the number of elements of which no two share a set.
[[nodiscard]] Cover smallest_cover(std::size_t elements, const std::vector<std::vector<std::size_t>>& sets,
                                   std::size_t max_nodes = kMaxCoverNodes);

}  // namespace postern::advise
