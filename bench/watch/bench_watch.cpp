// `postern bench watch`: a capture from a seed, every logon in it found or not, and how fast, beside tshark and tcpdump.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "capture_maker.hpp"
#include "event/names.hpp"
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
};

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

using Found = std::map<std::string, int>;

/// What a logon is known by: its ends, version and names.
std::string key_of(const std::string& client, const std::string& server, const std::string& version, const std::string& user,
                   const std::string& domain, const std::string& workstation) {
  return client + " " + server + " " + version + " " + domain + "\\" + user + " " + workstation;
}

class Collector final : public observe::LogonOutput {
 public:
  void on_message_object(const observe::MessageObject&) override { ++messages; }
  void on_event(const event::LogonEvent& event) override {
    const auto end = [](const event::Text& address, std::optional<std::uint16_t> port) {
      return address.value_or("?") + ":" + std::to_string(port.value_or(0));
    };
    ++found[key_of(end(event.client.address, event.client.port), end(event.server.address, event.server.port),
                   event.ntlm.version ? std::string{event::name_of(*event.ntlm.version)} : "?", event.account.name.value_or(""),
                   event.account.domain.value_or(""), event.client.workstation.value_or(""))];
  }
  Found found{};
  std::uint64_t messages = 0;
};

Found truth_of(const std::string& path) {
  Found truth;
  std::ifstream lines{path};
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line);
    ++truth[key_of(object["client"], object["server"], object["version"], object["user"], object["domain"], object["workstation"])];
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
Stages round_of(const std::string& path, Collector& collector, observe::capture::Statistics& statistics) {
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
    statistics = observer.statistics();
  });
  return stages;
}

struct PeerRun {
  bool ran = false;
  double seconds = 0;
  long peak_kib = 0;
  std::uint64_t lines = 0;
};

PeerRun run_peer(std::vector<std::string> words) {
  PeerRun run;
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return run;
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out[1]);
  std::array<char, 65'536> buffer{};
  for (ssize_t count = 0; (count = ::read(out[0], buffer.data(), buffer.size())) > 0;) {
    run.lines += static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + count, '\n'));
  }
  ::close(out[0]);
  int status = 0;
  rusage usage{};
  if (pid < 0 || ::wait4(pid, &status, 0, &usage) != pid) return run;
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.ran = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  run.peak_kib = usage.ru_maxrss;
  return run;
}

int run(const Options& options) {
  const std::string base = options.folder + "/watch-" + std::to_string(options.plan.connections) + "-" +
                           std::to_string(options.plan.seed) + "-" + std::to_string(options.plan.lost_per_mille);
  const std::string capture = base + ".pcap";
  const std::string truth_path = base + ".truth.jsonl";
  const auto made = make_capture(options.plan, capture, truth_path);
  if (!made) {
    fmt::print(stderr, "{}\n", made.error().to_line());
    return kExitFault;
  }
  fmt::print("capture: {} connections, {} packets, {:.1f} MB, {} logons, {} of 1000 packets left out\n", options.plan.connections,
             made->packets, static_cast<double>(made->bytes) / 1e6, made->logons, options.plan.lost_per_mille);
  std::fflush(stdout);
  const Found truth = truth_of(truth_path);
  std::vector<Stages> rounds;
  observe::capture::Statistics statistics;
  std::uint64_t missing = 0, extra = 0;
  for (unsigned i = 0; i < options.rounds; ++i) {
    Collector collector;
    rounds.push_back(round_of(capture, collector, statistics));
    missing = missing_in(truth, collector.found);
    extra = missing_in(collector.found, truth);
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto median = [&rounds](double Stages::* stage) {
    std::vector<double> times;
    for (const Stages& one : rounds) times.push_back(one.*stage);
    std::ranges::sort(times);
    return times[times.size() / 2];
  };
  const double size = static_cast<double>(made->bytes) / 1e6;
  const double read = median(&Stages::read), layers = median(&Stages::layers), table = median(&Stages::table),
               all = median(&Stages::all);
  fmt::print("postern: {:8.1f} MB/s  {:.2f} s  peak {} KiB  {} of {} logons found, {} that are none\n", size / all, all,
             usage.ru_maxrss, made->logons - missing, made->logons, extra);
  fmt::print("  of its time: reading {:.0f} %, layers {:.0f} %, flow table {:.0f} %, reassembly, carriers and logons {:.0f} %\n",
             100 * read / all, 100 * (layers - read) / all, 100 * (table - layers) / all, 100 * (all - table) / all);
  fmt::print("  gaps {}, reordered {}, retransmitted {}, evicted {}, memory that the limit counts {} KiB\n", statistics.gaps,
             statistics.reordered, statistics.retransmitted, statistics.evicted_connections, statistics.memory_peak_bytes / 1024);
  std::fflush(stdout);
  if (options.peers) {
    const auto compare = [&](const char* name, const PeerRun& peer, const char* what) {
      if (!peer.ran) {
        fmt::print("{}: not installed, or it failed\n", name);
        return;
      }
      fmt::print("{}: {:8.1f} MB/s  {:.2f} s  peak {} KiB  {}{}; postern is {:.1f} times as fast\n", name, size / peer.seconds,
                 peer.seconds, peer.peak_kib, *what == '\0' ? std::string{} : std::to_string(peer.lines) + " ", what,
                 peer.seconds / all);
    };
    compare("tcpdump -w /dev/null", run_peer({"tcpdump", "-r", capture, "-w", "/dev/null"}), "");
    compare("tshark",
            run_peer({"tshark", "-n", "-r", capture, "-Y", "ntlmssp.messagetype == 3", "-T", "fields", "-e", "frame.number", "-e",
                      "ip.src", "-e", "ntlmssp.auth.username", "-e", "ntlmssp.auth.domain", "-e", "ntlmssp.auth.hostname"}),
            "AUTHENTICATE messages");
  }
  std::error_code code;
  std::filesystem::remove(capture, code);
  std::filesystem::remove(truth_path, code);
  const bool whole = options.plan.lost_per_mille == 0;
  return whole && (missing > 0 || extra > 0) ? kExitNo : kExitDone;
}

constexpr std::string_view kUsage =
    "Usage: postern bench watch [--connections N] [--seed N] [--lost PER-MILLE] [--rounds N] [--folder DIR] [--no-peers]\n"
    "\n"
    "Makes a capture of mixed traffic (2 % of its connections log on over NTLM), finds the logons in it on one thread, compares "
    "them\n"
    "with the truth, and runs tcpdump and tshark over the same file. Exit code 1 if a logon is missing or invented.\n"
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
    if (word == "--no-peers") {
      options.peers = false;
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
