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
    "Usage: postern bench handshake|verify|batch|seal|sign|heap|detection|policy|watch [--rounds N] [--seconds S] [--json]\n"
    "\n"
    "  handshake   whole NTLMv2 logons a second, client and server, on one thread\n"
    "  verify      the server's part alone: from NEGOTIATE to the verdict\n"
    "  batch       the same with 64 logons waiting at a time; a stack that cannot judge many together takes them one by one\n"
    "  seal        messages of 64 bytes to 4 MiB, sealed by one end of an established session; megabytes a second\n"
    "  sign        the same, signed\n"
    "  watch       the sensor over a capture made from a seed, beside tcpdump and tshark (postern bench watch --help)\n"
    "  heap        bytes that the server's side of an established session keeps on the heap, of a thousand that live at once\n"
    "  detection   logons a second through an authority with durable events, with and without detection\n"
    "  policy      logons that one core judges a second (postern bench policy --help)\n"
    "\n"
    "Runs Postern beside gss-ntlmssp and WinPR where their programs are built (cmake --preset bench), each in a process of its "
    "own,\n"
    "in rounds that alternate, and prints the medians. Each stack must also refuse a wrong password.\n"
    "\n"
    "Example: postern bench handshake --rounds 9\n";

constexpr std::string_view kWhat[] = {"handshake", "verify", "batch", "seal", "sign", "heap"};

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

constexpr int kSessionsOnTheHeap = 1000;
constexpr std::size_t kMessageBytes[] = {64, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024};

/// What is asked of each stack in turn: logons, or messages of one size.
struct Question {
  std::string words{};
  std::string label{};
  double unit = 1;  ///< what one of a count is worth in what is printed
};

struct Stack {
  std::string id{};
  std::string name{};
  std::unique_ptr<Program> program{};
  std::vector<std::vector<double>> answers{};  ///< of each question, one a round; empty where the stack has no such thing
  bool refuses_wrong_password = false;

  [[nodiscard]] bool can(std::size_t question) const { return !answers[question].empty(); }
  [[nodiscard]] double median(std::size_t question) const {
    std::vector<double> sorted = answers[question];
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
    } else if (options.what.empty() && std::ranges::find(kWhat, argument) != std::end(kWhat)) {
      options.what = argument;
    } else {
      complaint = "unknown argument: " + argument;
      return std::nullopt;
    }
  }
  if (options.what.empty()) {
    complaint = "say what to measure: handshake, verify, batch, seal, sign or heap";
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

bool is_of_heap(const Options& options) { return options.what == "heap"; }
bool is_of_messages(const Options& options) { return options.what == "seal" || options.what == "sign"; }

std::vector<Question> questions_of(const Options& options) {
  if (is_of_heap(options)) return {{fmt::format("heap {}", kSessionsOnTheHeap), "heap of a session, bytes", 1}};
  if (!is_of_messages(options))
    return {{fmt::format("{} {}", options.what, options.seconds),
             (options.what == "batch" ? "verify" : options.what) + "s per second", 1}};
  std::vector<Question> questions;
  for (const std::size_t bytes : kMessageBytes) {
    const std::string size = bytes < 1024          ? fmt::format("{} B", bytes)
                             : bytes < 1024 * 1024 ? fmt::format("{} KiB", bytes / 1024)
                                                   : "4 MiB";
    questions.push_back({fmt::format("{} {} {}", options.what, bytes, options.seconds), options.what + " " + size + ", MB/s",
                         static_cast<double>(bytes) / 1e6});
  }
  return questions;
}

/// One round of one stack into `answers`. False if its answer is neither a count nor that it has no such thing.
bool measure(Stack& stack, const Question& question, std::vector<double>& answers) {
  const auto answer = stack.program->ask(question.words);
  if (!answer) return false;
  if (*answer == "none") return true;
  std::int64_t count = 0, nanoseconds = 0;
  const char* const end = answer->data() + answer->size();
  const auto first = std::from_chars(answer->data(), end, count);
  if (first.ec != std::errc{}) return false;
  if (first.ptr == end) {  // one number: no rate
    answers.push_back(static_cast<double>(count) * question.unit);
    return true;
  }
  const auto second = std::from_chars(first.ptr + 1, end, nanoseconds);
  if (second.ec != std::errc{} || nanoseconds <= 0) return false;
  answers.push_back(static_cast<double>(count) * question.unit * 1e9 / static_cast<double>(nanoseconds));
  return true;
}

void print_json(const std::vector<Stack>& stacks, const std::vector<Question>& questions, const Options& options) {
  nlohmann::ordered_json out{{"bench", options.what}, {"rounds", options.rounds}, {"seconds", options.seconds}};
  const Stack& own = stacks.front();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (const Stack& stack : stacks) {
      if (!stack.can(i)) continue;
      const auto [least, most] = std::ranges::minmax(stack.answers[i]);
      nlohmann::ordered_json row{{"id", stack.id}, {"name", stack.name}};
      if (is_of_messages(options)) {
        row["bytes"] = kMessageBytes[i];
        row["megabytes_per_second"] = stack.median(i);
      } else {
        row[is_of_heap(options) ? "bytes" : "per_second"] = stack.median(i);
      }
      row["min"] = least;
      row["max"] = most;
      row["ratio"] = is_of_heap(options) ? stack.median(i) / own.median(i) : own.median(i) / stack.median(i);
      row["refuses_wrong_password"] = stack.refuses_wrong_password;
      out["stacks"].push_back(std::move(row));
    }
  }
  fmt::print("{}\n", out.dump());
}

