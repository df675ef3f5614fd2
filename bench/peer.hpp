// What each benchmarked stack is to the driver: a program that answers one line for each line it reads.
//
//   handshake SECONDS   ->  "COUNT NANOSECONDS": whole logons, client and server, and the time they took
//   verify SECONDS      ->  the same logons, and the time that the server's calls took: from NEGOTIATE to the verdict
//   batch SECONDS       ->  as verify, with 64 logons waiting at a time
//   seal BYTES SECONDS  ->  "COUNT NANOSECONDS": messages of so many bytes sealed one after the other by one end of a session
//   sign BYTES SECONDS  ->  the same, signed; both answer "none" where the stack has no such thing
//   heap COUNT          ->  "BYTES": heap of one server's side of an established session, of so many that live at once
//   wrong               ->  "refused" or "ACCEPTED": a logon with another password
//   name                ->  the stack and its version
//
// One thread. A program ends with its standard input.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <malloc.h>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace postern::bench {

// The same logon for every stack.
inline constexpr char kUser[] = "alice";
inline constexpr char kDomain[] = "TESTDOM";
inline constexpr char kPassword[] = "Passw0rd!";
inline constexpr char kWrongPassword[] = "Passw0rd?";
inline constexpr char kNtHashHex[] = "FC525C9683E8FE067095BA2DDC971889";  ///< MD4 of kPassword in UTF-16LE
inline constexpr char kService[] = "HTTP/srv.testdom.example";

using Clock = std::chrono::steady_clock;

/// Adds up the time between `start` and `stop` where it is on; costs nothing where it is off.
class Stopwatch {
 public:
  explicit Stopwatch(bool on) : on_{on} {}
  void start() {
    if (on_) started_ = Clock::now();
  }
  void stop() {
    if (on_) total_ += Clock::now() - started_;
  }
  [[nodiscard]] std::int64_t nanoseconds() const { return std::chrono::nanoseconds{total_}.count(); }

 private:
  bool on_;
  Clock::time_point started_{};
  Clock::duration total_{};
};

class Peer {
 public:
  virtual ~Peer() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// One logon, both sides. `server` runs while the server's calls do. False if the logon is refused.
  virtual bool log_on(Stopwatch& server) = 0;
  /// So many logons that wait at once; a stack that cannot judge many together takes them one by one.
  virtual bool log_on_many(Stopwatch& server, int count) {
    for (int i = 0; i < count; ++i) {
      if (!log_on(server)) return false;
    }
    return true;
  }
  /// From now on the server's account has another password than the client.
  virtual void change_password() = 0;

  /// Makes a session that lasts, and has the other end open what this end seals. False if that fails.
  virtual bool open_session() = 0;
  /// One message of the session. `sign` is false where the stack cannot.
  virtual bool seal(std::span<std::uint8_t> message) = 0;
  virtual bool sign(std::span<const std::uint8_t> message) = 0;

  /// One logon more, of which the server's side stays, able to seal, and nothing else does. `so_many` will come in all.
  virtual bool keep_server_side(std::size_t so_many) = 0;
};

/// Answers `heap`: what malloc has given away for the last half of the sessions, so that what is made once does not count.
inline std::string heap_of_a_session(Peer& peer, std::size_t count) {
  constexpr std::size_t kLeast = 2, kMost = 100'000;
  if (count < kLeast || count > kMost) return "no count";
  const std::size_t first_half = count / 2;
  std::size_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == first_half) before = mallinfo2().uordblks;
    if (!peer.keep_server_side(count)) return "a logon fails";
  }
  return std::to_string((mallinfo2().uordblks - before) / (count - first_half));
}

/// Answers `seal` and `sign`.
inline std::string protect(Peer& peer, const std::string& command, std::size_t bytes, double seconds) {
  constexpr std::size_t kBytesBetweenLooksAtTheClock = 256 * 1024;
  std::vector<std::uint8_t> message(bytes, 0x5a);
  if (!peer.open_session()) return "the session fails";
  const bool seals = command == "seal";
  if (!(seals ? peer.seal(message) : peer.sign(message))) return "none";
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{seconds});
  const std::size_t burst = std::max<std::size_t>(1, kBytesBetweenLooksAtTheClock / std::max<std::size_t>(bytes, 1));
  std::int64_t count = 0;
  do {
    for (std::size_t i = 0; i < burst; ++i, ++count) {
      if (!(seals ? peer.seal(message) : peer.sign(message))) return "a message fails";
    }
  } while (Clock::now() < end);
  return std::to_string(count) + ' ' + std::to_string(std::chrono::nanoseconds{Clock::now() - begin}.count());
}

inline int serve(Peer& peer) {
  constexpr int kLogonsBetweenLooksAtTheClock = 64;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    std::string command;
    double seconds = 0;
    words >> command;
    if (command == "seal" || command == "sign") {
      std::size_t bytes = 0;
      words >> bytes >> seconds;
      std::cout << protect(peer, command, bytes, seconds) << std::endl;
      continue;
    }
    if (command == "heap") {
      std::size_t count = 0;
      words >> count;
      std::cout << heap_of_a_session(peer, count) << std::endl;
      continue;
    }
    words >> seconds;
    if (command == "name") {
      std::cout << peer.name() << std::endl;
    } else if (command == "wrong") {
      peer.change_password();
      Stopwatch off{false};
      std::cout << (peer.log_on(off) ? "ACCEPTED" : "refused") << std::endl;
    } else if (command == "handshake" || command == "verify" || command == "batch") {
      Stopwatch server{command != "handshake"};
      const auto begin = Clock::now();
      const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{seconds});
      std::int64_t count = 0;
      do {
        bool right = true;
        if (command == "batch") {
          right = peer.log_on_many(server, kLogonsBetweenLooksAtTheClock);
        } else {
          for (int i = 0; i < kLogonsBetweenLooksAtTheClock && right; ++i) right = peer.log_on(server);
        }
        if (!right) {
          std::cout << "a right password was refused" << std::endl;
          return 1;
        }
        count += kLogonsBetweenLooksAtTheClock;
      } while (Clock::now() < end);
      const std::int64_t whole = std::chrono::nanoseconds{Clock::now() - begin}.count();
      std::cout << count << ' ' << (command == "handshake" ? whole : server.nanoseconds()) << std::endl;
    } else {
      std::cout << "unknown command" << std::endl;
      return 1;
    }
  }
  return 0;
}

}  // namespace postern::bench
