// `postern bench`: our stack beside others, in programs of their own, in rounds that alternate.
#pragma once

#include <string>
#include <vector>

namespace postern {

/// `arguments` are those behind the word "bench": handshake | verify, --rounds N, --seconds S, --json, --help. Runs the programs
/// postern-bench-* that stand beside this one and prints medians. Returns the exit code: 0 done, 1 a stack let a wrong password in,
/// 2 wrong usage, 3 a fault.
[[nodiscard]] int run_bench(const std::vector<std::string>& arguments);

/// `postern bench policy`, which needs no other programs. `arguments` are those behind "policy".
[[nodiscard]] int run_policy_bench(const std::vector<std::string>& arguments);

}  // namespace postern
