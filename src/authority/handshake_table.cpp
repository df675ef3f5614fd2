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
    if (entry != share.entries.end() && entry->second.expires_ticks <= now_ticks) {
      share.entries.erase(entry);
      --count_of_peer_[share.peer_uid];
    }
    share.by_age.pop_front();
  }
  // Finished handshakes leave their place in the order behind: it is swept when most of it is such places.
  if (share.by_age.size() > 64 && share.by_age.size() > 2 * share.entries.size()) {
    std::erase_if(share.by_age, [&share](const auto& place) { return !share.entries.contains(place.second); });
  }
}

void HandshakeTable::expire_all_of(std::uint32_t peer_uid, std::uint64_t now_ticks) {
  for (auto& [connection, share] : shares_) {
    if (share.peer_uid == peer_uid) expire(share, now_ticks);
  }
}

bool HandshakeTable::add(std::uint32_t peer_uid, PeerConnection connection, const ntlm::HandshakeId& id, HalfOpen handshake,
                         std::uint64_t now_ticks, std::size_t max_of_peer) {
  const std::lock_guard lock{mutex_};
  Share& share = shares_.try_emplace(connection, Share{.peer_uid = peer_uid}).first->second;
  expire(share, now_ticks);
  std::size_t& count = count_of_peer_[peer_uid];
  if (count >= max_of_peer) expire_all_of(peer_uid, now_ticks);  // what is too old on its idle connections makes room
  if (count >= max_of_peer) return false;
  const std::uint64_t expires = now_ticks + lifetime_ticks_;
  if (!share.entries.emplace(id, Entry{expires, std::move(handshake)}).second) return false;
  share.by_age.emplace_back(expires, id);
  ++count;
  return true;
}

std::optional<HalfOpen> HandshakeTable::take(PeerConnection connection, const ntlm::HandshakeId& id, std::uint64_t now_ticks) {
  const std::lock_guard lock{mutex_};
  const auto share = shares_.find(connection);
  if (share == shares_.end()) return std::nullopt;
  expire(share->second, now_ticks);
  auto node = share->second.entries.extract(id);
  if (node.empty()) return std::nullopt;
  --count_of_peer_[share->second.peer_uid];
  if (node.mapped().expires_ticks <= now_ticks) return std::nullopt;
  return std::move(node.mapped().handshake);
}

void HandshakeTable::drop_connection(PeerConnection connection) {
  const std::lock_guard lock{mutex_};
  const auto share = shares_.find(connection);
  if (share == shares_.end()) return;
  count_of_peer_[share->second.peer_uid] -= share->second.entries.size();
  shares_.erase(share);
}

std::size_t HandshakeTable::size() const {
  const std::lock_guard lock{mutex_};
  std::size_t total = 0;
  for (const auto& [uid, count] : count_of_peer_) total += count;
  return total;
}

}  // namespace postern::authority
