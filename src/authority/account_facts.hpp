// What the store knows of an account, as the facts that policy and detection read. Asked only once the password was proved: before
// that nothing of it may show (MS-APDS 3.1.5, R37).
#pragma once

#include "account/model.hpp"
#include "authority/account_cache.hpp"
#include "authority/config.hpp"
#include "authority/detection/findings.hpp"
#include "event/facts.hpp"

namespace postern::authority {

[[nodiscard]] event::AccountKind event_kind_of(account::AccountKind kind);

/// Fills name, SID, kind, `protected_user`, `ntlm_allowed`, `network_allowed` and `state` of `facts.account` from the account. The
/// client's address and claimed workstation are those in `facts`. `before`: the bad passwords before this logon's own charge.
void add_account_facts(event::Facts& facts, const account::Account& account, const account::BadPasswordState& before, FileTime now,
                       const Config& config);

/// The finding of a logon with a password that the account had before.
[[nodiscard]] event::Finding old_password_finding(PasswordAge age, const account::Account& account);

}  // namespace postern::authority
