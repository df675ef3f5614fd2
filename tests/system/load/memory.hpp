// How much memory a process and its children hold.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace postern::load {

/// Bytes of `pid` and all its descendants: what is theirs alone plus their share of what is shared (PSS) where the system says so,
/// else the resident set. 0 if the process is gone.
[[nodiscard]] std::uint64_t memory_of(pid_t pid);

}  // namespace postern::load
