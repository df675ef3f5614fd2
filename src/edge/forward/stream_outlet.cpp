// syslog over TCP (RFC 6587, octet counting) and TLS (RFC 5425; the server's certificate is verified by CA and name).
//
// Neither has an answer to a message. What counts as passed on is what the other end's kernel has acknowledged; what its program
// had not read when a connection broke is the reason for `resend`.
#include <cerrno>
#include <cstring>
#include <linux/sockios.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "edge/forward/messages.hpp"
#include "edge/forward/outlet.hpp"

namespace postern::forward {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAcknowledgePoll{5};

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class StreamOutlet final : public Outlet {
 public:
  StreamOutlet(const SinkConfig& config, const Stop& stop) : config_{config}, stop_{stop} {}
  ~StreamOutlet() override {
    if (ssl_) SSL_shutdown(ssl_.get());  // close_notify: what was sent is all that there was
    close();
  }

  Parcel pack(const event::LogonEvent& event, std::string line) const override {
    return {.bytes = octet_counted(syslog_message(event, line, config_.facility))};
  }
  bool may_lose_sent() const override { return true; }
  std::optional<Error> broken() override {
    if (socket_ < 0) return std::nullopt;
    const auto open = still_open();
    if (open) return std::nullopt;
    close();
    return open.error();
  }

  Delivery deliver(std::span<const Parcel> parcels) override {
    Delivery delivery;
    std::string bytes;
    for (const Parcel& parcel : parcels) bytes += parcel.bytes;
    auto done = connect();
    if (done) done = still_open();
    if (done) done = send(bytes);
    if (done) done = wait_until_acknowledged();
    if (done) {
      delivery.taken = parcels.size();
    } else {
      delivery.error = done.error();
      close();
    }
    return delivery;
  }

 private:
  [[nodiscard]] std::unexpected<Error> io_error(const std::string& what) const {
    return fail(ErrorCode::io, "host", Error::kNoOffset, config_.host + ":" + std::to_string(config_.port) + ": " + what);
  }
  [[nodiscard]] std::unexpected<Error> late() const {
    return fail(ErrorCode::timeout, "host", Error::kNoOffset,
                config_.host + ":" + std::to_string(config_.port) + ": no progress within the timeout");
  }
  [[nodiscard]] std::unexpected<Error> tls_error(const std::string& what) const {
    std::string text = what;
    if (ssl_ && SSL_get_verify_result(ssl_.get()) != X509_V_OK) {
      text += std::string{": "} + X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
    } else if (const unsigned long code = ERR_peek_last_error(); code != 0) {
      if (const char* reason = ERR_reason_error_string(code)) text += std::string{": "} + reason;
    }
    ERR_clear_error();
    return io_error(text);
  }

  Result<void> connect() {
    if (socket_ >= 0) return {};
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(config_.port);
    if (const int wrong = ::getaddrinfo(config_.host.c_str(), port.c_str(), &hints, &found); wrong != 0) {
      return io_error(::gai_strerror(wrong));
    }
    const std::unique_ptr<addrinfo, FreeAddresses> addresses{found};
    Result<void> last = io_error("no address");
    for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
      last = connect_to(*address);
      if (last || stop_.requested()) break;
    }
    if (last && config_.transport == Transport::tls) last = handshake();
    if (!last) close();
    return last;
  }

