#include "account/private_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace postern::account {
namespace {

constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnerOnlyDirectory = 0700;
constexpr mode_t kGroupAndOthers = 0077;

std::unexpected<Error> os_error(std::string_view what, const std::string& path, int number) {
  ErrorCode code = ErrorCode::io;
  if (number == EACCES || number == EPERM || number == ELOOP) code = ErrorCode::denied;
  if (number == ENOENT) code = ErrorCode::not_found;
  return fail(code, "path", Error::kNoOffset, std::string{what} + " " + path + ": " + std::generic_category().message(number));
}

Result<void> check_owner_and_mode(const struct stat& status, const std::string& path) {
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return fail(ErrorCode::denied, "path", Error::kNoOffset, path + " belongs to another user");
  }
  if ((status.st_mode & kGroupAndOthers) != 0) {
    auto refused = fail(ErrorCode::denied, "path", Error::kNoOffset, path + " gives rights to group or others");
    refused.error().hint = "chmod go= " + path;
    return refused;
  }
  return {};
}

Result<void> sync_directory(const std::string& path) {
  const FileHandle directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() || ::fsync(directory.get()) != 0) return os_error("cannot sync", path, errno);
  return {};
}

}  // namespace

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

FileHandle::~FileHandle() {
  if (is_open()) ::close(descriptor_);
}

Result<Existence> existence_of(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return Existence::present;
  if (errno == ENOENT) return Existence::missing;
  return os_error("cannot look at", path, errno);
}

Result<void> check_private_directory(const std::string& path) {
  const FileHandle directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  struct stat status{};
  if (!directory.is_open() || ::fstat(directory.get(), &status) != 0) return os_error("cannot open the directory", path, errno);
  return check_owner_and_mode(status, path);
}

Result<void> check_private_file(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return os_error("cannot look at", path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::denied, "path", Error::kNoOffset, path + " is not a regular file");
  return check_owner_and_mode(status, path);
}

Result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kOwnerOnlyDirectory) == 0) {
    POSTERN_CHECK(sync_directory(directory_of(path)));
  } else if (errno != EEXIST) {
    return os_error("cannot make the directory", path, errno);
  }
  return check_private_directory(path);
}

Result<FileHandle> open_private_file(const std::string& path) {
  FileHandle file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly)};
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return os_error("cannot open", path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::denied, "path", Error::kNoOffset, path + " is not a regular file");
  POSTERN_CHECK(check_owner_and_mode(status, path));
  return file;
}

Result<SecretBytes> read_private_file(const std::string& path, std::size_t max_bytes) {
  const FileHandle file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return os_error("cannot open", path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::denied, "path", Error::kNoOffset, path + " is not a regular file");
  POSTERN_CHECK(check_owner_and_mode(status, path));
  Bytes content(max_bytes + 1);
  std::size_t size = 0;
  int failed = 0;
  while (size < content.size()) {
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) failed = errno;
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  SecretBytes secret{ByteView{content}.first(size)};
  wipe(content);
  if (failed != 0) return os_error("cannot read", path, failed);
  if (size > max_bytes) return fail(ErrorCode::too_large, "path", max_bytes, path + " is too large");
  return secret;
}

Result<void> write_private_file(const std::string& path, ByteView content) {
  const std::string temporary = path + ".new";
  // A leftover of a crash. O_EXCL below makes sure that nobody's file is written into.
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) return os_error("cannot remove", temporary, errno);
  {
    const FileHandle file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly)};
    if (!file.is_open()) return os_error("cannot make", temporary, errno);
    while (!content.empty()) {
      const ssize_t count = ::write(file.get(), content.data(), content.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return os_error("cannot write", temporary, errno);
      content = content.subspan(static_cast<std::size_t>(count));
    }
    if (::fsync(file.get()) != 0) return os_error("cannot sync", temporary, errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return os_error("cannot replace", path, errno);
  return sync_directory(directory_of(path));
}

std::string directory_of(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string{path.substr(0, slash == 0 ? 1 : slash)};
}

}  // namespace postern::account
