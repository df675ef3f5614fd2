#include "edge/ipc/server/server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <grp.h>
#include <map>
#include <optional>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/reader.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::ipc {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;
using Socket = Protocol::socket;

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);
constexpr int kBacklog = 1024;
constexpr auto kDrainTime = std::chrono::seconds{5};

std::unexpected<Error> system_error(std::string_view what, const std::string& path) {
  return fail(ErrorCode::io, "socket", Error::kNoOffset, std::string{what} + " " + path + ": " + std::strerror(errno));
}

/// True if a live server answers under the path.
bool is_served(asio::io_context& io, const std::string& path) {
  Socket probe{io};
  error_code error;
  probe.connect(Protocol::endpoint{path}, error);
  return !error;
}

Result<Protocol::acceptor> bind_socket(asio::io_context& io, const std::string& path, std::uint32_t mode,
                                       const std::string& group) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::invalid_input, "socket", Error::kNoOffset, "the path is too long for a socket: " + path);
  }
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return fail(ErrorCode::conflict, "socket", Error::kNoOffset, path + " is there and is no socket");
    if (is_served(io, path)) return fail(ErrorCode::conflict, "socket", Error::kNoOffset, path + " is served by another process");
    ::unlink(path.c_str());
  }
  Protocol::acceptor acceptor{io};
  error_code error;
  acceptor.open(Protocol{}, error);
  if (error) return system_error("cannot make", path);
  const mode_t before = ::umask(0777 & ~mode);  // no moment at which the wrong people may connect
  acceptor.bind(Protocol::endpoint{path}, error);
  ::umask(before);
  if (error) return fail(ErrorCode::io, "socket", Error::kNoOffset, "cannot bind " + path + ": " + error.message());
  if (!group.empty()) {
    const ::group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) return fail(ErrorCode::not_found, "socket_group", Error::kNoOffset, "no group named " + group);
    if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) return system_error("cannot give away", path);
  }
  acceptor.listen(kBacklog, error);
  if (error) return fail(ErrorCode::io, "socket", Error::kNoOffset, "cannot listen on " + path + ": " + error.message());
  return acceptor;
}

std::optional<std::uint32_t> uid_of_peer(Socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

/// One edge's connection. Everything but `connection_`'s use in the authority happens on the server's one thread.
class EdgeConnection : public std::enable_shared_from_this<EdgeConnection> {
 public:
  EdgeConnection(Socket socket, authority::Peer peer, authority::PeerConnection id, authority::Authority& authority,
                 asio::thread_pool& workers)
      : socket_{std::move(socket)},
        peer_{std::make_shared<const authority::Peer>(std::move(peer))},
        id_{id},
        authority_{authority},
        workers_{workers},
        room_{socket_.get_executor()} {
    room_.expires_at(asio::steady_timer::time_point::max());
  }

  awaitable<void> serve() {
    const auto self = shared_from_this();
    try {
      co_await read_frames();
    } catch (const boost::system::system_error&) {
      // The peer has no more to ask, or we stop: what it asked for already is answered, for as long as it listens.
    }
    while (outstanding_ > 0 || !unsent_.empty()) {
      error_code woken;
      co_await room_.async_wait(asio::redirect_error(use_awaitable, woken));
    }
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    authority_.connection_closed(id_);
  }

  void shut_down() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_receive, ignored);
  }

 private:
  awaitable<void> read_frames() {
    std::array<std::uint8_t, kLengthBytes> length_bytes{};
    for (;;) {
      co_await asio::async_read(socket_, asio::buffer(length_bytes), use_awaitable);
      const std::size_t length = load_le<std::uint32_t>(length_bytes.data());
      if (length > ntlm::kMaxFrameBytes) {
        spdlog::warn("peer {}: a frame of {} bytes is over the limit; connection closed", peer_->name, length);
        co_return;
      }
      Bytes frame(length);
      co_await asio::async_read(socket_, asio::buffer(frame), use_awaitable);
      auto request = ntlm::decode_request(frame);
      if (!request) {
        spdlog::warn("peer {}: {}; connection closed", peer_->name, request.error().to_line());
        co_return;
      }
      while (outstanding_ >= peer_->max_outstanding) {  // R31: the peer waits, nobody else does
        error_code woken;
        co_await room_.async_wait(asio::redirect_error(use_awaitable, woken));
      }
      dispatch(std::move(*request));
    }
  }

  void dispatch(ntlm::FramedRequest framed) {
    if (const auto* cancel = std::get_if<ntlm::CancelRequest>(&framed.request)) return authority_.cancel(id_, *cancel);
    ++outstanding_;
    const auto self = shared_from_this();
    auto work = [self, nonce = framed.nonce, request = std::move(framed.request)]() mutable {
      const auto answer = [self, nonce](ntlm::Reply reply) { self->answer(nonce, reply); };
      if (auto* begin = std::get_if<ntlm::BeginRequest>(&request)) {
        self->authority_.begin(*self->peer_, self->id_, std::move(*begin), answer);
      } else {
        self->authority_.finish(*self->peer_, self->id_, std::get<ntlm::FinishRequest>(std::move(request)), answer);
      }
    };
    asio::post(workers_, std::move(work));
  }

  /// Called on a worker's or the writer's thread.
  void answer(const ntlm::RequestNonce& nonce, const ntlm::Reply& reply) {
    auto frame = ntlm::encode(nonce, reply);
    if (!frame) {
      ntlm::Verdict verdict;
      verdict.status = NtStatus::internal_error;
      verdict.why = frame.error().to_line();
      frame = ntlm::encode(nonce, ntlm::Reply{std::move(verdict)});
    }
    asio::post(socket_.get_executor(), [self = shared_from_this(), bytes = std::move(*frame)]() mutable {
      --self->outstanding_;
      self->room_.cancel();
      if (self->closed_) return;
      self->unsent_.push_back(std::move(bytes));
      if (self->unsent_.size() == 1) self->send_next();
    });
  }

  void send_next() {
    asio::async_write(socket_, asio::buffer(unsent_.front()), [self = shared_from_this()](error_code error, std::size_t) {
      wipe(self->unsent_.front());  // it may carry a session key
      self->unsent_.pop_front();
      if (error) {
        self->closed_ = true;
        self->unsent_.clear();
        error_code ignored;
        self->socket_.close(ignored);
      }
      if (!self->unsent_.empty()) return self->send_next();
      self->room_.cancel();
    });
  }

  Socket socket_;
  const std::shared_ptr<const authority::Peer> peer_;
  const authority::PeerConnection id_;
  authority::Authority& authority_;
  asio::thread_pool& workers_;
  asio::steady_timer room_;  ///< cancelled when an answer makes room for another request, and when the last one has left
  std::size_t outstanding_ = 0;
  std::deque<Bytes> unsent_{};
  bool closed_ = false;
};

