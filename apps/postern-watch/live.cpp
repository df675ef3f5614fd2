// postern-watch --interface: several readers of one interface, one witness.
#include <atomic>
#include <csignal>
#include <thread>
#include <unistd.h>

#include "postern-watch/confine.hpp"
#include "postern-watch/report.hpp"
#include "postern-watch/screen.hpp"
#include "postern-watch/session.hpp"

namespace postern::watch {
namespace {

using observe::capture::LiveSource;
using observe::capture::Observer;
using observe::capture::Statistics;

constexpr int kPollMilliseconds = 100;
constexpr int kFlushMilliseconds = 20;
constexpr int kFlushesPerSecond = 1'000 / kFlushMilliseconds;

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

struct Reader {
  std::unique_ptr<LiveSource> source{};
  std::unique_ptr<Observer> observer{};
  std::optional<Error> error{};
};

FileTime now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

void watch(Reader& reader) {
  const auto take = [&reader](std::span<const observe::capture::Packet> packets) { reader.observer->on_packets(packets); };
  while (!g_stop) {
    if (auto polled = reader.source->poll(kPollMilliseconds, take); !polled) {
      reader.error = std::move(polled).error();
      g_stop = true;
    }
  }
  reader.observer->finish();
}

}  // namespace

int run_live(const Options& options) {
  std::vector<Reader> readers(options.threads);
  observe::capture::LiveOptions live = options.live;
  if (options.threads > 1) live.fanout_group = static_cast<std::uint16_t>((::getpid() & 0x7fff) + 1);
  for (Reader& reader : readers) {
    auto source = LiveSource::open(live);
    if (!source) {
      say_error(options, source.error());
      return source.error().code == ErrorCode::invalid_input ? kWrongUsage : kFault;
    }
    reader.source = std::move(*source);
  }
  if (const auto dropped = drop_rights(options.user); !dropped) {
    say_error(options, dropped.error());
    return kFault;
  }
  auto session = Session::open(options, "live:" + random_name(16));
  if (!session) {
    Error error = session.error();
    if (error.code == ErrorCode::denied || error.code == ErrorCode::io)
      error.hint = "files are opened as the user that --user names (nobody)";
    say_error(options, error);
    return error.code == ErrorCode::invalid_input ? kWrongUsage : kFault;
  }
  LockedWitness witness{(*session)->tracker()};
  auto settings = (*session)->observer_options(options);
  settings.memory_limit /= options.threads;
  settings.number_step = options.threads;
  for (Reader& reader : readers) {
    reader.observer = std::make_unique<Observer>(settings, witness);
    ++settings.number_start;
  }
  struct sigaction action{};
  action.sa_handler = [](int) { g_stop = true; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  if (const auto confined = confine(options); !confined) {
    say_error(options, confined.error());
    return kFault;
  }
  std::vector<std::jthread> threads;
  threads.reserve(readers.size());
  for (Reader& reader : readers) threads.emplace_back([&reader] { watch(reader); });
  Screen screen;
  if (!options.on_screen) say("watching " + options.live.interface);
  int code = kDone;
  for (int polls = 0; !g_stop; ++polls) {
    std::this_thread::sleep_for(std::chrono::milliseconds{kFlushMilliseconds});
    const auto at = std::chrono::steady_clock::now();
    const bool draws = options.on_screen && screen.due(at);
    std::vector<std::string> lines;
    {
      const std::lock_guard lock{witness.mutex()};
      const bool second = polls % kFlushesPerSecond == 0;
      if (second) (*session)->tracker().advance(now());
      Printer& printer = (*session)->printer();
      if (const auto flushed = second ? printer.flush() : printer.flush_lines(); !flushed) {
        say_error(options, flushed.error());
        code = kFault;
        g_stop = true;
      }
      if (draws) lines = printer.table()->lines(screen_pane(), title_of(options) + "  " + time_of_day(now()) + " UTC  Ctrl-C ends");
    }
    if (draws) screen.draw(lines, at);  // a slow terminal holds nobody up
  }
  screen.leave();
  threads.clear();
  Statistics all;
  for (Reader& reader : readers) {
    all += reader.observer->statistics();
    all.kernel_dropped += reader.source->counts().dropped;
    if (reader.error) {
      say_error(options, *reader.error);
      code = kFault;
    }
  }
  const int finished = (*session)->finish(options, all);
  return code != kDone ? code : finished;
}

}  // namespace postern::watch
