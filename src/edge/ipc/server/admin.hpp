// Admin requests: domains, accounts, events, state of the authority. docs/admin-protocol.md is this file in prose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "account/store.hpp"
#include "authority/authority.hpp"
#include "authority/environment.hpp"
#include "edge/ipc/server/admin_policy.hpp"
#include "edge/ipc/server/server.hpp"

namespace postern::ipc {

/// Answers requests of admins. A request is `{"op": NAME, …}`, an answer `{"ok": …}` or `{"error": {code, message, field, hint}}`.
/// An observer gets `events` and `status` only. Thread-safe. `store`, `authority` and `environment` outlive it.
class Admin {
 public:
  Admin(account::Store& store, authority::Authority& authority, authority::Environment& environment)
      : store_{store}, authority_{authority}, environment_{environment} {}

  /// Before the first request.
  void set_policy_source(PolicySource source) { policy_source_ = std::move(source); }

  [[nodiscard]] std::string handle(std::string_view request, const AdminPeer& peer);

 private:
  account::Store& store_;
  authority::Authority& authority_;
  authority::Environment& environment_;
  PolicySource policy_source_{};
};

}  // namespace postern::ipc
