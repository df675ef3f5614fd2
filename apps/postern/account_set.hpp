// `postern account set`: what is typed, as the authority's `account.set` has it.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "postern/output.hpp"

namespace postern::cli {

/// What was given on the command line; nothing: stays.
struct AccountSettings {
  std::optional<std::string> logon_hours{};   ///< "Mon-Fri 08-18" in UTC, "always", "never"
  std::optional<std::string> workstations{};  ///< "WS1,WS2"; "any" or empty: any
  std::optional<std::string> networks{};      ///< "10.0.0.0/8,2001:db8::/32"; "any" or empty: any
  std::optional<std::string> ntlm{};          ///< "on", "off", as the others below
  std::optional<std::string> is_protected{};
  std::optional<std::string> canary{};
  std::optional<std::string> must_change{};
  std::optional<std::string> expires{};  ///< "2027-01-31", which is its first moment in UTC, RFC 3339, or "never"
};

/// The request for `account`. Errors: `invalid_input` with the option; also if nothing was given.
[[nodiscard]] Result<Json> account_set_request(const std::string& account, const AccountSettings& settings);

/// The audit as lines for a person.
[[nodiscard]] std::string audit_text(const Json& audit);

}  // namespace postern::cli
