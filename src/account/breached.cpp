#include "account/breached.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace postern::account {
namespace {

constexpr std::string_view kField = "breached_hashes";
constexpr std::size_t kHashDigits = 2 * NtHash::kSize;
constexpr std::size_t kMaxLineBytes = kHashDigits + 1 + 20 + 2;  // a colon, a 64-bit count, CR LF
constexpr std::size_t kBlockBytes = 4'096;

std::unexpected<Error> malformed(std::uint64_t offset, std::string message) {
  return fail(ErrorCode::malformed, kField, static_cast<std::size_t>(offset), std::move(message));
}

using Digits = std::array<char, kHashDigits>;

/// The hash as the list writes it; wiped by whoever made it.
Digits digits_of(const NtHash& hash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  Digits digits{};
  for (std::size_t i = 0; i < NtHash::kSize; ++i) {
    digits[2 * i] = kHex[hash.reveal()[i] >> 4];
    digits[2 * i + 1] = kHex[hash.reveal()[i] & 0x0F];
  }
  return digits;
}

std::optional<unsigned> digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return static_cast<unsigned>(letter - '0');
  if (letter >= 'A' && letter <= 'F') return static_cast<unsigned>(letter - 'A') + 10;
  return std::nullopt;
}

std::uint64_t prefix_of(std::string_view digits) {
  std::uint64_t prefix = 0;
  for (const char letter : digits.substr(0, 16)) prefix = prefix << 4 | digit_of(letter).value_or(0);
  return prefix;
}

struct Line {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;  ///< behind its line feed
  std::string_view digits{};
  std::uint64_t count = 0;
};

/// `text` begins with a line, at `offset` of the file, and goes on to the end of the block or of the file.
Result<Line> read_line(std::string_view text, std::uint64_t offset) {
  const std::size_t feed = text.substr(0, kMaxLineBytes).find('\n');
  const std::size_t end = feed == std::string_view::npos ? text.size() : feed;
  if (feed == std::string_view::npos && text.size() > kMaxLineBytes) return malformed(offset, "a line is longer than HASH:COUNT");
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < kHashDigits + 2 || line[kHashDigits] != ':') return malformed(offset, "a line is not HASH:COUNT");
  Line read{offset, offset + std::min(end + 1, text.size()), line.substr(0, kHashDigits), 0};
  for (const char letter : read.digits) {
    if (!digit_of(letter)) return malformed(offset, "a hash is not 32 hexadecimal digits in upper case");
  }
  const std::string_view count = line.substr(kHashDigits + 1);
  const auto [stop, error] = std::from_chars(count.data(), count.data() + count.size(), read.count);
  if (error != std::errc{} || stop != count.data() + count.size()) return malformed(offset, "a count is no number");
  return read;
}

std::unexpected<Error> unsorted(std::uint64_t offset) {
  auto error = malformed(offset, "the list is not sorted by hash");
  error.error().hint = "take the list that is ordered by hash, or sort it: LC_ALL=C sort -o FILE FILE";
  return error;
}

}  // namespace

/// The lines that begin in a part of the file.
struct BreachedHashes::Block {
  Bytes bytes{};
  std::vector<Line> lines{};
};

