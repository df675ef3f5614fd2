#include "edge/ipc/server/server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
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
#include <condition_variable>
#include <cstring>
#include <deque>
#include <grp.h>
#include <map>
#include <mutex>
#include <optional>
#include <set>
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

/// True unless nobody can be listening under the path: only a refused connection says so. A server whose queue is full is alive.
bool may_be_served(asio::io_context& io, const std::string& path) {
  Socket probe{io};
  error_code error;
  probe.open(Protocol{}, error);
  probe.non_blocking(true, error);
  probe.connect(Protocol::endpoint{path}, error);
  return error != asio::error::connection_refused && error != boost::system::errc::no_such_file_or_directory;
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
    if (may_be_served(io, path))
      return fail(ErrorCode::conflict, "socket", Error::kNoOffset, path + " is served by another process");
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

/// Counts the requests that the authority has and has not answered, of all connections: its threads use the server until the last
/// answer, so the server stays until then.
class Unanswered {
 public:
  void add() {
    const std::lock_guard lock{mutex_};
    ++count_;
  }
  void remove() {
    const std::lock_guard lock{mutex_};
    if (--count_ == 0) none_.notify_all();
  }
  void wait_for_none() {
    std::unique_lock lock{mutex_};
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_{};
  std::condition_variable none_{};
  std::size_t count_ = 0;
};

/// One edge's connection. Everything happens on the server's one thread, but for the comparison that `dispatch` hands over and
/// `answer`, which comes back to that thread.
class EdgeConnection : public std::enable_shared_from_this<EdgeConnection> {
 public:
  EdgeConnection(Socket socket, authority::Peer peer, authority::PeerConnection id, authority::Authority& authority,
                 asio::thread_pool& workers, Unanswered& unanswered)
      : socket_{std::move(socket)},
        peer_{std::make_shared<const authority::Peer>(std::move(peer))},
        id_{id},
        authority_{authority},
        workers_{workers},
        unanswered_{unanswered},
        room_{socket_.get_executor()},
        give_up_{socket_.get_executor()} {
    room_.expires_at(asio::steady_timer::time_point::max());
  }

  awaitable<void> serve() {
    const auto self = shared_from_this();
    try {
      co_await read_frames();
    } catch (const boost::system::system_error&) {
      // The peer went away: what it asked for is dropped with its half-open handshakes.
    }
    // What was asked is answered, to a peer that still listens: it may have closed its own direction only, or the server stops.
    // Only then can no worker put another handshake into the authority's table for this connection.
    give_up_.expires_after(kDrainTime);
    give_up_.async_wait([self](error_code error) {
      if (!error) self->close();
    });
    while (outstanding_ > 0) co_await wait_for_room();
    give_up_.cancel();
    close();
    authority_.connection_closed(id_);
  }

  /// Reads no further request.
  void shut_down() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_receive, ignored);
  }
  /// Whatever is not answered yet.
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }
  /// For requests from now on.
  void set_peer(authority::Peer peer) { peer_ = std::make_shared<const authority::Peer>(std::move(peer)); }
  [[nodiscard]] std::uint32_t uid() const { return peer_->uid; }

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
      while (outstanding_ >= peer_->max_outstanding) co_await wait_for_room();  // R31: the peer waits, nobody else does
      dispatch(std::move(*request));
    }
  }

  void dispatch(ntlm::FramedRequest framed) {
    if (const auto* cancel = std::get_if<ntlm::CancelRequest>(&framed.request)) return authority_.cancel(id_, *cancel);
    ++outstanding_;
    unanswered_.add();
    // No strong reference: the authority may drop its copy later than this server lives. The connection waits for its answers.
    auto answer = [weak = weak_from_this(), &unanswered = unanswered_, nonce = framed.nonce,
                   version = framed.version](const ntlm::Reply& reply) {
      if (const auto connection = weak.lock()) connection->answer(nonce, reply, version);
      unanswered.remove();  // last: after it the server may go
    };
    // A challenge is minted in memory and in microseconds: less than waking another thread would take.
    if (auto* begin = std::get_if<ntlm::BeginRequest>(&framed.request)) {
      return authority_.begin(*peer_, id_, std::move(*begin), answer);
    }
    authority::Statistics& statistics = authority_.statistics();
    statistics.waiting.fetch_add(1, std::memory_order_relaxed);
    auto work = [self = shared_from_this(), peer = peer_, answer = std::move(answer), request = std::move(framed.request),
                 &statistics, read_at = std::chrono::steady_clock::now()]() mutable {
      const auto waited = std::chrono::steady_clock::now() - read_at;
      statistics.waiting.fetch_sub(1, std::memory_order_relaxed);
      statistics.queue.add(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(waited).count()) / 100);
      self->authority_.finish(*peer, self->id_, std::get<ntlm::FinishRequest>(std::move(request)), answer);
    };
    asio::post(workers_, std::move(work));
  }

  /// Called on any thread: the server's, a worker's or the writer's. `version` is the request's: an edge of an older release reads
  /// the answer that it knows.
  void answer(const ntlm::RequestNonce& nonce, const ntlm::Reply& reply, std::uint8_t version) {
    auto frame = ntlm::encode(nonce, reply, version);
    if (!frame) {
      spdlog::error("peer {}: an answer that does not fit a frame: {}", peer_->name, frame.error().to_line());
      ntlm::Verdict verdict;
      verdict.status = NtStatus::internal_error;
      verdict.why = frame.error().to_line();
      frame = ntlm::encode(nonce, ntlm::Reply{std::move(verdict)}, version);
    }
    asio::dispatch(socket_.get_executor(), [self = shared_from_this(), bytes = std::move(*frame)]() mutable {
      self->unsent_.push_back(std::move(bytes));
      if (self->unsent_.size() == 1) self->send_next();
    });
  }

  /// Until an answer has gone out. A request is outstanding until then, so that a peer that does not read cannot fill the memory.
  awaitable<void> wait_for_room() {
    error_code woken;
    co_await room_.async_wait(asio::redirect_error(use_awaitable, woken));
  }

  void send_next() {
    asio::async_write(socket_, asio::buffer(unsent_.front()), [self = shared_from_this()](error_code error, std::size_t) {
      wipe(self->unsent_.front());  // it may carry a session key
      self->unsent_.pop_front();
      --self->outstanding_;
      self->room_.cancel();
      if (error) self->close();  // each further answer fails in its turn
      if (!self->unsent_.empty()) self->send_next();
    });
  }

  Socket socket_;
  std::shared_ptr<const authority::Peer> peer_;
  const authority::PeerConnection id_;
  authority::Authority& authority_;
  asio::thread_pool& workers_;
  Unanswered& unanswered_;
  asio::steady_timer room_;  ///< cancelled when an answer has gone out and makes room for another request
  asio::steady_timer give_up_;
  std::size_t outstanding_ = 0;
  std::deque<Bytes> unsent_{};
};

