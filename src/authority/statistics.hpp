// What the authority counts for its operators: logons by what became of them, and how long each part of a logon takes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "event/logon_event.hpp"

namespace postern::authority {

/// Durations in ticks of 100 ns, counted in fixed steps. Thread-safe, without a lock.
class Histogram {
 public:
  /// Upper ends of the steps, in ticks: 25 us to 5 s. What is longer is in one step more.
  static constexpr std::array<std::uint64_t, 14> kBounds{250,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,
                                                         100'000, 250'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 50'000'000};
  struct Snapshot {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  ///< of each step alone
    std::uint64_t sum_ticks = 0;
  };

  void add(std::uint64_t ticks);
  [[nodiscard]] Snapshot snapshot() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ticks_{0};
};

/// Recorded logons by outcome, version, and what the decisive setting said. Thread-safe. A fixed number of kinds: what comes when
/// all are taken is counted under the setting "other".
class LogonCounts {
 public:
  struct Kind {
    event::Outcome outcome = event::Outcome::unknown;
    std::optional<event::NtlmVersion> version{};
    std::optional<event::Decision> decision{};  ///< nothing: no setting had a say
    std::string setting{};                      ///< empty where it allowed
    auto operator<=>(const Kind&) const = default;
  };
  static constexpr std::size_t kMaxKinds = 1'024;

  void add(event::Outcome outcome, std::optional<event::NtlmVersion> version, const std::vector<event::PolicyDecision>& policy);
  [[nodiscard]] std::vector<std::pair<Kind, std::uint64_t>> snapshot() const;

 private:
  mutable std::mutex mutex_{};
  std::map<Kind, std::uint64_t> counts_{};
};

struct Statistics {
  LogonCounts logons{};
  Histogram queue{};                      ///< from the request read to a thread that judges it
  Histogram compare{};                    ///< response, proofs and policy
  Histogram commit{};                     ///< from the judgement to the durable record
  std::atomic<std::uint64_t> waiting{0};  ///< requests read that no thread judges yet
};

}  // namespace postern::authority
