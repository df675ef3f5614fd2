// From a password to the keys that are stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "account/model.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::account {

inline constexpr std::size_t kMaxPasswordChars = 256;  ///< UTF-16 code units, as Windows (PWLEN)
/// RFC 3962 section 4: the default when the KDC names no other.
inline constexpr std::uint32_t kAesStringToKeyIterations = 4096;

/// Refuses an empty password (R8), more than kMaxPasswordChars, U+0000 and what is not UTF-8.
[[nodiscard]] Result<void> check_password(const SecretBytes& password);

/// Refuses what check_password refuses, and a password of fewer than `min_chars` UTF-16 code units.
[[nodiscard]] Result<void> check_password_length(const SecretBytes& password, std::size_t min_chars);

/// MD4 of the password in UTF-16LE (MS-NLMP 3.3.1). Refuses what check_password refuses.
[[nodiscard]] Result<NtHash> nt_hash_of(const SecretBytes& password);

/// The default salt: REALM and the principal's components (RFC 4120 section 4); for a machine REALM, "host", its name in lower case
/// without `$`, a dot and the DNS name of its domain in lower case (MS-KILE 3.1.1.2).
[[nodiscard]] std::string kerberos_salt(const Domain& domain, AccountKind kind, std::string_view account_name);

/// NT hash and both AES keys of `password` in UTF-8. Refuses what check_password refuses. Takes milliseconds: 2 x 4096 rounds.
[[nodiscard]] Result<AccountSecrets> derive_secrets(const SecretBytes& password, std::string salt);

/// RFC 3962 string-to-key, by MIT krb5, which refuses fewer iterations than kAesStringToKeyIterations.
[[nodiscard]] Result<Aes256Key> aes256_string_to_key(ByteView password, std::string_view salt, std::uint32_t iterations);
[[nodiscard]] Result<Aes128Key> aes128_string_to_key(ByteView password, std::string_view salt, std::uint32_t iterations);

}  // namespace postern::account
