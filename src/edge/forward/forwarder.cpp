#include "edge/forward/forwarder.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace postern::forward {
namespace {

/// An open descriptor that holds the lock. The error names the directory.
Result<int> lock_directory(const std::string& directory) {
  const std::string path = directory + "/forward.lock";
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return fail(ErrorCode::io, "state_directory", Error::kNoOffset, path + ": " + std::strerror(errno));
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  ::close(lock);
  return fail(ErrorCode::conflict, "state_directory", Error::kNoOffset, directory + " is used by another postern-forward");
}

}  // namespace

Forwarder::Forwarder(ForwardConfig config, int lock)
    : config_{std::move(config)}, lock_{lock}, observer_{config_.socket, config_.authority_user, stop_} {}

Forwarder::~Forwarder() {
  stop_.request();
  listener_.reset();
  sinks_.clear();
  ::close(lock_);
}

Result<std::unique_ptr<Forwarder>> Forwarder::start(ForwardConfig config) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets without MSG_NOSIGNAL
  POSTERN_TRY(lock, lock_directory(config.state_directory));
  std::unique_ptr<Forwarder> forwarder{new Forwarder{std::move(config), lock}};
  if (!forwarder->config_.metrics_host.empty()) {
    POSTERN_TRY(listener, MetricsListener::listen(forwarder->config_.metrics_host, forwarder->config_.metrics_port,
                                                  [raw = forwarder.get()] { return raw->metrics_text(); }));
    forwarder->listener_ = std::move(listener);
  }
  const std::lock_guard guard{forwarder->mutex_};
  for (const SinkConfig& sink : forwarder->config_.sinks) {
    forwarder->sinks_.push_back(std::make_unique<SinkThread>(sink, forwarder->config_));
  }
  return forwarder;
}

std::vector<std::string> Forwarder::reload(ForwardConfig config) {
  std::vector<std::string> waiting;
  const std::lock_guard guard{mutex_};
  if (config.socket != config_.socket || config.authority_user != config_.authority_user) waiting.emplace_back("admin_socket");
  if (config.state_directory != config_.state_directory) waiting.emplace_back("state_directory");
  if (config.metrics_host != config_.metrics_host || config.metrics_port != config_.metrics_port) waiting.emplace_back("metrics");
  config.socket = config_.socket;
  config.authority_user = config_.authority_user;
  config.state_directory = config_.state_directory;
  const bool same_reading = config.poll == config_.poll && config.batch == config_.batch;
  std::vector<std::unique_ptr<SinkThread>> kept;
  for (auto& sink : sinks_) {
    if (!same_reading || std::ranges::find(config.sinks, sink->config()) == config.sinks.end()) continue;
    sink->reopen();
    kept.push_back(std::move(sink));
  }
  sinks_.clear();  // those that changed end here, before others take their cursors
  for (const SinkConfig& wanted : config.sinks) {
    const bool runs = std::ranges::any_of(kept, [&](const auto& sink) { return sink->config() == wanted; });
    if (!runs) kept.push_back(std::make_unique<SinkThread>(wanted, config));
  }
  sinks_ = std::move(kept);
  config_.sinks = config.sinks;
  config_.poll = config.poll;
  config_.batch = config.batch;
  return waiting;
}

std::string Forwarder::metrics_text() {
  std::string status;
  {
    const std::lock_guard guard{observer_mutex_};
    status = observer_.status().value_or(std::string{});
  }
  const std::lock_guard guard{mutex_};
  std::vector<SinkSample> samples;
  for (const auto& sink : sinks_) samples.push_back({sink->config().name, &sink->counters()});
  return forward::metrics_text(samples, status);
}

}  // namespace postern::forward
