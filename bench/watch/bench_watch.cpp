// `postern bench watch`: a capture from a seed, every logon in it found or not, and how fast, beside tshark and tcpdump.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "capture_maker.hpp"
#include "observe/capture/observer.hpp"
#include "observe/capture/reader.hpp"
#include "observe/logons/tracker.hpp"

namespace postern::bench {
namespace {

using observe::capture::CaptureReader;
using observe::capture::Observer;

constexpr int kExitDone = 0, kExitNo = 1, kExitUsage = 2, kExitFault = 3;

struct Options {
  CapturePlan plan{};
  std::string folder{};
  unsigned rounds = 3;
  bool peers = true;
  bool keep = false;
};

/// Processor seconds of this thread: what others do on the machine counts little.
double seconds_of(auto&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

using Found = std::map<std::string, int>;

/// What a logon is known by: its ends, version and names.
std::string key_of(const std::string& client, const std::string& server, const std::string& version, const std::string& user,
                   const std::string& domain, const std::string& workstation) {
  return client + " " + server + " " + version + " " + domain + "\\" + user + " " + workstation;
}

/// For the stages: what is found is judged by what the program prints.
class NoOutput final : public observe::LogonOutput {
 public:
  void on_message_object(const observe::MessageObject&) override {}
  void on_event(const event::LogonEvent&) override {}
};

/// The logons that postern-watch printed.
Found found_in(const std::string& lines) {
  Found found;
  std::istringstream in{lines};
  for (std::string line; std::getline(in, line);) {
    const auto event = nlohmann::json::parse(line);
    const auto text = [&event](const char* object, const char* name) {
      return event.contains(object) ? event[object].value(name, std::string{}) : std::string{};
    };
    const auto end = [&](const char* side) { return text(side, "address") + ":" + std::to_string(event[side].value("port", 0)); };
    ++found[key_of(end("client"), end("server"), text("ntlm", "version"), text("account", "name"), text("account", "domain"),
                   text("client", "workstation"))];
  }
  return found;
}

struct Truth {
  Found all{};
  Found whole{};  ///< those whose packets are all in the capture
};

Truth truth_of(const std::string& path) {
  Truth truth;
  std::ifstream lines{path};
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line);
    const std::string key =
        key_of(object["client"], object["server"], object["version"], object["user"], object["domain"], object["workstation"]);
    ++truth.all[key];
    if (object["whole"]) ++truth.whole[key];
  }
  return truth;
}

/// Events that the other has not, repeats counted.
std::uint64_t missing_in(const Found& wanted, const Found& seen) {
  std::uint64_t missing = 0;
  for (const auto& [key, count] : wanted) {
    const auto place = seen.find(key);
    missing += static_cast<std::uint64_t>(std::max(0, count - (place == seen.end() ? 0 : place->second)));
  }
  return missing;
}

class NoWitness final : public observe::Witness {
 public:
  void on_message(const observe::Connection&, const observe::MessageSeen&) override {}
  void on_outcome(const observe::Connection&, const observe::OutcomeSeen&) override {}
  void on_note(const observe::Connection&, const observe::NoteSeen&) override {}
  void on_connection_end(const observe::Connection&) override {}
};

observe::Recognition nothing(const observe::Connection&, ByteView, ByteView) {
  observe::Recognition answer;
  answer.kind = observe::Recognition::Kind::nothing;
  return answer;
}

/// Gives every batch of the capture to `take`.
void walk(const std::string& path, auto&& take) {
  auto input = observe::capture::open_input(path);
  if (!input) return;
  auto reader = CaptureReader::open(std::move(*input));
  if (!reader) return;
  for (auto batch = (*reader)->next(); !batch.empty(); batch = (*reader)->next()) take(batch);
}

struct Stages {
  double read = 0, layers = 0, table = 0, all = 0;
};

/// One round: each stage with those before it.
Stages round_of(const std::string& path) {
  NoOutput collector;
  Stages stages;
  std::uint64_t sum = 0;  // so that reading is not left out by the compiler
  stages.read = seconds_of([&] { walk(path, [&sum](auto batch) { sum += batch.back().bytes.front(); }); });
  stages.layers = seconds_of([&] {
    observe::capture::Statistics own;
    observe::capture::Fragments fragments{own};
    observe::capture::Layers layers{fragments, own};
    walk(path, [&](auto batch) {
      for (const auto& packet : batch) sum += layers.transport_of(packet).sequence;
    });
  });
  stages.table = seconds_of([&] {
    NoWitness witness;
    Observer observer{{.seed = 1, .recogniser = nothing}, witness};
    walk(path, [&observer](auto batch) { observer.on_packets(batch); });
  });
  stages.all = seconds_of([&] {
    std::array<std::uint8_t, DigestKey::kSize> key{};
    key.fill(static_cast<std::uint8_t>(sum | 1));
    observe::LogonTrackerConfig config{.digest_key = DigestKey{key}, .random = [](std::span<std::uint8_t> bytes) {
                                         if (::getrandom(bytes.data(), bytes.size(), 0) < 0) std::abort();
                                       }};
    observe::LogonTracker tracker{std::move(config), collector};
    Observer observer{{.seed = 1, .recogniser = observe::recognise, .datagram_reader = observe::observe_kerberos_datagram},
                      tracker};
    walk(path, [&observer](auto batch) { observer.on_packets(batch); });
    observer.finish();
    tracker.finish();
  });
  return stages;
}

struct Run {
  bool ran = false;
  double wall = 0;  ///< seconds
  double cpu = 0;   ///< processor seconds, the kernel's for it included
  long peak_kib = 0;
};

std::string content_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Runs a program that writes to `out` and `err`. Nothing of it is read here: the peak memory that the kernel tells of a program is
/// not less than that of who started it.
Run run_program(std::vector<std::string> words, const std::string& out, const std::string& err) {
  Run run;
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  if (pid < 0 || ::wait4(pid, &status, 0, &usage) != pid) return run;
  run.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  run.cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  run.ran = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  run.peak_kib = usage.ru_maxrss;
  return run;
}

/// Of several runs, the one in the middle by processor time.
const Run& median(std::vector<Run>& runs) {
  std::ranges::sort(runs, {}, &Run::cpu);
  return runs[runs.size() / 2];
}

/// The fastest round of a stage: what disturbs a round only adds to it, and differences of stages are wanted.
double fastest(const std::vector<Stages>& rounds, double Stages::* stage) {
  double least = rounds.front().*stage;
  for (const Stages& one : rounds) least = std::min(least, one.*stage);
  return least;
}

void print_run(const char* name, const Run& run, double megabytes) {
  fmt::print("{:<20} {:8.1f} MB/s of processor time ({:.2f} s), {:.1f} MB/s by the clock ({:.2f} s), peak {} KiB\n", name,
             megabytes / run.cpu, run.cpu, megabytes / run.wall, run.wall, run.peak_kib);
}

void print_stages(const std::vector<Stages>& rounds) {
  const double read = fastest(rounds, &Stages::read), layers = fastest(rounds, &Stages::layers),
               table = fastest(rounds, &Stages::table), all = fastest(rounds, &Stages::all);
  fmt::print("  of its time: reading {:.0f} %, layers {:.0f} %, flow table {:.0f} %, reassembly, carriers and logons {:.0f} %\n",
             100 * read / all, 100 * (layers - read) / all, 100 * (table - layers) / all, 100 * (all - table) / all);
}

/// In a process of its own, for the same reason.
Result<CaptureMade> made_apart(const CapturePlan& plan, const std::string& capture, const std::string& truth_path) {
  int tell[2];
  if (::pipe2(tell, O_CLOEXEC) != 0) return fail(ErrorCode::io, "no pipe");
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto made = make_capture(plan, capture, truth_path);
    if (!made) fmt::print(stderr, "{}\n", made.error().to_line());
    ::_exit(made && ::write(tell[1], &*made, sizeof *made) == static_cast<ssize_t>(sizeof *made) ? 0 : 1);
  }
  ::close(tell[1]);
  CaptureMade made;
  const bool whole = ::read(tell[0], &made, sizeof made) == static_cast<ssize_t>(sizeof made);
  ::close(tell[0]);
  ::waitpid(pid, nullptr, 0);
  if (!whole) return fail(ErrorCode::io, "the capture was not made");
  return made;
}

