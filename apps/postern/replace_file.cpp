#include "postern/replace_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::cli {
namespace {

constexpr mode_t kNewFileMode = 0640;

std::unexpected<Error> failed(const std::string& path) {
  const ErrorCode code = errno == EACCES || errno == EPERM ? ErrorCode::denied : ErrorCode::io;
  return fail(code, "file", Error::kNoOffset, path + ": " + std::strerror(errno));
}

/// The file that is being written; removed unless it was renamed.
class Draft {
 public:
  explicit Draft(std::string path) : path_{std::move(path)}, descriptor_{::mkostemp(path_.data(), O_CLOEXEC)} {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(descriptor_) == 0;
  }
  bool rename_to(const std::string& path) {
    renamed_ = ::rename(path_.c_str(), path.c_str()) == 0;
    return renamed_;
  }

 private:
  std::string path_;
  int descriptor_;
  bool renamed_ = false;
};

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view text) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  if (error) return fail(ErrorCode::io, "file", Error::kNoOffset, path + ": " + error.message());
  struct stat old{};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) return failed(path);
  Draft draft{target.string() + ".XXXXXX"};
  if (draft.descriptor() < 0) return failed(path);
  if (::fchmod(draft.descriptor(), exists ? old.st_mode & 07777 : kNewFileMode) != 0) return failed(path);
  if (exists && (old.st_uid != ::geteuid() || old.st_gid != ::getegid()) &&
      ::fchown(draft.descriptor(), old.st_uid, old.st_gid) != 0) {
    return failed(path);  // another owner could no longer read or change it
  }
  if (!draft.write(text) || !draft.rename_to(target)) return failed(path);
  const int folder = ::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    static_cast<void>(::fsync(folder));
    ::close(folder);
  }
  return {};
}

}  // namespace postern::cli
