#include "edge/http/stream.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace postern::http {
namespace {

constexpr unsigned kTurns = 64;  ///< calls that may succeed at once before other connections get their turn
constexpr std::string_view kField = "connection";

std::unexpected<Error> io_error(std::string message) { return fail(ErrorCode::io, kField, Error::kNoOffset, std::move(message)); }

int ssl_size(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max())); }

}  // namespace

Stream::Stream(asio::ip::tcp::socket socket) : socket_{std::move(socket)}, timer_{socket_.get_executor()} {}

std::shared_ptr<Stream> Stream::make(asio::ip::tcp::socket socket) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
  return std::shared_ptr<Stream>{new Stream{std::move(socket)}};
}

Result<void> Stream::usable() const {
  if (timed_out_) return fail(ErrorCode::timeout, kField, Error::kNoOffset, "the peer took too long");
  if (aborted_ || !socket_.is_open()) return io_error("the connection was closed");
  return {};
}

Task<Result<void>> Stream::wait(Direction direction) {
  boost::system::error_code error;
  const auto kind = direction == Direction::read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
  co_await socket_.async_wait(kind, asio::redirect_error(asio::use_awaitable, error));
  if (auto now = usable(); !now) co_return now;
  if (error) co_return io_error(error.message());
  co_return Result<void>{};
}

Task<void> Stream::take_turns() {
  if (++turns_ >= kTurns) {
    turns_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  }
}

/// What an SSL call that did not succeed waits for.
Task<Result<void>> Stream::after_ssl(int outcome) {
  const int saved = errno;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ: co_return co_await wait(Direction::read);
    case SSL_ERROR_WANT_WRITE: co_return co_await wait(Direction::write);
    case SSL_ERROR_ZERO_RETURN: co_return io_error("TLS: the peer closed");
    case SSL_ERROR_SYSCALL: co_return io_error(saved == 0 ? "TLS: the peer closed" : std::string{"TLS: "} + std::strerror(saved));
    default: co_return io_error(openssl_errors());
  }
}

Task<Result<void>> Stream::handshake(SslPtr ssl) {
  ssl_ = std::move(ssl);
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) co_return io_error("TLS cannot start");
  while (true) {
    if (auto now = usable(); !now) co_return now;
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome == 1) co_return Result<void>{};
    auto waited = co_await after_ssl(outcome);
    if (!waited) co_return waited;
  }
}

Task<Result<std::size_t>> Stream::read_some(MutableByteView buffer) {
  co_await take_turns();
  while (true) {
    if (auto now = usable(); !now) co_return std::unexpected{now.error()};
    if (ssl_) {
      ERR_clear_error();
      const int got = SSL_read(ssl_.get(), buffer.data(), ssl_size(buffer.size()));
      if (got > 0) co_return static_cast<std::size_t>(got);
      if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
      auto waited = co_await after_ssl(got);
      if (!waited) co_return std::unexpected{waited.error()};
      continue;
    }
    const ssize_t got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got >= 0) co_return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) co_return io_error(std::strerror(errno));
    auto waited = co_await wait(Direction::read);
    if (!waited) co_return std::unexpected{waited.error()};
  }
}

Task<Result<void>> Stream::write_all(ByteView bytes) {
  co_await take_turns();
  while (!bytes.empty()) {
    if (auto now = usable(); !now) co_return now;
    if (ssl_) {
      ERR_clear_error();
      const int sent = SSL_write(ssl_.get(), bytes.data(), ssl_size(bytes.size()));
      if (sent > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
        continue;
      }
      auto waited = co_await after_ssl(sent);
      if (!waited) co_return waited;
      continue;
    }
    const ssize_t sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) co_return io_error(std::strerror(errno));
    auto waited = co_await wait(Direction::write);
    if (!waited) co_return waited;
  }
  co_return Result<void>{};
}

Task<Result<void>> Stream::wait_readable() {
  if (auto now = usable(); !now) co_return now;
  if (ssl_ && SSL_has_pending(ssl_.get()) == 1) co_return Result<void>{};
  co_return co_await wait(Direction::read);
}

void Stream::set_deadline(Clock::time_point moment) {
  deadline_ = moment;
  if (deadline_ < armed_) arm();  // a timer that fires too early looks again; one that fires too late would not
}

void Stream::arm() {
  armed_ = deadline_;
  if (armed_ == Clock::time_point::max()) return;
  timer_.expires_at(armed_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;  // armed anew, or gone
    self->armed_ = Clock::time_point::max();
    if (self->deadline_ > Clock::now()) return self->arm();
    self->timed_out_ = true;
    boost::system::error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Stream::abort() {
  aborted_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

void Stream::shutdown_send() {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1 && usable()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void Stream::close() {
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

bool Stream::is_stale() {
  if (!is_open() || timed_out_) return true;
  if (ssl_ && SSL_has_pending(ssl_.get()) == 1) return true;
  std::uint8_t byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  if (got == 0 || !ssl_) return true;
  // TLS 1.3 sends session tickets after the handshake: those are no reason to give the connection up.
  ERR_clear_error();
  const int peeked = SSL_peek(ssl_.get(), &byte, 1);
  return peeked > 0 || SSL_get_error(ssl_.get(), peeked) != SSL_ERROR_WANT_READ;
}

}  // namespace postern::http
