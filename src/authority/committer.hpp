// The one thread that writes: counters and event of many logons in one transaction (group commit), then their answers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "account/store.hpp"
#include "base/result.hpp"
#include "event/logon_event.hpp"
#include "event/sink.hpp"

namespace postern::authority {

class Committer {
 public:
  static constexpr std::size_t kMaxBatch = 1'024;

  using Outcome = Result<account::CounterOutcome>;
  struct Job {
    account::LogonCommit commit{};
    std::shared_ptr<const event::LogonEvent> event{};  ///< for the sink, once it is durable
    std::function<void(Outcome)> done{};               ///< called on the writer's thread, exactly once
  };

  /// `store` outlives the committer; `sink` may be null and gets each event after it is durable. More than `max_queued` jobs are
  /// refused: a store that does not keep up must not fill the memory (R33).
  Committer(account::Store& store, event::Sink* sink, std::size_t max_queued);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  /// Commits what is queued, then ends.
  ~Committer();

  /// Queues the job, in order. False if the queue is full: `done` is not called then.
  [[nodiscard]] bool submit(Job job);

  struct Counters {
    std::uint64_t committed = 0;
    std::uint64_t failed = 0;
    std::uint64_t sink_failures = 0;
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::size_t queued() const;

 private:
  void run();
  void commit(std::deque<Job>& batch);
  std::vector<Outcome> outcomes_of(std::span<const account::LogonCommit> commits);

  account::Store& store_;
  event::Sink* sink_;
  mutable std::mutex mutex_{};
  std::condition_variable wake_{};
  std::deque<Job> queue_{};
  const std::size_t max_queued_;
  bool stopping_ = false;
  Counters counters_{};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace postern::authority
