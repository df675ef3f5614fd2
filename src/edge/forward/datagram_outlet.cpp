// syslog over /dev/log and journald's own socket: a datagram for each event.
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "edge/forward/messages.hpp"
#include "edge/forward/outlet.hpp"

namespace postern::forward {
namespace {

class DatagramOutlet final : public Outlet {
 public:
  DatagramOutlet(const SinkConfig& config, const Stop& stop) : config_{config}, stop_{stop} {}
  ~DatagramOutlet() override { close(); }

  Parcel pack(const event::LogonEvent& event, std::string line) const override {
    if (config_.kind == SinkKind::journald) {
      return {.bytes = journal_entry(event, line), .smaller = journal_entry(event, {})};
    }
    return {.bytes = syslog_message(event, line, config_.facility)};
  }

  Delivery deliver(std::span<const Parcel> parcels) override {
    Delivery delivery;
    if (auto connected = connect(); !connected) {
      delivery.error = connected.error();
      return delivery;
    }
    for (const Parcel& parcel : parcels) {
      auto sent = send(parcel.bytes);
      if (sent && *sent == Sent::too_large && !parcel.smaller.empty()) sent = send(parcel.smaller);
      if (!sent) {
        delivery.error = sent.error();
        close();
        return delivery;
      }
      if (*sent == Sent::too_large) ++delivery.dropped;
      ++delivery.taken;
    }
    return delivery;
  }

 private:
  enum class Sent : std::uint8_t { whole, too_large };

  [[nodiscard]] std::unexpected<Error> io_error(int number) const {
    return fail(ErrorCode::io, "path", Error::kNoOffset, config_.path + ": " + std::strerror(number));
  }
  Result<void> connect() {
    if (socket_ >= 0) return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (config_.path.size() >= sizeof(address.sun_path)) return io_error(ENAMETOOLONG);
    config_.path.copy(address.sun_path, config_.path.size());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return io_error(errno);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
    const int number = errno;
    close();
    return io_error(number);
  }
  /// Waits while the receiver's queue is full.
  Result<Sent> send(const std::string& bytes) {
    while (true) {
      if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return Sent::whole;
      if (errno == EINTR) continue;
      if (errno == EMSGSIZE || errno == ENOBUFS) return Sent::too_large;  // over the socket's own buffer: waiting would not help
      if (errno != EAGAIN) return io_error(errno);
      const Waited waited = stop_.wait(socket_, POLLOUT, config_.timeout);
      if (waited != Waited::ready) return fail(ErrorCode::timeout, "path", Error::kNoOffset, config_.path + " is not read");
    }
  }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  SinkConfig config_;
  const Stop& stop_;
  int socket_ = -1;
};

}  // namespace

std::unique_ptr<Outlet> make_datagram_outlet(const SinkConfig& config, const Stop& stop) {
  return std::make_unique<DatagramOutlet>(config, stop);
}

std::unique_ptr<Outlet> make_outlet(const SinkConfig& config, const Stop& stop) {
  if (config.kind == SinkKind::file) return make_file_outlet(config);
  const bool stream = config.kind == SinkKind::syslog && config.transport != Transport::unix_socket;
  return stream ? make_stream_outlet(config, stop) : make_datagram_outlet(config, stop);
}

}  // namespace postern::forward
