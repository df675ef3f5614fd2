#include "bench.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <signal.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace postern {
namespace {

constexpr int kExitDone = 0, kExitNo = 1, kExitUsage = 2, kExitFault = 3;
constexpr int kRoundsDefault = 7, kRoundsMin = 1, kRoundsMax = 101;
constexpr double kSecondsDefault = 0.3, kSecondsMax = 60;

constexpr std::string_view kUsage =
    "Usage: postern bench handshake|verify [--rounds N] [--seconds S] [--json]\n"
    "\n"
    "  handshake   whole NTLMv2 logons a second, client and server, on one thread\n"
    "  verify      the server's part alone: from NEGOTIATE to the verdict\n"
    "\n"
    "Runs Postern beside gss-ntlmssp and WinPR where their programs are built (cmake --preset bench), each in a process of its "
    "own,\n"
    "in rounds that alternate, and prints the medians. Each stack must also refuse a wrong password.\n"
    "\n"
    "Example: postern bench handshake --rounds 9\n";

struct Options {
  std::string what{};
  int rounds = kRoundsDefault;
  double seconds = kSecondsDefault;  ///< of one round of one stack
  bool json = false;
};

/// A stack's program, kept open between its rounds so that no start-up is measured.
class Program {
 public:
  static std::unique_ptr<Program> start(const std::filesystem::path& path) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) return nullptr;
    if (pipe2(from, O_CLOEXEC) != 0) {
      close(to[0]);
      close(to[1]);
      return nullptr;
    }
    const pid_t pid = fork();
    if (pid == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      execl(path.c_str(), path.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    if (pid < 0) {
      close(to[1]);
      close(from[0]);
      return nullptr;
    }
    return std::unique_ptr<Program>{new Program{pid, to[1], from[0]}};
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (in_ != nullptr) std::fclose(in_);
    if (out_ != nullptr) std::fclose(out_);
    int status = 0;
    waitpid(pid_, &status, 0);
  }

  /// The line that answers; nothing if the program is gone.
  std::optional<std::string> ask(const std::string& question) {
    if (in_ == nullptr || out_ == nullptr) return std::nullopt;
    if (std::fputs((question + "\n").c_str(), in_) < 0 || std::fflush(in_) != 0) return std::nullopt;
    char line[256];
    if (std::fgets(line, sizeof line, out_) == nullptr) return std::nullopt;
    std::string answer{line};
    while (!answer.empty() && answer.back() == '\n') answer.pop_back();
    return answer;
  }

 private:
  Program(pid_t pid, int in, int out) : pid_{pid}, in_{fdopen(in, "w")}, out_{fdopen(out, "r")} {}
  pid_t pid_;
  std::FILE* in_;
  std::FILE* out_;
};

struct Stack {
  std::string id{};
  std::string name{};
  std::unique_ptr<Program> program{};
  std::vector<double> per_second{};
  bool refuses_wrong_password = false;

  [[nodiscard]] double median() const {
    std::vector<double> sorted = per_second;
    std::ranges::sort(sorted);
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
};

std::optional<Options> parse(const std::vector<std::string>& arguments, std::string& complaint) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto number = [&](auto& value) {
      if (i + 1 >= arguments.size()) return false;
      const std::string& text = arguments[++i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc{} && end == text.data() + text.size();
    };
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--rounds") {
      if (!number(options.rounds) || options.rounds < kRoundsMin || options.rounds > kRoundsMax) {
        complaint = fmt::format("--rounds takes a number from {} to {}", kRoundsMin, kRoundsMax);
        return std::nullopt;
      }
    } else if (argument == "--seconds") {
      if (!number(options.seconds) || !(options.seconds > 0) || options.seconds > kSecondsMax) {
        complaint = fmt::format("--seconds takes a number above 0 and up to {}", kSecondsMax);
        return std::nullopt;
      }
    } else if (options.what.empty() && (argument == "handshake" || argument == "verify")) {
      options.what = argument;
    } else {
      complaint = "unknown argument: " + argument;
      return std::nullopt;
    }
  }
  if (options.what.empty()) {
    complaint = "say what to measure: handshake or verify";
    return std::nullopt;
  }
  return options;
}

std::filesystem::path folder_of_this_program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path{"."} : self.parent_path();
}

