// The gateway's configuration: what the TOML file says, with every default and limit in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/ip_network.hpp"
#include "base/result.hpp"

namespace postern::http {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// An address and port to listen on; port 0: the system chooses.
struct ListenAddress {
  std::string host{};
  std::uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};

enum class Security : std::uint8_t { plain, tls };

struct ListenConfig {
  ListenAddress address{};
  Security security = Security::plain;
  bool operator==(const ListenConfig&) const = default;
};

struct CertificateConfig {
  std::string file{};                ///< PEM: the certificate, then its chain
  std::string key{};                 ///< PEM
  std::vector<std::string> names{};  ///< server names that it is for; none: the DNS names in the certificate
};

/// When NTLM is offered on a connection without TLS.
enum class PlainHttp : std::uint8_t { never, loopback, always };

struct AuthorityConfig {
  std::string socket{};                ///< empty: see ipc::authority_socket_path()
  std::optional<uid_t> user{};         ///< the user that the authority runs as; none: root or our own
  std::string service = "gateway";     ///< the service name that the authority knows us by
  milliseconds timeout{10'000};        ///< for one answer
  std::size_t max_outstanding = 4096;  ///< requests under way at a time; more are answered 503
};

struct AuthenticationConfig {
  bool negotiate = true;
  bool ntlm = true;
  std::vector<std::string> target_names{};  ///< accepted MsvAvTargetName values; none: not checked
  PlainHttp plain_http = PlainHttp::loopback;
  std::vector<std::string> anonymous_paths{};             ///< path prefixes that need no logon
  bool anonymous_options = false;                         ///< OPTIONS (CORS preflight) needs no logon
  std::vector<std::string> extra_binding_certificates{};  ///< PEM files of TLS terminators in front
  std::vector<IpNetwork> trusted_proxies{};               ///< front ends that keep one connection per client (R42)
  std::uint32_t max_attempts_per_connection = 3;          ///< denied logons before the connection is closed
};

struct UpstreamConfig {
  bool configured = false;  ///< false: the built-in page answers
  Security security = Security::plain;
  std::string host{};
  std::uint16_t port = 80;
  std::string ca_file{};      ///< PEM; empty: the system's certificate authorities
  std::string server_name{};  ///< name that the certificate must have; empty: `host`
  bool preserve_host = true;  ///< pass the client's Host on; else the upstream's own name
  seconds connect_timeout{10};
  seconds response_timeout{120};  ///< until the upstream's first byte, and between its bytes
};

/// Limits against clients that take too much or too long (R34).
struct LimitsConfig {
  std::size_t max_connections = 65'536;
  std::size_t max_connections_per_address = 16'384;
  std::size_t max_half_open = 32'768;        ///< connections between CHALLENGE and AUTHENTICATE; the oldest gives way
  std::size_t max_header_bytes = 64 * 1024;  ///< request line and headers, in all
  std::size_t max_headers = 200;
  std::size_t max_first_leg_body_bytes = 1024 * 1024;  ///< drained before the logon is done; beyond: 401 and close
  std::size_t max_groups_bytes = 32 * 1024;            ///< X-Remote-Groups
  seconds tls_timeout{10};                             ///< TLS handshake
  seconds header_timeout{10};                          ///< from a request's first byte to the end of its headers
  seconds idle_timeout{120};                           ///< between requests; also of a tunnel
  seconds handshake_timeout{30};                       ///< between CHALLENGE and AUTHENTICATE
  seconds drain_timeout{10};                           ///< for a body before the logon is done
  seconds body_grace{20};                              ///< how long a body may fall behind `body_rate`
  std::size_t body_rate = 1024;                        ///< bytes per second that a sender or reader must reach
};

struct Config {
  std::string path{};  ///< the file that it was read from
  std::vector<ListenConfig> listen{};
  std::vector<CertificateConfig> certificates{};
  bool tls_1_3_only = false;
  AuthorityConfig authority{};
  AuthenticationConfig authentication{};
  UpstreamConfig upstream{};
  LimitsConfig limits{};
  std::size_t threads = 0;  ///< 0: one per core
  std::optional<ListenAddress> metrics{};
  seconds stop_timeout{30};
  std::string log_level = "info";
};

/// Reads a configuration. An error's message is one line "FILE:LINE: KEY: what is wrong" (R38); unknown keys are errors.
[[nodiscard]] Result<Config> parse_config(std::string_view toml, const std::string& path);
[[nodiscard]] Result<Config> load_config(const std::string& path);

/// Names of settings that differ and that a running gateway cannot change.
[[nodiscard]] std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

}  // namespace postern::http
