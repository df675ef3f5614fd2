// `postern logon`: a client logon over HTTP, told step by step.
#pragma once

#include <functional>
#include <string>

#include "base/keys.hpp"
#include "base/result.hpp"
#include "policy/policy.hpp"
#include "postern/http_client.hpp"
#include "postern/output.hpp"

namespace postern::cli {

inline constexpr int kMaxRedirects = 10;

/// The header's scheme that carries the logon. `offered`: NTLM if the server offers it, else Negotiate.
enum class LogonPackage : std::uint8_t { offered, ntlm, negotiate };

struct LogonOptions {
  Url url{};
  std::string user{};    ///< as sent
  std::string domain{};  ///< as sent
  NtHash nt_hash{};
  LogonPackage package = LogonPackage::offered;
  TlsOptions tls{};
  policy::Policy policy{};  ///< at point client; the URL is a rule for its own origin
};

/// Called for each of the eight steps as it happens: its number, what happened, and the facts (docs/json.md). Never a secret.
using OnStep = std::function<void(int number, const std::string& what, const Json& facts)>;

struct LogonResult {
  bool allowed = false;  ///< 2xx after a logon
  unsigned http_status = 0;
  Json object{};  ///< docs/json.md, without the steps
};

/// Asks for the URL, logs on where it is demanded, and follows redirects: another origin gets no NTLM unless OutgoingHosts names it
/// (R25). A CHALLENGE with this machine's names is answered only on a connection whose two ends are this machine's (R24). Errors:
/// `io`, `timeout`, `policy`, the malformed family, `mic_wrong` for a server that proves nothing.
[[nodiscard]] Result<LogonResult> log_on(LogonOptions options, const OnStep& on_step);

}  // namespace postern::cli
