// Retention: takes old events out of the store, a few at a time, so that no logon waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "account/store.hpp"
#include "authority/environment.hpp"

namespace postern::authority {

/// What is kept. Zero: without that limit.
struct RetentionLimits {
  std::chrono::days age{0};
  std::uint64_t max_events = 0;  ///< the newest
  bool operator==(const RetentionLimits&) const = default;
};

/// Events that one transaction removes: some milliseconds of the writer's time, which is what a logon may wait.
inline constexpr std::size_t kRetentionBatch = 200;

/// Removes one batch of what is over the limits; how many went. Errors: the store's.
[[nodiscard]] Result<std::size_t> remove_one_batch(account::Store& store, const RetentionLimits& limits, FileTime now);

/// A thread that removes batches, with a pause as long as a batch took after each, and looks again every few seconds.
class Retention {
 public:
  /// Told, on the thread, when a round is done (how many went) and when the store failed.
  using Tell = std::function<void(const Result<std::uint64_t>& removed)>;
  /// `store` and `environment` outlive it; `tell` may be empty.
  Retention(account::Store& store, Environment& environment, RetentionLimits limits, Tell tell = {});
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;
  ~Retention();

  void set_limits(RetentionLimits limits);
  struct Counters {
    std::uint64_t removed = 0;
    std::uint64_t failures = 0;
  };
  [[nodiscard]] Counters counters() const { return {removed_.load(), failures_.load()}; }

 private:
  void run();

  account::Store& store_;
  Environment& environment_;
  const Tell tell_;
  std::mutex mutex_{};
  std::condition_variable wake_{};
  RetentionLimits limits_;
  bool changed_ = false;
  bool stopping_ = false;
  std::atomic<std::uint64_t> removed_{0}, failures_{0};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace postern::authority
