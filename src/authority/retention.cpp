#include "authority/retention.hpp"

#include <algorithm>
#include <utility>

namespace postern::authority {
namespace {

constexpr auto kLookAgain = std::chrono::seconds{10};
constexpr auto kShortestPause = std::chrono::milliseconds{5};

}  // namespace

Result<std::size_t> remove_one_batch(account::Store& store, const RetentionLimits& limits, FileTime now) {
  std::size_t removed = 0;
  if (limits.age.count() > 0) {
    const auto age = static_cast<std::uint64_t>(std::chrono::seconds{limits.age}.count()) * FileTime::kTicksPerSecond;
    if (now.ticks() > age) {
      POSTERN_TRY(old, store.remove_events(FileTime{now.ticks() - age}, kRetentionBatch));
      removed += old;
    }
  }
  if (limits.max_events > 0 && removed == 0) {
    POSTERN_TRY(extent, store.event_extent());
    if (extent.last > limits.max_events && extent.first <= extent.last - limits.max_events) {
      POSTERN_TRY(surplus, store.remove_events_through(extent.last - limits.max_events, kRetentionBatch));
      removed += surplus;
    }
  }
  return removed;
}

Retention::Retention(account::Store& store, Environment& environment, RetentionLimits limits, Tell tell)
    : store_{store}, environment_{environment}, tell_{std::move(tell)}, limits_{limits}, thread_{[this] { run(); }} {}

Retention::~Retention() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Retention::set_limits(RetentionLimits limits) {
  {
    const std::lock_guard lock{mutex_};
    limits_ = limits;
    changed_ = true;
  }
  wake_.notify_one();
}

void Retention::run() {
  std::uint64_t this_time = 0;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const RetentionLimits limits = limits_;
    changed_ = false;
    lock.unlock();
    const auto from = std::chrono::steady_clock::now();
    const auto removed = remove_one_batch(store_, limits, environment_.now());
    const auto took = std::chrono::steady_clock::now() - from;
    if (removed) {
      removed_.fetch_add(*removed, std::memory_order_relaxed);
      this_time += *removed;
    } else {
      failures_.fetch_add(1, std::memory_order_relaxed);
      if (tell_) tell_(std::unexpected{removed.error()});
    }
    const bool more = removed && *removed > 0;
    if (!more && this_time > 0 && tell_) tell_(std::exchange(this_time, 0));
    lock.lock();
    const auto pause = more ? std::max<std::chrono::steady_clock::duration>(took, kShortestPause) : kLookAgain;
    wake_.wait_for(lock, pause, [this] { return stopping_ || changed_; });
  }
}

}  // namespace postern::authority
