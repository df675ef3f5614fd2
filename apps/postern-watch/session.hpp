// What one run of postern-watch holds: where lines go, and who puts logons together.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "observe/capture/observer.hpp"
#include "observe/logons/tracker.hpp"
#include "postern-watch/options.hpp"
#include "postern-watch/printer.hpp"

namespace postern::watch {

/// Lets several readers call one witness.
class LockedWitness final : public observe::Witness {
 public:
  explicit LockedWitness(observe::Witness& witness) : witness_{witness} {}
  void on_message(const observe::Connection& connection, const observe::MessageSeen& seen) override {
    const std::lock_guard lock{mutex_};
    witness_.on_message(connection, seen);
  }
  void on_outcome(const observe::Connection& connection, const observe::OutcomeSeen& seen) override {
    const std::lock_guard lock{mutex_};
    witness_.on_outcome(connection, seen);
  }
  void on_note(const observe::Connection& connection, const observe::NoteSeen& seen) override {
    const std::lock_guard lock{mutex_};
    witness_.on_note(connection, seen);
  }
  void on_classic_logon(const observe::Connection& connection, const observe::ClassicLogonSeen& seen) override {
    const std::lock_guard lock{mutex_};
    witness_.on_classic_logon(connection, seen);
  }
  void on_connection_end(const observe::Connection& connection) override {
    const std::lock_guard lock{mutex_};
    witness_.on_connection_end(connection);
  }
  std::mutex& mutex() { return mutex_; }

 private:
  observe::Witness& witness_;
  std::mutex mutex_{};
};

class Session {
 public:
  /// Opens the output and the inventory. `stream` names the run in the inventory's ledger.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const Options& options, std::string stream);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] observe::LogonTracker& tracker() { return *tracker_; }
  [[nodiscard]] Printer& printer() { return *printer_; }
  /// What the memory limit leaves for connections, beside the program and what is remembered of logons; never less than an observer
  /// needs.
  [[nodiscard]] std::size_t memory_for_connections(const Options& options) const;
  /// What an observer of this run is made with.
  [[nodiscard]] observe::capture::Observer::Options observer_options(const Options& options) const;
  /// Writes what is left, says the statistics where they are wanted; the exit code.
  [[nodiscard]] int finish(const Options& options, const observe::capture::Statistics& statistics);

 private:
  Session() = default;

  std::unique_ptr<Printer> printer_{};
  std::unique_ptr<observe::LogonTracker> tracker_{};
  std::uint64_t seed_ = 0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

/// What the table is of, for its first line.
[[nodiscard]] std::string title_of(const Options& options);

/// `count` random bytes as hexadecimal.
[[nodiscard]] std::string random_name(std::size_t count);

/// --read and --interface; the exit code.
[[nodiscard]] int run_read(const Options& options);
[[nodiscard]] int run_live(const Options& options);

}  // namespace postern::watch
