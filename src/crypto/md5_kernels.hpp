// The kernels of one message, and of two: what md5.cpp, md5_avx512.cpp, each with its own compiler flags, and who calls them know
// of each other; and for the tests, each kernel by name. No library header but these two: see md5_steps.hpp for why.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/rc4_walk.hpp"

namespace postern::crypto::detail {

/// An HMAC whose message lies in whole blocks (PaddedMessage), behind the keyed states; and what the cipher does by the way: the
/// text of `size` bytes from `in` to `out`, apart or the same place, never inside `blocks`, and behind it `stream_size` bytes of
/// the key stream itself to `stream`. If both sizes are 0 the walk is not used.
struct Md5Message {
  const std::uint32_t* inner;
  const std::uint32_t* outer;
  const std::uint8_t* blocks;
  std::size_t count;  ///< of blocks
  const std::uint8_t* in;
  std::uint8_t* out;
  std::size_t size;
  std::uint8_t* stream;
  std::size_t stream_size;
};

struct Md5Kernels {
  const char* name;
  /// Mixes `count` blocks into `state`, four words.
  void (*one)(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) noexcept;
  /// The same of two messages, beside each other: MD5 waits for its own last step most of the time, and the other fills that.
  void (*two)(std::uint32_t* first, const std::uint8_t* first_blocks, std::uint32_t* second, const std::uint8_t* second_blocks,
              std::size_t count) noexcept;
  /// Mixes `count` blocks into `state` while as many bytes of `in` go through the cipher to `out`. What a round hashes is read
  /// before the cipher writes; so `out` may be the place of `hashed` (sealing in place), or a block and more ahead of it
  /// (unsealing).
  void (*seal)(std::uint32_t* state, const std::uint8_t* hashed, Rc4Walk& walk, const std::uint8_t* in, std::uint8_t* out,
               std::size_t count) noexcept;
  /// `mac`: four words, the HMAC of `message`.
  void (*message)(const Md5Message& message, Rc4Walk& walk, std::uint32_t* mac) noexcept;
};

/// Every processor's: the twin that the other is compared with.
extern const Md5Kernels kMd5Plain;
/// For processors with AVX-512; null where the compiler or the architecture cannot make it.
extern const Md5Kernels* const kMd5Avx512;

/// Whether this processor runs `kernels`.
[[nodiscard]] bool runs_here(const Md5Kernels* kernels) noexcept;
/// The best that this processor runs.
[[nodiscard]] const Md5Kernels& md5_kernels() noexcept;

}  // namespace postern::crypto::detail
