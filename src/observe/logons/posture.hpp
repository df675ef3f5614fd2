// What one exchange says by itself, without a look at others (docs/observe.md lists the findings).
#pragma once

#include <vector>

#include "event/logon_event.hpp"
#include "observe/logons/exchange.hpp"

namespace postern::observe {

/// Clients of the web, of mail and of databases have stacks of their own; those of SMB, LDAP and RPC follow Windows.
[[nodiscard]] bool follows_windows(Carrier carrier);

/// MIC, signing, target info and names, bindings, version, key, guest and anonymous, target name's class, address instead of a
/// name.
void judge_posture(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);

/// What the client called the server: the host of MsvAvTargetName, or else of the carrier's target; empty if neither came.
[[nodiscard]] std::string_view named_host(const Exchange& exchange);

}  // namespace postern::observe
