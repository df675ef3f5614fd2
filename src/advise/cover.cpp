#include "advise/cover.hpp"

#include <algorithm>
#include <limits>

namespace postern::advise {
namespace {

using Sets = std::vector<std::vector<std::size_t>>;

class Search {
 public:
  Search(std::size_t elements, const Sets& sets, std::size_t max_nodes)
      : sets_{sets}, holders_(elements), covered_(elements, 0), nodes_left_{max_nodes} {
    for (std::size_t set = 0; set < sets.size(); ++set) {
      for (const std::size_t element : sets[set]) holders_[element].push_back(set);
    }
    for (std::size_t element = 0; element < elements; ++element) {
      // What nobody holds counts as covered: it is no reason to look further.
      if (holders_[element].empty()) {
        uncovered_.push_back(element);
        covered_[element] = 1;
      } else {
        ++open_;
      }
    }
  }

  Cover run() {
    Cover cover;
    best_ = greedy();
    const std::size_t bound = independent_elements();
    complete_ = true;
    if (bound < best_.size()) descend();
    cover.chosen = without_spares(best_);
    cover.smallest = complete_ || bound == best_.size();
    cover.at_least = cover.smallest ? cover.chosen.size() : bound;
    cover.uncovered = std::move(uncovered_);
    return cover;
  }

 private:
  void take(std::size_t set) {
    chosen_.push_back(set);
    for (const std::size_t element : sets_[set]) open_ -= static_cast<std::size_t>(covered_[element]++ == 0);
  }
  void give_back() {
    for (const std::size_t element : sets_[chosen_.back()]) open_ += static_cast<std::size_t>(--covered_[element] == 0);
    chosen_.pop_back();
  }
  [[nodiscard]] std::size_t gain(std::size_t set) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(sets_[set], [this](std::size_t element) { return covered_[element] == 0; }));
  }

  std::vector<std::size_t> greedy() {
    std::vector<std::size_t> result;
    while (open_ > 0) {
      std::size_t best = 0, best_gain = 0;
      for (std::size_t set = 0; set < sets_.size(); ++set) {
        if (sets_[set].size() <= best_gain) continue;
        const std::size_t found = gain(set);
        if (found > best_gain) best = set, best_gain = found;
      }
      take(best);
    }
    result = chosen_;
    while (!chosen_.empty()) give_back();
    return result;
  }

  /// Elements of which no two share a set: each needs a set of its own.
  [[nodiscard]] std::size_t independent_elements() const {
    std::vector<std::size_t> order;
    for (std::size_t element = 0; element < holders_.size(); ++element) {
      if (!holders_[element].empty()) order.push_back(element);
    }
    std::ranges::stable_sort(order, {}, [this](std::size_t element) { return holders_[element].size(); });
    std::vector<bool> used(sets_.size(), false);
    std::size_t count = 0;
    for (const std::size_t element : order) {
      if (std::ranges::any_of(holders_[element], [&used](std::size_t set) { return used[set]; })) continue;
      for (const std::size_t set : holders_[element]) used[set] = true;
      ++count;
    }
    return count;
  }

  void descend() {
    if (open_ == 0) {
      if (chosen_.size() < best_.size()) best_ = chosen_;
      return;
    }
    if (nodes_left_ == 0) {
      complete_ = false;
      return;
    }
    --nodes_left_;
    // The largest gain bounds how many sets the rest needs at least.
    std::size_t largest = 1;
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      if (sets_[set].size() > largest) largest = std::max(largest, gain(set));
    }
    if (chosen_.size() + (open_ + largest - 1) / largest >= best_.size()) return;
    std::size_t pivot = 0, fewest = std::numeric_limits<std::size_t>::max();
    for (std::size_t element = 0; element < holders_.size(); ++element) {
      if (covered_[element] == 0 && holders_[element].size() < fewest) pivot = element, fewest = holders_[element].size();
    }
    std::vector<std::size_t> choices = holders_[pivot];
    std::ranges::stable_sort(choices, [this](std::size_t a, std::size_t b) { return gain(a) > gain(b); });
    for (const std::size_t set : choices) {
      take(set);
      descend();
      give_back();
    }
  }

  /// A greedy choice may hold a set that later ones made superfluous.
  [[nodiscard]] std::vector<std::size_t> without_spares(std::vector<std::size_t> chosen) const {
    std::vector<std::size_t> times(holders_.size(), 0);
    for (const std::size_t set : chosen) {
      for (const std::size_t element : sets_[set]) ++times[element];
    }
    std::ranges::sort(chosen);
    std::erase_if(chosen, [&](std::size_t set) {
      if (std::ranges::any_of(sets_[set], [&](std::size_t element) { return times[element] == 1; })) return false;
      for (const std::size_t element : sets_[set]) --times[element];
      return true;
    });
    return chosen;
  }

  const Sets& sets_;
  std::vector<std::vector<std::size_t>> holders_;
  std::vector<std::size_t> covered_;
  std::vector<std::size_t> uncovered_{}, chosen_{}, best_{};
  std::size_t open_ = 0;
  std::size_t nodes_left_;
  bool complete_ = false;
};

}  // namespace

Cover smallest_cover(std::size_t elements, const Sets& sets, std::size_t max_nodes) {
  return Search{elements, sets, max_nodes}.run();
}

}  // namespace postern::advise