/// A request that may carry a password: overwritten however its handling ends, also where only a part of it came.
struct SecretText {
  std::string text;
  ~SecretText() { wipe(text.data(), text.size()); }
};

class AsioServer final : public Server {
 public:
  AsioServer(ServerConfig config, authority::Authority& authority, AdminHandler admin)
      : config_{std::move(config)}, authority_{authority}, admin_{std::move(admin)}, workers_{config_.workers} {}
  ~AsioServer() override { remove_sockets(); }

  Result<void> bind() {
    POSTERN_TRY(edges, bind_socket(io_, config_.socket_path, config_.socket_mode, config_.socket_group));
    edges_.emplace(std::move(edges));
    POSTERN_TRY(admins, bind_socket(io_, config_.admin_socket_path, admin_socket_mode(), {}));
    admins_.emplace(std::move(admins));
    return {};
  }

  void run() override {
    asio::co_spawn(io_, accept_edges(), asio::detached);
    asio::co_spawn(io_, accept_admins(), asio::detached);
    io_.run();
    workers_.join();
    unanswered_.wait_for_none();  // what the authority still writes, it answers to this object
  }

  void stop() override {
    asio::post(io_, [this] {
      if (std::exchange(stopping_, true)) return;
      remove_sockets();  // first: whoever is started next binds them anew
      error_code ignored;
      edges_->close(ignored);
      admins_->close(ignored);
      signals_.reset();
      // Edges hear the end of the stream after the answers to what they have asked.
      for (const auto& [id, weak] : connections_) {
        if (const auto connection = weak.lock()) connection->shut_down();
      }
      for (Socket* admin : admin_connections_) admin->shutdown(Socket::shutdown_receive, ignored);
      drain_.emplace(io_, kDrainTime);
      drain_->async_wait([this](error_code error) {
        if (error) return;
        for (const auto& [id, weak] : connections_) {
          if (const auto connection = weak.lock()) connection->close();
        }
        io_.stop();
      });
      check_drained();
    });
  }

