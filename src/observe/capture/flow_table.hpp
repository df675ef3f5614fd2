// What is remembered of each connection: 32 bytes in an open-addressed table, found by a keyed hash of its ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/reader.hpp"
#include "observe/stream.hpp"

namespace postern::observe::capture {

struct FlowSlot {
  enum class State : std::uint8_t {
    empty,
    opening,  ///< no payload yet
    flow,     ///< `flow` numbers what reassembles it
    dropped,  ///< nothing that we read; only its end is looked for
  };
  // Of each end in the order of the key: bit `kX << end`.
  static constexpr std::uint8_t kKnown = 0x01;   ///< next[end] is known
  static constexpr std::uint8_t kFin = 0x04;     ///< its FIN was seen
  static constexpr std::uint8_t kClient = 0x10;  ///< it opened the connection
  static constexpr std::uint8_t kStartSeen = 0x40;

  std::uint64_t key = 0;
  std::uint32_t next[2]{};  ///< sequence number that each end sends next
  std::uint32_t flow = 0;
  std::uint32_t last_seen = 0;  ///< in packets, coarse
  State state = State::empty;
  std::uint8_t bits = 0;
};
static_assert(sizeof(FlowSlot) == 32);

/// The two ends of a segment, hashed without regard to its direction.
struct FlowKey {
  std::uint64_t hash = 0;
  unsigned source = 0;  ///< which end the segment came from, 0 or 1
};

/// A hash under `seed`, so that nobody can choose connections that fall on one another. 64 bits are taken for the connection
/// itself: among a million connections two are the same with odds of 1 to 36 million.
class FlowHash {
 public:
  explicit FlowHash(std::uint64_t seed);

  [[nodiscard]] FlowKey key(const Endpoint& source, const Endpoint& destination) const {
    // A sum, and a comparison that is no branch: whose turn it is to speak cannot be predicted.
    const std::uint64_t from = end(source);
    const std::uint64_t to = end(destination);
    const std::uint64_t sum = from + to;
    return {sum == 0 ? 1 : sum, from > to ? 1U : 0U};
  }

 private:
  /// Both halves of a 128-bit product, folded: each bit of either factor moves about half of the result's.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  [[nodiscard]] std::uint64_t end(const Endpoint& end) const {
    const auto high = load_le<std::uint64_t>(end.address.bytes.data());
    const auto low = load_le<std::uint64_t>(end.address.bytes.data() + 8);
    return mix(mix(high ^ keys_[0], low ^ keys_[1]) ^ keys_[2], end.port ^ keys_[3]);
  }

  std::array<std::uint64_t, 4> keys_{};
};

/// Linear probing; a removal moves what follows back, so that there are no tombstones. Pointers are good until the next call that
/// is not const.
class FlowTable {
 public:
  /// Grows up to `max_slots` (rounded down to a power of two, at least kMinSlots).
  explicit FlowTable(std::size_t max_slots);

  static constexpr std::size_t kMinSlots = 1'024;

  [[nodiscard]] FlowSlot* find(std::uint64_t key) {
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return &slots_[i];
      if (slots_[i].state == FlowSlot::State::empty) return nullptr;
    }
  }
  void prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[home(key)]); }
  /// True if insert() has room without growing past the limit.
  [[nodiscard]] bool has_room() const { return size_ < room() || slots_.size() < max_slots_; }
  /// True if the next insert() makes the table twice as large.
  [[nodiscard]] bool would_grow() const { return size_ >= room(); }
  /// A new slot in state opening; needs has_room(), and a key that is not there.
  [[nodiscard]] FlowSlot* insert(std::uint64_t key);
  void erase(FlowSlot* slot);
  /// Of the next `sample` slots in use that a hand going round comes to, the one that is worth least: one that is only remembered
  /// before one that is reassembled, then the one seen longest ago. Null if the table is empty.
  [[nodiscard]] FlowSlot* least_worth(std::size_t sample);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.size() * sizeof(FlowSlot); }

 private:
  [[nodiscard]] std::size_t home(std::uint64_t key) const { return key >> shift_; }
  [[nodiscard]] std::size_t room() const { return slots_.size() / 8 * 7; }
  void grow();

  std::vector<FlowSlot> slots_;
  std::size_t mask_;
  unsigned shift_;
  std::size_t max_slots_;
  std::size_t size_ = 0;
  std::size_t hand_ = 0;
};

}  // namespace postern::observe::capture
