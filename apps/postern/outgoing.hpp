// Whether `postern logon` may send NTLM to a host (R25): the policy at point client, with the URL that a person typed as a rule for
// its own origin.
#pragma once

#include <string>

#include "base/result.hpp"
#include "policy/policy.hpp"
#include "postern/http_client.hpp"

namespace postern::cli {

/// What the policy said of a host that may be sent to; `note` is empty, or what it wants recorded.
struct OutgoingAnswer {
  std::string note{};
};

/// Asks RestrictSendingNTLMTraffic with its exceptions, then OutgoingHosts. Beyond the typed origin a host needs a rule, and TLS
/// unless it is this machine. Errors: `policy` with the setting that decided, and what to change in the hint.
[[nodiscard]] Result<OutgoingAnswer> check_outgoing(const policy::Policy& policy, const Url& typed, const Url& target);

}  // namespace postern::cli
