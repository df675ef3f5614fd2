#include "authority/handshake_table.hpp"

#include <cstring>

namespace postern::authority {

std::size_t HandshakeTable::IdHash::operator()(const ntlm::HandshakeId& id) const noexcept {
  std::size_t hash = 0;  // the id is random: any part of it is a hash
  std::memcpy(&hash, id.bytes().data(), sizeof hash);
  return hash;
}

void HandshakeTable::expire(Share& share, std::uint64_t now_ticks) {
  while (!share.by_age.empty() && share.by_age.front().first <= now_ticks) {
    const auto entry = share.entries.find(share.by_age.front().second);
    if (entry != share.entries.end() && entry->second.expires_ticks <= now_ticks) share.entries.erase(entry);
    share.by_age.pop_front();
  }
  // Finished handshakes leave their place in the order behind: it is swept when most of it is such places.
  if (share.by_age.size() > 64 && share.by_age.size() > 2 * share.entries.size()) {
    std::erase_if(share.by_age, [&share](const auto& place) { return !share.entries.contains(place.second); });
  }
}

bool HandshakeTable::add(PeerConnection connection, const ntlm::HandshakeId& id, HalfOpen handshake, std::uint64_t now_ticks,
                         std::size_t max_of_connection) {
  const std::lock_guard lock{mutex_};
  Share& share = shares_[connection];
  expire(share, now_ticks);
  if (share.entries.size() >= max_of_connection) return false;
  const std::uint64_t expires = now_ticks + lifetime_ticks_;
  share.by_age.emplace_back(expires, id);
  return share.entries.emplace(id, Entry{expires, std::move(handshake)}).second;
}

std::optional<HalfOpen> HandshakeTable::take(PeerConnection connection, const ntlm::HandshakeId& id, std::uint64_t now_ticks) {
  const std::lock_guard lock{mutex_};
  const auto share = shares_.find(connection);
  if (share == shares_.end()) return std::nullopt;
  expire(share->second, now_ticks);
  auto node = share->second.entries.extract(id);
  if (node.empty() || node.mapped().expires_ticks <= now_ticks) return std::nullopt;
  return std::move(node.mapped().handshake);
}

void HandshakeTable::drop_connection(PeerConnection connection) {
  const std::lock_guard lock{mutex_};
  shares_.erase(connection);
}

std::size_t HandshakeTable::size() const {
  const std::lock_guard lock{mutex_};
  std::size_t count = 0;
  for (const auto& [connection, share] : shares_) count += share.entries.size();
  return count;
}

}  // namespace postern::authority
