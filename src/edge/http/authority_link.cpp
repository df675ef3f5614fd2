#include "edge/http/authority_link.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "edge/http/log.hpp"
#include "edge/ipc/client/client.hpp"
#include "edge/ipc/client/socket_owner.hpp"
#include "edge/ipc/client/socket_path.hpp"

namespace postern::http {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using Clock = std::chrono::steady_clock;
using ErrorValue = boost::system::error_code;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};

using NonceKey = std::array<std::uint8_t, ntlm::RequestNonce::kSize>;

NonceKey key_of(const ntlm::RequestNonce& nonce) {
  NonceKey key{};
  std::copy(nonce.bytes().begin(), nonce.bytes().end(), key.begin());
  return key;
}

std::unexpected<Error> no_authority(std::string message) {
  return fail(ErrorCode::no_authority, "authority", Error::kNoOffset, std::move(message));
}

/// One request that waits; shared by the asking coroutine and the link.
struct Pending {
  explicit Pending(const asio::any_io_executor& executor) : timer{executor} {}
  asio::steady_timer timer;  ///< on the asker's strand: expires at the deadline, cancelled when the answer is there
  std::optional<Result<AuthorityLink::Answer>> answer{};
};

/// Wakes the asker on its own strand, at once where that is free: another thread takes longer to wake than the rest takes.
void settle(const std::shared_ptr<Pending>& pending, Result<AuthorityLink::Answer> answer) {
  auto held = std::make_shared<Result<AuthorityLink::Answer>>(std::move(answer));
  asio::dispatch(pending->timer.get_executor(), [pending, held] {
    pending->answer.emplace(std::move(*held));
    pending->timer.cancel();
  });
}

}  // namespace

/// Everything but `connected` lives on the strand.
class AuthorityLink::State : public std::enable_shared_from_this<AuthorityLink::State> {
 public:
  State(const asio::any_io_executor& executor, AuthorityConfig configured, Metrics& counters)
      : strand{asio::make_strand(executor)}, config{std::move(configured)}, metrics{counters}, socket{strand}, pause{strand} {}

  awaitable<void> run() {
    const std::string path = ipc::authority_socket_path(config.socket);
    milliseconds wait = kFirstPause;
    bool told = false;
    while (!stopped) {
      auto opened = co_await open(path);
      if (opened) {
        wait = kFirstPause;
        told = false;
        log::info("connected to the authority at " + path);
        co_await read_answers();
        disconnect();
        if (!stopped) log::warn("the authority's connection ended; logons are answered 503 until it is back");
      } else if (!told) {
        told = true;  // once an outage, not once an attempt
        log::warn("the authority cannot be reached: " + opened.error().message);
      }
      if (stopped) break;
      pause.expires_after(wait);
      ErrorValue ignored;
      co_await pause.async_wait(redirect_error(use_awaitable, ignored));
      wait = std::min(wait * 2, kLongestPause);
    }
  }

  awaitable<Result<void>> open(const std::string& path) {
    ErrorValue error;
    socket = asio::local::stream_protocol::socket{strand};
    co_await socket.async_connect(asio::local::stream_protocol::endpoint{path}, redirect_error(use_awaitable, error));
    if (error) co_return no_authority(path + ": " + error.message());
    if (auto checked = ipc::check_authority_socket(socket.native_handle(), path, config.user); !checked) {
      socket.close(error);
      co_return checked;
    }
    ++connection;
    up = true;
    ++metrics.authority_connected;
    co_return Result<void>{};
  }

  awaitable<void> read_answers() {
    Bytes frame;
    while (true) {
      ErrorValue error;
      std::array<std::uint8_t, 4> header{};
      co_await asio::async_read(socket, asio::buffer(header), redirect_error(use_awaitable, error));
      if (error) co_return;
      const auto length = ntlm::frame_length(header);
      if (!length || !*length) {
        log::error("the authority sent a frame that is too large");
        co_return;
      }
      frame.resize(**length);
      co_await asio::async_read(socket, asio::buffer(frame), redirect_error(use_awaitable, error));
      if (error) co_return;
      auto reply = ntlm::decode_reply(frame);
      wipe(frame);
      if (!reply) {
        log::error("the authority sent what is no answer: " + reply.error().to_line());
        co_return;
      }
      const auto found = waiting.find(key_of(reply->nonce));
      if (found == waiting.end()) continue;  // the asker gave up
      settle(found->second, Answer{std::move(reply->reply), connection});
      waiting.erase(found);
    }
  }

  void disconnect() {
    if (up.exchange(false)) --metrics.authority_connected;
    ErrorValue ignored;
    socket.close(ignored);
    outbox.clear();
    for (auto& [key, pending] : std::exchange(waiting, {})) settle(pending, no_authority("the authority closed the connection"));
  }

  void submit(const NonceKey& key, Bytes frame, const std::shared_ptr<Pending>& pending, std::optional<std::uint64_t> wanted) {
    if (!up) return settle(pending, no_authority("the authority is not connected"));
    if (wanted && *wanted != connection) {
      return settle(pending,
                    fail(ErrorCode::unexpected_message, "authority", Error::kNoOffset, "the handshake's connection is gone"));
    }
    if (waiting.size() >= config.max_outstanding) return settle(pending, no_authority("too many requests under way"));
    waiting.emplace(key, pending);
    send(std::move(frame));
  }

