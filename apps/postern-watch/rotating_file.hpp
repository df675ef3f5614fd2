// Lines to standard output or to a file that is rotated by size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::watch {

/// Collects lines and writes them in large pieces; flush() after each batch of live events. NAME becomes NAME.1, NAME.1 becomes
/// NAME.2 and so on when the next line would make it larger than asked for; what is older than the last number goes.
class LineFile {
 public:
  static constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

  /// `path` empty is standard output. `rotate_bytes` 0 never rotates.
  [[nodiscard]] static Result<LineFile> open(std::string path, std::uint64_t rotate_bytes, unsigned keep);
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&&) = delete;
  ~LineFile();

  [[nodiscard]] Result<void> line(std::string_view text);
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  LineFile(std::string path, std::uint64_t rotate_bytes, unsigned keep, int descriptor, std::uint64_t size)
      : path_{std::move(path)}, rotate_bytes_{rotate_bytes}, keep_{keep}, descriptor_{descriptor}, size_{size} {}
  [[nodiscard]] Result<void> rotate();

  std::string path_;
  std::uint64_t rotate_bytes_;
  unsigned keep_;
  int descriptor_;
  std::uint64_t size_;
  std::string buffer_{};
};

}  // namespace postern::watch
