#include "observe/capture/flow_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace postern::observe::capture {
namespace {

std::uint64_t load(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Both halves of a 128-bit product, folded: each bit of either factor moves about half of the result's.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd numbers without a pattern (fractions of square roots of 2, 3, 5, 7), so that a factor is zero for no usual seed, zero among
// them: the upper half of an IPv4 address is zero too.
constexpr std::uint64_t kMix1 = 0x6a09e667f3bcc909;
constexpr std::uint64_t kMix2 = 0xbb67ae8584caa73b;
constexpr std::uint64_t kMix3 = 0x3c6ef372fe94f82b;
constexpr std::uint64_t kMix4 = 0xa54ff53a5f1d36f1;

std::uint64_t end_hash(const Endpoint& end, std::uint64_t seed, std::uint64_t with) {
  const std::uint64_t high = load(end.address.bytes.data());
  const std::uint64_t low = load(end.address.bytes.data() + 8);
  return mix(mix(high ^ seed ^ with ^ kMix4, low ^ kMix1 ^ (seed >> 32)), seed ^ kMix2 ^ end.port);
}

bool less(const Endpoint& a, const Endpoint& b) {
  const int order = std::memcmp(a.address.bytes.data(), b.address.bytes.data(), a.address.bytes.size());
  return order != 0 ? order < 0 : a.port < b.port;
}

}  // namespace

FlowKey flow_key(const Endpoint& source, const Endpoint& destination, std::uint64_t seed) {
  const bool first = !less(destination, source);
  const Endpoint& a = first ? source : destination;
  const Endpoint& b = first ? destination : source;
  const std::uint64_t hash = mix(end_hash(a, seed, 0) ^ kMix3, end_hash(b, seed, kMix3));
  return {hash == 0 ? 1 : hash, first ? 0U : 1U};
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
