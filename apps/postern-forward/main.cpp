// postern-forward: passes posternd's events on to files, syslog and journald. Options, signals; everything else is edge/forward.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/confine/confine.hpp"
#include "edge/forward/config.hpp"
#include "edge/forward/forwarder.hpp"

namespace postern::forward {
namespace {

constexpr int kDone = 0;
constexpr int kWrongUsage = 2;
constexpr int kFault = 3;

void announce(int ready_fd, const Forwarder& forwarder) {
  std::string line = "ready";
  if (forwarder.metrics_port() != 0) line += " metrics=" + std::to_string(forwarder.metrics_port());
  spdlog::info(line);
  if (ready_fd < 0) return;
  line += '\n';
  if (::write(ready_fd, line.data(), line.size()) < 0) spdlog::warn("cannot write to the ready descriptor");
  ::close(ready_fd);
}

void reload(Forwarder& forwarder, const std::string& path) {
  auto config = load_config(path);
  // A wrong file changes nothing (R38).
  if (!config) return spdlog::error("the configuration stays as it was: {}", config.error().message);
  for (const std::string& name : forwarder.reload(std::move(*config))) spdlog::warn("{}: waits for a restart", name);
  spdlog::info("configuration read anew");
}

int serve(const std::string& config_path, ForwardConfig config, int ready_fd) {
  // Blocked before threads start, so that all of them leave the signals to sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // Before the first sink speaks to anybody.
  if (const auto confined = confine::confine(confine::Profile::forward); !confined) {
    spdlog::critical("{}", confined.error().to_line());
    return kFault;
  }
  auto forwarder = Forwarder::start(std::move(config));
  if (!forwarder) {
    spdlog::critical("{}", forwarder.error().to_line());
    return kFault;
  }
  announce(ready_fd, **forwarder);
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    reload(**forwarder, config_path);
  }
  spdlog::info("stopping");
  forwarder->reset();
  spdlog::info("stopped");
  return kDone;
}

int run(int argc, char** argv) {
  CLI::App app{"Passes the events of Postern's authority on to files, syslog servers and journald."};
  app.footer(
      "Example:\n  postern-forward --config /etc/postern/forward.toml\n  postern-forward --check --config "
      "/etc/postern/forward.toml");
  std::string config_path = "/etc/postern/forward.toml";
  int ready_fd = -1;
  bool check = false;
  app.add_option("--config", config_path, "configuration file")->capture_default_str();
  app.add_option("--ready-fd", ready_fd, "descriptor that gets a line and is closed once the sinks run");
  app.add_flag("--check", check, "only read the configuration: exit 0 if it is right, 2 if not");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("postern-forward"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::flush_on(spdlog::level::info);
  auto config = load_config(config_path);
  if (!config) {
    std::fprintf(stderr, "postern-forward: %s\n", config.error().message.c_str());
    return kWrongUsage;
  }
  if (check) return kDone;
  ::umask(0027);
  return serve(config_path, std::move(*config), ready_fd);
}

}  // namespace
}  // namespace postern::forward

int main(int argc, char** argv) { return postern::forward::run(argc, argv); }
