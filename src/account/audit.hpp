// The audit of accounts: what an admin should mend. It compares hashes in memory and tells names only (R29).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "account/breached.hpp"
#include "account/store.hpp"
#include "base/result.hpp"

namespace postern::account {

struct AuditTerms {
  FileTime now{};
  LockoutPolicy lockout{};
  std::chrono::days old_after{365};          ///< a password that is older is named
  const BreachedHashes* breached = nullptr;  ///< null: no list is configured
};

/// Accounts as DOMAIN\name, in the order of domains and names.
struct Audit {
  std::size_t accounts = 0;
  std::vector<std::vector<std::string>> shared_passwords{};  ///< each group has one password
  bool breached_checked = false;                             ///< false: no list is configured, so `breached` says nothing
  std::vector<std::string> breached{};
  std::vector<std::string> never_used{};
  /// Logged on over NTLM, and no Kerberos logon is known. The authority serves no Kerberos yet: today that is each account in use.
  std::vector<std::string> ntlm_only{};
  std::vector<std::string> without_aes_keys{};
  std::vector<std::string> old_passwords{};  ///< of people: a machine's password does not age
  std::vector<std::string> must_change{};
  std::vector<std::string> disabled{};
  std::vector<std::string> expired{};
  std::vector<std::string> locked{};
  std::vector<std::string> protected_users{};
  std::vector<std::string> canaries{};
};

/// Errors: the store's, the list's.
[[nodiscard]] Result<Audit> audit(Store& store, const AuditTerms& terms);

}  // namespace postern::account
