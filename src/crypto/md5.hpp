// MD5 (RFC 1321). Broken as a hash; NTLMv2 rests on HMAC-MD5, and NTLMv1 with ESS on MD5 itself (MS-NLMP 3.3.1, 3.3.2).
#pragma once

#include "crypto/block_hash.hpp"

namespace postern::crypto {

/// Mixes whole blocks into `state`; `blocks` is a multiple of 64 bytes long.
void md5_compress(HashState& state, ByteView blocks) noexcept;

using Md5 = BlockHash<&md5_compress>;

}  // namespace postern::crypto
