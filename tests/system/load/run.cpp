#include "run.hpp"

#include <array>
#include <sys/epoll.h>
#include <utility>

#include "memory.hpp"

namespace postern::load {
namespace {

constexpr std::size_t kMaxOpening = 128;           ///< connections that are opened at a time to stay
constexpr std::chrono::seconds kPatience{30};      ///< for one logon or request; then it is a failure
constexpr std::chrono::seconds kPreparation{120};  ///< for all connections that stay
constexpr std::chrono::seconds kSettle{1};         ///< before the memory of what stays is read
constexpr int kTickMs = 50;

}  // namespace

Run::Run(Shared& shared, std::size_t workers) : shared_{shared}, workers_{workers}, clients_(workers + shared.options.half_open) {
  if (!shared.options.record.empty()) record_.open(shared.options.record, std::ios::app);
}

/// A new connection in the slot.
void Run::start(std::size_t slot) {
  Fault fault = Fault::none;
  if (is_worker(slot) && shared_.options.work == Work::refused) {
    constexpr std::array kFaults{Fault::wrong_password, Fault::unknown_account, Fault::damaged};
    fault = kFaults[begun_++ % kFaults.size()];
  }
  clients_[slot] = std::make_unique<Client>(shared_, is_worker(slot) ? Client::Purpose::worker : Client::Purpose::half_open, fault);
  clients_[slot]->open(slot);
}

void Run::open_what_waits() {
  while (!waiting_.empty() && opening_ < kMaxOpening) {
    const std::size_t slot = waiting_.back();
    waiting_.pop_back();
    ++opening_;
    start(slot);
    settle(slot);
  }
}

void Run::settle(std::size_t slot) {
  if (is_worker(slot) && !stays()) return settle_worker(slot);
  Client& client = *clients_[slot];
  switch (client.state()) {
    case Client::State::half_open:
    case Client::State::held:
      if (!client.counted()) {
        client.set_counted();
        --opening_;
        ++ready_;
      }
      return;
    case Client::State::asked_again:
    case Client::State::done: {
      auto latencies = client.take_latencies();
      results_.requests += latencies.size();
      results_.latencies.insert(results_.latencies.end(), latencies.begin(), latencies.end());
      if (client.state() == Client::State::done) {
        --busy_;
        clients_[slot].reset();
      }
      return;
    }
    case Client::State::failed: {
      const bool was_ready = client.counted();
      if (was_ready) {
        --ready_;
      } else {
        --opening_;
      }
      if (is_worker(slot)) {
        ++results_.failures;
        ++results_.reasons[client.why()];
        if (was_ready && shared_.options.work == Work::requests && measuring_) --busy_;
        clients_[slot].reset();
        return;
      }
      // The server may end what is half open; what it refuses from the start counts as a failure.
      if (was_ready) {
        ++results_.half_open_closed;
      } else {
        ++results_.failures;
        ++results_.reasons["half-open: " + client.why()];
      }
      clients_[slot].reset();
      if (!over_) waiting_.insert(waiting_.begin(), slot);
      return;
    }
    default: return;
  }
}

void Run::settle_worker(std::size_t slot) {
  Client& client = *clients_[slot];
  if (!client.ended()) return;
  if (client.state() == Client::State::done) {
    ++results_.logons;
    results_.latencies.push_back(client.answered() - client.started());
    if (record_.is_open()) record_ << client.source() << std::endl;  // flushed: what is in the file was answered
  } else {
    ++results_.failures;
    ++results_.reasons[client.why()];
  }
  clients_[slot].reset();
  if (time_left()) {
    start(slot);
    if (clients_[slot]->ended()) {  // no socket to be had: the slot rests
      ++results_.failures;
      ++results_.reasons[clients_[slot]->why()];
      clients_[slot].reset();
      --busy_;
    }
  } else {
    --busy_;
  }
}

void Run::pump(int timeout_ms) {
  std::array<epoll_event, 512> events{};
  const int count = ::epoll_wait(shared_.epoll, events.data(), static_cast<int>(events.size()), timeout_ms);
  const bool asking = time_left();
  for (int i = 0; i < count; ++i) {
    const std::size_t slot = events[static_cast<std::size_t>(i)].data.u64;
    if (!clients_[slot]) continue;
    clients_[slot]->advance(asking);
    settle(slot);
  }
  open_what_waits();
}

void Run::prepare() {
  for (std::size_t slot = stays() ? 0 : workers_; slot < clients_.size(); ++slot) waiting_.push_back(slot);
  const std::size_t wanted = waiting_.size();
  const Clock::time_point deadline = Clock::now() + kPreparation;
  open_what_waits();
  while (ready_ < wanted && (opening_ > 0 || !waiting_.empty()) && Clock::now() < deadline) pump(kTickMs);
  if (ready_ < wanted) {
    ++results_.failures;
    ++results_.reasons["only " + std::to_string(ready_) + " of " + std::to_string(wanted) + " connections could be opened to stay"];
  }
}

void Run::give_up_on_stuck() {
  const Clock::time_point now = Clock::now();
  for (std::size_t slot = 0; slot < workers_; ++slot) {
    Client* client = clients_[slot].get();
    if (client == nullptr || client->state() == Client::State::held || now - client->started() < kPatience) continue;
    client->give_up("no answer in 30 s");
    settle(slot);
  }
}

void Run::sample() {
  if (shared_.options.watched.empty()) return;
  Sample sample;
  sample.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  for (const auto& [name, pid] : shared_.options.watched) sample.bytes.push_back(memory_of(pid));
  results_.memory.push_back(std::move(sample));
}

Results Run::measure() {
  if (shared_.options.work == Work::hold) {
    start_ = Clock::now();
    sample();
  }
  prepare();
  measuring_ = true;
  if (shared_.options.work != Work::hold) start_ = Clock::now();
  end_ = Clock::now() + std::chrono::seconds{shared_.options.seconds};
  if (shared_.options.work == Work::hold) {
    end_ = Clock::now() + kSettle;
  } else {
    for (std::size_t slot = 0; slot < workers_; ++slot) {
      if (!stays()) start(slot);
      if (!clients_[slot]) continue;
      ++busy_;
      if (!stays()) {
        settle(slot);
        continue;
      }
      clients_[slot]->ask_again();
      clients_[slot]->advance(true);
      settle(slot);
    }
    sample();
  }
  Clock::time_point next_look = Clock::now() + std::chrono::seconds{1};
  while (busy_ > 0 || Clock::now() < end_) {
    pump(kTickMs);
    if (Clock::now() < next_look) continue;
    next_look = Clock::now() + std::chrono::seconds{1};
    give_up_on_stuck();
    if (shared_.options.work != Work::hold) sample();
  }
  results_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  sample();
  results_.half_open = 0;
  for (std::size_t slot = workers_; slot < clients_.size(); ++slot) {
    if (clients_[slot] && clients_[slot]->state() == Client::State::half_open) ++results_.half_open;
  }
  over_ = true;
  return std::move(results_);
}

}  // namespace postern::load
