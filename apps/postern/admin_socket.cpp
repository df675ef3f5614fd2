#include "postern/admin_socket.hpp"

#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/config/section.hpp"
#include "edge/ipc/client/socket_path.hpp"

namespace postern::cli {

Result<std::string> admin_socket_path(const std::string& socket, const std::string& config) {
  std::string path{kDefaultAdminSocket};
  if (ipc::runs_privileged()) return path;
  if (!socket.empty()) return socket;
  if (const char* named = std::getenv("POSTERN_SOCKET"); named != nullptr && *named != '\0') return named;
  if (!config.empty()) {
    POSTERN_CHECK(config::read_toml_file(config, [&path](config::Section& root) { root.text("admin_socket", path); }));
    return path;
  }
  // Below a checkout whose ./start runs, and nowhere else: a socket of our own there, when the machine has no installed authority.
  struct stat status{};
  const std::string demo{kDemoAdminSocket};
  const bool installed = ::access(path.c_str(), F_OK) == 0;
  if (!installed && ::lstat(demo.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == ::getuid()) return demo;
  return path;
}

}  // namespace postern::cli
