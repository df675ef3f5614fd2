#include "client.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace postern::load {
namespace {

constexpr std::uint32_t kFirstSource = 0x7f01'0001;  // 127.1.0.1
constexpr std::uint32_t kSources = 0x00f0'0000;      // up to 127.241.0.0
#ifndef IP_BIND_ADDRESS_NO_PORT
constexpr int IP_BIND_ADDRESS_NO_PORT = 24;
#endif

}  // namespace

Client::~Client() { close(); }

void Client::close() {
  if (socket_ < 0) return;
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1 && state_ != State::failed) SSL_shutdown(ssl_.get());
  ssl_.reset();
  ::close(std::exchange(socket_, -1));
}

void Client::fail(std::string why) {
  why_ = std::move(why);
  state_ = State::failed;
  close();
}

void Client::open(std::uint64_t tag) {
  started_ = Clock::now();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return fail(std::string{"socket: "} + std::strerror(errno));
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
  if (!shared_.options.one_source) {
    ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(kFirstSource + shared_.sources++ % kSources);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0)
      return fail(std::string{"bind: "} + std::strerror(errno));
  }
  sockaddr_in target = shared_.target;
  if (goes_apart()) target.sin_port = htons(shared_.options.half_open_port);
  const int connected = ::connect(socket_, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  if (connected != 0 && errno != EINPROGRESS) return fail(std::string{"connect: "} + std::strerror(errno));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.u64 = tag;
  if (::epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, socket_, &event) != 0) fail(std::string{"epoll: "} + std::strerror(errno));
}

std::string Client::source() const {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  if (socket_ < 0 || ::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size) != 0) return {};
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &own.sin_addr, text.data(), text.size());
  return std::string{text.data()} + ":" + std::to_string(ntohs(own.sin_port));
}

void Client::ask(std::string_view authorization, State next) {
  out_ = "GET " + shared_.options.path + " HTTP/1.1\r\nHost: " + shared_.host + "\r\nAccept: application/json\r\n";
  if (!authorization.empty()) out_.append("Authorization: ").append(authorization).append("\r\n");
  out_ += "\r\n";
  sent_ = 0;
  state_ = next;
}

void Client::ask_again() {
  started_ = Clock::now();
  ask({}, State::asked_again);
}

/// The channel is there: the logon begins, or the first request.
void Client::shaken() {
  if (shared_.who == nullptr) return ask({}, State::asked_logon);
  if (ssl_ && !shared_.bindings) {
    X509* certificate = SSL_get1_peer_certificate(ssl_.get());
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size > 0) shared_.bindings = end_point_bindings({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    X509_free(certificate);
  }
  auto awaiting = ntlm::Initiator::start(shared_.who->config(fault_, shared_.bindings));
  if (!awaiting) return fail(awaiting.error().to_line());
  ask(negotiate_header(*awaiting), State::asked_challenge);
  awaiting_.emplace(std::move(*awaiting));
}

Client::Io Client::flush() {
  while (sent_ < out_.size()) {
    ssize_t count = 0;
    if (ssl_) {
      ERR_clear_error();
      count = SSL_write(ssl_.get(), out_.data() + sent_, static_cast<int>(out_.size() - sent_));
      if (count <= 0) return SSL_get_error(ssl_.get(), static_cast<int>(count)) == SSL_ERROR_WANT_WRITE ? Io::blocked : Io::failed;
    } else {
      count = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN ? Io::blocked : Io::failed;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  return Io::done;
}

Client::Io Client::receive() {
  std::array<char, 8192> bytes{};
  ssize_t count = 0;
  if (ssl_) {
    ERR_clear_error();
    count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) return SSL_get_error(ssl_.get(), static_cast<int>(count)) == SSL_ERROR_WANT_READ ? Io::blocked : Io::failed;
  } else {
    count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EAGAIN) return Io::blocked;
    if (count <= 0) return Io::failed;
  }
  in_.add({bytes.data(), static_cast<std::size_t>(count)});
  return Io::done;
}

void Client::on_answer(const AnswerReader::Answer& answer, bool keep_asking) {
  status_ = answer.status;
  const Clock::time_point now = Clock::now();
  switch (state_) {
    case State::asked_challenge: {
      if (answer.status != 401 || answer.challenge.empty()) return fail("no CHALLENGE, status " + std::to_string(answer.status));
      if (answer.closes) return fail("closed after the CHALLENGE");
      if (purpose_ == Purpose::half_open) {
        state_ = State::half_open;
        awaiting_.reset();
        out_ = std::string{};
        return;
      }
      const auto header = authenticate_header(std::move(*std::exchange(awaiting_, std::nullopt)), answer.challenge, fault_);
      if (!header) return fail("the CHALLENGE is not understood");
      return ask(*header, State::asked_logon);
    }
    case State::asked_logon:
      answered_ = now;
      if (answer.status != shared_.options.expected_status) return fail("status " + std::to_string(answer.status));
      state_ = shared_.options.work == Work::hold || shared_.options.work == Work::requests ? State::held : State::done;
      if (state_ == State::held && answer.closes) return fail("closed after the logon");
      return;
    case State::asked_again:
      if (answer.status != 200) return fail("status " + std::to_string(answer.status));
      latencies_.push_back(now - started_);
      if (!keep_asking || answer.closes) {
        state_ = State::done;
        return;
      }
      return ask_again();
    default: return fail("an answer that nobody asked for");
  }
}

void Client::advance(bool keep_asking) {
  if (ended() || socket_ < 0) return;
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::string{"connect: "} + std::strerror(error));
    sockaddr_in peer{};
    socklen_t peer_size = sizeof peer;
    if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return;  // not yet
    if (shared_.tls != nullptr && !goes_apart()) {
      ssl_.reset(SSL_new(shared_.tls));
      SSL_set_fd(ssl_.get(), socket_);
      SSL_set_connect_state(ssl_.get());
      state_ = State::shaking;
    } else {
      shaken();
    }
  }
  if (state_ == State::shaking) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome != 1) {
      const int error = SSL_get_error(ssl_.get(), outcome);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
      return fail("TLS handshake");
    }
    shaken();
  }
  while (!ended()) {
    const Io sent = flush();
    if (sent == Io::blocked) return;
    if (sent == Io::failed) return fail("closed while we sent");
    const Io got = receive();
    if (got == Io::blocked) return;
    if (got == Io::failed) return fail("closed while we waited");
    if (auto answer = in_.take()) on_answer(*answer, keep_asking);
    if (in_.broken()) return fail("no HTTP");
  }
}

}  // namespace postern::load
