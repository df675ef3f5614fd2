// Where the authority's admin socket is.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::cli {

inline constexpr std::string_view kDefaultAdminSocket = "/run/postern/admin.sock";
inline constexpr std::string_view kDemoAdminSocket = ".postern/run/admin.sock";  ///< what ./start makes

/// The socket: `socket` (--socket), else POSTERN_SOCKET, else `admin_socket` of the configuration file of posternd that `config`
/// (--config) names, else the default, else, if that is not there, the one that ./start made in this folder. All but the default
/// are ignored in a privileged process (R31). Errors: those of the configuration file, with file, line and key.
[[nodiscard]] Result<std::string> admin_socket_path(const std::string& socket, const std::string& config);

}  // namespace postern::cli
