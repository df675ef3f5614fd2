// The accounts that log on, in memory: their keys, and the counters that guesses are charged to (R39, R44).
//
// Each account has one slot, whoever asks; its mutex makes charge, comparison and refund one step, so that a thousand requests at
// once see a thousand charges. An account that does not exist has a slot as well, with keys that nobody knows, so that it costs the
// same (R37).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/store.hpp"
#include "base/bytes.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "ntlm/verification.hpp"

namespace postern::authority {

/// Where an account is looked for. A domain that is not ours has no id and no accounts.
struct AccountKey {
  account::DomainId domain{};
  std::string name_key{};  ///< account::name_key of the name
  auto operator<=>(const AccountKey&) const = default;
};

/// Which of an account's passwords a response proved.
enum class PasswordAge : std::uint8_t { current, previous, before_previous };

/// What verified, and of which password it is the proof.
struct SlotVerified {
  ntlm::ResponseVerified response;
  PasswordAge password = PasswordAge::current;
};

class AccountSlot {
 public:
  /// Hashes that each response is compared with: the account's, and those that the N-2 rule asks for.
  static constexpr std::size_t kCandidates = 1 + account::kHarmlessOldPasswords;

  /// Held while a logon of the account is judged. Everything below is guarded by it.
  std::mutex mutex{};
  std::optional<account::Account> account{};  ///< nothing: there is no such account
  std::array<NtHash, kCandidates> hashes{};   ///< of the account, newest first; of nobody where it has none
  account::BadPasswordState bad_passwords{};  ///< newer than the store's while commits are on their way

  /// ntlm::verify_response with each of `hashes`, whichever proves it, so that known accounts with and without a history and
  /// unknown ones do the same work (R37). What NTLMv2 makes of the hashes and the names is kept from one logon to the next,
  /// because a client writes its names the same each time; it goes with the hashes (R44).
  [[nodiscard]] Result<SlotVerified> verify(const ntlm::VerificationRequest& request, ntlm::VersionSet allowed);

 private:
  friend class AccountCache;
  struct PreparedKeys {
    Bytes user_utf16;
    Bytes domain_utf16;
    std::vector<ntlm::ResponseKeyNt> keys;  ///< one for each of `hashes`
  };
  static constexpr std::size_t kMaxPreparedNameBytes = 512;  ///< longer names are a stranger's, and not worth the memory
  std::optional<PreparedKeys> prepared_{};
  std::uint64_t stamp_ = 0;
  bool loaded_ = false;
  bool invalid_ = false;
};

class AccountCache {
 public:
  /// `decoy` stands in for the hash of accounts that do not exist; `store` outlives the cache.
  AccountCache(account::Store& store, NtHash decoy, std::size_t max_slots)
      : store_{store}, decoy_{std::move(decoy)}, max_slots_{max_slots} {}

  /// The slot, locked and as new as the store, until the returned object goes. Errors: the store's.
  class Locked {
   public:
    AccountSlot* operator->() const { return slot_.get(); }
    AccountSlot& operator*() const { return *slot_; }
    /// Keeps the slot in memory: held by whoever has a commit of its counters on the way.
    [[nodiscard]] std::shared_ptr<AccountSlot> share() const { return slot_; }

   private:
    friend class AccountCache;
    Locked(std::shared_ptr<AccountSlot> slot, std::unique_lock<std::mutex> lock) : slot_{std::move(slot)}, lock_{std::move(lock)} {}
    std::shared_ptr<AccountSlot> slot_;
    std::unique_lock<std::mutex> lock_;
  };
  [[nodiscard]] Result<Locked> lock(const AccountKey& key);
  /// The next `lock` of the slot reads the store.
  static void invalidate(AccountSlot& slot);

  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    AccountKey key;
    std::shared_ptr<AccountSlot> slot;
  };
  using Order = std::list<Entry>;

  std::shared_ptr<AccountSlot> slot_of(const AccountKey& key);
  Result<void> refresh(AccountSlot& slot, const AccountKey& key);

  account::Store& store_;
  const NtHash decoy_;
  const std::size_t max_slots_;
  mutable std::mutex mutex_{};
  Order order_{};  ///< last used first
  std::map<AccountKey, Order::iterator> index_{};
};

}  // namespace postern::authority