std::string folder_of_this_program() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

int run(const Options& options) {
  const std::string base =
      fmt::format("{}/watch-{}-{}-{}", options.folder, options.plan.connections, options.plan.seed, options.plan.lost_per_mille);
  const std::string capture = base + ".pcap";
  const std::string truth_path = base + ".truth.jsonl";
  const auto made = made_apart(options.plan, capture, truth_path);
  if (!made) {
    fmt::print(stderr, "{}\n", made.error().to_line());
    return kExitFault;
  }
  fmt::print(
      "capture: {} connections, {} packets, {:.1f} MB, {} logons, of which {} whole; of 1000 packets {} left out, {} swapped, "
      "{} doubled\n",
      options.plan.connections, made->packets, static_cast<double>(made->bytes) / 1e6, made->logons, made->whole_logons,
      options.plan.lost_per_mille, options.plan.swapped_per_mille, options.plan.doubled_per_mille);
  std::fflush(stdout);
  const std::string watch = folder_of_this_program() + "/postern-watch";
  const std::string out = base + ".out", err = base + ".err", other = base + ".other";
  std::vector<Run> ours, tcpdumps;
  std::vector<Stages> stages;
  for (unsigned i = 0; i < options.rounds; ++i) {
    ours.push_back(run_program({watch, "--json", "--statistics", "--no-progress", "--read", capture}, out, err));
    if (!ours.back().ran) {
      fmt::print(stderr, "postern-watch failed: {}\n", content_of(err));
      return kExitFault;
    }
    if (options.peers) tcpdumps.push_back(run_program({"tcpdump", "-r", capture, "-w", "/dev/null"}, other, other));
  }
  for (unsigned i = 0; i < options.rounds; ++i) stages.push_back(round_of(capture));
  const Truth truth = truth_of(truth_path);
  const double size = static_cast<double>(made->bytes) / 1e6;
  const Run& own = median(ours);
  const Found found = found_in(content_of(out));
  const std::uint64_t missing = missing_in(truth.all, found), missing_whole = missing_in(truth.whole, found),
                      extra = missing_in(found, truth.all);
  print_run("postern-watch --json", own, size);
  fmt::print("  {} of {} logons found; of the {} that are whole {} missed; {} found that are none\n", made->logons - missing,
             made->logons, made->whole_logons, missing_whole, extra);
  print_stages(stages);
  const auto counted = nlohmann::json::parse(content_of(err))["statistics"];
  fmt::print("  ");
  for (const char* name :
       {"gaps", "gap_bytes", "reordered", "retransmitted", "overlaps", "evicted_connections", "memory_peak_bytes"})
    fmt::print("{} {}  ", name, counted.value(name, std::uint64_t{0}));
  fmt::print("\n");
  std::fflush(stdout);
  if (options.peers) {
    const auto compare = [&](const char* name, const Run& peer) {
      if (!peer.ran) {
        fmt::print("{}: not installed, or it failed\n", name);
        return;
      }
      print_run(name, peer, size);
      fmt::print("  postern is {:.2f} times as fast by processor time, {:.2f} by the clock\n", peer.cpu / own.cpu,
                 peer.wall / own.wall);
    };
    compare("tcpdump -w /dev/null", median(tcpdumps));
    const Run tshark =
        run_program({"tshark", "-n", "-r", capture, "-Y", "ntlmssp.messagetype == 3", "-T", "fields", "-e", "frame.number", "-e",
                     "ip.src", "-e", "ntlmssp.auth.username", "-e", "ntlmssp.auth.domain", "-e", "ntlmssp.auth.hostname"},
                    out, other);
    compare("tshark", tshark);
    if (tshark.ran)
      fmt::print("  {} AUTHENTICATE messages; its peak memory is {:.0f} times ours\n", std::ranges::count(content_of(out), '\n'),
                 static_cast<double>(tshark.peak_kib) / static_cast<double>(own.peak_kib));
  }
  std::error_code code;
  for (const std::string& path : {out, err, other}) std::filesystem::remove(path, code);
  if (!options.keep) {
    std::filesystem::remove(capture, code);
    std::filesystem::remove(truth_path, code);
  }
  return missing_whole > 0 || extra > 0 ? kExitNo : kExitDone;
}

