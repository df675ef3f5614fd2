// ScriptedUpstream: a server that records what it gets and answers raw bytes by a script.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace postern::test {

struct SeenRequest {
  std::string head{};  ///< with the empty line
  std::string body{};  ///< as framed on the wire, decoded if chunked
  int connection = 0;
  [[nodiscard]] bool has(const std::string& line) const { return head.find("\r\n" + line + "\r\n") != std::string::npos; }
};

/// One accepted connection; plain or TLS.
class Peer {
 public:
  Peer(int fd, SSL* ssl) : fd_{fd}, ssl_{ssl} {}
  bool more() {
    char bytes[16384];
    const ssize_t got = ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof bytes) : recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  bool send_text(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                                           : send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool read_head(std::string& head) {
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return false;
    }
    head = buffer.substr(0, end + 4);
    buffer.erase(0, end + 4);
    return true;
  }
  bool read_body(const std::string& head, std::string& body) {
    if (const std::size_t at = head.find("\r\nContent-Length: "); at != std::string::npos) {
      const auto size = static_cast<std::size_t>(std::stoull(head.substr(at + 18)));
      while (buffer.size() < size) {
        if (!more()) return false;
      }
      body = buffer.substr(0, size);
      buffer.erase(0, size);
    } else if (head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos) {
      while (true) {
        std::size_t line = 0;
        while ((line = buffer.find("\r\n")) == std::string::npos) {
          if (!more()) return false;
        }
        const auto size = static_cast<std::size_t>(std::stoull(buffer, nullptr, 16));
        buffer.erase(0, line + 2);
        while (buffer.size() < size + 2) {
          if (!more()) return false;
        }
        body += buffer.substr(0, size);
        buffer.erase(0, size + 2);
        if (size == 0) break;
      }
    }
    return true;
  }
  std::string buffer{};

 private:
  int fd_;
  SSL* ssl_;
};

class ScriptedUpstream {
 public:
  using Script = std::function<std::string(const SeenRequest&)>;
  using Handler = std::function<void(Peer&, int)>;

  /// `tls` may be null; not owned.
  explicit ScriptedUpstream(Script script = {}, SSL_CTX* tls = nullptr) : script_{std::move(script)}, tls_{tls} {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0) std::abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread{[this] { accept_loop(); }};
  }
  ~ScriptedUpstream() {
    stopping_ = true;
    thread_.join();
    {
      const std::lock_guard lock{mutex_};
      for (const int fd : clients_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& worker : workers_) worker.join();
    for (const int fd : clients_) close(fd);
    close(listener_);
  }
  std::vector<SeenRequest> seen() {
    const std::lock_guard lock{mutex_};
    return seen_;
  }
  std::uint16_t port = 0;
  std::atomic<int> connections{0};
  Handler handler{};  ///< instead of the script, the whole connection; set before the first client

  static std::string ok(const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
  }

 private:
  void accept_loop() {
    while (!stopping_) {
      pollfd item{listener_, POLLIN, 0};
      if (poll(&item, 1, 20) <= 0) continue;
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      const int number = ++connections;
      const std::lock_guard lock{mutex_};
      clients_.push_back(fd);
      workers_.emplace_back([this, fd, number] { serve(fd, number); });
    }
  }
  void serve(int fd, int number) {
    SSL* ssl = nullptr;
    if (tls_ != nullptr) {
      ssl = SSL_new(tls_);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) != 1) {
        SSL_free(ssl);
        shutdown(fd, SHUT_RDWR);
        return;
      }
    }
    Peer peer{fd, ssl};
    if (handler) {
      handler(peer, number);
    } else {
      run_script(peer, number);
    }
    SSL_free(ssl);
    shutdown(fd, SHUT_RDWR);
  }
  void run_script(Peer& peer, int number) {
    while (true) {
      SeenRequest request;
      request.connection = number;
      if (!peer.read_head(request.head) || !peer.read_body(request.head, request.body)) return;
      {
        const std::lock_guard lock{mutex_};
        seen_.push_back(request);
      }
      const std::string answer = script_ ? script_(request) : ok("upstream");
      if (answer.empty() || !peer.send_text(answer)) return;
      if (answer.find("\r\nConnection: close\r\n") != std::string::npos || answer.starts_with("HTTP/1.0")) return;
    }
  }

  Script script_;
  SSL_CTX* tls_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_{};
  std::mutex mutex_{};
  std::vector<int> clients_{};
  std::vector<std::thread> workers_{};
  std::vector<SeenRequest> seen_{};
};

}  // namespace postern::test
