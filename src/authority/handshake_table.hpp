// The half-open handshakes: minted here, good once, for a minute, for the connection that began them (R40, R34).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "ntlm/authority_protocol.hpp"
#include "ntlm/spnego_acceptor.hpp"

namespace postern::authority {

/// One connection of a peer to the authority's socket.
using PeerConnection = std::uint64_t;

struct HalfOpen {
  std::string service{};
  ntlm::ConnectionFacts connection{};
  FileTime server_time{};
  std::shared_ptr<const ntlm::ServerNames> names{};  ///< those that the CHALLENGE gave
  ntlm::NegotiatedLogon logon;
};

class HandshakeTable {
 public:
  explicit HandshakeTable(std::chrono::seconds lifetime) : lifetime_ticks_{static_cast<std::uint64_t>(lifetime.count()) * kTicks} {}

  /// Takes the handshake in. False if the peer, known by its uid, has `max_of_peer` on all its connections: then the caller
  /// refuses.
  [[nodiscard]] bool add(std::uint32_t peer_uid, PeerConnection connection, const ntlm::HandshakeId& id, HalfOpen handshake,
                         std::uint64_t now_ticks, std::size_t max_of_peer);
  /// Takes the handshake out: the second caller, another connection and a caller after the lifetime get nothing.
  [[nodiscard]] std::optional<HalfOpen> take(PeerConnection connection, const ntlm::HandshakeId& id, std::uint64_t now_ticks);
  /// Forgets all of a connection that has ended.
  void drop_connection(PeerConnection connection);
  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::uint64_t kTicks = 10'000'000;

  struct IdHash {
    std::size_t operator()(const ntlm::HandshakeId& id) const noexcept;
  };
  struct Entry {
    std::uint64_t expires_ticks;
    HalfOpen handshake;
  };
  /// The entries of one connection, and their order of age: expiry costs nothing until it is due.
  struct Share {
    std::uint32_t peer_uid = 0;
    std::unordered_map<ntlm::HandshakeId, Entry, IdHash> entries{};
    std::deque<std::pair<std::uint64_t, ntlm::HandshakeId>> by_age{};
  };
  void expire(Share& share, std::uint64_t now_ticks);
  void expire_all_of(std::uint32_t peer_uid, std::uint64_t now_ticks);

  const std::uint64_t lifetime_ticks_;
  mutable std::mutex mutex_{};
  std::map<PeerConnection, Share> shares_{};
  std::map<std::uint32_t, std::size_t> count_of_peer_{};  ///< by uid: entries in all its shares
};

}  // namespace postern::authority
