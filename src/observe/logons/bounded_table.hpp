// A map of a limited number of entries, of which the one used longest ago makes room (R36).
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
  explicit BoundedTable(std::size_t limit) : limit_{limit} {}

  /// The entry, or null.
  [[nodiscard]] Value* find(const Key& key) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return nullptr;
    order_.splice(order_.end(), order_, at->second.second);
    return &at->second.first;
  }
  /// The entry, made if it was not there.
  [[nodiscard]] Value& at(const Key& key) {
    if (Value* known = find(key); known != nullptr) return *known;
    if (entries_.size() >= limit_) {
      entries_.erase(order_.front());
      order_.pop_front();
    }
    const auto place = order_.insert(order_.end(), key);
    return entries_.emplace(key, std::pair{Value{}, place}).first->second.first;
  }
  void erase(const Key& key) {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return;
    order_.erase(at->second.second);
    entries_.erase(at);
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::size_t limit_;
  std::list<Key> order_;
  using Entry = std::pair<Value, typename std::list<Key>::iterator>;
  std::conditional_t<std::is_same_v<Key, KeyedDigest>, std::unordered_map<Key, Entry, DigestHash>, std::map<Key, Entry>> entries_;
};

}  // namespace postern::observe