void print(const std::vector<Stack>& stacks, const std::vector<Question>& questions, const Options& options) {
  const Stack& own = stacks.front();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    fmt::print("{:<24} {:>14} {:>12} {:>12} {:>15}   {}\n", questions[i].label, "median", "least", "most", "Postern is",
               "wrong password");
    for (const Stack& stack : stacks) {
      if (!stack.can(i)) {
        fmt::print("{:<24} {:>14}\n", stack.name, "has none");
        continue;
      }
      const auto [least, most] = std::ranges::minmax(stack.answers[i]);
      const double times = is_of_heap(options) ? stack.median(i) / own.median(i) : own.median(i) / stack.median(i);
      const std::string ratio = &stack == &own ? "" : fmt::format("{:.2f} times{}", times, is_of_heap(options) ? " less" : "");
      fmt::print("{:<24} {:>14.0f} {:>12.0f} {:>12.0f} {:>15}   {}\n", stack.name, stack.median(i), least, most, ratio,
                 stack.refuses_wrong_password ? "refused" : "ACCEPTED");
    }
  }
  fmt::print("medians of {} alternating rounds of {} s, one thread\n", options.rounds, options.seconds);
}

/// Becomes the program of that name beside this one; returns only if there is none.
int become(const std::string& name, const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string path = self.parent_path() / name;
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  fmt::print(stderr, "postern bench: {} is not there; build it with: cmake --preset bench && cmake --build --preset bench\n", path);
  return kExitFault;
}

}  // namespace

int run_bench(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "watch") {
    return become("postern-bench-watch", {arguments.begin() + 1, arguments.end()});
  }
  if (!arguments.empty() && arguments.front() == "detection") {
    return become("postern-bench-detection", {arguments.begin() + 1, arguments.end()});
  }
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
  const std::vector<Question> questions = questions_of(*options);
  for (Stack& stack : stacks) stack.answers.resize(questions.size());
  for (int round = 0; round < options->rounds; ++round) {
    for (std::size_t i = 0; i < questions.size(); ++i) {
      for (Stack& stack : stacks) {
        if (measure(stack, questions[i], stack.answers[i])) continue;
        fmt::print(stderr, "postern bench: {} failed\n", stack.name);
        return kExitFault;
      }
    }
  }
  bool all_refuse = true;
  for (Stack& stack : stacks) {
    stack.refuses_wrong_password = stack.program->ask("wrong") == "refused";
    all_refuse = all_refuse && stack.refuses_wrong_password;
  }
  options->json ? print_json(stacks, questions, *options) : print(stacks, questions, *options);
  return all_refuse ? kExitDone : kExitNo;
}

}  // namespace postern
