#include "edge/forward/cursor.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace postern::forward {
namespace {

constexpr std::string_view kFirstLine = "postern-cursor 1\n";
constexpr std::size_t kMaxBytes = 256;

std::unexpected<Error> io_error(const std::string& path) {
  return fail(ErrorCode::io, "cursor", Error::kNoOffset, path + ": " + std::strerror(errno));
}

bool take_number(std::string_view& text, std::string_view key, std::uint64_t& number) {
  if (!text.starts_with(key)) return false;
  text.remove_prefix(key.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != '\n') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

Result<Cursor> parse_cursor(std::string_view text) {
  Cursor cursor;
  bool right = text.starts_with(kFirstLine);
  if (right) text.remove_prefix(kFirstLine.size());
  right = right && take_number(text, "sequence ", cursor.sequence) && take_number(text, "dropped ", cursor.dropped) && text.empty();
  if (!right) return fail(ErrorCode::malformed, "cursor", Error::kNoOffset, "is no cursor of ours; remove it to begin anew");
  return cursor;
}

std::string text_of(const Cursor& cursor) {
  return std::string{kFirstLine} + "sequence " + std::to_string(cursor.sequence) + "\ndropped " + std::to_string(cursor.dropped) +
         "\n";
}

Result<std::optional<Cursor>> read_cursor(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return std::optional<Cursor>{};
  if (file < 0) return io_error(path);
  std::array<char, kMaxBytes> bytes{};
  const ssize_t size = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (size < 0) return io_error(path);
  auto cursor = parse_cursor({bytes.data(), static_cast<std::size_t>(size)});
  if (!cursor) {
    cursor.error().message = path + ": " + cursor.error().message;
    return std::unexpected{std::move(cursor).error()};
  }
  return std::optional{*cursor};
}

Result<void> write_cursor(const std::string& path, const Cursor& cursor) {
  const std::string next = path + ".next";
  const std::string text = text_of(cursor);
  const int file = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return io_error(next);
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fdatasync(file) == 0;
  const int number = errno;
  ::close(file);
  if (!written) {
    errno = number;
    return io_error(next);
  }
  if (std::rename(next.c_str(), path.c_str()) != 0) return io_error(path);
  return {};
}

}  // namespace postern::forward
