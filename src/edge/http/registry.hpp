// Registry: every open connection, counted against the limits, and which of them give way when a limit is reached (R34).
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "edge/http/config.hpp"
#include "edge/http/metrics.hpp"

namespace postern::http {

class Registry {
 public:
  explicit Registry(Metrics& metrics) : metrics_{metrics} {}

  /// One connection's place. Giving it up (destruction) frees the place.
  class Ticket;
  enum class Phase : std::uint8_t { no_logon, half_open, logged_on };

  /// A place for a connection from `address`, or null if a limit is reached and nobody gives way. At a limit the oldest connection
  /// that has no logon is told to close (`close`, called from any thread) and its place is taken: idle half-open connections cannot
  /// shut others out.
  [[nodiscard]] std::unique_ptr<Ticket> admit(const std::string& address, const LimitsConfig& limits, std::function<void()> close);

  /// Calls `close` of every connection.
  void close_all();
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::string address{};
    std::function<void()> close{};
    Phase phase = Phase::no_logon;
    bool evicted = false;
    std::list<Entry*>::iterator in_waiting{};    ///< valid unless logged_on or evicted
    std::list<Entry*>::iterator in_half_open{};  ///< valid in half_open unless evicted
  };
  void leave_lists(Entry& entry);
  void give_up_place(Entry& entry);
  std::function<void()> evict(Entry& entry);
  void set_phase(Entry& entry, Phase phase, std::size_t max_half_open);
  void remove(Entry& entry);

  mutable std::mutex mutex_{};
  Metrics& metrics_;
  std::list<std::unique_ptr<Entry>> entries_{};
  std::list<Entry*> waiting_{};    ///< without logon, oldest first
  std::list<Entry*> half_open_{};  ///< between CHALLENGE and AUTHENTICATE, oldest first
  std::size_t places_ = 0;
  std::unordered_map<std::string, std::size_t> by_address_{};
};

class Registry::Ticket {
 public:
  Ticket(Registry& registry, std::list<std::unique_ptr<Entry>>::iterator entry) : registry_{registry}, entry_{entry} {}
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void set_phase(Phase phase, std::size_t max_half_open) { registry_.set_phase(**entry_, phase, max_half_open); }

 private:
  Registry& registry_;
  std::list<std::unique_ptr<Entry>>::iterator entry_;
};

}  // namespace postern::http
