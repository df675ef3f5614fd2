// What postern-watch gives up once its source is open: it reads what anybody on the network may have written.
#pragma once

#include <string>

#include "base/result.hpp"
#include "postern-watch/options.hpp"

namespace postern::watch {

/// Root becomes `user` with its group alone; nobody keeps a capability, and nothing that is run later gets one. Threads must not
/// have been started.
[[nodiscard]] Result<void> drop_rights(const std::string& user);

/// From here on the process, its later threads included, may do what it needs and nothing else (edge/confine): no socket, no
/// program, no file to write unless output that begins new files, or an inventory, was asked for. Nor does it leave a core.
[[nodiscard]] Result<void> confine(const Options& options);

}  // namespace postern::watch
