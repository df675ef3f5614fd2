// RawClient: a blocking HTTP client that sends exactly the bytes it is told and reads answers by their framing.
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "fake_authority.hpp"

namespace postern::test {

struct Answer {
  int status = 0;
  std::string head{};
  std::string body{};
  [[nodiscard]] std::vector<std::string> values(std::string name) const {
    std::vector<std::string> found;
    std::size_t start = 0;
    name += ": ";
    while ((start = head.find("\r\n" + name, start)) != std::string::npos) {
      start += 2 + name.size();
      found.push_back(head.substr(start, head.find("\r\n", start) - start));
    }
    return found;
  }
  [[nodiscard]] std::string value(const std::string& name) const {
    const auto found = values(name);
    return found.empty() ? "" : found.front();
  }
};

struct TlsOptions {
  std::string server_name{};
  std::string alpn{};     ///< wire form
  std::string sigalgs{};  ///< for example "ecdsa_secp384r1_sha384"
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, const std::string& from = "127.0.0.1") {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    inet_pton(AF_INET, from.c_str(), &source.sin_addr);
    (void)bind(fd_, reinterpret_cast<sockaddr*>(&source), sizeof source);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() {
    ssl_.reset();
    if (fd_ >= 0) close(fd_);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool start_tls(const TlsOptions& options = {}) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    ssl_.reset(SSL_new(context_.get()));
    if (!options.server_name.empty()) SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
    if (!options.alpn.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                          static_cast<unsigned>(options.alpn.size()));
    }
    if (!options.sigalgs.empty() && SSL_set1_sigalgs_list(ssl_.get(), options.sigalgs.c_str()) != 1) return false;
    SSL_set_fd(ssl_.get(), fd_);
    return SSL_connect(ssl_.get()) == 1;
  }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  bool send_text(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()))
                                : send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// More bytes into the buffer; false at the end.
  bool more() {
    char bytes[16384];
    const ssize_t got = ssl_ ? SSL_read(ssl_.get(), bytes, sizeof bytes) : recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  /// One answer; nothing if the connection ends first.
  std::optional<Answer> read_answer(bool head_only = false) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return std::nullopt;
    }
    Answer answer;
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::atoi(answer.head.c_str() + 9);
    if (head_only || answer.status / 100 == 1 || answer.status == 204 || answer.status == 304) return answer;
    if (!answer.value("Content-Length").empty()) {
      const auto size = static_cast<std::size_t>(std::stoull(answer.value("Content-Length")));
      if (!need(size)) return std::nullopt;
      answer.body = take(size);
    } else if (answer.value("Transfer-Encoding") == "chunked") {
      while (true) {
        std::size_t line = 0;
        while ((line = buffer_.find("\r\n")) == std::string::npos) {
          if (!more()) return std::nullopt;
        }
        const auto size = static_cast<std::size_t>(std::stoull(take(line + 2), nullptr, 16));
        if (!need(size + 2)) return std::nullopt;
        answer.body += take(size);
        buffer_.erase(0, 2);
        if (size == 0) break;
      }
    } else {
      while (more()) {
      }
      answer.body = std::exchange(buffer_, {});
    }
    return answer;
  }
  std::optional<Answer> ask(const std::string& request, bool head_only = false) {
    if (!send_text(request)) return std::nullopt;
    return read_answer(head_only);
  }
  /// True if the peer has ended the connection and nothing is left to read.
  bool closed() { return buffer_.empty() && !more() && buffer_.empty(); }
  /// True if nothing comes within the time.
  bool quiet_for(int milliseconds) {
    pollfd item{fd_, POLLIN, 0};
    return buffer_.empty() && poll(&item, 1, milliseconds) == 0;
  }
  void half_close() { shutdown(fd_, SHUT_WR); }
  [[nodiscard]] std::string take(std::size_t size) {
    std::string text = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return text;
  }
  [[nodiscard]] bool need(std::size_t size) {
    while (buffer_.size() < size) {
      if (!more()) return false;
    }
    return true;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  int fd_ = -1;
  bool connected_ = false;
  std::string buffer_{};
  std::unique_ptr<SSL_CTX, FreeContext> context_{};
  std::unique_ptr<SSL, FreeSsl> ssl_{};
};

inline std::string authorization(const std::string& scheme, const std::string& token) {
  return "Authorization: " + scheme + " " + to_base64(as_bytes(token)) + "\r\n";
}
inline std::string get(const std::string& path = "/", const std::string& extra = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + extra + "\r\n";
}
/// Both legs of a logon by NTLM with GET; the last answer.
inline std::optional<Answer> log_on(RawClient& client, const std::string& user = "alice", const std::string& password = "right",
                                    const std::string& path = "/", const std::string& extra = "") {
  const auto challenge = client.ask(get(path, authorization("NTLM", kNtlmNegotiate)));
  if (!challenge || challenge->status != 401) return challenge;
  return client.ask(get(path, authorization("NTLM", authenticate_token(user, password)) + extra));
}

}  // namespace postern::test
