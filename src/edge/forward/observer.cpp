#include "edge/forward/observer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/reader.hpp"
#include "edge/ipc/client/socket_owner.hpp"

namespace postern::forward {
namespace {

constexpr std::string_view kField = "admin_socket";
constexpr std::size_t kMaxReplyBytes = std::size_t{64} << 20;  // as posternd's own limit
constexpr std::chrono::seconds kPatience{30};

std::unexpected<Error> no_authority(const std::string& message) {
  return fail(ErrorCode::no_authority, kField, Error::kNoOffset, message);
}

}  // namespace

void Observer::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Result<void> Observer::connect() {
  if (descriptor_ >= 0) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::invalid_input, kField, Error::kNoOffset, "longer than a socket's path may be");
  }
  path_.copy(address.sun_path, path_.size());
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, std::strerror(errno));
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    auto error = no_authority(path_ + ": " + std::strerror(errno));
    close();
    return error;
  }
  auto owner = ipc::check_authority_socket(descriptor_, path_, authority_);
  if (!owner) close();
  return owner;
}

Result<void> Observer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (sent < 0 && errno == EAGAIN) {
      const Waited waited = stop_.wait(descriptor_, POLLOUT, kPatience);
      if (waited != Waited::ready) return fail(ErrorCode::timeout, kField, Error::kNoOffset, "posternd does not read");
    } else if (errno != EINTR) {
      return no_authority(std::strerror(errno));
    }
  }
  return {};
}

Result<void> Observer::receive(char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t received = ::recv(descriptor_, bytes, size, 0);
    if (received > 0) {
      bytes += received;
      size -= static_cast<std::size_t>(received);
    } else if (received == 0) {
      return no_authority("posternd closed the connection (is this user one of its observers?)");
    } else if (errno == EAGAIN) {
      const Waited waited = stop_.wait(descriptor_, POLLIN, kPatience);
      if (waited != Waited::ready) return fail(ErrorCode::timeout, kField, Error::kNoOffset, "posternd does not answer");
    } else if (errno != EINTR) {
      return no_authority(std::strerror(errno));
    }
  }
  return {};
}

Result<std::string> Observer::ask(const std::string& request) {
  POSTERN_CHECK(connect());
  const auto exchange = [&]() -> Result<std::string> {
    std::array<std::uint8_t, 4> length{};
    store_le(length.data(), static_cast<std::uint32_t>(request.size()));
    POSTERN_CHECK(send(as_text(length)));
    POSTERN_CHECK(send(request));
    POSTERN_CHECK(receive(reinterpret_cast<char*>(length.data()), length.size()));
    const std::size_t size = load_le<std::uint32_t>(length.data());
    if (size > kMaxReplyBytes) return fail(ErrorCode::too_large, kField, Error::kNoOffset, "an answer over the limit");
    std::string reply(size, '\0');
    POSTERN_CHECK(receive(reply.data(), size));
    return reply;
  };
  auto reply = exchange();
  if (!reply) close();
  return reply;
}

Result<ReadBatch> Observer::read(std::uint64_t after, std::size_t limit) {
  POSTERN_TRY(reply, ask(nlohmann::json{{"op", "events"}, {"after", after}, {"limit", limit}}.dump()));
  auto batch = parse_events_reply(reply, after);
  if (!batch && batch.error().code == ErrorCode::malformed) close();
  return batch;
}

Result<std::string> Observer::status() {
  POSTERN_TRY(reply, ask(R"({"op":"status"})"));
  return parse_status_reply(reply);
}

}  // namespace postern::forward
