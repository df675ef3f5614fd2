// Run: all connections of one measurement, and what came of them.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client.hpp"

namespace postern::load {

struct Sample {
  double seconds = 0;                  ///< since the start of the measurement
  std::vector<std::uint64_t> bytes{};  ///< of each watched process, in the order of Options::watched
};

struct Results {
  double seconds = 0;
  std::uint64_t logons = 0;  ///< that ended as expected
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::map<std::string, std::uint64_t> reasons{};  ///< of the failures
  std::vector<std::chrono::nanoseconds> latencies{};
  std::uint64_t half_open_closed = 0;  ///< half-open connections that the server ended; each was opened anew
  std::size_t half_open = 0;           ///< open at the end
  std::vector<Sample> memory{};
};

class Run {
 public:
  Run(Shared& shared, std::size_t workers);
  /// The whole measurement.
  Results measure();

 private:
  void prepare();
  void start(std::size_t slot);
  void settle(std::size_t slot);
  void settle_worker(std::size_t slot);
  void pump(int timeout_ms);
  void open_what_waits();
  void give_up_on_stuck();
  void sample();
  [[nodiscard]] bool is_worker(std::size_t slot) const { return slot < workers_; }
  [[nodiscard]] bool stays() const { return shared_.options.work == Work::requests || shared_.options.work == Work::hold; }
  [[nodiscard]] bool time_left() const { return measuring_ && Clock::now() < end_; }

  Shared& shared_;
  const std::size_t workers_;
  std::vector<std::unique_ptr<Client>> clients_{};  ///< workers first, then half-open ones
  std::vector<std::size_t> waiting_{};              ///< slots to open: a few at a time
  std::size_t opening_ = 0;
  std::size_t ready_ = 0;  ///< half-open and held
  std::size_t busy_ = 0;   ///< workers with something under way
  bool measuring_ = false;
  bool over_ = false;
  std::uint64_t begun_ = 0;
  Clock::time_point start_{};
  Clock::time_point end_{};
  Results results_{};
  std::ofstream record_{};
};

}  // namespace postern::load
