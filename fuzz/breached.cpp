// Any file as a list of breached hashes: refused, or one in which each line is found with its count wherever the whole file is
// sorted, and in which a lookup never ends otherwise than with an answer or an error.
#include "account/breached.hpp"

#include <algorithm>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "base/bytes.hpp"
#include "invariant.hpp"

namespace {

using namespace postern;

struct Line {
  std::string digits;
  std::uint64_t count = 0;
};

/// The slow and simple reader: nothing unless each line is one and they are sorted.
std::optional<std::vector<Line>> read_simply(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() < 34 || line.size() > 53 || line[32] != ':') return std::nullopt;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::ranges::all_of(line.substr(0, 32), [&](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); }))
      return std::nullopt;
    if (!std::ranges::all_of(line.substr(33), is_digit) || line.size() > 33 + 18) return std::nullopt;
    if (!lines.empty() && lines.back().digits >= line.substr(0, 32)) return std::nullopt;
    lines.push_back({std::string{line.substr(0, 32)}, std::stoull(std::string{line.substr(33)})});
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int descriptor = ::memfd_create("breached", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  POSTERN_INVARIANT(::ftruncate(descriptor, 0) == 0);
  POSTERN_INVARIANT(::pwrite(descriptor, data, size, 0) == static_cast<ssize_t>(size));
  const auto list = account::BreachedHashes::open(path);
  const auto lines = read_simply(as_text({data, size}));
  if (!list) {
    POSTERN_INVARIANT(!lines || lines->empty());
    return 0;
  }
  NtHash first;
  static_cast<void>(list->find(first));
  if (size >= NtHash::kSize) static_cast<void>(list->find(NtHash{ByteView{data, size}.first<NtHash::kSize>()}));
  if (!lines) return 0;
  for (const Line& line : *lines) {
    const auto bytes = from_hex(line.digits);
    POSTERN_INVARIANT(bytes.has_value());
    const auto seen = list->find(NtHash{ByteView{*bytes}.first<NtHash::kSize>()});
    POSTERN_INVARIANT(seen && *seen == line.count);
  }
  return 0;
}
