#include "account/password.hpp"

#include <algorithm>
#include <krb5.h>

#include "base/text.hpp"
#include "crypto/md4.hpp"

namespace postern::account {
namespace {

constexpr std::string_view kField = "account.password";

std::string ascii_case(std::string_view text, char first, char last) {
  std::string changed{text};
  for (char& byte : changed) {
    if (byte >= first && byte <= last) byte = static_cast<char>(byte ^ 0x20);
  }
  return changed;
}

/// A buffer that is wiped however the function ends.
struct Wiped {
  Bytes bytes;
  ~Wiped() { wipe(bytes); }
};

template <typename Key>
Result<Key> string_to_key(krb5_enctype enctype, ByteView password, std::string_view salt, std::uint32_t iterations) {
  if (iterations == 0)
    return fail(ErrorCode::invalid_input, "iterations", Error::kNoOffset, "string-to-key needs at least one iteration");
  // libkrb5 takes `char*` and writes to none of these.
  const auto data_of = [](const void* bytes, std::size_t size) {
    krb5_data data{};
    data.data = static_cast<char*>(const_cast<void*>(bytes));
    data.length = static_cast<unsigned int>(size);
    return data;
  };
  // RFC 3962 section 4: the iteration count is four octets, most significant first.
  const std::array<std::uint8_t, 4> parameter_bytes{
      static_cast<std::uint8_t>(iterations >> 24), static_cast<std::uint8_t>(iterations >> 16),
      static_cast<std::uint8_t>(iterations >> 8), static_cast<std::uint8_t>(iterations)};
  const krb5_data text = data_of(password.data(), password.size());
  const krb5_data salted = data_of(salt.data(), salt.size());
  const krb5_data parameters = data_of(parameter_bytes.data(), parameter_bytes.size());
  krb5_keyblock block{};
  // No context: the crypto library needs none, and making one would read the machine's krb5.conf.
  const krb5_error_code code = krb5_c_string_to_key_with_params(nullptr, enctype, &text, &salted, &parameters, &block);
  if (code != 0)
    return fail(ErrorCode::internal, kField, Error::kNoOffset, "Kerberos string-to-key failed: " + std::to_string(code));
  Result<Key> key = block.length == Key::kSize
                        ? Result<Key>{Key{std::span<const std::uint8_t, Key::kSize>{block.contents, Key::kSize}}}
                        : Result<Key>{fail(ErrorCode::internal, "Kerberos string-to-key gave another size")};
  krb5_free_keyblock_contents(nullptr, &block);  // wipes
  return key;
}

}  // namespace

Result<void> check_password(const SecretBytes& password) {
  if (password.empty()) return fail(ErrorCode::invalid_input, kField, 0, "the password is empty");
  if (password.size() > kMaxPasswordChars * 3) {  // a UTF-16 unit is at most three bytes of UTF-8
    return fail(ErrorCode::invalid_input, kField, 0, "the password has more than 256 characters");
  }
  auto converted = utf8_to_utf16le(password.reveal_text(), kField);
  if (!converted) return std::unexpected{std::move(converted).error()};
  const Wiped utf16{std::move(*converted)};
  if (utf16.bytes.size() / 2 > kMaxPasswordChars) {
    return fail(ErrorCode::invalid_input, kField, 0, "the password has more than 256 characters");
  }
  if (std::ranges::find(password.reveal(), 0) != password.reveal().end()) {
    return fail(ErrorCode::invalid_input, kField, Error::kNoOffset, "the password holds U+0000");
  }
  return {};
}

Result<void> check_password_length(const SecretBytes& password, std::size_t min_chars) {
  POSTERN_CHECK(check_password(password));
  std::size_t chars = 0;
  for (const std::uint8_t byte : password.reveal()) {
    if ((byte & 0xC0) != 0x80) ++chars;  // the first byte of a character
    if ((byte & 0xF8) == 0xF0) ++chars;  // of one that is two code units
  }
  if (chars >= min_chars) return {};
  return fail(ErrorCode::invalid_input, kField, Error::kNoOffset,
              "the password has fewer than " + std::to_string(min_chars) + " characters, which [password] min_length asks for");
}

std::string kerberos_salt(const Domain& domain, AccountKind kind, std::string_view account_name) {
  if (kind != AccountKind::machine) return domain.realm + std::string{account_name};
  std::string_view host = account_name;
  if (host.ends_with('$')) host.remove_suffix(1);
  return domain.realm + "host" + ascii_case(host, 'A', 'Z') + "." + ascii_case(domain.dns_name, 'A', 'Z');
}

Result<Aes256Key> aes256_string_to_key(ByteView password, std::string_view salt, std::uint32_t iterations) {
  return string_to_key<Aes256Key>(ENCTYPE_AES256_CTS_HMAC_SHA1_96, password, salt, iterations);
}

Result<Aes128Key> aes128_string_to_key(ByteView password, std::string_view salt, std::uint32_t iterations) {
  return string_to_key<Aes128Key>(ENCTYPE_AES128_CTS_HMAC_SHA1_96, password, salt, iterations);
}

Result<NtHash> nt_hash_of(const SecretBytes& password) {
  POSTERN_CHECK(check_password(password));
  auto converted = utf8_to_utf16le(password.reveal_text(), kField);
  if (!converted) return std::unexpected{std::move(converted).error()};
  const Wiped utf16{std::move(*converted)};
  return NtHash{crypto::Md4::digest(utf16.bytes)};
}

Result<AccountSecrets> derive_secrets(const SecretBytes& password, std::string salt) {
  AccountSecrets secrets;
  POSTERN_TRY(nt_hash, nt_hash_of(password));
  secrets.nt_hash = std::move(nt_hash);
  POSTERN_TRY(aes256, aes256_string_to_key(password.reveal(), salt, kAesStringToKeyIterations));
  POSTERN_TRY(aes128, aes128_string_to_key(password.reveal(), salt, kAesStringToKeyIterations));
  secrets.aes256 = std::move(aes256);
  secrets.aes128 = std::move(aes128);
  secrets.salt = std::move(salt);
  return secrets;
}

}  // namespace postern::account
