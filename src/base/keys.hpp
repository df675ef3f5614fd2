// Long-term keys of an account: what may stand in for the password.
#pragma once

#include "base/secret.hpp"

namespace postern {

/// MD4 of the password in UTF-16LE: NTOWFv1 (MS-NLMP 3.3.1). As good as the password.
using NtHash = Secret<struct NtHashTag, 16>;
/// LMOWFv1 (MS-NLMP 3.3.1): never stored, and made only by calls whose names warn.
using LmHash = Secret<struct LmHashTag, 16>;
/// Kerberos keys of aes256-cts-hmac-sha1-96 and aes128-cts-hmac-sha1-96 (RFC 3962).
using Aes256Key = Secret<struct Aes256KeyTag, 32>;
using Aes128Key = Secret<struct Aes128KeyTag, 16>;

}  // namespace postern
