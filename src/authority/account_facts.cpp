#include "authority/account_facts.hpp"

namespace postern::authority {

event::AccountKind event_kind_of(account::AccountKind kind) {
  switch (kind) {
    case account::AccountKind::domain: return event::AccountKind::domain;
    case account::AccountKind::local: return event::AccountKind::local;
    case account::AccountKind::machine: return event::AccountKind::machine;
  }
  return event::AccountKind::unknown;
}

void add_account_facts(event::Facts& facts, const account::Account& account, const account::BadPasswordState& before, FileTime now,
                       const Config& config) {
  facts.account.kind = event_kind_of(account.kind);
  facts.account.sid = account.sid;
  facts.account.name = account.name;
  facts.account.protected_user = account::is_protected_user(account);
  facts.account.ntlm_allowed = account.ntlm_allowed;
  facts.account.network_allowed = account::network_allowed(account, facts.client.address.value_or(""));
  const auto state =
      account::account_state(account, before, now, config.lockout, config.password_age, facts.client.workstation.value_or(""));
  facts.account.state = name_of(state.value_or(NtStatus::success));
}

event::Finding old_password_finding(PasswordAge age, const account::Account& account) {
  const std::string which = age == PasswordAge::previous ? "the last one before" : "the one before the last";
  return detection::finding(detection::Id::old_password,
                            which + "; the password was set at " + account.password_set_at.to_rfc3339());
}

}  // namespace postern::authority