  void send(Bytes frame) {
    outbox.push_back(std::move(frame));
    if (!writing) {
      writing = true;
      write_outbox();
    }
  }

  void write_outbox() {
    if (!up || outbox.empty()) {
      writing = false;
      return;
    }
    // Everything that waits goes out in one call: under load many requests share it.
    batch.clear();
    for (const Bytes& frame : outbox) batch.insert(batch.end(), frame.begin(), frame.end());
    outbox.clear();
    asio::async_write(socket, asio::buffer(batch), [self = shared_from_this()](const ErrorValue& error, std::size_t) {
      if (error) self->read_what_is_owed();
      self->write_outbox();
    });
  }

  /// The authority takes no more, most likely because it stops: the answers that it has sent are read to their end, which settles
  /// the rest.
  void read_what_is_owed() {
    if (up.exchange(false)) --metrics.authority_connected;
    pause.expires_after(config.timeout);  // whoever asked has given up by then
    pause.async_wait([weak = weak_from_this(), ours = connection](const ErrorValue& error) {
      const auto self = weak.lock();
      if (error || !self || self->up || self->connection != ours) return;
      ErrorValue ignored;
      self->socket.close(ignored);
    });
  }

  void stop() {
    stopped = true;
    ErrorValue ignored;
    socket.close(ignored);
    pause.cancel();
  }

  asio::strand<asio::any_io_executor> strand;
  AuthorityConfig config;
  Metrics& metrics;
  asio::local::stream_protocol::socket socket;
  asio::steady_timer pause;
  std::map<NonceKey, std::shared_ptr<Pending>> waiting{};
  std::deque<Bytes> outbox{};
  Bytes batch{};  ///< what is being written
  std::uint64_t connection = 0;
  std::atomic<bool> up{false};
  bool writing = false;
  bool stopped = false;

  static awaitable<Result<Answer>> ask(std::shared_ptr<State> self, ntlm::Request request, std::optional<std::uint64_t> wanted) {
    const auto executor = co_await asio::this_coro::executor;
    const auto started = Clock::now();
    ++self->metrics.authority_requests;
    const ntlm::RequestNonce nonce = ipc::random_nonce();
    auto frame = ntlm::encode(nonce, request);
    if (!frame) co_return std::unexpected{std::move(frame).error()};
    auto pending = std::make_shared<Pending>(executor);
    pending->timer.expires_after(self->config.timeout);
    const NonceKey key = key_of(nonce);
    asio::dispatch(self->strand, [self, key, pending, wanted, bytes = std::move(*frame)]() mutable {
      self->submit(key, std::move(bytes), pending, wanted);
    });
    ErrorValue ignored;
    // Refused at once: nobody is left to end a wait.
    if (!pending->answer) co_await pending->timer.async_wait(redirect_error(use_awaitable, ignored));
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
    self->metrics.authority_microseconds += static_cast<std::uint64_t>(waited.count());
    if (!pending->answer) {
      ++self->metrics.authority_failures;
      asio::post(self->strand, [self, key] { self->waiting.erase(key); });
      co_return fail(ErrorCode::timeout, "authority", Error::kNoOffset, "the authority did not answer in time");
    }
    if (!*pending->answer) ++self->metrics.authority_failures;
    co_return std::move(*pending->answer);
  }
};

AuthorityLink::AuthorityLink(asio::any_io_executor executor, AuthorityConfig config, Metrics& metrics)
    : state_{std::make_shared<State>(executor, std::move(config), metrics)} {
  // co_spawn keeps the lambda for as long as its coroutine runs.
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines)
  asio::co_spawn(state_->strand, [state = state_]() -> awaitable<void> { co_await state->run(); }, asio::detached);
}

AuthorityLink::~AuthorityLink() { stop(); }

void AuthorityLink::stop() {
  asio::post(state_->strand, [state = state_] { state->stop(); });
}

bool AuthorityLink::connected() const { return state_->up; }

awaitable<Result<AuthorityLink::Answer>> AuthorityLink::begin(ntlm::BeginRequest request) {
  return State::ask(state_, ntlm::Request{std::move(request)}, std::nullopt);
}

awaitable<Result<AuthorityLink::Answer>> AuthorityLink::finish(ntlm::FinishRequest request, std::uint64_t connection) {
  return State::ask(state_, ntlm::Request{std::move(request)}, connection);
}

void AuthorityLink::cancel(const ntlm::HandshakeId& handshake, std::uint64_t connection) {
  auto frame = ntlm::encode(ipc::random_nonce(), ntlm::Request{ntlm::CancelRequest{handshake}});
  if (!frame) return;
  asio::post(state_->strand, [state = state_, connection, bytes = std::move(*frame)]() mutable {
    if (state->up && state->connection == connection) state->send(std::move(bytes));
  });
}

}  // namespace postern::http
