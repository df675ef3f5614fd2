// Back-off against a client that keeps sending the same wrong password (some HTTP clients try about twenty times for one attempt of
// their user). Its tries are refused without a comparison, so that they cannot lock the user out, and learn nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::authority {

/// Two stages. After `tries` wrong passwords within `window` the client is refused until it has been quiet for `first_pause`. If it
/// then is wrong again, or was refused `refusals` times without a pause, it must be quiet for `second_pause`.
struct BackoffLimits {
  std::uint32_t tries = 3;
  std::chrono::milliseconds window{10'000};
  std::chrono::milliseconds first_pause{2'000};
  std::uint32_t refusals = 30;
  std::chrono::milliseconds second_pause{30'000};
  std::chrono::milliseconds forget{600'000};  ///< a client that was quiet for so long is a new one
  std::size_t max_clients = 65'536;           ///< the one unseen for longest is forgotten
};

/// Counts by who tries: account, client address and what the client's messages look like, so that another program of the same user
/// on the same machine, with the right password, is not held up. `who` is short: its copies are the table's memory. Times are
/// monotonic ticks of 100 ns. Thread-safe; `ask`, comparison and `failed` are one step only if the caller makes them one.
class Backoff {
 public:
  explicit Backoff(BackoffLimits limits) : limits_{limits} {}

  enum class Answer : std::uint8_t { compare, refuse };
  /// Asked before a comparison. A refusal counts as a sign of life: the pause starts anew.
  [[nodiscard]] Answer ask(std::string_view who, std::uint64_t now_ticks);
  /// A comparison failed.
  void failed(std::string_view who, std::uint64_t now_ticks);
  /// A logon succeeded: all is forgotten.
  void succeeded(std::string_view who);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Client {
    std::string who{};
    std::uint32_t failures = 0;  ///< within the window that began at `window_start`
    std::uint64_t window_start = 0;
    std::uint32_t refused = 0;  ///< since the last comparison
    int stage = 0;
    std::uint64_t last_seen = 0;
  };
  using Order = std::list<Client>;

  [[nodiscard]] std::uint64_t pause_ticks(const Client& client) const;
  Client& client_of(std::string_view who);

  const BackoffLimits limits_;
  mutable std::mutex mutex_{};
  Order order_{};  ///< last seen first
  std::unordered_map<std::string_view, Order::iterator> index_{};
};

}  // namespace postern::authority