  Result<void> connect_to(const addrinfo& address) {
    close();
    socket_ = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return io_error(std::strerror(errno));
    if (::connect(socket_, address.ai_addr, address.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return io_error(std::strerror(errno));
    if (stop_.wait(socket_, POLLOUT, config_.timeout) != Waited::ready) return late();
    int number = 0;
    socklen_t size = sizeof(number);
    if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
    return number == 0 ? Result<void>{} : io_error(std::strerror(number));
  }

  Result<void> make_context() {
    if (context_) return {};
    ERR_clear_error();
    std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_client_method())};
    if (!context) return tls_error("TLS");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const int loaded = config_.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                               : SSL_CTX_load_verify_file(context.get(), config_.ca_file.c_str());
    if (loaded != 1) return tls_error("ca_file " + config_.ca_file);
    if (!config_.certificate.empty()) {
      if (SSL_CTX_use_certificate_chain_file(context.get(), config_.certificate.c_str()) != 1) {
        return tls_error("certificate " + config_.certificate);
      }
      if (SSL_CTX_use_PrivateKey_file(context.get(), config_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return tls_error("key " + config_.key);
      }
    }
    context_ = std::move(context);
    return {};
  }

  Result<void> handshake() {
    POSTERN_CHECK(make_context());
    ssl_.reset(SSL_new(context_.get()));
    const std::string& name = config_.server_name.empty() ? config_.host : config_.server_name;
    const bool is_address = name.find_first_not_of("0123456789.") == std::string::npos || name.contains(':');
    const bool named = ssl_ && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1
                                           : SSL_set1_host(ssl_.get(), name.c_str()) == 1 &&
                                                 SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1);
    if (!named || SSL_set_fd(ssl_.get(), socket_) != 1) return tls_error("TLS");
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (true) {
      ERR_clear_error();
      const int outcome = SSL_connect(ssl_.get());
      if (outcome == 1) return {};
      POSTERN_CHECK(wait_for_tls(outcome, "TLS handshake"));
    }
  }

  /// Until OpenSSL can go on; its error otherwise.
  Result<void> wait_for_tls(int outcome, const char* what) {
    const int wanted = SSL_get_error(ssl_.get(), outcome);
    if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) return tls_error(what);
    const short events = wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return stop_.wait(socket_, events, config_.timeout) == Waited::ready ? Result<void>{} : late();
  }

  /// A syslog server sends nothing but its end.
  Result<void> still_open() {
    char byte = 0;
    if (ssl_) {
      ERR_clear_error();
      const int outcome = SSL_read(ssl_.get(), &byte, 1);  // also takes in the tickets of TLS 1.3
      if (outcome > 0) return {};
      const int wanted = SSL_get_error(ssl_.get(), outcome);
      return wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE ? Result<void>{}
                                                                             : io_error("the server closed the connection");
    }
    const ssize_t received = ::recv(socket_, &byte, 1, MSG_DONTWAIT);
    if (received > 0 || (received < 0 && (errno == EAGAIN || errno == EINTR))) return {};
    return io_error(received == 0 ? "the server closed the connection" : std::strerror(errno));
  }

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (ssl_) {
        ERR_clear_error();
        std::size_t written = 0;
        const int outcome = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
        if (outcome == 1) {
          bytes.remove_prefix(written);
        } else {
          POSTERN_CHECK(wait_for_tls(outcome, "TLS"));
        }
        continue;
      }
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (stop_.wait(socket_, POLLOUT, config_.timeout) != Waited::ready) return late();
      } else if (errno != EINTR) {
        return io_error(std::strerror(errno));
      }
    }
    return {};
  }

  /// Until the other end's kernel has everything, or none of it went for as long as the timeout.
  Result<void> wait_until_acknowledged() {
    auto since = Clock::now();
    int before = -1;
    while (true) {
      int unsent = 0;
      if (::ioctl(socket_, SIOCOUTQ, &unsent) != 0) return io_error(std::strerror(errno));
      if (unsent == 0) return still_open();
      if (unsent != before) since = Clock::now();
      before = unsent;
      if (Clock::now() - since > config_.timeout) return late();
      POSTERN_CHECK(still_open());
      if (stop_.pause(kAcknowledgePoll) == Waited::stopped) return late();
    }
  }

  void close() {
    ssl_.reset();
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  SinkConfig config_;
  const Stop& stop_;
  std::unique_ptr<SSL_CTX, FreeContext> context_{};
  std::unique_ptr<SSL, FreeSsl> ssl_{};
  int socket_ = -1;
};

}  // namespace

std::unique_ptr<Outlet> make_stream_outlet(const SinkConfig& config, const Stop& stop) {
  return std::make_unique<StreamOutlet>(config, stop);
}

}  // namespace postern::forward
