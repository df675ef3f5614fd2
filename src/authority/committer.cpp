#include "authority/committer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace postern::authority {

Committer::Committer(account::Store& store, event::Sink* sink, std::size_t max_queued)
    : store_{store}, sink_{sink}, max_queued_{max_queued}, thread_{[this] { run(); }} {}

Committer::~Committer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Committer::submit(Job job) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

Committer::Counters Committer::counters() const {
  const std::lock_guard lock{mutex_};
  return counters_;
}

std::size_t Committer::queued() const {
  const std::lock_guard lock{mutex_};
  return queue_.size();
}

void Committer::run() {
  std::deque<Job> batch;
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      // A batch is what has come while the last one was written: it never waits to fill.
      const std::size_t count = std::min(queue_.size(), kMaxBatch);
      const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    commit(batch);
    batch.clear();
  }
}

std::vector<Committer::Outcome> Committer::outcomes_of(std::span<const account::LogonCommit> commits) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(commits.size());
  const auto together = store_.commit_logons(commits);
  if (together) {
    for (const account::CounterOutcome outcome : *together) outcomes.emplace_back(outcome);
    return outcomes;
  }
  // The store turned down what one of them holds: the others are no worse for it. A store that fails is asked once.
  const ErrorCode code = together.error().code;
  const bool one_is_at_fault = code == ErrorCode::invalid_input || code == ErrorCode::too_large || code == ErrorCode::conflict;
  for (const account::LogonCommit& commit : commits) {
    if (!one_is_at_fault || commits.size() == 1) {
      outcomes.emplace_back(std::unexpected{together.error()});
      continue;
    }
    const auto alone = store_.commit_logons({&commit, 1});
    outcomes.push_back(alone ? Outcome{alone->front()} : Outcome{std::unexpected{alone.error()}});
  }
  return outcomes;
}

void Committer::commit(std::deque<Job>& batch) {
  std::vector<account::LogonCommit> commits;
  commits.reserve(batch.size());
  for (Job& job : batch) commits.push_back(std::move(job.commit));
  std::vector<Outcome> outcomes = outcomes_of(commits);

  Counters more;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ++(outcomes[i] ? more.committed : more.failed);
    if (outcomes[i] && sink_ != nullptr && !sink_->write(*batch[i].event)) ++more.sink_failures;
  }
  {
    const std::lock_guard lock{mutex_};
    counters_.committed += more.committed;
    counters_.failed += more.failed;
    counters_.sink_failures += more.sink_failures;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(outcomes[i]));
}

}  // namespace postern::authority
