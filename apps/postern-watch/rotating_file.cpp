#include "postern-watch/rotating_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace postern::watch {
namespace {

constexpr mode_t kMode = 0640;

std::unexpected<Error> fault(const std::string& what, const std::string& path) {
  return fail(errno == EACCES ? ErrorCode::denied : ErrorCode::io,
              what + " " + (path.empty() ? "standard output" : path) + ": " + std::strerror(errno));
}

int open_to_append(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode); }

}  // namespace

Result<LineFile> LineFile::open(std::string path, std::uint64_t rotate_bytes, unsigned keep) {
  if (path.empty()) return LineFile{{}, 0, 0, STDOUT_FILENO, 0};
  const int descriptor = open_to_append(path);
  if (descriptor < 0) return fault("cannot open", path);
  struct stat state{};
  const std::uint64_t size = ::fstat(descriptor, &state) == 0 ? static_cast<std::uint64_t>(state.st_size) : 0;
  return LineFile{std::move(path), rotate_bytes, keep, descriptor, size};
}

LineFile::LineFile(LineFile&& other) noexcept
    : path_{std::move(other.path_)},
      rotate_bytes_{other.rotate_bytes_},
      keep_{other.keep_},
      descriptor_{std::exchange(other.descriptor_, -1)},
      size_{other.size_},
      buffer_{std::move(other.buffer_)} {}

LineFile::~LineFile() {
  if (descriptor_ < 0) return;
  (void)flush();
  if (descriptor_ != STDOUT_FILENO) ::close(descriptor_);
}

Result<void> LineFile::line(std::string_view text) {
  const std::uint64_t with = size_ + buffer_.size() + text.size() + 1;
  if (rotate_bytes_ > 0 && with > rotate_bytes_ && size_ + buffer_.size() > 0) POSTERN_CHECK(rotate());
  buffer_ += text;
  buffer_ += '\n';
  return buffer_.size() >= kBufferBytes ? flush() : Result<void>{};
}

Result<void> LineFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      buffer_.erase(0, buffer_.size() - rest.size());
      return fault("cannot write to", path_);
    }
    rest.remove_prefix(static_cast<std::size_t>(count));
    size_ += static_cast<std::uint64_t>(count);
  }
  buffer_.clear();
  return {};
}

Result<void> LineFile::rotate() {
  POSTERN_CHECK(flush());
  for (unsigned number = keep_; number > 0; --number) {
    const std::string from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    (void)std::rename(from.c_str(), (path_ + "." + std::to_string(number)).c_str());  // what is not there yet moves nowhere
  }
  if (keep_ == 0) (void)::unlink(path_.c_str());
  const int descriptor = open_to_append(path_);
  if (descriptor < 0) return fault("cannot open", path_);
  ::close(descriptor_);
  descriptor_ = descriptor;
  size_ = 0;
  return {};
}

}  // namespace postern::watch
