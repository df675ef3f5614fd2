// postern-gateway: the HTTP door. Options, signals and the service manager; everything else is edge/http.
#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <signal.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "edge/confine/confine.hpp"
#include "edge/http/gateway.hpp"
#include "edge/http/log.hpp"
#include "edge/http/notify.hpp"

namespace {

using namespace postern;

constexpr int kDone = 0;
constexpr int kWrongUsage = 2;
constexpr int kFault = 3;

constexpr std::string_view kUsage =
    "usage: postern-gateway --config FILE [--ready-fd N]\n"
    "       postern-gateway --check --config FILE\n"
    "\n"
    "An HTTP gateway that logs clients on with Negotiate and NTLM and passes their requests on.\n"
    "\n"
    "  --config FILE   the configuration, TOML; see docs/gateway.md\n"
    "  --check         read it, say what is wrong, and exit: 0 it is right, 2 it is not\n"
    "  --ready-fd N    write one line with the addresses to file descriptor N once listening\n"
    "  --help          this text\n"
    "\n"
    "Signals: SIGHUP reads the configuration and its certificates again, SIGTERM and SIGINT stop gracefully.\n"
    "Example: postern-gateway --config /etc/postern/gateway.toml\n";

struct Options {
  std::string config{};
  int ready_fd = -1;
  bool check = false;
  bool help = false;
};

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--help") {
      options.help = true;
    } else if (argument == "--check") {
      options.check = true;
    } else if (argument == "--config" && has_value) {
      options.config = argv[++i];
    } else if (argument == "--ready-fd" && has_value) {
      const std::string_view text = argv[++i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.ready_fd);
      if (error != std::errc{} || end != text.data() + text.size() || options.ready_fd < 0) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  if (options.config.empty() && !options.help) return std::nullopt;
  return options;
}

int check(const Options& options) {
  auto config = http::load_config(options.config);
  auto notes = config ? http::check(std::move(*config)) : Result<std::vector<std::string>>{std::unexpected{config.error()}};
  if (!notes) {
    fmt::print(stderr, "{}\n", notes.error().message);
    return kWrongUsage;
  }
  for (const std::string& note : *notes) fmt::print(stderr, "warning: {}\n", note);
  fmt::print("{}: the configuration is right\n", options.config);
  return kDone;
}

void announce(const http::Gateway& gateway, int ready_fd) {
  std::string line = "ready";
  for (const auto& item : gateway.listening()) line += fmt::format(" {}={}", item.what, item.address);
  http::log::info("listening:" + line.substr(5));
  http::notify_service_manager("READY=1");
  if (ready_fd < 0) return;
  line += "\n";
  if (write(ready_fd, line.data(), line.size()) < 0) http::log::warn("--ready-fd cannot be written to");
  close(ready_fd);
}

void reload(http::Gateway& gateway, const std::string& path) {
  http::notify_reloading();
  auto config = http::load_config(path);
  auto notes = config ? gateway.reload(std::move(*config)) : Result<std::vector<std::string>>{std::unexpected{config.error()}};
  if (notes) {
    http::log::info("configuration and certificates read again");
    for (const std::string& note : *notes) http::log::warn(note);
  } else {
    http::log::error("the old configuration stays: " + notes.error().message);
  }
  http::notify_service_manager("READY=1");
}

int serve(const Options& options) {
  // Blocked before threads start, so that all of them leave the signals to sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto config = http::load_config(options.config);
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message);
    return kWrongUsage;
  }
  // Before the first client is heard (R35).
  if (const auto confined = confine::confine(confine::Profile::gateway); !confined) {
    fmt::print(stderr, "{}\n", confined.error().message);
    return kFault;
  }
  auto gateway = http::Gateway::start(std::move(*config));
  if (!gateway) {
    fmt::print(stderr, "{}\n", gateway.error().message);
    return gateway.error().code == ErrorCode::invalid_input ? kWrongUsage : kFault;
  }
  announce(**gateway, options.ready_fd);
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    reload(**gateway, options.config);
  }
  http::notify_service_manager("STOPPING=1");
  http::log::info("stopping");
  (*gateway)->stop();
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "{}", kUsage);
    return kWrongUsage;
  }
  if (options->help) {
    fmt::print("{}", kUsage);
    return kDone;
  }
  return options->check ? check(*options) : serve(*options);
}
