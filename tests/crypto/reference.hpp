// Reference: the same primitives by OpenSSL (default and legacy provider) and nettle, for differential tests.
#pragma once

#include <array>
#include <memory>
#include <nettle/arcfour.h>
#include <nettle/des.h>
#include <nettle/hmac.h>
#include <nettle/md4.h>
#include <nettle/md5.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <random>
#include <stdexcept>
#include <string>

#include "base/bytes.hpp"

#undef des_encrypt  // nettle renames its functions with macros, and one takes the name of ours

namespace postern::crypto::reference {

using Hash = std::array<std::uint8_t, 16>;

/// Loads the provider that holds MD4, RC4 and DES, once. Throws if the machine lacks it: a skipped proof would look like a proof.
inline void load_providers() {
  static OSSL_PROVIDER* const legacy = OSSL_PROVIDER_load(nullptr, "legacy");
  static OSSL_PROVIDER* const standard = OSSL_PROVIDER_load(nullptr, "default");
  if (legacy == nullptr || standard == nullptr) throw std::runtime_error{"OpenSSL's legacy provider is missing"};
}

inline Hash openssl_hash(const char* name, ByteView message) {
  load_providers();
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{EVP_MD_fetch(nullptr, name, nullptr), &EVP_MD_free};
  Hash out{};
  unsigned size = 0;
  if (!algorithm || EVP_Digest(message.data(), message.size(), out.data(), &size, algorithm.get(), nullptr) != 1 || size != 16) {
    throw std::runtime_error{std::string{"OpenSSL cannot do "} + name};
  }
  return out;
}

inline Hash openssl_hmac_md5(ByteView key, ByteView message) {
  load_providers();
  Hash out{};
  std::size_t size = 0;
  const std::uint8_t none = 0;  // a null key would mean "keep the last one"
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "MD5", nullptr, key.empty() ? &none : key.data(), key.size(), message.data(),
                message.size(), out.data(), out.size(), &size) == nullptr) {
    throw std::runtime_error{"OpenSSL cannot do HMAC-MD5"};
  }
  return out;
}

/// One-shot encryption without padding under a cipher named as OpenSSL names it.
inline Bytes openssl_encrypt(const char* name, ByteView key, ByteView text) {
  load_providers();
  const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> cipher{EVP_CIPHER_fetch(nullptr, name, nullptr), &EVP_CIPHER_free};
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  Bytes out(text.size() + 16);
  int written = 0;
  if (!cipher || EVP_EncryptInit_ex2(context.get(), cipher.get(), nullptr, nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_key_length(context.get(), static_cast<int>(key.size())) != 1 ||
      EVP_EncryptInit_ex2(context.get(), nullptr, key.data(), nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written, text.data(), static_cast<int>(text.size())) != 1) {
    throw std::runtime_error{std::string{"OpenSSL cannot do "} + name};
  }
  out.resize(static_cast<std::size_t>(written));
  return out;
}

inline Hash nettle_md4(ByteView message) {
  md4_ctx context;
  Hash out{};
  md4_init(&context);
  md4_update(&context, message.size(), message.data());
  md4_digest(&context, out.size(), out.data());
  return out;
}

inline Hash nettle_md5(ByteView message) {
  md5_ctx context;
  Hash out{};
  md5_init(&context);
  md5_update(&context, message.size(), message.data());
  md5_digest(&context, out.size(), out.data());
  return out;
}

inline Hash nettle_hmac_md5(ByteView key, ByteView message) {
  hmac_md5_ctx context;
  Hash out{};
  hmac_md5_set_key(&context, key.size(), key.data());
  hmac_md5_update(&context, message.size(), message.data());
  hmac_md5_digest(&context, out.size(), out.data());
  return out;
}

inline Bytes nettle_rc4(ByteView key, ByteView text) {
  arcfour_ctx context;
  Bytes out(text.size());
  arcfour_set_key(&context, key.size(), key.data());
  arcfour_crypt(&context, text.size(), out.data(), text.data());
  return out;
}

inline Bytes nettle_des(ByteView key8, ByteView block) {
  des_ctx context;
  Bytes out(8);
  (void)des_set_key(&context, key8.data());  // says whether the key is weak, and sets it all the same
  nettle_des_encrypt(&context, 8, out.data(), block.data());
  return out;
}

/// The same bytes in every run: a failure names an input that can be had again.
class RandomBytes {
 public:
  explicit RandomBytes(std::uint64_t seed) : engine_{seed} {}
  Bytes operator()(std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace postern::crypto::reference