std::vector<Stack> start_stacks() {
  std::vector<Stack> stacks;
  for (const char* id : {"own", "gss", "winpr"}) {
    const std::filesystem::path path = folder_of_this_program() / (std::string{"postern-bench-"} + id);
    if (access(path.c_str(), X_OK) != 0) continue;
    Stack stack;
    stack.id = id;
    stack.program = Program::start(path);
    const auto name = stack.program ? stack.program->ask("name") : std::nullopt;
    if (!name) {
      fmt::print(stderr, "postern bench: {} does not start; it is left out\n", path.string());
      continue;
    }
    stack.name = *name;
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

/// One round of one stack; nothing if its answer is no count.
std::optional<double> measure(Stack& stack, const Options& options) {
  const auto answer = stack.program->ask(fmt::format("{} {}", options.what, options.seconds));
  if (!answer) return std::nullopt;
  std::int64_t count = 0, nanoseconds = 0;
  const char* const end = answer->data() + answer->size();
  const auto first = std::from_chars(answer->data(), end, count);
  if (first.ec != std::errc{} || first.ptr == end) return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, nanoseconds);
  if (second.ec != std::errc{} || nanoseconds <= 0) return std::nullopt;
  return static_cast<double>(count) * 1e9 / static_cast<double>(nanoseconds);
}

void print(const std::vector<Stack>& stacks, const Options& options) {
  const Stack& own = stacks.front();
  if (options.json) {
    nlohmann::ordered_json out{{"bench", options.what}, {"rounds", options.rounds}, {"seconds", options.seconds}};
    for (const Stack& stack : stacks) {
      const auto [least, most] = std::ranges::minmax(stack.per_second);
      out["stacks"].push_back({{"id", stack.id},
                               {"name", stack.name},
                               {"per_second", stack.median()},
                               {"min", least},
                               {"max", most},
                               {"ratio", own.median() / stack.median()},
                               {"refuses_wrong_password", stack.refuses_wrong_password}});
    }
    fmt::print("{}\n", out.dump());
    return;
  }
  fmt::print("{:<24} {:>14} {:>12} {:>12} {:>15}   {}\n", options.what + "s per second", "median", "least", "most", "Postern is",
             "wrong password");
  for (const Stack& stack : stacks) {
    const auto [least, most] = std::ranges::minmax(stack.per_second);
    const std::string ratio = &stack == &own ? "" : fmt::format("{:.1f} times", own.median() / stack.median());
    fmt::print("{:<24} {:>14.0f} {:>12.0f} {:>12.0f} {:>15}   {}\n", stack.name, stack.median(), least, most, ratio,
               stack.refuses_wrong_password ? "refused" : "ACCEPTED");
  }
  fmt::print("medians of {} alternating rounds of {} s, one thread\n", options.rounds, options.seconds);
}

}  // namespace

int run_bench(const std::vector<std::string>& arguments) {
  if (std::ranges::find(arguments, "--help") != arguments.end()) {
    fmt::print("{}", kUsage);
    return kExitDone;
  }
  std::string complaint;
  const auto options = parse(arguments, complaint);
  if (!options) {
    fmt::print(stderr, "postern bench: {}\n{}", complaint, kUsage);
    return kExitUsage;
  }
  signal(SIGPIPE, SIG_IGN);  // a stack that ends is noticed by its missing answer
  std::vector<Stack> stacks = start_stacks();
  if (stacks.empty() || stacks.front().id != "own") {
    fmt::print(stderr,
               "postern bench: postern-bench-own is not beside this program; build it with: cmake --preset bench && cmake "
               "--build --preset bench\n");
    return kExitFault;
  }
  for (int round = 0; round < options->rounds; ++round) {
    for (Stack& stack : stacks) {
      const auto per_second = measure(stack, *options);
      if (!per_second) {
        fmt::print(stderr, "postern bench: {} failed\n", stack.name);
        return kExitFault;
      }
      stack.per_second.push_back(*per_second);
    }
  }
  bool all_refuse = true;
  for (Stack& stack : stacks) {
    stack.refuses_wrong_password = stack.program->ask("wrong") == "refused";
    all_refuse = all_refuse && stack.refuses_wrong_password;
  }
  print(stacks, *options);
  return all_refuse ? kExitDone : kExitNo;
}

}  // namespace postern
