// SinkThread: follows the event store for one sink, on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edge/forward/config.hpp"
#include "edge/forward/cursor.hpp"
#include "edge/forward/observer.hpp"
#include "edge/forward/outlet.hpp"
#include "edge/forward/stop.hpp"
#include "event/export/pseudonyms.hpp"

namespace postern::forward {

struct SinkCounters {
  std::atomic<std::uint64_t> taken{0};          ///< events passed on, those sent again included
  std::atomic<std::uint64_t> sent_again{0};     ///< after a connection broke
  std::atomic<std::uint64_t> lost{0};           ///< removed by retention before the sink got them, over all time
  std::atomic<std::uint64_t> too_large{0};      ///< left out: over the receiver's limit
  std::atomic<std::uint64_t> unreadable{0};     ///< left out: no event that this version reads
  std::atomic<std::uint64_t> failures{0};       ///< of the receiver
  std::atomic<std::uint64_t> read_failures{0};  ///< of posternd
  std::atomic<std::uint64_t> cursor{0};
  std::atomic<std::uint64_t> end{0};  ///< the store's last event, as last heard
  std::atomic<bool> up{false};        ///< the receiver took the last that was given to it
};

/// Reads a batch, passes it on, keeps the cursor, and so on: it holds one batch in memory and waits for nobody but its own
/// receiver. Each event is passed on at least once, in order.
class SinkThread {
 public:
  SinkThread(SinkConfig config, const ForwardConfig& common);
  SinkThread(const SinkThread&) = delete;
  SinkThread& operator=(const SinkThread&) = delete;
  /// Ends the thread; what was not passed on stays for the next time.
  ~SinkThread();

  [[nodiscard]] const SinkConfig& config() const { return config_; }
  [[nodiscard]] const SinkCounters& counters() const { return counters_; }
  void reopen() { reopen_ = true; }

 private:
  void run();
  /// Nothing if the stop came first.
  [[nodiscard]] std::optional<Cursor> first_cursor();
  /// How far it came; false after an error.
  [[nodiscard]] bool pass_on(const ReadBatch& batch);
  void note_what_is_gone(const ReadBatch& batch);
  [[nodiscard]] std::vector<Parcel> pack(const ReadBatch& batch);
  void keep_cursor();
  void go_back();
  void note_failure(const Error& error);
  void look_after_connection();
  void pause_after_failure();
  void tell_once(const std::string& trouble);

  const SinkConfig config_;
  const std::string cursor_path_;
  const std::chrono::milliseconds poll_;
  const std::size_t batch_;
  Stop stop_{};
  Observer observer_;
  std::unique_ptr<Outlet> outlet_;
  std::optional<event::Pseudonymiser> pseudonyms_{};
  SinkCounters counters_{};
  Cursor cursor_{};
  std::deque<std::uint64_t> sent_{};         ///< the cursor before each of the last events of this connection
  std::optional<std::uint64_t> broke_at_{};  ///< the cursor when a connection was last found broken with nothing to pass on
  std::chrono::milliseconds next_pause_;
  std::string trouble_{};  ///< told last
  std::atomic<bool> reopen_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace postern::forward