constexpr std::string_view kUsage =
    "Usage: postern bench watch [--connections N] [--seed N] [--ntlm PER-MILLE] [--lost PER-MILLE] [--swapped PER-MILLE] "
    "[--doubled PER-MILLE]\n"
    "                           [--rounds N] [--folder DIR] [--no-peers] [--keep]\n"
    "\n"
    "Makes a capture of mixed traffic (2 % of its connections log on over NTLM), lets postern-watch find the logons in it on one "
    "thread,\n"
    "compares them with the truth, and runs tcpdump and tshark over the same file. Exit code 1 if a logon is missing whose packets "
    "are all\n"
    "there, or one is invented. --keep leaves the capture and its truth in the folder.\n"
    "\n"
    "Example: postern bench watch --connections 20000 --rounds 5\n";

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  using namespace postern::bench;
  Options options;
  options.folder = std::filesystem::temp_directory_path().string();
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help") {
      fmt::print("{}", kUsage);
      return kExitDone;
    }
    if (word == "--no-peers" || word == "--keep") {
      (word == "--keep" ? options.keep : options.peers) = word == "--keep";
      continue;
    }
    if (i + 1 == argc) {
      fmt::print(stderr, "{}", kUsage);
      return kExitUsage;
    }
    const std::string value = argv[++i];
    const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
    if (word == "--connections" && number > 0) {
      options.plan.connections = number;
    } else if (word == "--seed") {
      options.plan.seed = number;
    } else if (word == "--lost" && number < 1'000) {
      options.plan.lost_per_mille = static_cast<std::uint32_t>(number);
    } else if (word == "--ntlm" && number <= 1'000) {
      options.plan.ntlm_per_mille = static_cast<std::uint32_t>(number);
    } else if (word == "--swapped" && number < 1'000) {
      options.plan.swapped_per_mille = static_cast<std::uint32_t>(number);
    } else if (word == "--doubled" && number < 1'000) {
      options.plan.doubled_per_mille = static_cast<std::uint32_t>(number);
    } else if (word == "--rounds" && number > 0 && number < 100) {
      options.rounds = static_cast<unsigned>(number);
    } else if (word == "--folder") {
      options.folder = value;
    } else {
      fmt::print(stderr, "{}", kUsage);
      return kExitUsage;
    }
  }
  return run(options);
}
