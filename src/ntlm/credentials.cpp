#include "ntlm/credentials.hpp"

#include "base/text.hpp"
#include "crypto/md4.hpp"

namespace postern::ntlm {
namespace {

crypto::HmacMd5Key nt_owf_v2(const NtHash& nt_hash, ByteView user_utf16, ByteView domain_utf16) {
  Bytes user = to_bytes(user_utf16);
  upper_case_utf16le(user);
  auto key = crypto::hmac_md5(nt_hash.reveal(), {user, domain_utf16});
  crypto::HmacMd5Key padded{key};
  wipe(key);
  return padded;
}

}  // namespace

Result<NtHash> nt_hash_of_password(const SecretBytes& password_utf8) {
  if (password_utf8.empty()) return fail(ErrorCode::invalid_input, "password", Error::kNoOffset, "an empty password is refused");
  if (password_utf8.size() > kMaxPasswordBytes) {
    return fail(ErrorCode::too_large, "password", Error::kNoOffset, "longer than a password may be");
  }
  POSTERN_TRY(utf16, utf8_to_utf16le(password_utf8.reveal_text(), "password"));
  auto digest = crypto::Md4::digest(utf16);
  wipe(utf16);
  NtHash hash{digest};
  wipe(digest);
  return hash;
}

ResponseKeyNt::ResponseKeyNt(const NtHash& nt_hash, ByteView user_utf16, ByteView domain_utf16)
    : key_{nt_owf_v2(nt_hash, user_utf16, domain_utf16)} {}

UserName split_user_name(std::string_view typed) {
  const std::size_t separator = typed.find('\\');
  if (separator == std::string_view::npos) return {{}, std::string{typed}};
  return {std::string{typed.substr(0, separator)}, std::string{typed.substr(separator + 1)}};
}

}  // namespace postern::ntlm
