#include "edge/http/registry.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace postern::http {

std::unique_ptr<Registry::Ticket> Registry::admit(const std::string& address, const LimitsConfig& limits,
                                                  std::function<void()> close) {
  std::function<void()> close_oldest;
  std::unique_ptr<Ticket> ticket;
  {
    const std::lock_guard lock{mutex_};
    if (by_address_[address] >= limits.max_connections_per_address) {
      const auto same =
          std::find_if(waiting_.begin(), waiting_.end(), [&](const Entry* entry) { return entry->address == address; });
      if (same == waiting_.end()) {
        ++metrics_.refused_address_limit;
        return nullptr;
      }
      close_oldest = evict(**same);
    } else if (places_ >= limits.max_connections) {
      if (waiting_.empty()) {
        if (by_address_[address] == 0) by_address_.erase(address);
        ++metrics_.refused_total_limit;
        return nullptr;
      }
      close_oldest = evict(*waiting_.front());
    }
    auto entry = std::make_unique<Entry>();
    entry->address = address;
    entry->close = std::move(close);
    entry->in_waiting = waiting_.insert(waiting_.end(), entry.get());
    ++places_;
    ++by_address_[address];
    ++metrics_.connections_accepted;
    ++metrics_.connections_open;
    ticket = std::make_unique<Ticket>(*this, entries_.insert(entries_.end(), std::move(entry)));
  }
  if (close_oldest) close_oldest();
  return ticket;
}

void Registry::leave_lists(Entry& entry) {
  if (entry.evicted) return;
  if (entry.phase == Phase::half_open) {
    half_open_.erase(entry.in_half_open);
    --metrics_.half_open;
  }
  if (entry.phase != Phase::logged_on) waiting_.erase(entry.in_waiting);
}

void Registry::give_up_place(Entry& entry) {
  --places_;
  const auto found = by_address_.find(entry.address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

std::function<void()> Registry::evict(Entry& entry) {
  leave_lists(entry);
  give_up_place(entry);
  entry.evicted = true;
  ++metrics_.evicted;
  return entry.close;
}

void Registry::set_phase(Entry& entry, Phase phase, std::size_t max_half_open) {
  std::function<void()> close_oldest;
  {
    const std::lock_guard lock{mutex_};
    if (entry.evicted || entry.phase == phase) return;
    leave_lists(entry);
    entry.phase = phase;
    if (phase != Phase::logged_on) entry.in_waiting = waiting_.insert(waiting_.end(), &entry);
    if (phase == Phase::half_open) {
      if (half_open_.size() >= max_half_open) close_oldest = evict(*half_open_.front());
      entry.in_half_open = half_open_.insert(half_open_.end(), &entry);
      ++metrics_.half_open;
    }
  }
  if (close_oldest) close_oldest();
}

void Registry::remove(Entry& entry) {
  leave_lists(entry);
  if (!entry.evicted) give_up_place(entry);
  --metrics_.connections_open;
}

Registry::Ticket::~Ticket() {
  const std::lock_guard lock{registry_.mutex_};
  registry_.remove(**entry_);
  registry_.entries_.erase(entry_);
}

void Registry::close_all() {
  std::vector<std::function<void()>> all;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& entry : entries_) all.push_back(entry->close);
  }
  for (const auto& close : all) close();
}

std::size_t Registry::size() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

}  // namespace postern::http
