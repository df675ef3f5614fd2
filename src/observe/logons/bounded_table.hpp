// A map of a limited number of entries and bytes, of which the one used longest ago makes room (R36).
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/keyed_digest.hpp"
#include "base/reader.hpp"

namespace postern::observe {

/// For keys that are keyed digests: nobody can choose them, so their own bits are the hash. Other keys are compared in a tree,
/// which no choice of theirs makes slow.
struct DigestHash {
  std::size_t operator()(const KeyedDigest& digest) const { return load_le<std::size_t>(digest.data()); }
};

template <typename Key, typename Value>
class BoundedTable {
 public:
  /// At most `limit` entries; they and what weigh() is told that they hold take at most `bytes_max` bytes, or are one entry.
  explicit BoundedTable(std::size_t limit, std::size_t bytes_max) : limit_{limit}, bytes_max_{bytes_max} {}

  /// The entry, or null.
  [[nodiscard]] Value* find(const Key& key) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return nullptr;
    order_.splice(order_.end(), order_, at->second.place);
    return &at->second.value;
  }
  /// The entry, made if it was not there.
  [[nodiscard]] Value& at(const Key& key) {
    if (Value* known = find(key); known != nullptr) return *known;
    while (!entries_.empty() && (entries_.size() >= limit_ || bytes() + kEntryBytes > bytes_max_)) drop_oldest();
    const auto place = order_.insert(order_.end(), key);
    return entries_.emplace(key, Entry{Value{}, place, 0}).first->second.value;
  }
  /// What the entry, which was used last, holds on the heap (with twice what its key does). Others may go for it.
  void weigh(const Key& key, std::size_t heap_bytes) {
    const auto at = entries_.find(key);
    heap_bytes_ += heap_bytes - at->second.heap_bytes;
    at->second.heap_bytes = heap_bytes;
    while (bytes() > bytes_max_ && entries_.size() > 1) drop_oldest();
  }
  void erase(const Key& key) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return;
    order_.erase(at->second.place);
    heap_bytes_ -= at->second.heap_bytes;
    entries_.erase(at);
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return entries_.size() * kEntryBytes + heap_bytes_; }

 private:
  struct Entry {
    Value value{};
    typename std::list<Key>::iterator place{};
    std::size_t heap_bytes = 0;
  };
  static constexpr std::size_t kNodesBytes = 112;  // of list and tree, or of list, chain and buckets, with what allocations cost
  static constexpr std::size_t kEntryBytes = sizeof(Entry) + 2 * sizeof(Key) + kNodesBytes;

  void drop_oldest() { erase(Key{order_.front()}); }

  std::size_t limit_;
  std::size_t bytes_max_;
  std::size_t heap_bytes_ = 0;
  std::list<Key> order_;  ///< the one used longest ago first
  std::conditional_t<std::is_same_v<Key, KeyedDigest>, std::unordered_map<Key, Entry, DigestHash>, std::map<Key, Entry>> entries_;
};

}  // namespace postern::observe
