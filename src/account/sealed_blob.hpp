// Secrets at rest: AES-256-GCM under a storage key, bound to the row they belong to (R30, R44).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "account/model.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::account {

using StorageKey = Secret<struct StorageKeyTag, 32>;
using KeyId = std::uint32_t;  ///< from 1

inline constexpr std::size_t kGcmNonceBytes = 12;
inline constexpr std::size_t kGcmTagBytes = 16;
inline constexpr std::size_t kMaxBlobBytes = 4096;
inline constexpr std::size_t kMaxStorageKeys = 64;

/// The row that a blob belongs to. It is the associated data, so the blob opens nowhere else.
struct BlobPlace {
  AccountId account{};
  AccountKind kind = AccountKind::domain;
  std::uint32_t key_version = 0;
};

struct SealedBlob {
  KeyId key_id = 0;
  std::array<std::uint8_t, kGcmNonceBytes> nonce{};
  Bytes sealed{};  ///< ciphertext and the 16-byte tag
};

/// Storage keys by id, one of them active. Immutable once shared between threads.
class KeyRing {
 public:
  /// Adds a key and makes it the active one. `conflict` if the id is there, `invalid_input` if it is 0, `too_large` over
  /// kMaxStorageKeys.
  Result<void> add(KeyId id, StorageKey key);
  Result<void> activate(KeyId id);  ///< not_found
  void remove_all_but_active();

  [[nodiscard]] KeyId active() const { return active_; }
  [[nodiscard]] std::vector<KeyId> ids() const;  ///< ascending
  [[nodiscard]] const StorageKey* find(KeyId id) const;
  [[nodiscard]] KeyRing duplicate() const;

  /// Seals under the active key with a fresh random nonce.
  [[nodiscard]] Result<SealedBlob> seal(const BlobPlace& place, ByteView plain) const;
  /// `not_found` without the key; `denied` if the blob was changed, or sealed for another place or under another key of that id.
  [[nodiscard]] Result<SecretBytes> open(const BlobPlace& place, const SealedBlob& blob) const;

 private:
  std::map<KeyId, StorageKey> keys_{};
  KeyId active_ = 0;
};

/// A new random storage key, from OpenSSL's generator for private values.
[[nodiscard]] Result<StorageKey> make_storage_key();

/// The bytes inside a blob: u8 format 2, u8 flags (1: there are AES keys), NT hash, AES-256 key, AES-128 key (zeros without), u8
/// number of remembered passwords, their NT hashes newest first in a field of kMaxPasswordHistory, salt in UTF-8 to the end. All
/// accounts' are of one length but for the salt. Format 1 is read as well: NT hash, AES keys, salt, and no history.
[[nodiscard]] SecretBytes encode_secrets(const AccountSecrets& secrets);
[[nodiscard]] Result<AccountSecrets> decode_secrets(ByteView plain);

}  // namespace postern::account