class AsioServer final : public Server {
 public:
  AsioServer(ServerConfig config, authority::Authority& authority, AdminHandler admin)
      : config_{std::move(config)}, authority_{authority}, admin_{std::move(admin)}, workers_{config_.workers} {}

  Result<void> bind() {
    POSTERN_TRY(edges, bind_socket(io_, config_.socket_path, config_.socket_mode, config_.socket_group));
    edges_.emplace(std::move(edges));
    POSTERN_TRY(admins, bind_socket(io_, config_.admin_socket_path, 0600, {}));
    admins_.emplace(std::move(admins));
    return {};
  }

  void run() override {
    asio::co_spawn(io_, accept_edges(), asio::detached);
    asio::co_spawn(io_, accept_admins(), asio::detached);
    io_.run();
    workers_.join();
    ::unlink(config_.socket_path.c_str());
    ::unlink(config_.admin_socket_path.c_str());
  }

  void stop() override {
    asio::post(io_, [this] {
      if (std::exchange(stopping_, true)) return;
      error_code ignored;
      edges_->close(ignored);
      admins_->close(ignored);
      signals_.reset();
      // Edges hear the end of the stream after the answers to what they have asked.
      for (const auto& [id, weak] : connections_) {
        if (const auto connection = weak.lock()) connection->shut_down();
      }
      drain_.emplace(io_, kDrainTime);
      drain_->async_wait([this](error_code error) {
        if (!error) io_.stop();
      });
      check_drained();
    });
  }

  void set_peers(std::vector<authority::Peer> peers, std::vector<std::uint32_t> admin_uids) override {
    asio::post(io_, [this, peers = std::move(peers), admin_uids = std::move(admin_uids)]() mutable {
      config_.peers = std::move(peers);
      config_.admin_uids = std::move(admin_uids);
    });
  }

  void on_signal(std::vector<int> signals, std::function<void(int)> handler) override {
    signals_.emplace(io_);
    for (const int signal : signals) signals_->add(signal);
    signal_handler_ = std::move(handler);
    await_signal();
  }

 private:
  void await_signal() {
    signals_->async_wait([this](error_code error, int signal) {
      if (error) return;
      signal_handler_(signal);
      if (signals_) await_signal();
    });
  }

  void check_drained() {
    if (stopping_ && connections_.empty() && admin_connections_ == 0 && drain_) drain_->cancel();
  }

