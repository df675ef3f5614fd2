// Sealing in one pass: HMAC-MD5 over a text while RC4 transforms it (MS-NLMP 3.4.4.2). MD5 waits for its own last step and RC4 for
// memory, so each runs in the other's shadow; one after the other they take two thirds longer.
#pragma once

#include "base/bytes.hpp"
#include "crypto/hmac_md5.hpp"
#include "crypto/rc4.hpp"

namespace postern::crypto {

/// Sealing: what `mac.update(in)` and then `cipher.apply(in, out)` do. The MAC may be at any place of its message and goes on
/// afterwards, and so does the cipher: a text in many pieces is many calls. `in` and `out` have the same size and are either apart
/// or the same place. Texts of unequal size and a moved-from cipher abort, as in Rc4.
void mac_and_encrypt(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept;

/// Unsealing: what `cipher.apply(in, out)` and then `mac.update(out)` do, under the same rules. The text in `out` is not to be
/// believed before its MAC has been compared.
void decrypt_and_mac(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept;

/// Sealing a whole message: what `HmacMd5 mac{key}`, `mac.update(head)`, mac_and_encrypt() and `mac.finish()` do. `stream` is
/// filled with the key stream that comes behind the text, for a checksum that will be encrypted: taken here it costs nothing.
[[nodiscard]] Digest mac_and_encrypt(const HmacMd5Key& key, ByteView head, Rc4& cipher, ByteView in, MutableByteView out,
                                     MutableByteView stream) noexcept;
/// Signing a whole message: its MAC, and `stream` likewise. A moved-from cipher aborts.
[[nodiscard]] Digest mac_and_stream(const HmacMd5Key& key, std::span<const ByteView> parts, Rc4& cipher,
                                    MutableByteView stream) noexcept;

}  // namespace postern::crypto
