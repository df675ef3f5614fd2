#include "authority/committer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace postern::authority {

Committer::Committer(account::Store& store, event::Sink* sink) : store_{store}, sink_{sink}, thread_{[this] { run(); }} {}

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
    if (stopping_ || queue_.size() >= kMaxQueued) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

Committer::Counters Committer::counters() const {
  const std::lock_guard lock{mutex_};
  return counters_;
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

void Committer::commit(std::deque<Job>& batch) {
  std::vector<account::LogonCommit> commits;
  commits.reserve(batch.size());
  for (Job& job : batch) commits.push_back(std::move(job.commit));
  const auto outcomes = store_.commit_logons(commits);

  std::uint64_t sink_failures = 0;
  if (outcomes && sink_ != nullptr) {
    for (const Job& job : batch) if (!sink_->write(*job.event)) ++sink_failures;
  }
  {
    const std::lock_guard lock{mutex_};
    (outcomes ? counters_.committed : counters_.failed) += batch.size();
    counters_.sink_failures += sink_failures;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].done(outcomes ? Outcome{(*outcomes)[i]} : Outcome{std::unexpected{outcomes.error()}});
  }
}

}  // namespace postern::authority
