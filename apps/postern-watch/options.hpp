// What the command line of postern-watch asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "observe/capture/live.hpp"
#include "observe/capture/observer.hpp"

namespace postern::watch {

enum class Form : std::uint8_t { table, events, messages };

struct Options {
  std::vector<std::string> files{};  ///< or folders; "-" is standard input
  observe::capture::LiveOptions live{};
  unsigned threads = 1;
  Form form = Form::table;
  std::string output{};  ///< empty: standard output
  std::uint64_t rotate_bytes = 0;
  unsigned rotate_files = 10;
  std::string store{};
  std::string user{"nobody"};  ///< whom root becomes once the interface is open
  std::size_t memory_limit = observe::capture::Observer::kDefaultMemoryLimit;
  std::vector<std::string> proxies{};
  bool learn_proxies = true;
  bool on_screen = false;  ///< standard output is a terminal, and a table of dependencies goes there
  bool statistics = false;
  bool progress = true;
};

/// Of the memory limit, what the program itself, its libraries, the reader's buffers and the allocator's losses take.
constexpr std::size_t kOwnBytes = std::size_t{20} * 1024 * 1024;

constexpr int kDone = 0;
constexpr int kWrongUsage = 2;
constexpr int kFault = 3;

/// "64M", "512k", "1G" or a plain number of bytes.
[[nodiscard]] Result<std::uint64_t> parse_size(const std::string& text);

}  // namespace postern::watch
