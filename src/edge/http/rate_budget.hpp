// RateBudget: how long a slow sender may still take. Each byte earns time; waiting spends it (R34).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace postern::http {

class RateBudget {
 public:
  using Clock = std::chrono::steady_clock;
  /// `rate` bytes per second keep the budget level; it starts, and is capped, at `grace`.
  RateBudget(std::size_t rate, std::chrono::nanoseconds grace) : rate_{rate}, grace_{grace}, left_{grace} {}

  /// A wait begins; answers when it is over at the latest.
  Clock::time_point start(Clock::time_point now) {
    started_ = now;
    return now + left_;
  }
  /// The wait ended with `bytes`.
  void stop(Clock::time_point now, std::size_t bytes) {
    const double earned = static_cast<double>(bytes) / static_cast<double>(rate_) * 1e9;
    left_ -= now - started_;
    left_ += std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(earned, static_cast<double>(grace_.count())))};
    left_ = std::clamp(left_, std::chrono::nanoseconds{0}, grace_);
  }

 private:
  std::size_t rate_;
  std::chrono::nanoseconds grace_;
  std::chrono::nanoseconds left_;
  Clock::time_point started_{};
};

}  // namespace postern::http
