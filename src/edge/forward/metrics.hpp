// What postern-forward and, through it, posternd tell Prometheus.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "edge/forward/sink.hpp"
#include "edge/forward/stop.hpp"

namespace postern::forward {

struct SinkSample {
  std::string name{};
  const SinkCounters* counters = nullptr;
};

/// The text of one scrape. `status` is what posternd's `status` gave (a JSON object), empty if it did not answer; what it lacks is
/// left out.
[[nodiscard]] std::string metrics_text(const std::vector<SinkSample>& sinks, std::string_view status);

/// Answers every request on a loopback address with `text()`, one client at a time, a second for each: a scraper needs no more.
class MetricsListener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MetricsListener>> listen(const std::string& host, std::uint16_t port,
                                                                       std::function<std::string()> text);
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;
  ~MetricsListener();
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  MetricsListener(int socket, std::uint16_t port, std::function<std::string()> text);
  void run();
  void serve(int client) const;

  int socket_;
  std::uint16_t port_;
  std::function<std::string()> text_;
  Stop stop_{};
  std::thread thread_;
};

}  // namespace postern::forward
