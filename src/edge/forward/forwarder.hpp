// Forwarder: all sinks of one configuration, their metrics, and what a reload changes.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "edge/forward/config.hpp"
#include "edge/forward/metrics.hpp"
#include "edge/forward/sink.hpp"

namespace postern::forward {

class Forwarder {
 public:
  /// Takes the state directory (one forwarder at a time has it: `conflict`), starts a thread for each sink and the metrics
  /// listener.
  [[nodiscard]] static Result<std::unique_ptr<Forwarder>> start(ForwardConfig config);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder();

  /// Sinks that are as they were go on undisturbed and open their files anew; the others end and begin. What waits for a restart is
  /// named in the result: where posternd is, the state directory, the metrics address.
  [[nodiscard]] std::vector<std::string> reload(ForwardConfig config);
  [[nodiscard]] std::string metrics_text();
  [[nodiscard]] std::uint16_t metrics_port() const { return listener_ ? listener_->port() : std::uint16_t{0}; }

 private:
  Forwarder(ForwardConfig config, int lock);

  std::mutex mutex_{};
  ForwardConfig config_;
  int lock_;
  std::vector<std::unique_ptr<SinkThread>> sinks_{};
  std::mutex observer_mutex_{};
  Stop stop_{};
  Observer observer_;  ///< for posternd's counters
  std::unique_ptr<MetricsListener> listener_{};
};

}  // namespace postern::forward
