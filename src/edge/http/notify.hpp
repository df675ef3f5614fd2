// What the gateway tells its service manager: sd_notify(3) without libsystemd.
#pragma once

#include <string_view>

namespace postern::http {

/// Sends `state` ("READY=1") to the socket in NOTIFY_SOCKET; does nothing without one.
void notify_service_manager(std::string_view state);
/// "RELOADING=1" with the time that systemd wants beside it.
void notify_reloading();

}  // namespace postern::http
