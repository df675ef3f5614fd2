#include "authority/account_cache.hpp"

#include <algorithm>
#include <iterator>

namespace postern::authority {

Result<SlotVerified> AccountSlot::verify(const ntlm::VerificationRequest& request, ntlm::VersionSet allowed) {
  const bool worth_keeping = request.version == wire::ResponseVersion::ntlm_v2 &&
                             request.user_utf16.size() + request.domain_utf16.size() <= kMaxPreparedNameBytes;
  const bool fits = prepared_ && std::ranges::equal(prepared_->user_utf16, request.user_utf16) &&
                    std::ranges::equal(prepared_->domain_utf16, request.domain_utf16);
  if (worth_keeping && !fits) {
    PreparedKeys prepared{to_bytes(request.user_utf16), to_bytes(request.domain_utf16), {}};
    prepared.keys.reserve(hashes.size());
    for (const NtHash& hash : hashes) prepared.keys.emplace_back(hash, request.user_utf16, request.domain_utf16);
    prepared_.emplace(std::move(prepared));
  }
  Result<SlotVerified> outcome = fail(ErrorCode::internal, "nothing was compared");
  for (std::size_t i = hashes.size(); i-- > 0;) {  // the newest last: its proof and its error are the ones that stay
    auto verified = worth_keeping ? ntlm::verify_response(request, hashes[i], allowed, prepared_->keys[i])
                                  : ntlm::verify_response(request, hashes[i], allowed);
    if (verified) {
      outcome = SlotVerified{std::move(*verified), static_cast<PasswordAge>(i)};
    } else if (!outcome) {
      outcome = std::unexpected{std::move(verified).error()};
    }
  }
  return outcome;
}

std::shared_ptr<AccountSlot> AccountCache::slot_of(const AccountKey& key) {
  const std::lock_guard lock{mutex_};
  if (const auto known = index_.find(key); known != index_.end()) {
    order_.splice(order_.begin(), order_, known->second);
    return order_.front().slot;
  }
  // A slot that is in use, or has counters on their way to the store, stays: its memory is ahead of the store.
  for (auto place = order_.end(); order_.size() >= max_slots_ && place != order_.begin();) {
    --place;
    if (place->slot.use_count() > 1) continue;
    index_.erase(place->key);
    place = order_.erase(place);
  }
  order_.push_front(Entry{key, std::make_shared<AccountSlot>()});
  index_.emplace(key, order_.begin());
  return order_.front().slot;
}

Result<void> AccountCache::refresh(AccountSlot& slot, const AccountKey& key) {
  const std::uint64_t stamp = store_.change_stamp(key.domain, key.name_key);
  if (slot.loaded_ && !slot.invalid_ && slot.stamp_ == stamp) return {};
  POSTERN_TRY(found, store_.find_account(key.domain, key.name_key));
  slot.prepared_.reset();
  if (!found) {
    if (slot.account) slot.bad_passwords = {};
    slot.account.reset();
    for (NtHash& hash : slot.hashes) hash = decoy_.duplicate();
    slot.stamp_ = stamp;
  } else {
    // The same counters version: nobody reset the counters, and ours may be ahead of what was committed.
    const bool ours_are_newer =
        slot.account && slot.account->id == found->account.id && slot.account->counters_version == found->account.counters_version;
    if (!ours_are_newer) slot.bad_passwords = found->account.bad_passwords;
    std::vector<NtHash>& history = found->secrets.history;
    slot.hashes[0] = std::move(found->secrets.nt_hash);
    for (std::size_t i = 1; i < slot.hashes.size(); ++i) {
      slot.hashes[i] = i <= history.size() ? std::move(history[i - 1]) : decoy_.duplicate();
    }
    slot.stamp_ = found->change_stamp;
    slot.account.emplace(std::move(found->account));
  }
  slot.loaded_ = true;
  slot.invalid_ = false;
  return {};
}

Result<AccountCache::Locked> AccountCache::lock(const AccountKey& key) {
  std::shared_ptr<AccountSlot> slot = slot_of(key);
  std::unique_lock lock{slot->mutex};
  POSTERN_CHECK(refresh(*slot, key));
  return Locked{std::move(slot), std::move(lock)};
}

void AccountCache::invalidate(AccountSlot& slot) {
  const std::lock_guard lock{slot.mutex};
  slot.invalid_ = true;
}

std::size_t AccountCache::size() const {
  const std::lock_guard lock{mutex_};
  return order_.size();
}

}  // namespace postern::authority