Result<BreachedHashes::Block> BreachedHashes::block_at(std::uint64_t offset, std::uint64_t end) const {
  // One byte more before it: a line feed there says that a line begins here.
  const std::uint64_t start = offset == 0 ? 0 : offset - 1;
  const std::uint64_t past = std::min(std::min(end, offset + kBlockBytes) + kMaxLineBytes, size_);
  Block block{Bytes(static_cast<std::size_t>(past - start)), {}};
  std::size_t filled = 0;
  while (filled < block.bytes.size()) {
    const ssize_t count =
        ::pread(file_.get(), block.bytes.data() + filled, block.bytes.size() - filled, static_cast<off_t>(start + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, std::generic_category().message(errno));
    if (count == 0) return fail(ErrorCode::io, kField, Error::kNoOffset, "the file has become shorter");
    filled += static_cast<std::size_t>(count);
  }
  const std::string_view text = as_text(block.bytes);
  std::size_t at = 0;
  if (offset > 0) {
    const std::size_t feed = text.substr(0, kMaxLineBytes + 1).find('\n');
    if (feed == std::string_view::npos) return malformed(start, "a line is longer than HASH:COUNT");
    at = feed + 1;
  }
  const std::uint64_t last_start = std::min(end, offset + kBlockBytes);
  while (at < text.size() && start + at < last_start) {
    POSTERN_TRY(line, read_line(text.substr(at), start + at));
    if (!block.lines.empty() && line.digits < block.lines.back().digits) return unsorted(line.offset);
    at = static_cast<std::size_t>(line.end - start);
    block.lines.push_back(line);
  }
  return block;
}

Result<BreachedHashes> BreachedHashes::open(const std::string& path) {
  FileHandle file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::not_found : errno == EACCES ? ErrorCode::denied : ErrorCode::io;
    return fail(code, kField, Error::kNoOffset, "cannot open " + path + ": " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::denied, kField, Error::kNoOffset, path + " is not a regular file");
  BreachedHashes list{std::move(file), static_cast<std::uint64_t>(status.st_size)};
  if (list.size_ == 0) return malformed(0, "the list is empty");
  list.samples_.reserve(kSamples);
  for (std::size_t i = 0; i < kSamples; ++i) {
    const std::uint64_t offset = list.size_ / kSamples * i;
    POSTERN_TRY(block, list.block_at(offset, list.size_));
    if (block.lines.empty()) continue;
    const Line& first = block.lines.front();
    if (!list.samples_.empty() && first.offset <= list.samples_.back().offset) continue;
    const std::uint64_t prefix = prefix_of(first.digits);
    if (!list.samples_.empty() && prefix < list.samples_.back().prefix) return unsorted(first.offset);
    list.samples_.push_back({first.offset, prefix});
    if (list.size_ < kSamples) break;  // so small that one block is all of it
  }
  if (list.samples_.empty() || list.samples_.front().offset != 0) return malformed(0, "the list has no first line");
  return list;
}

Result<std::optional<std::uint64_t>> BreachedHashes::find(const NtHash& hash) const {
  Digits digits = digits_of(hash);
  struct Wiper {
    Digits& digits;
    ~Wiper() { wipe(digits.data(), digits.size()); }
  } const wiper{digits};
  const std::string_view sought{digits.data(), digits.size()};
  const std::uint64_t prefix = prefix_of(sought);
  // The line is between the last sample that is not above it and the next one that is.
  const auto above = std::ranges::upper_bound(samples_, prefix, {}, &Sample::prefix);
  auto first = above;
  while (first != samples_.begin() && std::prev(first)->prefix == prefix) --first;  // equal prefixes: before them as well
  if (first != samples_.begin()) --first;
  Sample low = first == samples_.end() ? samples_.front() : *first;
  Sample high = above == samples_.end() ? Sample{size_, ~std::uint64_t{0}} : *above;

  // Hashes are spread evenly, so a line's place can be guessed from the hash; each second step halves what is left, so that a
  // list with other habits takes longer and no more.
  for (bool guess = true; low.offset < high.offset; guess = !guess) {
    const std::uint64_t span = high.offset - low.offset;
    std::uint64_t at = low.offset;
    if (span > kBlockBytes) {
      const auto share = guess && high.prefix > low.prefix ? static_cast<double>(prefix - std::min(prefix, low.prefix)) /
                                                                 static_cast<double>(high.prefix - low.prefix)
                                                           : 0.5;
      const double middle = static_cast<double>(span) * std::min(share, 1.0) - kBlockBytes / 2.0;
      at += std::min(static_cast<std::uint64_t>(std::max(middle, 0.0)), span - kBlockBytes);
    }
    POSTERN_TRY(block, block_at(at, high.offset));
    if (block.lines.empty()) return malformed(at, "no line begins where one must");
    const Line& front = block.lines.front();
    const Line& back = block.lines.back();
    if (sought < front.digits) {
      if (at <= low.offset) return std::optional<std::uint64_t>{};
      high = {front.offset, prefix_of(front.digits)};
      if (high.prefix < low.prefix) return unsorted(front.offset);
    } else if (sought > back.digits) {
      low = {back.end, prefix_of(back.digits)};
      if (low.prefix > high.prefix) return unsorted(back.offset);
    } else {
      const auto found = std::ranges::lower_bound(block.lines, sought, {}, &Line::digits);
      if (found->digits != sought) return std::optional<std::uint64_t>{};
      return std::optional{found->count};
    }
  }
  return std::optional<std::uint64_t>{};
}

}  // namespace postern::account
