#include "observe/capture/flow_table.hpp"

#include <algorithm>
#include <bit>

namespace postern::observe::capture {
FlowHash::FlowHash(std::uint64_t seed) {
  // splitmix64: keys that have nothing to do with one another out of one seed.
  for (std::uint64_t& key : keys_) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    key = z ^ (z >> 31);
  }
}

FlowTable::FlowTable(std::size_t max_slots)
    : slots_(kMinSlots),
      mask_{kMinSlots - 1},
      shift_{64U - static_cast<unsigned>(std::countr_zero(kMinSlots))},
      max_slots_{std::max(kMinSlots, std::bit_floor(max_slots))} {}

FlowSlot* FlowTable::insert(std::uint64_t key) {
  if (would_grow()) grow();
  std::size_t i = home(key);
  while (slots_[i].state != FlowSlot::State::empty) i = (i + 1) & mask_;
  slots_[i] = FlowSlot{.key = key, .state = FlowSlot::State::opening};
  ++size_;
  return &slots_[i];
}

void FlowTable::erase(FlowSlot* slot) {
  auto hole = static_cast<std::size_t>(slot - slots_.data());
  for (std::size_t i = (hole + 1) & mask_; slots_[i].state != FlowSlot::State::empty; i = (i + 1) & mask_) {
    // What may lie at the hole: anything whose home is not between the hole and where it is now.
    if (((i - home(slots_[i].key)) & mask_) < ((i - hole) & mask_)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = FlowSlot{};
  --size_;
}

FlowSlot* FlowTable::least_worth(std::size_t sample) {
  FlowSlot* least = nullptr;
  for (std::size_t seen = 0, looked = 0; seen < sample && looked < slots_.size(); ++looked) {
    hand_ = (hand_ + 1) & mask_;
    FlowSlot* slot = &slots_[hand_];
    if (slot->state == FlowSlot::State::empty) continue;
    ++seen;
    if (least == nullptr) {
      least = slot;
      continue;
    }
    const bool costly = slot->state == FlowSlot::State::flow;
    const bool least_costly = least->state == FlowSlot::State::flow;
    if (costly != least_costly ? least_costly : slot->last_seen < least->last_seen) least = slot;
  }
  return least;
}

void FlowTable::grow() {
  std::vector<FlowSlot> old(slots_.size() * 2);
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  --shift_;
  for (const FlowSlot& slot : old) {
    if (slot.state == FlowSlot::State::empty) continue;
    std::size_t i = home(slot.key);
    while (slots_[i].state != FlowSlot::State::empty) i = (i + 1) & mask_;
    slots_[i] = slot;
  }
}

}  // namespace postern::observe::capture
