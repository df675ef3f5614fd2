#include "account/sealed_blob.hpp"

#include <algorithm>
#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/reader.hpp"
#include "base/writer.hpp"

namespace postern::account {
namespace {

constexpr std::uint8_t kFirstFormat = 1;  // what the first schema's accounts have until their next password
constexpr std::uint8_t kSecretsFormat = 2;
constexpr std::uint8_t kHasAesKeys = 1;
/// All of format 2 but the salt: format, flags, three keys, count and hashes of the history.
constexpr std::size_t kFixedBytes =
    2 + NtHash::kSize + Aes256Key::kSize + Aes128Key::kSize + 1 + kMaxPasswordHistory * NtHash::kSize;
constexpr std::string_view kField = "account.secrets";

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

std::unexpected<Error> crypto_failed() {
  return fail(ErrorCode::internal, kField, Error::kNoOffset, "OpenSSL refused AES-256-GCM");
}

/// Fetched once: a fetch costs more than the whole decryption. Never freed, as OpenSSL's own tables are not before exit.
const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

Bytes associated_data(const BlobPlace& place, KeyId key_id) {
  Writer out{64};
  out.bytes(as_bytes("postern account secrets 1"));
  out.u64(static_cast<std::uint64_t>(place.account));
  out.u8(static_cast<std::uint8_t>(place.kind));
  out.u32(place.key_version);
  out.u32(key_id);
  return std::move(out).take();
}

/// Plain bytes on their way into a SecretBytes.
struct Wiped {
  Bytes bytes;
  ~Wiped() { wipe(bytes); }
};

}  // namespace

Result<void> KeyRing::add(KeyId id, StorageKey key) {
  if (id == 0) return fail(ErrorCode::invalid_input, "key_id", Error::kNoOffset, "key ids start at 1");
  if (keys_.contains(id)) return fail(ErrorCode::conflict, "key_id", Error::kNoOffset, "a key with that id is there");
  if (keys_.size() >= kMaxStorageKeys) return fail(ErrorCode::too_large, "key_id", Error::kNoOffset, "too many storage keys");
  keys_.emplace(id, std::move(key));
  active_ = id;
  return {};
}

Result<void> KeyRing::activate(KeyId id) {
  if (!keys_.contains(id)) return fail(ErrorCode::not_found, "key_id", Error::kNoOffset, "no key with that id");
  active_ = id;
  return {};
}

void KeyRing::remove_all_but_active() {
  std::erase_if(keys_, [this](const auto& entry) { return entry.first != active_; });
}

std::vector<KeyId> KeyRing::ids() const {
  std::vector<KeyId> ids;
  for (const auto& [id, key] : keys_) ids.push_back(id);
  return ids;
}

const StorageKey* KeyRing::find(KeyId id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

KeyRing KeyRing::duplicate() const {
  KeyRing copy;
  for (const auto& [id, key] : keys_) copy.keys_.emplace(id, key.duplicate());
  copy.active_ = active_;
  return copy;
}

Result<SealedBlob> KeyRing::seal(const BlobPlace& place, ByteView plain) const {
  const StorageKey* key = find(active_);
  if (key == nullptr) return fail(ErrorCode::not_found, kField, Error::kNoOffset, "there is no storage key");
  if (plain.size() > kMaxBlobBytes) return fail(ErrorCode::too_large, kField, Error::kNoOffset, "too many bytes to seal");
  SealedBlob blob;
  blob.key_id = active_;
  if (RAND_bytes(blob.nonce.data(), static_cast<int>(blob.nonce.size())) != 1) return crypto_failed();
  blob.sealed.resize(plain.size() + kGcmTagBytes);
  const Bytes associated = associated_data(place, blob.key_id);
  const CipherContext context{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  int written = 0;
  const bool done =
      context && aes_256_gcm() != nullptr &&
      EVP_EncryptInit_ex2(context.get(), aes_256_gcm(), key->reveal().data(), blob.nonce.data(), nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &written, associated.data(), static_cast<int>(associated.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), blob.sealed.data(), &written, plain.data(), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), blob.sealed.data() + written, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kGcmTagBytes),
                          blob.sealed.data() + plain.size()) == 1;
  if (!done) return crypto_failed();
  return blob;
}

Result<SecretBytes> KeyRing::open(const BlobPlace& place, const SealedBlob& blob) const {
  const StorageKey* key = find(blob.key_id);
  if (key == nullptr) {
    return fail(ErrorCode::not_found, kField, Error::kNoOffset, "the key file lacks storage key " + std::to_string(blob.key_id));
  }
  if (blob.sealed.size() < kGcmTagBytes || blob.sealed.size() > kMaxBlobBytes + kGcmTagBytes) {
    return fail(ErrorCode::denied, kField, Error::kNoOffset, "the sealed secrets have an impossible size");
  }
  const std::size_t size = blob.sealed.size() - kGcmTagBytes;
  std::array<std::uint8_t, kGcmTagBytes> tag{};
  std::copy(blob.sealed.end() - static_cast<std::ptrdiff_t>(kGcmTagBytes), blob.sealed.end(), tag.begin());
  Wiped plain{Bytes(size)};
  const Bytes associated = associated_data(place, blob.key_id);
  const CipherContext context{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  int written = 0;
  const bool ready =
      context && aes_256_gcm() != nullptr &&
      EVP_DecryptInit_ex2(context.get(), aes_256_gcm(), key->reveal().data(), blob.nonce.data(), nullptr) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &written, associated.data(), static_cast<int>(associated.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), plain.bytes.data(), &written, blob.sealed.data(), static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1;
  if (!ready) return crypto_failed();
  if (EVP_DecryptFinal_ex(context.get(), plain.bytes.data() + written, &written) != 1) {
    return fail(ErrorCode::denied, kField, Error::kNoOffset, "the sealed secrets were changed, moved or sealed under another key");
  }
  return SecretBytes{ByteView{plain.bytes}};
}

Result<StorageKey> make_storage_key() {
  StorageKey key;
  if (RAND_priv_bytes(key.reveal_for_writing().data(), static_cast<int>(StorageKey::kSize)) != 1) return crypto_failed();
  return key;
}

SecretBytes encode_secrets(const AccountSecrets& secrets) {
  Wiped plain;
  plain.bytes.reserve(kFixedBytes + secrets.salt.size());
  const auto append = [&](ByteView bytes) { plain.bytes.insert(plain.bytes.end(), bytes.begin(), bytes.end()); };
  const std::size_t remembered = std::min(secrets.history.size(), kMaxPasswordHistory);
  plain.bytes.push_back(kSecretsFormat);
  plain.bytes.push_back(secrets.aes_keys == AesKeys::present ? kHasAesKeys : 0);
  append(secrets.nt_hash.reveal());
  append(secrets.aes256.reveal());
  append(secrets.aes128.reveal());
  plain.bytes.push_back(static_cast<std::uint8_t>(remembered));
  for (std::size_t i = 0; i < remembered; ++i) append(secrets.history[i].reveal());
  plain.bytes.resize(kFixedBytes);  // as long with a history as without
  append(as_bytes(secrets.salt));
  return SecretBytes{ByteView{plain.bytes}};
}

Result<AccountSecrets> decode_secrets(ByteView plain) {
  Reader in{plain};
  POSTERN_TRY(format, in.u8(kField));
  if (format != kSecretsFormat && format != kFirstFormat) {
    return fail(ErrorCode::unsupported, kField, 0, "stored secrets of an unknown format");
  }
  AccountSecrets secrets;
  if (format == kSecretsFormat) {
    POSTERN_TRY(flags, in.u8(kField));
    if ((flags & ~kHasAesKeys) != 0) return fail(ErrorCode::unsupported, kField, 1, "stored secrets with an unknown flag");
    secrets.aes_keys = flags == kHasAesKeys ? AesKeys::present : AesKeys::missing;
  }
  POSTERN_TRY(nt_hash, in.take(NtHash::kSize, kField));
  POSTERN_TRY(aes256, in.take(Aes256Key::kSize, kField));
  POSTERN_TRY(aes128, in.take(Aes128Key::kSize, kField));
  secrets.nt_hash = NtHash{nt_hash.first<NtHash::kSize>()};
  secrets.aes256 = Aes256Key{aes256.first<Aes256Key::kSize>()};
  secrets.aes128 = Aes128Key{aes128.first<Aes128Key::kSize>()};
  if (format == kSecretsFormat) {
    POSTERN_TRY(remembered, in.u8(kField));
    if (remembered > kMaxPasswordHistory) return fail(ErrorCode::malformed, kField, Error::kNoOffset, "too long a history");
    POSTERN_TRY(history, in.take(kMaxPasswordHistory * NtHash::kSize, kField));
    secrets.history.reserve(remembered);
    for (std::size_t i = 0; i < remembered; ++i) {
      secrets.history.emplace_back(history.subspan(i * NtHash::kSize).first<NtHash::kSize>());
    }
  }
  secrets.salt = std::string{as_text(in.rest())};
  return secrets;
}

}  // namespace postern::account
