// The authority's two sockets: one for edges, one for admins (R31).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"
#include "base/result.hpp"

namespace postern::ipc {

struct ServerConfig {
  std::string socket_path{};
  std::string admin_socket_path{};
  std::uint32_t socket_mode = 0660;             ///< who may connect at all; who may ask is decided by the peer's uid
  std::string socket_group{};                   ///< group of the socket; empty: the process's own
  std::vector<authority::Peer> peers{};         ///< by uid; a process of another uid is turned away
  std::vector<std::uint32_t> admin_uids{};      ///< beside the process's own uid and root
  std::vector<std::uint32_t> observer_uids{};   ///< may use the admin socket for what changes nothing and shows no account
  std::size_t workers = 2;                      ///< threads that judge
  std::size_t max_connections_per_peer = 1024;  ///< counted by uid
};

/// What a process on the admin socket may ask for.
enum class AdminRights : std::uint8_t { everything, observe };
struct AdminPeer {
  std::uint32_t uid = 0;
  AdminRights rights = AdminRights::observe;
};

/// Answers one admin request; both are JSON texts (docs/admin-protocol.md).
using AdminHandler = std::function<std::string(std::string_view request, const AdminPeer& peer)>;

inline constexpr std::size_t kMaxAdminRequestBytes = 1024 * 1024;
inline constexpr std::size_t kMaxAdminReplyBytes = 64 * 1024 * 1024;

class Server {
 public:
  /// Binds both sockets; what is left of a dead server under the same path is removed, a live one is a `conflict`.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(ServerConfig config, authority::Authority& authority,
                                                              AdminHandler admin);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  virtual ~Server() = default;

  /// Serves until `stop`; runs signal handlers given by `on_signal` on its own thread.
  virtual void run() = 0;
  /// Stops accepting, answers what was asked, ends `run`. May be called from any thread.
  virtual void stop() = 0;
  /// Takes new peers, admins and observers. Connections of a peer that is none any more end; the others have its new rights and
  /// limits. An admin's or observer's rights are looked up for each request.
  virtual void set_peers(std::vector<authority::Peer> peers, std::vector<std::uint32_t> admin_uids,
                         std::vector<std::uint32_t> observer_uids) = 0;
  /// Calls `handler` on the server's thread when one of the signals comes.
  virtual void on_signal(std::vector<int> signals, std::function<void(int)> handler) = 0;

 protected:
  Server() = default;
};

}  // namespace postern::ipc
