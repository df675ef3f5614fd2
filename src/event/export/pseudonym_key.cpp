#include "event/export/pseudonym_key.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace postern::event {
namespace {

constexpr std::string_view kField = "pseudonym key";
constexpr std::size_t kDigits = DigestKey::kSize * 2;

}  // namespace

Result<DigestKey> load_pseudonym_key(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, path + ": " + std::strerror(errno));
  struct stat status{};
  const bool known = ::fstat(file, &status) == 0;
  std::array<char, kDigits + 2> text{};
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  const auto denied = [&path](const std::string& why) {
    return fail(ErrorCode::denied, kField, Error::kNoOffset, path + ": " + why);
  };
  if (!known || !S_ISREG(status.st_mode)) return denied("is no ordinary file");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return denied("belongs to another user");
  if ((status.st_mode & 077) != 0) return denied("can be used by others; chmod 600 helps");
  const std::string_view all{text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  const bool ended = all.size() == kDigits || (all.size() == kDigits + 1 && all.back() == '\n');
  auto bytes = from_hex(all.substr(0, std::min(all.size(), kDigits)));
  wipe(text.data(), text.size());
  if (!ended || !bytes || bytes->size() != DigestKey::kSize) {
    return fail(ErrorCode::malformed, kField, Error::kNoOffset, path + ": must hold 32 hexadecimal digits");
  }
  DigestKey key{std::span<const std::uint8_t, DigestKey::kSize>{*bytes}};
  wipe(*bytes);
  return key;
}

}  // namespace postern::event
