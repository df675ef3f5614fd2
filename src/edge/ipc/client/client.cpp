#include "edge/ipc/client/client.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "edge/ipc/client/socket_owner.hpp"
#include "entropy/entropy.hpp"

namespace postern::ipc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kField = "authority socket";
constexpr int kRetryMs = 5;  ///< a Unix socket whose backlog is full answers EAGAIN and has nothing to poll for

std::unexpected<Error> no_authority(std::string message) {
  return fail(ErrorCode::no_authority, kField, Error::kNoOffset, std::move(message));
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

/// Waits until `fd` is ready for `events`.
Result<void> wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    pollfd item{fd, events, 0};
    const int ready = poll(&item, 1, milliseconds_until(deadline));
    if (ready > 0) return {};
    if (ready == 0) return fail(ErrorCode::timeout, kField, Error::kNoOffset, "the authority did not answer in time");
    if (errno != EINTR) return no_authority(std::string{"poll: "} + std::strerror(errno));
  }
}

Result<void> send_all(int fd, ByteView bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      POSTERN_CHECK(wait_for(fd, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return no_authority(std::string{"send: "} + std::strerror(errno));
    }
  }
  return {};
}

Result<void> receive_all(int fd, MutableByteView bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got == 0) {
      return no_authority("the authority closed the connection");
    } else if (errno == EAGAIN) {
      POSTERN_CHECK(wait_for(fd, POLLIN, deadline));
    } else if (errno != EINTR) {
      return no_authority(std::string{"recv: "} + std::strerror(errno));
    }
  }
  return {};
}

}  // namespace

ntlm::RequestNonce random_nonce() {
  std::array<std::uint8_t, ntlm::RequestNonce::kSize> bytes{};
  if (!entropy::from_system(bytes)) std::abort();  // a kernel without random numbers: nothing that follows would be safe
  return ntlm::RequestNonce{bytes};
}

Client::Client(int fd, Options options) : fd_{fd}, owner_process_{getpid()}, options_{std::move(options)} {}

Client::Client(Client&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)}, owner_process_{other.owner_process_}, options_{std::move(other.options_)} {}

Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    owner_process_ = other.owner_process_;
    options_ = std::move(other.options_);
  }
  return *this;
}

Client::~Client() { close(); }

void Client::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Client> Client::connect(Options options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.socket_path.empty() || options.socket_path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::invalid_input, kField, Error::kNoOffset,
                "the socket's path is empty or too long: " + options.socket_path);
  }
  std::memcpy(address.sun_path, options.socket_path.data(), options.socket_path.size());

  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds{options.deadline_ms};
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, std::string{"socket: "} + std::strerror(errno));
  Client client{fd, std::move(options)};
  const std::string& path = client.options_.socket_path;

  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return no_authority(path + ": " + std::strerror(errno));
    if (milliseconds_until(deadline) == 0)
      return fail(ErrorCode::timeout, kField, Error::kNoOffset, path + ": too many wait there");
    poll(nullptr, 0, kRetryMs);
  }
  POSTERN_CHECK(check_authority_socket(fd, path, client.options_.authority_uid));
  return client;
}

Result<ntlm::Reply> Client::ask(const ntlm::Request& request) {
  auto reply = exchange(request);
  if (!reply) close();  // what was half open on it is lost with it, and a late answer cannot be taken for another one
  return reply;
}

Result<ntlm::Reply> Client::exchange(const ntlm::Request& request) {
  if (fd_ < 0) return no_authority("not connected");
  if (owner_process_ != getpid()) return no_authority("the connection belongs to the parent process");
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds{options_.deadline_ms};
  const ntlm::RequestNonce nonce = random_nonce();
  POSTERN_TRY(frame, ntlm::encode(nonce, request));
  POSTERN_CHECK(send_all(fd_, frame, deadline));

  std::array<std::uint8_t, 4> header{};
  POSTERN_CHECK(receive_all(fd_, header, deadline));
  POSTERN_TRY(length, ntlm::frame_length(header));
  if (!length) return fail(ErrorCode::internal, kField, Error::kNoOffset, "no length in four bytes");
  Bytes body(*length);
  const auto received = receive_all(fd_, body, deadline);
  if (!received) {
    wipe(body);
    return std::unexpected{received.error()};
  }
  auto reply = ntlm::decode_reply(body);
  wipe(body);  // may have held a session key
  if (!reply) return std::unexpected{std::move(reply).error()};
  if (reply->nonce != nonce) {
    return fail(ErrorCode::unexpected_message, "nonce", Error::kNoOffset, "the answer belongs to another request");
  }
  return std::move(reply->reply);
}

Result<ntlm::Reply> Client::begin(ntlm::BeginRequest request) { return ask(ntlm::Request{std::move(request)}); }
Result<ntlm::Reply> Client::finish(ntlm::FinishRequest request) { return ask(ntlm::Request{std::move(request)}); }

Result<void> Client::cancel(const ntlm::HandshakeId& handshake) {
  if (fd_ < 0) return no_authority("not connected");
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds{options_.deadline_ms};
  POSTERN_TRY(frame, ntlm::encode(random_nonce(), ntlm::Request{ntlm::CancelRequest{handshake}}));
  auto sent = send_all(fd_, frame, deadline);
  if (!sent) close();
  return sent;
}

}  // namespace postern::ipc
