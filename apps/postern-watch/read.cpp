// postern-watch --read: files, folders of files, standard input.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fmt/core.h>
#include <sys/stat.h>

#include "base/keyed_digest.hpp"
#include "observe/capture/reader.hpp"
#include "postern-watch/confine.hpp"
#include "postern-watch/report.hpp"
#include "postern-watch/session.hpp"

namespace postern::watch {
namespace {

using observe::capture::CaptureReader;
using observe::capture::Observer;

volatile std::sig_atomic_t g_stop = 0;  // a signal handler can reach nothing else

struct Source {
  std::string path{};
  std::uint64_t bytes = 0;
  /// Found in a folder: one that is no capture is passed by.
  bool from_folder = false;
};

/// The files in the order in which they are read: as given, those of a folder by name, which is how rotated captures sort by time.
Result<std::vector<Source>> sources_of(const std::vector<std::string>& given) {
  std::vector<Source> sources;
  const auto size_of = [](const std::string& path) {
    struct stat state{};
    return ::stat(path.c_str(), &state) == 0 && S_ISREG(state.st_mode) ? static_cast<std::uint64_t>(state.st_size) : 0;
  };
  for (const std::string& path : given) {
    std::error_code code;
    if (path == "-" || !std::filesystem::is_directory(path, code)) {
      sources.push_back({path, path == "-" ? 0 : size_of(path), false});
      continue;
    }
    std::vector<Source> inside;
    for (const auto& entry :
         std::filesystem::directory_iterator{path, std::filesystem::directory_options::skip_permission_denied, code}) {
      if (entry.is_regular_file(code)) inside.push_back({entry.path().string(), size_of(entry.path().string()), true});
    }
    if (code) return fail(ErrorCode::io, "cannot read the folder " + path + ": " + code.message());
    std::ranges::sort(inside, {}, &Source::path);
    sources.insert(sources.end(), inside.begin(), inside.end());
  }
  return sources;
}

/// The name under which an inventory knows these captures: a digest of how long they are and how they begin, so that reading them
/// again adds nothing. Standard input has no such name.
std::string stream_of(const std::vector<Source>& sources) {
  constexpr std::size_t kBeginning = std::size_t{64} * 1024;
  const DigestKey no_secret;  // a name, not a proof
  Bytes all;
  for (const Source& source : sources) {
    auto input = source.path == "-" ? fail(ErrorCode::not_found, "") : observe::capture::open_input(source.path);
    if (!input) return "capture:" + random_name(16);
    Bytes beginning(kBeginning);
    const auto count = (*input)->read(beginning);
    beginning.resize(count ? *count : 0);
    const KeyedDigest digest = keyed_digest(no_secret, beginning);
    all.insert(all.end(), digest.begin(), digest.end());
    for (unsigned shift = 0; shift < 64; shift += 8) all.push_back(static_cast<std::uint8_t>(source.bytes >> shift));
  }
  return "capture:" + to_hex(keyed_digest(no_secret, all));
}

class Files {
 public:
  Files(const Options& options, Session& session, std::uint64_t total)
      : options_{options},
        session_{session},
        observer_{session.observer_options(options), session.tracker()},
        progress_{total, options.progress} {}

  /// Reads one file. False if it is no capture.
  bool read(const Source& source) {
    auto input = observe::capture::open_input(source.path);
    if (!input) return refuse(source, input.error());
    auto reader = CaptureReader::open(std::move(*input));
    if (!reader) return refuse(source, reader.error());
    const std::uint64_t before = observer_.statistics().packets;
    for (auto batch = (*reader)->next(); !batch.empty() && g_stop == 0; batch = (*reader)->next()) {
      observer_.on_packets(batch);
      observer_.limit_memory(session_.memory_for_connections(options_));
      progress_.at(done_ + (*reader)->taken());
    }
    done_ += source.bytes;
    const std::uint64_t packets = observer_.statistics().packets - before;
    const auto ending = (*reader)->ending();
    if (ending == CaptureReader::Ending::truncated || ending == CaptureReader::Ending::damaged) {
      progress_.clear();
      const std::string why = (*reader)->error().message.empty() ? std::string{} : ": " + (*reader)->error().to_line();
      say(fmt::format("{}: {} after {} packets{}", source.path,
                      ending == CaptureReader::Ending::truncated ? "truncated" : "damaged", packets, why));
    }
    return true;
  }
  void finish() {
    progress_.clear();
    observer_.finish();
  }
  [[nodiscard]] const observe::capture::Statistics& statistics() const { return observer_.statistics(); }
  [[nodiscard]] std::size_t passed_by() const { return passed_by_; }

 private:
  bool refuse(const Source& source, Error error) {
    if (source.from_folder && (error.code == ErrorCode::unsupported || error.code == ErrorCode::truncated)) {
      ++passed_by_;
      return false;
    }
    progress_.clear();
    error.message = source.path + ": " + error.message;
    say_error(options_, error);
    return false;
  }

  const Options& options_;
  const Session& session_;
  Observer observer_;
  Progress progress_;
  std::uint64_t done_ = 0;
  std::size_t passed_by_ = 0;
};

}  // namespace

int run_read(const Options& options) {
  const auto sources = sources_of(options.files);
  if (!sources) {
    say_error(options, sources.error());
    return kFault;
  }
  auto session = Session::open(options, options.store.empty() ? std::string{} : stream_of(*sources));
  if (!session) {
    say_error(options, session.error());
    return session.error().code == ErrorCode::invalid_input ? kWrongUsage : kFault;
  }
  struct sigaction action{};
  action.sa_handler = [](int) { g_stop = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::uint64_t total = 0;
  for (const Source& source : *sources) total += source.bytes;
  Files files{options, **session, total};
  // After the progress bar asked whether standard error is a terminal, which the filter answers with no.
  if (const auto confined = confine(options); !confined) {
    say_error(options, confined.error());
    return kFault;
  }
  std::size_t captures = 0;
  std::size_t refused = 0;
  for (const Source& source : *sources) {
    if (g_stop != 0) break;
    if (files.read(source)) {
      ++captures;
    } else if (!source.from_folder) {
      ++refused;
    }
  }
  files.finish();
  const int code = (*session)->finish(options, files.statistics());
  if (files.passed_by() > 0) say(fmt::format("{} files are no captures", files.passed_by()));
  if (captures == 0 && refused == 0 && g_stop == 0) {
    say_error(options, Error{ErrorCode::unsupported, {}, Error::kNoOffset, "no capture in what was given", {}});
    return kFault;
  }
  return refused > 0 ? kFault : code;
}

}  // namespace postern::watch
