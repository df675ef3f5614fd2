// Stop: how a thread that waits for a socket, a pause or both is told to end. Waits without Asio: a sink's thread does one thing at
// a time, and no sink's thread does another's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace postern::forward {

using Clock = std::chrono::steady_clock;

enum class Waited : std::uint8_t { ready, late, stopped };

class Stop {
 public:
  Stop() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  ~Stop() { ::close(event_); }

  /// Ends every wait, now and later. Any thread, any number of times.
  void request() const { static_cast<void>(::eventfd_write(event_, 1)); }
  [[nodiscard]] bool requested() const { return wait(-1, 0, std::chrono::milliseconds{0}) == Waited::stopped; }

  /// Until `descriptor` (-1: none) has one of `events`, or an error, or the time is over.
  [[nodiscard]] Waited wait(int descriptor, short events, std::chrono::milliseconds patience) const {
    const auto until = Clock::now() + patience;
    while (true) {
      pollfd waited[2] = {{event_, POLLIN, 0}, {descriptor, events, 0}};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      const int count = ::poll(waited, descriptor < 0 ? 1 : 2, left < 0 ? 0 : static_cast<int>(left));
      if ((waited[0].revents & POLLIN) != 0) return Waited::stopped;
      if (count > 0 && waited[1].revents != 0) return Waited::ready;
      if (Clock::now() >= until) return Waited::late;
    }
  }
  [[nodiscard]] Waited pause(std::chrono::milliseconds time) const { return wait(-1, 0, time); }

 private:
  int event_;
};

}  // namespace postern::forward
