// From a password to the keys that answer a challenge (MS-NLMP 3.3.1, 3.3.2). The password is forgotten here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/hmac_md5.hpp"
#include "wire/flags.hpp"

namespace postern::ntlm {

inline constexpr std::size_t kMaxPasswordBytes = 1024;  ///< UTF-8; Windows takes 256 characters

/// NTOWFv1: MD4(UNICODE(password)) (MS-NLMP 3.3.1). Refuses an empty password (R8), one over kMaxPasswordBytes, and what is not
/// UTF-8.
[[nodiscard]] Result<NtHash> nt_hash_of_password(const SecretBytes& password_utf8);

/// ResponseKeyNT: the HMAC-MD5 key that NTOWFv2 yields, kept as its two padded states.
class ResponseKeyNt {
 public:
  /// NTOWFv2: HMAC_MD5(nt_hash, UNICODE(Uppercase(user) + domain)) with the exact strings of the AUTHENTICATE (MS-NLMP 3.3.2).
  /// Both texts are UTF-16LE.
  ResponseKeyNt(const NtHash& nt_hash, ByteView user_utf16, ByteView domain_utf16);

  [[nodiscard]] const crypto::HmacMd5Key& hmac_key() const& noexcept { return key_; }
  const crypto::HmacMd5Key& hmac_key() const&& = delete;

 private:
  crypto::HmacMd5Key key_;
};

/// Who logs on, for the initiator. Move-only: it holds the hash. Without a user the logon is anonymous, and proves nothing.
struct Credentials {
  std::string user{};    ///< UTF-8
  std::string domain{};  ///< UTF-8; empty: the server's, or the user name carries it (`user@dns`)
  NtHash nt_hash{};
  std::optional<LmHash> danger_lm_hash{};  ///< only for the responses that need one
};

/// Splits what a person types: `DOMAIN\name` gives both, anything else (`name`, `name@dns.domain`) is all user name (S10).
struct UserName {
  std::string domain{};
  std::string user{};
};
[[nodiscard]] UserName split_user_name(std::string_view typed);

}  // namespace postern::ntlm
