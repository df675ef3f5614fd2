// What the tests of postern-forward share: an authority that says what a test wants, and receivers that stall, close and come back.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <set>
#include <stdlib.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "event/json.hpp"

namespace postern::forward::test {

using namespace std::chrono_literals;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postern-forward-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_{};
};

inline bool soon(const std::function<bool()>& holds, std::chrono::milliseconds patience = 20s) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

/// Event number `n` of a test: its workstation is `ws<n>`, so that it is found again in any form.
inline event::LogonEvent event_number(std::uint64_t n) {
  event::LogonEvent event;
  std::array<std::uint8_t, event::EventId::kRandomBytes> random{};
  for (std::size_t i = 0; i < 8; ++i) random[i + 1] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
  const FileTime time{134'000'000'000'000'000 + n * 10};
  event.id = event::EventId::make(time, random);
  event.time.emplace(time);
  event.source.host = "door.example.org";
  event.outcome = n % 3 == 0 ? event::Outcome::failure : event::Outcome::success;
  event.status = event::Status::of(n % 3 == 0 ? NtStatus::wrong_password : NtStatus::success);
  event.account.name = "alice";
  event.account.domain = "DEMO";
  event.client.workstation = "ws<" + std::to_string(n) + ">";
  return event;
}

/// posternd's admin socket as an observer sees it.
class FakeAuthority {
 public:
  explicit FakeAuthority(std::string path) : path_{std::move(path)} { start(); }
  ~FakeAuthority() { stop(); }

  void start() {
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    ::unlink(path_.c_str());
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listening_, 64) != 0)
      std::abort();
    running_ = true;
    acceptor_ = std::thread{[this] {
      while (true) {
        const int client = ::accept(listening_, nullptr, nullptr);
        if (client < 0) return;
        const std::lock_guard lock{mutex_};
        clients_.push_back(client);
        threads_.emplace_back([this, client] { serve(client); });
      }
    }};
  }
  void stop() {
    if (!running_.exchange(false)) return;
    ::shutdown(listening_, SHUT_RDWR);
    acceptor_.join();
    ::close(listening_);
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock{mutex_};
      for (const int client : clients_) ::shutdown(client, SHUT_RDWR);
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
    for (const int client : clients_) ::close(client);
    clients_.clear();
    ::unlink(path_.c_str());
  }

  void add(std::uint64_t count) {
    const std::lock_guard lock{mutex_};
    for (std::uint64_t i = 0; i < count; ++i) {
      ++last_;
      events_[last_] = event::to_json(event_number(last_));
    }
  }
  void remove_through(std::uint64_t sequence) {
    const std::lock_guard lock{mutex_};
    events_.erase(events_.begin(), events_.upper_bound(sequence));
  }
  void replace_store(std::uint64_t count) {
    {
      const std::lock_guard lock{mutex_};
      events_.clear();
      last_ = 0;
    }
    add(count);
  }
  std::atomic<std::size_t> largest_limit{0};

 private:
  static bool exactly(int client, void* bytes, std::size_t size) {
    return ::recv(client, bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }
  void serve(int client) {
    while (true) {
      std::uint32_t length = 0;
      if (!exactly(client, &length, sizeof length)) return;
      std::string text(length, '\0');
      if (!exactly(client, text.data(), length)) return;
      const auto request = nlohmann::json::parse(text);
      const std::string reply = nlohmann::json{{"ok", answer(request)}}.dump();
      const auto size = static_cast<std::uint32_t>(reply.size());
      if (::send(client, &size, sizeof size, MSG_NOSIGNAL) < 0 || ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) < 0)
        return;
    }
  }
  nlohmann::json answer(const nlohmann::json& request) {
    const std::lock_guard lock{mutex_};
    if (request["op"] == "status") {
      return {
          {"begun", 7},
          {"allowed", 5},
          {"denied", 2},
          {"logons",
           {{{"outcome", "success"}, {"version", "NTLMv2"}, {"count", 5}},
            {{"outcome", "blocked"}, {"version", "NTLMv1"}, {"decision", "deny"}, {"setting", "Deny\"Versions"}, {"count", 2}}}},
          {"seconds", {{"up_to", {0.001, 0.01}}, {"commit", {{"counts", {3, 2, 1}}, {"sum", 0.5}}}}},
          {"store", {{"first", 1}, {"last", last_}}}};
    }
    const std::uint64_t after = request["after"];
    const std::size_t limit = request["limit"];
    if (limit > largest_limit) largest_limit = limit;
    nlohmann::json events = nlohmann::json::array();
    nlohmann::json sequences = nlohmann::json::array();
    for (auto at = events_.upper_bound(after); at != events_.end() && events.size() < limit; ++at) {
      events.push_back(at->second);
      sequences.push_back(at->first);
    }
    return {{"events", events},
            {"sequences", sequences},
            {"first", events_.empty() ? last_ + 1 : events_.begin()->first},
            {"end", last_}};
  }

  std::string path_;
  int listening_ = -1;
  std::atomic<bool> running_{false};
  std::thread acceptor_{};
  std::mutex mutex_{};
  std::vector<int> clients_{};
  std::vector<std::thread> threads_{};
  std::map<std::uint64_t, std::string> events_{};
  std::uint64_t last_ = 0;
};

/// The numbers of the events in a text, in the order in which they stand there.
inline std::vector<std::uint64_t> numbers_in(const std::string& text) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t at = text.find("ws<"); at != std::string::npos; at = text.find("ws<", at + 1)) {
    // Once for each event: ECS has the workstation in several places.
    const std::uint64_t number = std::stoull(text.substr(at + 3, 20));
    if (numbers.empty() || numbers.back() != number) numbers.push_back(number);
  }
  return numbers;
}
inline std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}
/// 1, 2, … `last`, each once.
inline std::vector<std::uint64_t> all_up_to(std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 1; n <= last; ++n) numbers.push_back(n);
  return numbers;
}
inline std::set<std::uint64_t> set_of(const std::vector<std::uint64_t>& numbers) { return {numbers.begin(), numbers.end()}; }

}  // namespace postern::forward::test
