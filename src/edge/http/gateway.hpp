// Gateway: the whole of it, in one process or one test: listeners, threads, reload and stop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "edge/http/config.hpp"

namespace postern::http {

class Gateway {
 public:
  /// Loads certificates, listens, starts threads. Errors: `invalid_input` (one line), `io` for an address that cannot be listened
  /// on.
  [[nodiscard]] static Result<std::unique_ptr<Gateway>> start(Config config);
  /// Stops at once if stop() was not called.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Where it listens, in the order of the configuration; then the metrics, if on. With the ports that the system chose.
  struct Listening {
    std::string what{};     ///< "http", "https", "metrics"
    std::string address{};  ///< "127.0.0.1:8080"
    std::uint16_t port = 0;
  };
  [[nodiscard]] const std::vector<Listening>& listening() const;

  /// Takes a new configuration and its certificates into use. On an error everything stays as it is (R38). Answers what a person
  /// should know: settings that wait for a restart, certificates that cannot be bound.
  [[nodiscard]] Result<std::vector<std::string>> reload(Config config);

  /// Stops accepting, lets requests under way end, at most the configured stop_timeout. Returns when all is over.
  void stop();

  [[nodiscard]] std::string metrics_text() const;
  [[nodiscard]] bool authority_connected() const;

 private:
  class Impl;
  explicit Gateway(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What `--check` says about a configuration that is right: its certificates' warnings.
[[nodiscard]] Result<std::vector<std::string>> check(Config config);

}  // namespace postern::http
