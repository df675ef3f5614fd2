#include "authority/statistics.hpp"

#include <algorithm>

namespace postern::authority {

void Histogram::add(std::uint64_t ticks) {
  const auto step = static_cast<std::size_t>(std::ranges::lower_bound(kBounds, ticks) - kBounds.begin());
  counts_[step].fetch_add(1, std::memory_order_relaxed);
  sum_ticks_.fetch_add(ticks, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot;
  for (std::size_t i = 0; i < counts_.size(); ++i) snapshot.counts[i] = counts_[i].load(std::memory_order_relaxed);
  snapshot.sum_ticks = sum_ticks_.load(std::memory_order_relaxed);
  return snapshot;
}

void LogonCounts::add(event::Outcome outcome, std::optional<event::NtlmVersion> version,
                      const std::vector<event::PolicyDecision>& policy) {
  Kind kind{outcome, version, std::nullopt, {}};
  if (!policy.empty()) {  // the decisive one is first
    kind.decision = policy.front().decision;
    if (kind.decision != event::Decision::allow) kind.setting = policy.front().setting;
  }
  const std::lock_guard lock{mutex_};
  if (!counts_.contains(kind) && counts_.size() >= kMaxKinds - 1) kind = {outcome, std::nullopt, std::nullopt, "other"};
  ++counts_[kind];
}

std::vector<std::pair<LogonCounts::Kind, std::uint64_t>> LogonCounts::snapshot() const {
  const std::lock_guard lock{mutex_};
  return {counts_.begin(), counts_.end()};
}

}  // namespace postern::authority
