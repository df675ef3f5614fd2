// An event as syslog and journald carry it: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "event/logon_event.hpp"

namespace postern::forward {

/// RFC 5424 6.2.1: alert for an alarm, warning for what policy blocked or a warning, notice for a failure, informational otherwise.
[[nodiscard]] unsigned severity_of(const event::LogonEvent& event);

/// `<PRI>1 TIME HOST postern - logon - TEXT` (RFC 5424 6). What a HOSTNAME may not hold becomes `-`. `line` holds no line end.
[[nodiscard]] std::string syslog_message(const event::LogonEvent& event, std::string_view line, unsigned facility);
/// With its length in front (RFC 6587 3.4.1, RFC 5425 4.3).
[[nodiscard]] std::string octet_counted(const std::string& message);

/// The fields of journald's native protocol: MESSAGE for people, POSTERN_* for queries, POSTERN_EVENT with `line`; that one is left
/// out where `line` is empty. A value with a line end in it is sent by its length, so that no name makes a field of its own.
[[nodiscard]] std::string journal_entry(const event::LogonEvent& event, std::string_view line);

}  // namespace postern::forward
