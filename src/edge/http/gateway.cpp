#include "edge/http/gateway.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <fmt/format.h>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>

#include "edge/http/authority_link.hpp"
#include "edge/http/connection.hpp"
#include "edge/http/log.hpp"
#include "edge/http/metrics_listener.hpp"
#include "edge/http/registry.hpp"
#include "edge/http/services.hpp"
#include "edge/http/stream.hpp"

namespace postern::http {
namespace {

using asio::redirect_error;
using asio::use_awaitable;
using ErrorValue = boost::system::error_code;

constexpr int kBacklog = 4096;
constexpr milliseconds kAcceptPause{100};  ///< after an accept that failed for want of descriptors
constexpr milliseconds kStopPoll{10};
constexpr std::size_t kDescriptorsApart = 128;  ///< listeners, the authority, logs, certificates

Result<asio::ip::tcp::acceptor> listen_on(const asio::any_io_executor& executor, const ListenAddress& address) {
  ErrorValue error;
  const std::string text = fmt::format("{}:{}", address.host, address.port);
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  const auto ip = asio::ip::make_address(host, error);
  if (error) return fail(ErrorCode::invalid_input, "listen", Error::kNoOffset, text + ": not an IP address");
  asio::ip::tcp::acceptor acceptor{executor};
  const asio::ip::tcp::endpoint endpoint{ip, address.port};
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return fail(ErrorCode::io, "listen", Error::kNoOffset, text + ": " + error.message());
  return acceptor;
}

std::string endpoint_text(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

/// As many descriptors as the system allows; says so if they are too few for the configured connections.
void raise_descriptor_limit(const LimitsConfig& limits) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = limits.max_connections * 2 + kDescriptorsApart;  // each client may have an upstream
  if (limit.rlim_cur < wanted) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(limit.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  if (limit.rlim_cur < wanted) {
    log::warn(fmt::format("{} file descriptors are allowed, {} may be needed for max_connections = {}", limit.rlim_cur, wanted,
                          limits.max_connections));
  }
}

std::vector<std::string> warnings_of(const Settings& settings) {
  return settings.tls ? settings.tls->warnings() : std::vector<std::string>{};
}

}  // namespace

class Gateway::Impl {
 public:
  /// One thread with all that a logon needs, its own connection to the authority included: what a connection does stays on the
  /// thread that accepted it, and no other is woken for it.
  struct Worker {
    explicit Worker(Impl& gateway)
        : services{[&gateway] { return gateway.current(); }, link, gateway.registry, gateway.metrics, gateway.stopping},
          work{asio::make_work_guard(io)},
          link{io.get_executor(), gateway.settings->config.authority, gateway.metrics} {}

    Services services;       // above io: what a connection may still touch when io drops it
    asio::io_context io{1};  // run by one thread
    asio::executor_work_guard<asio::io_context::executor_type> work;
    AuthorityLink link;
    std::thread thread{};
  };

  explicit Impl(std::shared_ptr<const Settings> loaded) : settings{std::move(loaded)}, registry{metrics} {
    const std::size_t configured = settings->config.threads;
    const std::size_t count = configured > 0 ? configured : std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) workers.push_back(std::make_unique<Worker>(*this));
  }

  asio::any_io_executor first_executor() { return workers.front()->io.get_executor(); }

  Worker& least_loaded() {
    return **std::ranges::min_element(workers, {}, [](const auto& worker) { return worker->services.connections.load(); });
  }

  std::shared_ptr<const Settings> current() const {
    const std::lock_guard lock{settings_mutex};
    return settings;
  }

  Result<void> listen() {
    for (const ListenConfig& item : settings->config.listen) {
      POSTERN_TRY(acceptor, listen_on(asio::make_strand(first_executor()), item.address));
      const auto endpoint = acceptor.local_endpoint();
      listening.push_back({item.security == Security::tls ? "https" : "http", endpoint_text(endpoint), endpoint.port()});
      acceptors.push_back(std::make_shared<asio::ip::tcp::acceptor>(std::move(acceptor)));
      asio::co_spawn(acceptors.back()->get_executor(), accept(acceptors.back(), item.security), asio::detached);
    }
    if (settings->config.metrics) {
      POSTERN_TRY(acceptor, listen_on(asio::make_strand(first_executor()), *settings->config.metrics));
      const auto endpoint = acceptor.local_endpoint();
      listening.push_back({"metrics", endpoint_text(endpoint), endpoint.port()});
      acceptors.push_back(std::make_shared<asio::ip::tcp::acceptor>(std::move(acceptor)));
      asio::co_spawn(acceptors.back()->get_executor(), serve_metrics(acceptors.back(), [this] { return text(); }), asio::detached);
    }
    return {};
  }

