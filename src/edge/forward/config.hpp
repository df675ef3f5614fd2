// postern-forward's configuration file (forward.toml(5)).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "event/export/forms.hpp"

namespace postern::forward {

enum class SinkKind : std::uint8_t { file, syslog, journald };
enum class Transport : std::uint8_t { unix_socket, tcp, tls };
/// Where a sink that has no cursor yet begins.
enum class Begin : std::uint8_t { oldest, now };

struct SinkConfig {
  std::string name{};  ///< of letters, digits, `-` and `_`: also the name of its cursor's file
  SinkKind kind = SinkKind::file;
  std::string path{};  ///< file; socket of syslog over unix and of journald
  event::Form form = event::Form::json;
  bool pseudonymise = false;
  Begin begin = Begin::oldest;
  Transport transport = Transport::unix_socket;
  std::string host{};
  std::uint16_t port = 0;
  std::string ca_file{};      ///< empty: the system's
  std::string server_name{};  ///< in the server's certificate; empty: host
  std::string certificate{};  ///< our own, for servers that ask for one; with `key`
  std::string key{};
  unsigned facility = 10;                       ///< security/authorization (RFC 5424 6.2.1)
  std::size_t resend = 100;                     ///< events sent again when a connection broke: what its end may not have read
  std::chrono::seconds timeout{30};             ///< without progress the connection is given up
  std::chrono::milliseconds max_pause{60'000};  ///< between two tries to connect
  std::string pseudonym_key_file{};             ///< of the whole file; here, so that a change of it restarts the sink
  bool operator==(const SinkConfig&) const = default;
};

struct ForwardConfig {
  std::string socket{};  ///< posternd's admin socket
  std::optional<uid_t> authority_user{};
  std::string state_directory{};
  std::string metrics_host{};  ///< loopback; empty: none
  std::uint16_t metrics_port = 0;
  std::chrono::milliseconds poll{500};
  std::size_t batch = 200;
  std::vector<SinkConfig> sinks{};
};

inline constexpr std::size_t kMaxSinks = 16;

/// Errors: `io`; `invalid_input` with file, line and key (R38).
[[nodiscard]] Result<ForwardConfig> load_config(const std::string& path);
[[nodiscard]] Result<ForwardConfig> parse_config(std::string_view text, const std::string& path);

}  // namespace postern::forward