  awaitable<void> accept_edges() {
    for (;;) {
      error_code error;
      Socket socket = co_await edges_->async_accept(asio::redirect_error(use_awaitable, error));
      if (stopping_) co_return;
      if (error) {
        co_await pause_after(error);
        continue;
      }
      const auto uid = uid_of_peer(socket);
      const auto peer = std::ranges::find_if(config_.peers, [&uid](const authority::Peer& known) { return known.uid == uid; });
      if (!uid || peer == config_.peers.end()) {
        spdlog::warn("a process of uid {} is no configured peer; connection closed", uid.value_or(0));
        continue;
      }
      if (connections_by_uid_[*uid] >= config_.max_connections_per_peer) {
        spdlog::warn("peer {}: more than {} connections; connection closed", peer->name, config_.max_connections_per_peer);
        continue;
      }
      asio::co_spawn(io_, serve_edge(std::move(socket), *peer), asio::detached);
    }
  }

  awaitable<void> serve_edge(Socket socket, authority::Peer peer) {
    const std::uint32_t uid = peer.uid;
    const authority::PeerConnection id = ++last_connection_;
    ++connections_by_uid_[uid];
    const auto connection = std::make_shared<EdgeConnection>(std::move(socket), std::move(peer), id, authority_, workers_);
    connections_.emplace(id, connection);
    co_await connection->serve();
    connections_.erase(id);
    --connections_by_uid_[uid];
    check_drained();
  }

  awaitable<void> accept_admins() {
    for (;;) {
      error_code error;
      Socket socket = co_await admins_->async_accept(asio::redirect_error(use_awaitable, error));
      if (stopping_) co_return;
      if (error) {
        co_await pause_after(error);
        continue;
      }
      const auto uid = uid_of_peer(socket);
      if (!uid || !is_admin(*uid)) {
        spdlog::warn("a process of uid {} is no admin; connection closed", uid.value_or(0));
        continue;
      }
      asio::co_spawn(io_, serve_admin(std::move(socket), *uid), asio::detached);
    }
  }

  [[nodiscard]] bool is_admin(std::uint32_t uid) const {
    return uid == 0 || uid == ::getuid() || std::ranges::find(config_.admin_uids, uid) != config_.admin_uids.end();
  }

  awaitable<void> serve_admin(Socket socket, std::uint32_t uid) {
    ++admin_connections_;
    try {
      std::array<std::uint8_t, kLengthBytes> length_bytes{};
      while (!stopping_) {
        co_await asio::async_read(socket, asio::buffer(length_bytes), use_awaitable);
        const std::size_t length = load_le<std::uint32_t>(length_bytes.data());
        if (length > kMaxAdminRequestBytes) break;
        std::string request(length, '\0');
        co_await asio::async_read(socket, asio::buffer(request), use_awaitable);
        // The store may take its time: not on the thread that serves everybody.
        co_await asio::post(workers_, use_awaitable);
        std::string reply = admin_(request, uid);
        wipe(request.data(), request.size());  // it may carry a password
        co_await asio::post(io_, use_awaitable);
        if (reply.size() > kMaxAdminReplyBytes) break;
        store_le(length_bytes.data(), static_cast<std::uint32_t>(reply.size()));
        const std::array<asio::const_buffer, 2> parts{asio::buffer(length_bytes), asio::buffer(reply)};
        co_await asio::async_write(socket, parts, use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      // The admin's program has ended.
    }
    --admin_connections_;
    check_drained();
  }

  /// Out of descriptors, most likely: wait instead of spinning.
  awaitable<void> pause_after(error_code error) {
    spdlog::error("accept: {}", error.message());
    asio::steady_timer timer{io_, std::chrono::milliseconds{100}};
    co_await timer.async_wait(use_awaitable);
  }

  ServerConfig config_;
  authority::Authority& authority_;
  AdminHandler admin_;
  asio::io_context io_{1};
  asio::thread_pool workers_;
  std::optional<Protocol::acceptor> edges_{};
  std::optional<Protocol::acceptor> admins_{};
  std::optional<asio::signal_set> signals_{};
  std::function<void(int)> signal_handler_{};
  std::optional<asio::steady_timer> drain_{};
  std::map<authority::PeerConnection, std::weak_ptr<EdgeConnection>> connections_{};
  std::map<std::uint32_t, std::size_t> connections_by_uid_{};
  authority::PeerConnection last_connection_ = 0;
  std::size_t admin_connections_ = 0;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(ServerConfig config, authority::Authority& authority, AdminHandler admin) {
  auto server = std::make_unique<AsioServer>(std::move(config), authority, std::move(admin));
  POSTERN_CHECK(server->bind());
  return std::unique_ptr<Server>{std::move(server)};
}

}  // namespace postern::ipc
