// Stage::verified: what detection found, and what is known of the account once its key was compared. A fact that restricts nothing
// has no say, and neither has one that nobody knows: who only watches cannot see into accounts.
#include <algorithm>

#include "policy/judge.hpp"

namespace postern::policy {

using event::Facts;

Judged judge_findings(const Policy& policy, const Facts& facts) {
  if (policy.deny_findings.empty()) return std::nullopt;
  for (const event::Finding& finding : facts.findings) {
    if (policy.deny_findings.contains(finding.id)) return deny({"detection found {a}: {b}", finding.id, finding.text});
  }
  return allow({"detection found nothing that denies"});
}

Judged judge_protected_user(const Facts& facts) {
  if (facts.account.protected_user != true) return std::nullopt;
  return deny({"the account is one of the Protected Users, who may not use NTLM"});
}

Judged judge_account_ntlm(const Facts& facts) {
  if (facts.account.ntlm_allowed != false) return std::nullopt;
  return deny({"NTLM is switched off for this account"});
}

Judged judge_account_networks(const Facts& facts) {
  if (facts.account.network_allowed != false) return std::nullopt;
  return deny({"this account may not log on from the client's network"});
}

Judged judge_account_state(const Facts& facts) {
  if (!facts.account.state || *facts.account.state == name_of(NtStatus::success)) return std::nullopt;
  return deny({"the account's own state says {a}", *facts.account.state});
}

}  // namespace postern::policy
