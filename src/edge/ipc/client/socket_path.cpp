#include "edge/ipc/client/socket_path.hpp"

#include <cstdlib>
#include <sys/auxv.h>

namespace postern::ipc {

bool runs_privileged() { return getauxval(AT_SECURE) != 0; }

std::string authority_socket_path(std::string_view configured) {
  if (!configured.empty()) return std::string{configured};
  if (!runs_privileged()) {
    if (const char* path = std::getenv("POSTERN_AUTHORITY_SOCKET"); path != nullptr && *path != '\0') return path;
  }
  return std::string{kDefaultAuthoritySocket};
}

}  // namespace postern::ipc
