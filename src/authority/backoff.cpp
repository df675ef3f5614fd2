#include "authority/backoff.hpp"

#include <algorithm>

namespace postern::authority {
namespace {

constexpr std::uint64_t ticks(std::chrono::milliseconds time) { return static_cast<std::uint64_t>(time.count()) * 10'000; }

/// Two threads may read the clock in one order and come here in the other: then no time has passed, and not all the time there is.
constexpr std::uint64_t since(std::uint64_t then, std::uint64_t now) { return now > then ? now - then : 0; }

}  // namespace

std::uint64_t Backoff::pause_ticks(const Client& client) const {
  return ticks(client.stage >= 2 ? limits_.second_pause : limits_.first_pause);
}

Backoff::Client& Backoff::client_of(std::string_view who) {
  if (const auto known = index_.find(who); known != index_.end()) {
    order_.splice(order_.begin(), order_, known->second);
    return order_.front();
  }
  if (order_.size() >= limits_.max_clients) {
    index_.erase(order_.back().who);
    order_.pop_back();
  }
  order_.emplace_front();
  order_.front().who = who;
  index_.emplace(order_.front().who, order_.begin());
  return order_.front();
}

Backoff::Answer Backoff::ask(std::string_view who, std::uint64_t now_ticks) {
  const std::lock_guard lock{mutex_};
  const auto known = index_.find(who);
  if (known == index_.end()) return Answer::compare;
  Client& client = client_of(who);
  if (client.stage == 0) return Answer::compare;
  const std::uint64_t quiet = since(client.last_seen, now_ticks);
  client.last_seen = std::max(client.last_seen, now_ticks);
  if (quiet >= ticks(limits_.forget)) {
    client.stage = 0;
    client.failures = 0;
  }
  if (quiet >= pause_ticks(client)) {
    client.refused = 0;
    return Answer::compare;
  }
  if (++client.refused >= limits_.refusals) client.stage = 2;
  return Answer::refuse;
}

void Backoff::failed(std::string_view who, std::uint64_t now_ticks) {
  const std::lock_guard lock{mutex_};
  Client& client = client_of(who);
  if (client.failures == 0 || since(client.window_start, now_ticks) > ticks(limits_.window)) {
    // A client that was held up before and is wrong again after its pause has not learnt: the longer pause.
    if (client.stage >= 1) client.stage = 2;
    client.failures = 0;
    client.window_start = now_ticks;
  }
  ++client.failures;
  client.last_seen = std::max(client.last_seen, now_ticks);
  if (client.stage == 0 && client.failures >= limits_.tries) {
    client.stage = 1;
  } else if (client.stage == 1 && client.failures > limits_.tries) {
    client.stage = 2;
  }
}

void Backoff::succeeded(std::string_view who) {
  const std::lock_guard lock{mutex_};
  const auto known = index_.find(who);
  if (known == index_.end()) return;
  const Order::iterator place = known->second;
  index_.erase(known);
  order_.erase(place);
}

std::size_t Backoff::size() const {
  const std::lock_guard lock{mutex_};
  return order_.size();
}

}  // namespace postern::authority
