// LogonTracker: puts the messages and outcomes that analyzers see together into logons.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"
#include "observe/logons/message_object.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

/// Where what the tracker makes goes.
class LogonOutput {
 public:
  LogonOutput() = default;
  LogonOutput(const LogonOutput&) = delete;
  LogonOutput& operator=(const LogonOutput&) = delete;
  virtual ~LogonOutput() = default;

  /// One NTLM message, at once. to_json(object) is its line.
  virtual void on_message_object(const MessageObject& object) = 0;
  /// One logon, when its outcome is known or given up.
  virtual void on_event(const event::LogonEvent& event) = 0;
};

struct LogonTrackerConfig {
  /// Key of the digests in `correlation` and in the tables that compare flows. Random for each process, or configured where the
  /// events of several sensors are to be matched.
  DigestKey digest_key{};
  std::string host{};  ///< source.host of the events: the machine that watches
  /// Fills random bytes for event ids; unset: events have none.
  std::function<void(std::span<std::uint8_t>)> random{};
  /// Hosts that forward logons by trade: reverse proxies, load balancers. No relay findings for them.
  std::vector<Address> proxies{};
  /// Whether a host that forwards many clients' logons to one server, and nothing else, comes to be taken for a proxy.
  enum class LearnProxies : std::uint8_t { no, yes } learn_proxies = LearnProxies::yes;
};

/// What the tracker gave up or could not use.
struct LogonTrackerCounters {
  std::uint64_t messages = 0;
  std::uint64_t malformed = 0;
  std::uint64_t events = 0;
  std::uint64_t exchanges_evicted = 0;     ///< more at once than kMaxExchanges, or than kMaxExchangeBytes hold
  std::uint64_t exchanges_unfinished = 0;  ///< ended before an AUTHENTICATE: no event
  std::uint64_t outcomes_unmatched = 0;
  std::uint64_t connections_given_up = 0;  ///< bytes were lost, and their carrier's records cannot be found again
};

class LogonTracker final : public Witness {
 public:
  static constexpr std::size_t kMaxExchanges = 4096;  ///< that have not ended, at once
  static constexpr std::size_t kMaxExchangeBytes = std::size_t{18} << 20;
  static constexpr std::uint64_t kOutcomeSeconds = 30;    ///< of the capture's time, from AUTHENTICATE to "outcome unknown"
  static constexpr std::uint64_t kExchangeSeconds = 120;  ///< from an exchange's last message to its end

  /// `output` outlives the tracker.
  LogonTracker(LogonTrackerConfig config, LogonOutput& output);
  ~LogonTracker() override;

  void on_message(const Connection& connection, const MessageSeen& seen) override;
  void on_outcome(const Connection& connection, const OutcomeSeen& seen) override;
  void on_note(const Connection& connection, const NoteSeen& seen) override;
  void on_classic_logon(const Connection& connection, const ClassicLogonSeen& seen) override;
  void on_connection_end(const Connection& connection) override;

  /// Lets the capture's time pass where nothing is seen: live capture calls it every second or so.
  void advance(FileTime now);
  /// The capture's end: what is open becomes events.
  void finish();

  [[nodiscard]] const LogonTrackerCounters& counters() const;
  /// About what the tables hold, for the memory limit.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::observe
