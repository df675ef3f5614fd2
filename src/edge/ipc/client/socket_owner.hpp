// Who is at the other end of the authority's socket: asked before a token is sent there (R31).
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "base/result.hpp"

namespace postern::ipc {

/// Succeeds if the connected Unix socket `fd` leads to the authority:
/// - every directory above `path` belongs to root, to the authority's user or to our own, and nobody else may put files there
///   (a sticky directory such as /tmp is fine: others cannot replace what is not theirs);
/// - the socket's file belongs to root, the authority's user or our own;
/// - the process that listens runs (SO_PEERCRED) as `expected_uid`, or, without one, as root or as our own user.
/// Error: `denied`, with the path or user that is wrong in the message.
[[nodiscard]] Result<void> check_authority_socket(int fd, const std::string& path, std::optional<uid_t> expected_uid);

}  // namespace postern::ipc
