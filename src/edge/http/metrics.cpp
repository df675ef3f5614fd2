#include "edge/http/metrics.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "edge/metrics/exposition.hpp"

namespace postern::http {
namespace {

using metrics::Exposition;

/// A gauge never goes below zero for longer than a moment between two threads.
std::uint64_t number_of(const std::atomic<std::int64_t>& gauge) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, gauge));
}
std::uint64_t number_of(const std::atomic<std::uint64_t>& counter) { return counter; }

}  // namespace

std::string Metrics::to_text(const LimitsConfig& limits) const {
  Exposition text{"postern_gateway_"};
  text.family("connections_total", "counter", "Connections accepted.");
  text.value({}, number_of(connections_accepted));
  text.family("connections", "gauge", "Connections open now.");
  text.value({}, number_of(connections_open));
  text.family("connections_refused_total", "counter", "Connections closed at once because a limit was reached.");
  text.value({{"limit", "max_connections"}}, number_of(refused_total_limit));
  text.value({{"limit", "max_connections_per_address"}}, number_of(refused_address_limit));
  text.family("connections_evicted_total", "counter", "Connections without logon that gave way to new ones.");
  text.value({}, number_of(evicted));
  text.family("half_open", "gauge", "Connections between CHALLENGE and AUTHENTICATE.");
  text.value({}, number_of(half_open));
  text.family("tls_failures_total", "counter", "TLS handshakes that failed.");
  text.value({}, number_of(tls_failures));
  text.family("requests_total", "counter", "Requests whose head was read.");
  text.value({}, number_of(requests));
  text.family("requests_refused_total", "counter", "Requests answered 400 or 431.");
  text.value({{"reason", "malformed"}}, number_of(requests_refused));
  text.value({{"reason", "headers_too_large"}}, number_of(headers_too_large));
  text.family("timeouts_total", "counter", "Connections closed because the client took too long.");
  text.value({{"phase", "tls"}}, number_of(timeouts_tls));
  text.value({{"phase", "header"}}, number_of(timeouts_header));
  text.value({{"phase", "idle"}}, number_of(timeouts_idle));
  text.value({{"phase", "handshake"}}, number_of(timeouts_handshake));
  text.value({{"phase", "body"}}, number_of(timeouts_body));
  text.family("logons_total", "counter", "Logons by outcome.");
  text.value({{"outcome", "allowed"}}, number_of(logons_allowed));
  text.value({{"outcome", "denied"}}, number_of(logons_denied));
  text.value({{"outcome", "malformed"}}, number_of(logons_malformed));
  text.value({{"outcome", "unavailable"}}, number_of(logons_unavailable));
  text.family("authority_requests_total", "counter", "Requests to the authority.");
  text.value({}, number_of(authority_requests));
  text.family("authority_failures_total", "counter", "Requests to the authority without an answer.");
  text.value({}, number_of(authority_failures));
  text.family("authority_seconds_total", "counter", "Time spent waiting for the authority's answers.");
  text.value({}, static_cast<double>(authority_microseconds.load()) / 1e6);
  text.family("authority_connected", "gauge", "1 while a connection to the authority stands.");
  text.value({}, std::uint64_t{authority_connected.load() > 0 ? 1U : 0U});
  text.family("upstream_failures_total", "counter", "Requests that the upstream did not answer.");
  text.value({{"reason", "unreachable"}}, number_of(upstream_unreachable));
  text.value({{"reason", "timeout"}}, number_of(upstream_timeouts));
  text.family("reloads_total", "counter", "Reloads of the configuration.");
  text.value({{"outcome", "applied"}}, number_of(reloads));
  text.value({{"outcome", "refused"}}, number_of(reloads_refused));
  text.family("limit", "gauge", "Configured limits.");
  text.value({{"name", "max_connections"}}, static_cast<std::uint64_t>(limits.max_connections));
  text.value({{"name", "max_connections_per_address"}}, static_cast<std::uint64_t>(limits.max_connections_per_address));
  text.value({{"name", "max_half_open"}}, static_cast<std::uint64_t>(limits.max_half_open));
  text.value({{"name", "max_header_bytes"}}, static_cast<std::uint64_t>(limits.max_header_bytes));
  text.value({{"name", "max_headers"}}, static_cast<std::uint64_t>(limits.max_headers));
  text.value({{"name", "max_first_leg_body_bytes"}}, static_cast<std::uint64_t>(limits.max_first_leg_body_bytes));
  text.value({{"name", "max_groups_bytes"}}, static_cast<std::uint64_t>(limits.max_groups_bytes));
  text.value({{"name", "body_rate"}}, static_cast<std::uint64_t>(limits.body_rate));
  text.value({{"name", "tls_timeout_seconds"}}, static_cast<std::uint64_t>(limits.tls_timeout.count()));
  text.value({{"name", "header_timeout_seconds"}}, static_cast<std::uint64_t>(limits.header_timeout.count()));
  text.value({{"name", "idle_timeout_seconds"}}, static_cast<std::uint64_t>(limits.idle_timeout.count()));
  text.value({{"name", "handshake_timeout_seconds"}}, static_cast<std::uint64_t>(limits.handshake_timeout.count()));
  text.value({{"name", "drain_timeout_seconds"}}, static_cast<std::uint64_t>(limits.drain_timeout.count()));
  text.value({{"name", "body_grace_seconds"}}, static_cast<std::uint64_t>(limits.body_grace.count()));
  return std::move(text).take();
}

}  // namespace postern::http
