#include "memory.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace postern::load {
namespace {

namespace fs = std::filesystem;

/// The number after `name` in a file of "Name:  123 kB" lines, in bytes; 0 if there is none.
std::uint64_t kilobytes(const fs::path& file, std::string_view name) {
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size())) * 1024;
  }
  return 0;
}

std::uint64_t own_memory(const fs::path& process) {
  const std::uint64_t proportional = kilobytes(process / "smaps_rollup", "Pss:");
  return proportional != 0 ? proportional : kilobytes(process / "status", "VmRSS:");
}

}  // namespace

std::uint64_t memory_of(pid_t pid) {
  const fs::path process = fs::path{"/proc"} / std::to_string(pid);
  std::uint64_t sum = own_memory(process);
  std::ifstream children{process / "task" / std::to_string(pid) / "children"};
  for (pid_t child = 0; children >> child;) sum += memory_of(child);
  return sum;
}

}  // namespace postern::load
