#include "edge/http/metrics.hpp"

#include <fmt/format.h>
#include <iterator>

namespace postern::http {
namespace {

class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(out_), "# HELP postern_gateway_{} {}\n# TYPE postern_gateway_{} {}\n", name, help, name,
                   type);
  }
  template <typename Value>
  void value(std::string_view labels, Value value) {
    if (labels.empty()) {
      fmt::format_to(std::back_inserter(out_), "postern_gateway_{} {}\n", name_, value);
    } else {
      fmt::format_to(std::back_inserter(out_), "postern_gateway_{}{{{}}} {}\n", name_, labels, value);
    }
  }
  std::string take() && { return std::move(out_); }

 private:
  std::string out_{};
  std::string_view name_{};
};

}  // namespace

std::string Metrics::to_text(const LimitsConfig& limits) const {
  Text text;
  text.family("connections_total", "counter", "Connections accepted.");
  text.value("", connections_accepted.load());
  text.family("connections", "gauge", "Connections open now.");
  text.value("", connections_open.load());
  text.family("connections_refused_total", "counter", "Connections closed at once because a limit was reached.");
  text.value(R"(limit="max_connections")", refused_total_limit.load());
  text.value(R"(limit="max_connections_per_address")", refused_address_limit.load());
  text.family("connections_evicted_total", "counter", "Connections without logon that gave way to new ones.");
  text.value("", evicted.load());
  text.family("half_open", "gauge", "Connections between CHALLENGE and AUTHENTICATE.");
  text.value("", half_open.load());
  text.family("tls_failures_total", "counter", "TLS handshakes that failed.");
  text.value("", tls_failures.load());
  text.family("requests_total", "counter", "Requests whose head was read.");
  text.value("", requests.load());
  text.family("requests_refused_total", "counter", "Requests answered 400 or 431.");
  text.value(R"(reason="malformed")", requests_refused.load());
  text.value(R"(reason="headers_too_large")", headers_too_large.load());
  text.family("timeouts_total", "counter", "Connections closed because the client took too long.");
  text.value(R"(phase="tls")", timeouts_tls.load());
  text.value(R"(phase="header")", timeouts_header.load());
  text.value(R"(phase="idle")", timeouts_idle.load());
  text.value(R"(phase="handshake")", timeouts_handshake.load());
  text.value(R"(phase="body")", timeouts_body.load());
  text.family("logons_total", "counter", "Logons by outcome.");
  text.value(R"(outcome="allowed")", logons_allowed.load());
  text.value(R"(outcome="denied")", logons_denied.load());
  text.value(R"(outcome="malformed")", logons_malformed.load());
  text.value(R"(outcome="unavailable")", logons_unavailable.load());
  text.family("authority_requests_total", "counter", "Requests to the authority.");
  text.value("", authority_requests.load());
  text.family("authority_failures_total", "counter", "Requests to the authority without an answer.");
  text.value("", authority_failures.load());
  text.family("authority_seconds_total", "counter", "Time spent waiting for the authority's answers.");
  text.value("", static_cast<double>(authority_microseconds.load()) / 1e6);
  text.family("authority_connected", "gauge", "1 while a connection to the authority stands.");
  text.value("", authority_connected.load() > 0 ? 1 : 0);
  text.family("upstream_failures_total", "counter", "Requests that the upstream did not answer.");
  text.value(R"(reason="unreachable")", upstream_unreachable.load());
  text.value(R"(reason="timeout")", upstream_timeouts.load());
  text.family("reloads_total", "counter", "Reloads of the configuration.");
  text.value(R"(outcome="applied")", reloads.load());
  text.value(R"(outcome="refused")", reloads_refused.load());
  text.family("limit", "gauge", "Configured limits.");
  text.value(R"(name="max_connections")", limits.max_connections);
  text.value(R"(name="max_connections_per_address")", limits.max_connections_per_address);
  text.value(R"(name="max_half_open")", limits.max_half_open);
  text.value(R"(name="max_header_bytes")", limits.max_header_bytes);
  text.value(R"(name="max_headers")", limits.max_headers);
  text.value(R"(name="max_first_leg_body_bytes")", limits.max_first_leg_body_bytes);
  text.value(R"(name="max_groups_bytes")", limits.max_groups_bytes);
  text.value(R"(name="body_rate")", limits.body_rate);
  text.value(R"(name="tls_timeout_seconds")", limits.tls_timeout.count());
  text.value(R"(name="header_timeout_seconds")", limits.header_timeout.count());
  text.value(R"(name="idle_timeout_seconds")", limits.idle_timeout.count());
  text.value(R"(name="handshake_timeout_seconds")", limits.handshake_timeout.count());
  text.value(R"(name="drain_timeout_seconds")", limits.drain_timeout.count());
  text.value(R"(name="body_grace_seconds")", limits.body_grace.count());
  return std::move(text).take();
}

}  // namespace postern::http