  void set_peers(std::vector<authority::Peer> peers, std::vector<std::uint32_t> admin_uids,
                 std::vector<std::uint32_t> observer_uids) override {
    asio::post(io_, [this, peers = std::move(peers), admin_uids = std::move(admin_uids),
                     observer_uids = std::move(observer_uids)]() mutable {
      config_.peers = std::move(peers);
      config_.admin_uids = std::move(admin_uids);
      config_.observer_uids = std::move(observer_uids);
      if (!stopping_) ::chmod(config_.admin_socket_path.c_str(), admin_socket_mode());
      for (const auto& [id, weak] : connections_) {
        const auto connection = weak.lock();
        if (!connection) continue;
        if (const authority::Peer* peer = peer_of(connection->uid())) {
          connection->set_peer(*peer);
        } else {
          connection->shut_down();
        }
      }
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
    if (stopping_ && connections_.empty() && admin_connections_.empty() && drain_) drain_->cancel();
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
      const authority::Peer* peer = uid ? peer_of(*uid) : nullptr;
      if (peer == nullptr) {
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
    const auto connection =
        std::make_shared<EdgeConnection>(std::move(socket), std::move(peer), id, authority_, workers_, unanswered_);
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
      if (!uid || !rights_of(*uid)) {
        spdlog::warn("a process of uid {} is neither admin nor observer; connection closed", uid.value_or(0));
        continue;
      }
      asio::co_spawn(io_, serve_admin(std::move(socket), *uid), asio::detached);
    }
  }

  [[nodiscard]] const authority::Peer* peer_of(std::uint32_t uid) const {
    const auto peer = std::ranges::find(config_.peers, uid, &authority::Peer::uid);
    return peer == config_.peers.end() ? nullptr : &*peer;
  }

  /// Other users can only be let in if they can connect; who may ask is decided by their uid.
  [[nodiscard]] mode_t admin_socket_mode() const {
    return config_.admin_uids.empty() && config_.observer_uids.empty() ? 0600 : 0666;
  }

  /// Once, and only those that this server has bound.
  void remove_sockets() {
    if (edges_ && edges_->is_open()) ::unlink(config_.socket_path.c_str());
    if (admins_ && admins_->is_open()) ::unlink(config_.admin_socket_path.c_str());
  }

  /// Nothing: may not ask at all. A user who is admin and observer is an admin.
  [[nodiscard]] std::optional<AdminRights> rights_of(std::uint32_t uid) const {
    const auto in = [uid](const std::vector<std::uint32_t>& uids) { return std::ranges::find(uids, uid) != uids.end(); };
    if (uid == 0 || in(config_.admin_uids)) return AdminRights::everything;
    if (in(config_.observer_uids)) return AdminRights::observe;  // the process's own uid too, where it is named
    return uid == ::getuid() ? std::optional{AdminRights::everything} : std::nullopt;
  }

  awaitable<void> serve_admin(Socket socket, std::uint32_t uid) {
    admin_connections_.insert(&socket);
    try {
      std::array<std::uint8_t, kLengthBytes> length_bytes{};
      while (!stopping_) {
        co_await asio::async_read(socket, asio::buffer(length_bytes), use_awaitable);
        const std::size_t length = load_le<std::uint32_t>(length_bytes.data());
        if (length > kMaxAdminRequestBytes) break;
        SecretText request{std::string(length, '\0')};
        co_await asio::async_read(socket, asio::buffer(request.text), use_awaitable);
        const auto rights = rights_of(uid);  // a reload may have taken them
        if (!rights) break;
        // The store may take its time: not on the thread that serves everybody. (A plain post comes back to this thread before it
        // goes on: the executor of a coroutine is the one that it was spawned on.)
        const std::string reply = co_await asio::co_spawn(workers_, ask_admin(request.text, {uid, *rights}), use_awaitable);
        if (reply.size() > kMaxAdminReplyBytes) {
          spdlog::error("admin: an answer of {} bytes is over the limit; connection closed", reply.size());
          break;
        }
        store_le(length_bytes.data(), static_cast<std::uint32_t>(reply.size()));
        const std::array<asio::const_buffer, 2> parts{asio::buffer(length_bytes), asio::buffer(reply)};
        co_await asio::async_write(socket, parts, use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      // The admin's program has ended.
    } catch (const std::exception& error) {
      spdlog::error("admin: {}; connection closed", error.what());
    }
    admin_connections_.erase(&socket);
    check_drained();
  }

  awaitable<std::string> ask_admin(std::string_view request, AdminPeer peer) { co_return admin_(request, peer); }

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
  Unanswered unanswered_{};
  std::optional<Protocol::acceptor> edges_{};
  std::optional<Protocol::acceptor> admins_{};
  std::optional<asio::signal_set> signals_{};
  std::function<void(int)> signal_handler_{};
  std::optional<asio::steady_timer> drain_{};
  std::map<authority::PeerConnection, std::weak_ptr<EdgeConnection>> connections_{};
  std::map<std::uint32_t, std::size_t> connections_by_uid_{};
  authority::PeerConnection last_connection_ = 0;
  std::set<Socket*> admin_connections_{};
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(ServerConfig config, authority::Authority& authority, AdminHandler admin) {
  auto server = std::make_unique<AsioServer>(std::move(config), authority, std::move(admin));
  POSTERN_CHECK(server->bind());
  return std::unique_ptr<Server>{std::move(server)};
}

}  // namespace postern::ipc
