// posternd: the authority. Holds the accounts, mints challenges, judges logons, records them.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account/sqlite/open.hpp"
#include "authority/authority.hpp"
#include "authority/environment.hpp"
#include "authority/retention.hpp"
#include "config.hpp"
#include "detection_state.hpp"
#include "edge/confine/confine.hpp"
#include "edge/ipc/server/admin.hpp"
#include "edge/ipc/server/server.hpp"
#include "event/json_lines_sink.hpp"
#include "finding_log.hpp"

namespace postern::posternd {
namespace {

constexpr int kDone = 0;
constexpr int kWrongUsage = 2;
constexpr int kFault = 3;

/// Keys must not end up in a core file, and no other process of this user may read them (R44).
void keep_memory_private() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void announce(int ready_fd, const DaemonConfig& config) {
  spdlog::info("ready: edges at {}, admins at {}", config.server.socket_path, config.server.admin_socket_path);
  if (ready_fd < 0) return;
  constexpr std::string_view kLine = "ready\n";
  if (::write(ready_fd, kLine.data(), kLine.size()) < 0) spdlog::warn("cannot write to the ready descriptor");
  ::close(ready_fd);
}

int serve(const std::string& config_path, DaemonConfig config, int ready_fd) {
  auto store = account::sqlite::open(config.store);
  if (!store) {
    spdlog::critical("cannot open the store: {}", store.error().to_line());
    return kFault;
  }
  std::unique_ptr<event::JsonLinesSink> sink;
  if (!config.event_log.empty()) {
    auto opened = event::JsonLinesSink::open(config.event_log);
    if (!opened) {
      spdlog::critical("cannot open the event log: {}", opened.error().to_line());
      return kFault;
    }
    sink = std::move(*opened);
  }
  authority::SystemEnvironment environment;
  FindingLog findings{sink.get(), [](FindingLog::Level level, const std::string& line) {
                        spdlog::log(level == FindingLog::Level::error ? spdlog::level::err : spdlog::level::warn, "{}", line);
                      }};
  authority::Authority authority{config.authority, **store, environment, &findings};
  const DetectionState detection{config.store.directory + "/detection.state", authority.detector()};
  authority::Retention retention{**store, environment, config.retention, [](const Result<std::uint64_t>& removed) {
                                   if (!removed) return spdlog::warn("retention: {}", removed.error().to_line());
                                   spdlog::info("retention: {} events removed", *removed);
                                 }};
  ipc::Admin admin{**store, authority, environment};
  // A wrong file changes nothing (R38). Connections and handshakes stay as they are: they find the new policy at their next step.
  admin.set_policy_source({config.policy_file, [&]() -> Result<void> {
                             POSTERN_TRY(next, load_config(config_path));
                             authority.set_policies(next.authority.services);
                             return {};
                           }});
  auto server = ipc::Server::listen(config.server, authority, [&admin](std::string_view request, const ipc::AdminPeer& peer) {
    return admin.handle(request, peer);
  });
  if (!server) {
    spdlog::critical("{}", server.error().to_line());
    return kFault;
  }
  (*server)->on_signal({SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal != SIGHUP) {
      spdlog::info("stopping");
      return (*server)->stop();
    }
    // A wrong file changes nothing (R38). Paths, keys and limits of the store are read at start only.
    auto next = load_config(config_path);
    if (!next) return spdlog::error("the configuration stays as it was: {}", next.error().message);
    authority.reconfigure(next->authority);
    retention.set_limits(next->retention);
    (*server)->set_peers(next->server.peers, next->server.admin_uids, next->server.observer_uids);
    if (sink) {
      if (const auto reopened = sink->reopen(); !reopened) spdlog::error("event log: {}", reopened.error().to_line());
    }
    spdlog::info("configuration read anew");
  });
  // Everything is open that has to be; nothing has been served yet (R35).
  if (const auto confined = confine::confine(confine::Profile::authority); !confined) {
    spdlog::critical("{}", confined.error().to_line());
    return kFault;
  }
  announce(ready_fd, config);
  (*server)->run();
  spdlog::info("stopped");
  return kDone;
}

int run(int argc, char** argv) {
  CLI::App app{"Postern's authority: holds accounts, mints challenges, decides about logons and records them."};
  app.footer("Example:\n  posternd --config /etc/postern/posternd.toml\n  posternd --check --config /etc/postern/posternd.toml");
  std::string config_path = "/etc/postern/posternd.toml";
  int ready_fd = -1;
  bool check = false;
  app.add_option("--config", config_path, "configuration file")->capture_default_str();
  app.add_option("--ready-fd", ready_fd, "descriptor that gets a line and is closed once the sockets answer");
  app.add_flag("--check", check, "only read the configuration: exit 0 if it is right, 2 if not");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("posternd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::flush_on(spdlog::level::info);

  auto config = load_config(config_path);
  if (!config) {
    std::fprintf(stderr, "posternd: %s\n", config.error().message.c_str());
    return kWrongUsage;
  }
  if (check) return kDone;
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(0077);
  keep_memory_private();
  raise_descriptor_limit();
  return serve(config_path, std::move(*config), ready_fd);
}

}  // namespace
}  // namespace postern::posternd

int main(int argc, char** argv) { return postern::posternd::run(argc, argv); }
