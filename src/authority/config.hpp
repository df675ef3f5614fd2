// What the authority is told: its names, its services and their policy, its peers and their rights, its limits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/breached.hpp"
#include "account/lockout.hpp"
#include "account/model.hpp"
#include "authority/detection/observation.hpp"
#include "base/text.hpp"
#include "event/names.hpp"
#include "ntlm/acceptor.hpp"
#include "policy/policy.hpp"

namespace postern::authority {

/// A service that edges speak for. Its policy is whole: the file's defaults have been laid under it.
struct Service {
  std::string name{};
  event::Service kind = event::Service::http;
  policy::Policy policy{};
};

/// What a peer of the socket may do beyond asking for verdicts (R31).
enum class SessionKeys : bool { withheld, released };

/// A program that may connect, by the uid it runs under.
struct Peer {
  std::string name{};
  std::uint32_t uid = 0;
  std::vector<std::string> services{};
  SessionKeys session_keys = SessionKeys::withheld;
  std::size_t max_half_open =
      50'000;  ///< handshakes begun and not finished, of all its connections; more than a gateway keeps (32 768)
  std::size_t max_outstanding = 4'096;  ///< requests read and not answered, of one connection
};

/// NetBIOS names that are left empty come from the host and from the first domain.
struct Config {
  ntlm::ServerNames names{};
  std::string default_domain{};  ///< for users without one; empty: the only domain there is
  CodePage oem_code_page = CodePage::cp850;
  account::LockoutPolicy lockout{};
  account::PasswordAgePolicy password_age{};
  account::OldPasswordPolicy old_password{};
  account::PasswordRules password_rules{};
  std::shared_ptr<const account::BreachedHashes> breached_hashes{};  ///< that a new password must not be on; may be null
  std::chrono::seconds handshake_lifetime{60};                       ///< R40
  std::size_t cached_accounts = 10'000;                              ///< whose keys are kept in memory (R44)
  std::size_t max_queued_commits = 100'000;                          ///< logons that wait to be recorded; more are denied (R33)
  detection::Settings detection{};
  std::vector<Service> services{};
  std::vector<Peer> peers{};
};

}  // namespace postern::authority
