// Many messages at once: MD5 and HMAC-MD5 of independent messages side by side in the lanes of vector registers. MD5 waits for its
// own last step most of the time; sixteen messages fill that wait. Which kernel runs is chosen by the processor, at run time.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "crypto/hmac_md5.hpp"

namespace postern::crypto {

/// The kernels, from the twin that every machine has to the widest.
enum class Md5LanesKernel { plain, vector128, avx2, avx512 };

/// The kernel that this processor's lanes run on.
[[nodiscard]] Md5LanesKernel md5_lanes_kernel() noexcept;
[[nodiscard]] std::string_view to_string(Md5LanesKernel kernel) noexcept;

/// One message: the parts one after the other. The caller keeps key and parts alive; `mac` is the result.
struct HmacMd5Job {
  const HmacMd5Key* key;
  std::span<const ByteView> parts;
  Digest mac;
};

struct Md5Job {
  std::span<const ByteView> parts;
  Digest digest;
};

/// Fills in each job's `mac`, as hmac_md5() would. Any number of jobs of any lengths, and no allocation: a lane whose message ends
/// takes the next job. Where lengths differ much, longest first is fastest. Jobs may share a key; `key` is never null.
void hmac_md5_many(std::span<HmacMd5Job> jobs) noexcept;

/// Fills in each job's `digest`, as Md5::digest() would.
void md5_many(std::span<Md5Job> jobs) noexcept;

/// Prepares `keys[k]` into `prepared[k]`, as HmacMd5Key's constructor would: both pads of eight keys at once. Same size, else it
/// aborts.
void hmac_md5_keys_many(std::span<const ByteView> keys, std::span<std::optional<HmacMd5Key>> prepared) noexcept;

}  // namespace postern::crypto
