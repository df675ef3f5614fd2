#include "postern/account_import.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/admin_client.hpp"

namespace postern::cli {
namespace {

constexpr std::string_view kField = "FILE";

std::unexpected<Error> refuse(ErrorCode code, std::string message, std::string hint = {}) {
  return std::unexpected{Error{code, kField, Error::kNoOffset, std::move(message), std::move(hint)}};
}

}  // namespace

Result<SecretBytes> read_import_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct Closed {
    int descriptor;
    ~Closed() {
      if (descriptor >= 0) ::close(descriptor);
    }
  } const closed{descriptor};
  struct stat status{};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    return refuse(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io, path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return refuse(ErrorCode::denied, path + " is not a regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return refuse(ErrorCode::denied, path + " belongs to another user");
  if ((status.st_mode & 0077) != 0) {
    return refuse(ErrorCode::denied, path + " holds passwords or hashes, and gives rights to group or others", "chmod go= " + path);
  }
  if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) > kMaxAdminRequestBytes) {
    return refuse(ErrorCode::too_large, path + " is larger than a mebibyte: split it");
  }
  Bytes content(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  int failed = 0;
  while (size < content.size()) {
    const ssize_t count = ::read(descriptor, content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) failed = errno;
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  SecretBytes file{ByteView{content}.first(size)};
  wipe(content);
  if (failed != 0) return refuse(ErrorCode::io, path + ": " + std::strerror(failed));
  return file;
}

}  // namespace postern::cli
