// posternd's configuration file (posternd.toml(5)).
#pragma once

#include <string>

#include "account/sqlite/open.hpp"
#include "authority/config.hpp"
#include "authority/retention.hpp"
#include "base/result.hpp"
#include "edge/ipc/server/server.hpp"

namespace postern::posternd {

struct DaemonConfig {
  authority::Config authority{};
  account::sqlite::Config store{};
  ipc::ServerConfig server{};
  std::string policy_file{};  ///< laid over the policies here; empty: none
  std::string event_log{};    ///< file of JSON lines; empty: none
  authority::RetentionLimits retention{};
};

/// Reads the file and the policy file that it names. Errors: `io`; `invalid_input` with file, line and key (R38).
[[nodiscard]] Result<DaemonConfig> load_config(const std::string& path);
/// The same from a text, for tests.
[[nodiscard]] Result<DaemonConfig> parse_config(std::string_view text, const std::string& path);

}  // namespace postern::posternd
