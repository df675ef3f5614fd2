// confine: a process gives up the system calls that it does not need (R35), whoever started it and however.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace postern::confine {

/// What a program of ours still may once it runs. Each is a superset of nothing: the lists are in confine.cpp.
enum class Profile : std::uint8_t {
  authority,          ///< posternd: files and Unix sockets; no network
  gateway,            ///< postern-gateway: reads files; TCP, and Unix sockets to the authority
  forward,            ///< postern-forward: files, Unix sockets, TCP, names looked up
  sensor,             ///< postern-watch once its first source is open: opens files to read, writes to what is open; no socket
  sensor_with_files,  ///< the same with an inventory, or output that begins new files: those it makes and renames
};
[[nodiscard]] std::string_view name_of(Profile profile);

/// Applies the profile to all threads of the process, for good; threads that come later inherit it. From then on:
/// - what the profile does not list fails with EPERM (clone3 with ENOSYS, so that the C library takes clone);
/// - running another program, tracing or reading another process, mounting, loading code into the kernel, bpf, keys, name spaces
/// and
///   the like end the process at once: none of ours has a reason to try;
/// - no memory becomes writable and executable; no new process is made, only threads; no socket of another family.
/// Under a sanitizer what that needs stays allowed (LeakSanitizer traces the process when it ends).
/// Errors: `unsupported` if the kernel has no seccomp filter, `internal`. After an error nothing has changed.
[[nodiscard]] Result<void> confine(Profile profile);

/// True if all threads of this process run under a filter.
[[nodiscard]] bool is_confined();

}  // namespace postern::confine
