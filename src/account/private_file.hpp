// Files that only we may read: how they are checked, read and written (R30).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::account {

/// A file descriptor that closes itself.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int descriptor) : descriptor_{descriptor} {}
  FileHandle(FileHandle&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle();
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

enum class Existence : bool { missing, present };

/// What is at `path`, symbolic links not followed. `io` if that cannot be told.
[[nodiscard]] Result<Existence> existence_of(const std::string& path);

/// Refuses (`denied`) what is no directory, belongs to neither us nor root, or gives group or others any right.
[[nodiscard]] Result<void> check_private_directory(const std::string& path);
/// The same for a regular file; a symbolic link is refused.
[[nodiscard]] Result<void> check_private_file(const std::string& path);

/// Makes the directory with mode 0700 if it is missing (its parent must exist), then checks it.
[[nodiscard]] Result<void> make_private_directory(const std::string& path);
/// Makes an empty file with mode 0600 if it is missing, then checks it. The returned handle may be read and written.
[[nodiscard]] Result<FileHandle> open_private_file(const std::string& path);

/// The whole of a checked file; `too_large` over `max_bytes`.
[[nodiscard]] Result<SecretBytes> read_private_file(const std::string& path, std::size_t max_bytes);
/// Replaces or makes the file with mode 0600, so that a crash leaves the old or the new content and what returned is durable.
[[nodiscard]] Result<void> write_private_file(const std::string& path, ByteView content);

/// "/etc/postern" of "/etc/postern/key"; "." without a slash.
[[nodiscard]] std::string directory_of(std::string_view path);

}  // namespace postern::account
