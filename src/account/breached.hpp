// The public list of NT hashes of passwords that were in data breaches: a sorted text file of tens of gigabytes, looked up in
// place.
//
//   0000AD734DE62D0D3E23D50AA7E7D1FA:12
//   …
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "account/private_file.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"

namespace postern::account {

/// An opened list. Lines are 32 hexadecimal digits in upper case, a colon and how often the password was seen, sorted by the
/// digits; they end with a line feed, with or without a carriage return before it. Immutable and thread-safe. The file is read,
/// never mapped: one that is cut short under us is an error and no crash.
class BreachedHashes {
 public:
  static constexpr std::size_t kSamples = 1'024;

  /// Looks at kSamples lines spread over the file. Errors: `io`, `not_found`, `denied` (as private files'); `malformed` for a file
  /// that holds other lines, or the same lines unsorted, with the offset of one.
  [[nodiscard]] static Result<BreachedHashes> open(const std::string& path);

  /// How often the password of that hash was seen; nothing if it is not on the list. A few reads of a block. Errors: `io`;
  /// `malformed` where the lines on the way are no lines of such a list, or out of order.
  [[nodiscard]] Result<std::optional<std::uint64_t>> find(const NtHash& hash) const;

  [[nodiscard]] std::uint64_t bytes() const { return size_; }

 private:
  /// The line that begins at `offset`, by the first half of its hash.
  struct Sample {
    std::uint64_t offset = 0;
    std::uint64_t prefix = 0;
  };
  struct Block;

  BreachedHashes(FileHandle file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}
  [[nodiscard]] Result<Block> block_at(std::uint64_t offset, std::uint64_t end) const;

  FileHandle file_;
  std::uint64_t size_ = 0;
  std::vector<Sample> samples_{};  ///< by offset, and so by prefix
};

}  // namespace postern::account
