// FakeAuthority: speaks the authority's frame protocol on a Unix socket and answers as a script says. No NTLM: tokens are opaque
// here.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "ntlm/authority_protocol.hpp"

namespace postern::test {

inline const std::string kNtlmNegotiate{"NTLMSSP\0\1\0\0\0\7\x82\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32};

/// A token that stands for AUTHENTICATE: the fake reads user and password out of it.
inline std::string authenticate_token(const std::string& user, const std::string& password) {
  return std::string{"NTLMSSP\0\3\0\0\0", 12} + user + "|" + password;
}

class FakeAuthority {
 public:
  explicit FakeAuthority(std::string path) : path_{std::move(path)} { open(); }
  ~FakeAuthority() { close_all(); }

  /// Called for each finish; by default alice with "right" is allowed.
  std::function<ntlm::Reply(const ntlm::FinishRequest&)> on_finish{};
  std::function<std::optional<ntlm::Reply>(const ntlm::BeginRequest&)> on_begin{};
  std::atomic<bool> silent{false};  ///< reads and never answers
  std::atomic<bool> wrong_nonce{false};
  std::atomic<int> begins{0};
  std::atomic<int> finishes{0};
  std::atomic<int> cancels{0};

  std::vector<ntlm::FinishRequest> seen_finishes() {
    const std::lock_guard lock{mutex_};
    return finishes_;
  }
  std::vector<ntlm::BeginRequest> seen_begins() {
    const std::lock_guard lock{mutex_};
    return begins_;
  }
  void go_away() { close_all(); }
  void come_back() { open(); }

  static ntlm::Verdict verdict_for(const std::string& user) {
    ntlm::Verdict verdict;
    verdict.status = NtStatus::success;
    verdict.identity = {"DEMO", user, "S-1-5-21-1-2-3-1000", ntlm::AccountKind::domain};
    verdict.groups = {"Domain Users", "Staff, all"};
    verdict.facts = {"NTLM", "NTLMv2", "verified", "matched", "HTTP/localhost", "accepted", "WORK1"};
    verdict.event_id = "event-1";
    return verdict;
  }
  static ntlm::Verdict denied(const std::string& user, const std::string& why) {
    ntlm::Verdict verdict;
    verdict.status = NtStatus::logon_failure;
    verdict.identity.name = user;
    verdict.facts.package = "NTLM";
    verdict.event_id = "event-2";
    verdict.why = why;
    return verdict;
  }

 private:
  void open() {
    stopping_ = false;
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    unlink(path_.c_str());
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 64) != 0) std::abort();
    thread_ = std::thread{[this] { accept_loop(); }};
  }
  void close_all() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    {
      const std::lock_guard lock{mutex_};
      for (const int fd : clients_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    for (const int fd : clients_) ::close(fd);
    clients_.clear();
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
    unlink(path_.c_str());
  }
  void accept_loop() {
    while (!stopping_) {
      pollfd item{listener_, POLLIN, 0};
      if (poll(&item, 1, 20) <= 0) continue;
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      const std::lock_guard lock{mutex_};
      clients_.push_back(fd);
      workers_.emplace_back([this, fd] { serve(fd); });
    }
  }
  static bool read_all(int fd, MutableByteView out) {
    while (!out.empty()) {
      const ssize_t got = recv(fd, out.data(), out.size(), 0);
      if (got <= 0) return false;
      out = out.subspan(static_cast<std::size_t>(got));
    }
    return true;
  }
  void serve(int fd) {
    while (true) {
      std::array<std::uint8_t, 4> header{};
      if (!read_all(fd, header)) return;
      const auto length = ntlm::frame_length(header);
      if (!length || !*length) return;
      Bytes frame(**length);
      if (!read_all(fd, frame)) return;
      auto request = ntlm::decode_request(frame);
      if (!request) return;
      auto reply = answer(request->request);
      if (!reply || silent) continue;
      const ntlm::RequestNonce nonce = wrong_nonce ? ntlm::RequestNonce{} : request->nonce;
      auto bytes = ntlm::encode(nonce, *reply);
      if (!bytes) std::abort();
      if (send(fd, bytes->data(), bytes->size(), MSG_NOSIGNAL) < 0) return;
    }
  }
  std::optional<ntlm::Reply> answer(const ntlm::Request& request) {
    if (std::holds_alternative<ntlm::CancelRequest>(request)) {
      ++cancels;
      return std::nullopt;
    }
    if (const auto* begin = std::get_if<ntlm::BeginRequest>(&request)) {
      ++begins;
      {
        const std::lock_guard lock{mutex_};
        begins_.push_back(*begin);
      }
      if (on_begin) {
        if (auto scripted = on_begin(*begin)) return scripted;
      }
      std::array<std::uint8_t, 16> id{};
      id[0] = static_cast<std::uint8_t>(++next_);
      return ntlm::Reply{ntlm::Continue{ntlm::HandshakeId{id}, to_bytes(as_bytes("CHALLENGE"))}};
    }
    const auto& finish = std::get<ntlm::FinishRequest>(request);
    ++finishes;
    {
      const std::lock_guard lock{mutex_};
      finishes_.push_back(finish);
    }
    if (on_finish) return on_finish(finish);
    const std::string text{as_text(finish.token)};
    const std::size_t bar = text.find('|');
    if (bar == std::string::npos) return ntlm::Reply{denied("", "malformed")};
    const std::string user = text.substr(12, bar - 12);
    if (user.starts_with("nobody")) return ntlm::Reply{denied(user, "no such account")};
    if (text.substr(bar + 1) != "right") return ntlm::Reply{denied(user, "wrong password")};
    return ntlm::Reply{verdict_for(user)};
  }

  std::string path_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_{};
  std::mutex mutex_{};
  std::vector<int> clients_{};
  std::vector<std::thread> workers_{};
  std::vector<ntlm::FinishRequest> finishes_{};
  std::vector<ntlm::BeginRequest> begins_{};
  std::atomic<int> next_{0};
};

}  // namespace postern::test
