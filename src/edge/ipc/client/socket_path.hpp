// Where the authority's socket is.
#pragma once

#include <string>
#include <string_view>

namespace postern::ipc {

inline constexpr std::string_view kDefaultAuthoritySocket = "/run/postern/authority.sock";

/// True if this process runs with more rights than its caller (set-user-ID, file capabilities): its environment is not to be
/// trusted.
[[nodiscard]] bool runs_privileged();

/// The socket to use: `configured` if not empty, else the environment's POSTERN_AUTHORITY_SOCKET (never in a privileged process,
/// R31), else the default.
[[nodiscard]] std::string authority_socket_path(std::string_view configured);

}  // namespace postern::ipc
