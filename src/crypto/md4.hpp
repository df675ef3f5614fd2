// MD4 (RFC 1320). Broken as a hash; here because the NT hash of a password is MD4 of its UTF-16LE form (MS-NLMP 3.3.1).
#pragma once

#include "crypto/block_hash.hpp"

namespace postern::crypto {

/// Mixes whole blocks into `state`; `blocks` is a multiple of 64 bytes long.
void md4_compress(HashState& state, ByteView blocks) noexcept;

using Md4 = BlockHash<&md4_compress>;

}  // namespace postern::crypto
