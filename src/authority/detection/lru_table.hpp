// LruTable: a map of at most so many entries; what was not used for longest goes first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace postern::authority::detection {

/// Keys are keyed digests: evenly spread, and nobody outside can choose two that meet. Memory grows with use up to max_bytes() and
/// never shrinks. References and pointers hold until the next `at`.
template <typename Value>
class LruTable {
 public:
  /// At least one entry, fewer than 2^32 - 1.
  explicit LruTable(std::size_t max_entries) : max_entries_{std::max<std::size_t>(max_entries, 1)} {}

  /// The entry, now the last used; null if there is none.
  [[nodiscard]] Value* find(std::uint64_t key) {
    const std::uint32_t index = index_of(key);
    if (index == kNone) return nullptr;
    use(index);
    return &slots_[index].value;
  }
  /// The entry, now the last used; a new one if there was none, in place of the one that was not used for longest if all are taken.
  [[nodiscard]] Value& at(std::uint64_t key) {
    if (Value* found = find(key)) return *found;
    const std::uint32_t index = slots_.size() < max_entries_ ? grow() : take_oldest();
    Slot& slot = slots_[index];
    slot.key = key;
    slot.value = Value{};
    slot.chain = buckets_[bucket_of(key)];
    buckets_[bucket_of(key)] = index;
    link_newest(index);
    return slot.value;
  }

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot) + buckets_.capacity() * sizeof(std::uint32_t); }
  /// What bytes() never exceeds.
  [[nodiscard]] std::size_t max_bytes() const {
    std::size_t buckets = kFirstBuckets;
    while (buckets < max_entries_) buckets *= 2;
    return max_entries_ * sizeof(Slot) + buckets * sizeof(std::uint32_t);
  }
  /// Calls visit(key, value), the one that was not used for longest first.
  template <typename Visitor>
  void for_each_oldest_first(Visitor&& visit) const {
    for (std::uint32_t index = oldest_; index != kNone; index = slots_[index].newer) visit(slots_[index].key, slots_[index].value);
  }
  void clear() {
    slots_.clear();
    std::ranges::fill(buckets_, kNone);
    newest_ = oldest_ = kNone;
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr std::size_t kFirstBuckets = 64;

  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
    std::uint32_t chain = kNone;  ///< the next of the same bucket
    Value value{};
  };

  [[nodiscard]] std::size_t bucket_of(std::uint64_t key) const { return key & (buckets_.size() - 1); }
  [[nodiscard]] std::uint32_t index_of(std::uint64_t key) const {
    if (buckets_.empty()) return kNone;
    std::uint32_t index = buckets_[bucket_of(key)];
    while (index != kNone && slots_[index].key != key) index = slots_[index].chain;
    return index;
  }
  void use(std::uint32_t index) {
    if (newest_ == index) return;
    unlink(index);
    link_newest(index);
  }
  void unlink(std::uint32_t index) {
    const Slot& slot = slots_[index];
    (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
  }
  void link_newest(std::uint32_t index) {
    slots_[index].older = newest_;
    slots_[index].newer = kNone;
    (newest_ == kNone ? oldest_ : slots_[newest_].newer) = index;
    newest_ = index;
  }
  std::uint32_t grow() {
    if (slots_.size() == slots_.capacity()) slots_.reserve(std::min(max_entries_, std::max(kFirstBuckets, slots_.size() * 2)));
    if (slots_.size() >= buckets_.size()) {
      buckets_ = std::vector<std::uint32_t>(std::max(kFirstBuckets, buckets_.size() * 2), kNone);
      for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        slots_[i].chain = buckets_[bucket_of(slots_[i].key)];
        buckets_[bucket_of(slots_[i].key)] = i;
      }
    }
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  std::uint32_t take_oldest() {
    const std::uint32_t index = oldest_;
    unlink(index);
    std::uint32_t* link = &buckets_[bucket_of(slots_[index].key)];
    while (*link != index) link = &slots_[*link].chain;
    *link = slots_[index].chain;
    return index;
  }

  std::size_t max_entries_;
  std::vector<Slot> slots_{};
  std::vector<std::uint32_t> buckets_{};
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
};

}  // namespace postern::authority::detection
