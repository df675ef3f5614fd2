// Counters of the gateway, and their Prometheus text.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "edge/http/config.hpp"

namespace postern::http {

struct Metrics {
  using Counter = std::atomic<std::uint64_t>;
  using Gauge = std::atomic<std::int64_t>;

  Counter connections_accepted{0};
  Gauge connections_open{0};
  Counter refused_total_limit{0};
  Counter refused_address_limit{0};
  Counter evicted{0};
  Gauge half_open{0};
  Counter tls_failures{0};
  Counter requests{0};
  Counter requests_refused{0};
  Counter headers_too_large{0};
  Counter timeouts_tls{0};
  Counter timeouts_header{0};
  Counter timeouts_idle{0};
  Counter timeouts_handshake{0};
  Counter timeouts_body{0};
  Counter logons_allowed{0};
  Counter logons_denied{0};
  Counter logons_malformed{0};
  Counter logons_unavailable{0};
  Counter authority_requests{0};
  Counter authority_failures{0};
  Counter authority_microseconds{0};
  Gauge authority_connected{0};
  Counter upstream_unreachable{0};
  Counter upstream_timeouts{0};
  Counter reloads{0};
  Counter reloads_refused{0};

  /// The text of one scrape, with the configured limits beside what they limit.
  [[nodiscard]] std::string to_text(const LimitsConfig& limits) const;
};

}  // namespace postern::http