  Task<void> accept(std::shared_ptr<asio::ip::tcp::acceptor> acceptor, Security security) {
    while (acceptor->is_open()) {
      ErrorValue error;
      Worker& worker = least_loaded();
      auto executor = asio::make_strand(worker.io);
      asio::ip::tcp::socket socket{executor};
      co_await acceptor->async_accept(socket, redirect_error(use_awaitable, error));
      if (stopping || error == asio::error::operation_aborted) break;
      if (error) {
        asio::steady_timer pause{acceptor->get_executor(), kAcceptPause};
        co_await pause.async_wait(redirect_error(use_awaitable, error));
        continue;
      }
      // The socket's own strand from here on.
      asio::post(executor, [held = std::make_shared<asio::ip::tcp::socket>(std::move(socket)), security, &worker] {
        serve_connection(std::move(*held), security, worker.services);
      });
    }
  }

  void run() {
    for (const auto& worker : workers) worker->thread = std::thread{[&io = worker->io] { io.run(); }};
  }

  Result<std::vector<std::string>> reload(Config config) {
    auto loaded = Settings::load(std::move(config));
    if (!loaded) {
      ++metrics.reloads_refused;
      return std::unexpected{loaded.error()};
    }
    std::vector<std::string> notes = warnings_of(**loaded);
    for (const std::string& name : needs_restart(current()->config, (*loaded)->config))
      notes.push_back(name + ": waits for a restart");
    log::set_level((*loaded)->config.log_level);
    {
      const std::lock_guard lock{settings_mutex};
      settings = std::move(*loaded);
    }
    ++metrics.reloads;
    return notes;
  }

  void close_acceptors() {
    for (const auto& acceptor : acceptors) {
      asio::post(acceptor->get_executor(), [acceptor] {
        ErrorValue ignored;
        acceptor->close(ignored);
      });
    }
  }

  void stop(std::chrono::milliseconds patience) {
    if (stopped) return;
    stopped = true;
    stopping = true;
    close_acceptors();
    registry.close_all();
    const auto deadline = Clock::now() + patience;
    while (registry.size() > 0 && Clock::now() < deadline) std::this_thread::sleep_for(kStopPoll);
    if (registry.size() > 0) registry.close_all();
    const auto last = Clock::now() + seconds{2};
    while (registry.size() > 0 && Clock::now() < last) std::this_thread::sleep_for(kStopPoll);
    for (const auto& worker : workers) {
      worker->link.stop();
      worker->work.reset();
      worker->io.stop();
    }
    for (const auto& worker : workers) {
      if (worker->thread.joinable()) worker->thread.join();
    }
  }

  std::string text() const { return metrics.to_text(current()->config.limits); }

  mutable std::mutex settings_mutex{};
  std::shared_ptr<const Settings> settings;
  Metrics metrics{};
  Registry registry;
  std::atomic<bool> stopping{false};
  bool stopped = false;
  std::vector<std::unique_ptr<Worker>> workers{};
  std::vector<std::shared_ptr<asio::ip::tcp::acceptor>> acceptors{};
  std::vector<Listening> listening{};
};

Gateway::Gateway(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Result<std::unique_ptr<Gateway>> Gateway::start(Config config) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets without MSG_NOSIGNAL
  log::set_level(config.log_level);
  POSTERN_TRY(settings, Settings::load(std::move(config)));
  raise_descriptor_limit(settings->config.limits);
  for (const std::string& warning : warnings_of(*settings)) log::warn(warning);
  auto impl = std::make_unique<Impl>(std::move(settings));
  POSTERN_CHECK(impl->listen());
  impl->run();
  return std::unique_ptr<Gateway>{new Gateway{std::move(impl)}};
}

Gateway::~Gateway() { impl_->stop(milliseconds{0}); }

const std::vector<Gateway::Listening>& Gateway::listening() const { return impl_->listening; }
Result<std::vector<std::string>> Gateway::reload(Config config) { return impl_->reload(std::move(config)); }
void Gateway::stop() { impl_->stop(impl_->current()->config.stop_timeout); }
std::string Gateway::metrics_text() const { return impl_->text(); }
bool Gateway::authority_connected() const {
  return std::ranges::all_of(impl_->workers, [](const auto& worker) { return worker->link.connected(); });
}

Result<std::vector<std::string>> check(Config config) {
  POSTERN_TRY(settings, Settings::load(std::move(config)));
  return warnings_of(*settings);
}

}  // namespace postern::http
