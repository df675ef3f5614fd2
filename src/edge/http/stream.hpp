// Stream: a TCP connection, with or without TLS, seen as bytes with a deadline. For coroutines on one strand.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "edge/http/tls.hpp"

namespace postern::http {

namespace asio = boost::asio;
template <typename T>
using Task = asio::awaitable<T>;
using Clock = std::chrono::steady_clock;

/// OpenSSL works on the socket itself and no buffer of ours is kept between calls, so that an idle connection costs little. All
/// calls come from the strand of the socket's executor. One reader and one writer may be under way at a time.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  [[nodiscard]] static std::shared_ptr<Stream> make(asio::ip::tcp::socket socket);

  /// Takes `ssl` over and runs its handshake (either side).
  Task<Result<void>> handshake(SslPtr ssl);
  /// At least one byte; 0 at the peer's end of sending. Errors: `timeout`, `io`.
  Task<Result<std::size_t>> read_some(MutableByteView buffer);
  Task<Result<void>> write_all(ByteView bytes);
  /// Until a byte can be read (or the end). Holds no buffer meanwhile.
  Task<Result<void>> wait_readable();

  /// Everything still under way, and begun later, ends with `timeout` once `moment` has passed. Clock::time_point::max(): never.
  void set_deadline(Clock::time_point moment);
  [[nodiscard]] bool timed_out() const { return timed_out_; }

  /// Ends everything under way with `io`, now and later.
  void abort();
  /// TLS close_notify if possible, then no more sending.
  void shutdown_send();
  void close();
  [[nodiscard]] bool is_open() const { return socket_.is_open() && !aborted_; }
  /// True if the peer has closed, or sent something that nobody asked for: such a kept connection is of no more use.
  [[nodiscard]] bool is_stale();

  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] asio::ip::tcp::socket& socket() { return socket_; }

 private:
  explicit Stream(asio::ip::tcp::socket socket);
  enum class Direction : std::uint8_t { read, write };
  Task<Result<void>> wait(Direction direction);
  Task<void> take_turns();
  Task<Result<void>> after_ssl(int outcome);
  [[nodiscard]] Result<void> usable() const;
  void arm();

  asio::ip::tcp::socket socket_;
  SslPtr ssl_{};
  asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point armed_ = Clock::time_point::max();
  unsigned turns_ = 0;
  bool timed_out_ = false;
  bool aborted_ = false;
};

}  // namespace postern::http
