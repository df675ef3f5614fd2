#include "event/json_lines_sink.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "event/json.hpp"

namespace postern::event {
namespace {

constexpr ::mode_t kFileMode = 0640;

std::unexpected<Error> io_error(std::string_view action, const std::string& path, int number) {
  return fail(ErrorCode::io, "JsonLinesSink", Error::kNoOffset,
              std::string{action} + " " + path + ": " + std::generic_category().message(number));
}

int open_for_append(const std::string& path) {
  // O_NOCTTY and O_NONBLOCK are not needed: what is named here is the administrator's file.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
}

/// Takes back the `count` bytes that a failed write left at the end of the file. What is no regular file cannot be cut: then the
/// line stays torn, and the error of the write tells.
void take_back(int descriptor, std::size_t count) {
  const ::off_t end = ::lseek(descriptor, 0, SEEK_END);
  if (end >= 0 && std::cmp_greater_equal(end, count)) {
    [[maybe_unused]] const int ignored = ::ftruncate(descriptor, end - static_cast<::off_t>(count));
  }
}

}  // namespace

Result<std::unique_ptr<JsonLinesSink>> JsonLinesSink::open(std::string path) {
  const int descriptor = open_for_append(path);
  if (descriptor < 0) return io_error("cannot open", path, errno);
  return std::unique_ptr<JsonLinesSink>{new JsonLinesSink{std::move(path), descriptor}};
}

JsonLinesSink::~JsonLinesSink() { ::close(descriptor_); }

Result<void> JsonLinesSink::write(const LogonEvent& event) {
  std::string line = to_json(event);
  line += '\n';
  const std::scoped_lock lock{mutex_};
  std::size_t written = 0;
  while (written < line.size()) {
    // Usually one call; a second one only after a short write, which a regular file gives when the disk or a quota is full.
    const ::ssize_t count = ::write(descriptor_, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int number = count < 0 ? errno : ENOSPC;
      if (written != 0) take_back(descriptor_, written);
      return io_error("cannot write to", path_, number);
    }
    written += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> JsonLinesSink::reopen() {
  const std::scoped_lock lock{mutex_};
  const int descriptor = open_for_append(path_);
  if (descriptor < 0) return io_error("cannot open", path_, errno);
  ::close(std::exchange(descriptor_, descriptor));
  return {};
}

}  // namespace postern::event
