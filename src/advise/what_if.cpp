#include "advise/what_if.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "advise/predict_at.hpp"
#include "event/facts.hpp"
#include "inventory/dependency.hpp"
#include "policy/evaluate.hpp"

namespace postern::advise {
namespace {

using event::Decision;
using event::LogonEvent;
using event::Outcome;
using event::Stage;

policy::Decisions ask(policy::Points points, const policy::Policy& policy, const LogonEvent& event, Stage stage) {
  return policy::evaluate(policy, facts_at(event, stage), stage, points);
}

/// A lone LM field that was blocked before anybody compared it: LM by its shape, and perhaps LMv2.
bool may_be_lm_v2(const LogonEvent& event) {
  return event.ntlm.version == event::NtlmVersion::lm && event.outcome == Outcome::blocked && !event.account.sid;
}

/// Whether the password was right, or nobody knows: then the last stage was asked, or would be.
bool came_to_the_last_stage(const LogonEvent& event) {
  if (!event.status) return false;
  switch (static_cast<NtStatus>(event.status->code)) {
    case NtStatus::wrong_password:
    case NtStatus::no_such_user:
    case NtStatus::logon_failure:
    case NtStatus::account_locked_out: return false;
    default: return true;
  }
}

bool same(const Cause& cause, const Prediction& prediction) {
  const event::PolicyDecision& other = *prediction.decisive;
  return cause.effect == prediction.effect && cause.status == prediction.status && cause.decision.point == other.point &&
         cause.decision.stage == other.stage && cause.decision.setting == other.setting && cause.decision.value == other.value;
}

}  // namespace

const policy::Policy& Policies::of(const LogonEvent& event) const {
  if (!event.server.name) return others;
  const auto found = by_service.find(*event.server.name);
  return found == by_service.end() ? others : found->second;
}

event::Facts facts_at(const LogonEvent& event, Stage stage) {
  event::Facts facts = event::facts_of(event);
  if (stage == Stage::verified) return facts;
  if (facts.ntlm.mic == event::Mic::verified || facts.ntlm.mic == event::Mic::wrong) facts.ntlm.mic = event::Mic::present;
  if (facts.ntlm.version == event::NtlmVersion::lm_v2) facts.ntlm.version = event::NtlmVersion::lm;
  event::Account& account = facts.account;
  account.sid.reset();
  account.protected_user.reset();
  account.ntlm_allowed.reset();
  account.network_allowed.reset();
  account.state.reset();
  return facts;
}

Prediction predict(const policy::Policy& policy, const LogonEvent& event) {
  return predict_at(policy::Points::all(), policy, event);
}

Prediction predict_at(policy::Points points, const policy::Policy& policy, const LogonEvent& event) {
  Prediction prediction;
  prediction.policy = &policy;
  if (event.package == event::Package::kerberos) {
    prediction.effect = Effect::not_ntlm;
    return prediction;
  }
  policy::Decisions decisions = ask(points, policy, event, Stage::verified);
  const Decision verdict = decisions.verdict();
  Stage denied_at = Stage::verified;  // which may be later than the decision's own stage: a lone LM field shows late what it is
  if (verdict == Decision::deny) {
    // The first stage that denies, as the authority would come to it.
    for (const Stage stage : {Stage::negotiate, Stage::response}) {
      policy::Decisions earlier = ask(points, policy, event, stage);
      if (!earlier.denied()) continue;
      decisions = std::move(earlier);
      denied_at = stage;
      break;
    }
    prediction.status = policy::status_for(decisions);
  }
  if (verdict != Decision::allow) prediction.decisive = decisions.entries().front();
  if (denied_at == Stage::verified && may_be_lm_v2(event)) {
    event::Facts facts = facts_at(event, Stage::verified);
    facts.ntlm.version = event::NtlmVersion::lm_v2;
    const policy::Ruling other = policy::rule(policy, facts, Stage::verified, points);
    if (other.verdict != verdict || other.status != prediction.status) {
      prediction.effect = Effect::undecided;
      prediction.status = NtStatus::success;
      prediction.decisive = event::PolicyDecision{event::Point::account_dc,
                                                  Stage::verified,
                                                  std::string{policy::kLmCompatibilityLevel},
                                                  policy::value_of(policy, policy::kLmCompatibilityLevel),
                                                  Decision::depends,
                                                  "the LM field may hold LMv2, and nobody compared it"};
      return prediction;
    }
  }

  if (event.outcome == Outcome::failure) {
    // A wrong password stays wrong. What is denied before it is compared, or before the account's state is asked, would end with
    // another status.
    prediction.effect = Effect::failed_anyway;
    bool before = verdict == Decision::deny;
    if (before && denied_at == Stage::verified) {
      // A wrong MIC is found by the handshake and not by policy, whatever the policy says of it.
      const bool policy_says = prediction.decisive->setting != policy::kAccountState && event.ntlm.mic != event::Mic::wrong;
      before = policy_says && came_to_the_last_stage(event);
    }
    if (!before) {
      prediction.decisive.reset();
      prediction.status = NtStatus::success;
    }
    return prediction;
  }
  const bool was_blocked = event.outcome == Outcome::blocked;
  switch (verdict) {
    case Decision::deny: prediction.effect = was_blocked ? Effect::still_blocked : Effect::newly_blocked; break;
    case Decision::depends: prediction.effect = Effect::undecided; break;
    case Decision::audit: prediction.effect = was_blocked ? Effect::released : Effect::audited; break;
    case Decision::allow: prediction.effect = was_blocked ? Effect::released : Effect::allowed; break;
  }
  return prediction;
}

std::uint64_t Group::events() const { return std::accumulate(effects.begin(), effects.end(), std::uint64_t{0}); }
std::uint64_t WhatIf::Tally::events() const { return std::accumulate(effects.begin(), effects.end(), std::uint64_t{0}); }

void WhatIf::Tally::add(const Prediction& prediction, const LogonEvent& event) {
  ++effects[static_cast<std::size_t>(prediction.effect)];
  if (!prediction.decisive) return;
  auto cause = std::ranges::find_if(causes, [&](const Cause& known) { return same(known, prediction); });
  if (cause == causes.end()) {
    causes.push_back({prediction.effect, *prediction.decisive, prediction.status, 0, {}});
    cause = causes.end() - 1;
  }
  ++cause->events;
  if (event.id && cause->examples.size() < kMaxExamples) cause->examples.push_back(event.id->text());
}

Group WhatIf::Tally::group() const {
  Group group;
  group.name = name;
  group.effects = effects;
  group.causes = causes;
  std::ranges::stable_sort(group.causes, [](const Cause& a, const Cause& b) {
    return std::tuple{static_cast<int>(a.effect), b.events} < std::tuple{static_cast<int>(b.effect), a.events};
  });
  return group;
}

bool WhatIf::Groups::add(const std::string& name, std::size_t max, const Prediction& prediction, const LogonEvent& event) {
  const std::string key = inventory::folded_name(name);
  auto found = by_name.find(key);
  if (found == by_name.end() && by_name.size() < max) {
    found = by_name.try_emplace(key).first;
    found->second.name = name;
  }
  Tally& tally = found == by_name.end() ? other : found->second;
  tally.add(prediction, event);
  return found == by_name.end();
}

std::vector<Group> WhatIf::Groups::sorted() const {
  std::vector<Group> groups;
  groups.reserve(by_name.size() + 1);
  for (const auto& [key, tally] : by_name) groups.push_back(tally.group());  // by name, which a stable sort keeps
  std::ranges::stable_sort(groups, [](const Group& a, const Group& b) {
    return std::tuple{b.count(Effect::newly_blocked), b.count(Effect::undecided)} <
           std::tuple{a.count(Effect::newly_blocked), a.count(Effect::undecided)};
  });
  if (other.events() > 0) {
    groups.push_back(other.group());
    groups.back().other = true;
  }
  return groups;
}

WhatIf::WhatIf(Policies policies, std::size_t max_groups) : policies_{std::move(policies)}, max_groups_{max_groups} {}

void WhatIf::add(const LogonEvent& event) {
  const Prediction prediction = predict(policies_.of(event), event);
  const inventory::Names names = inventory::names_of(event);
  all_.add(prediction, event);
  bool other = clients_.add(names.client, max_groups_, prediction, event);
  other = accounts_.add(names.account, max_groups_, prediction, event) || other;
  other = servers_.add(names.server, max_groups_, prediction, event) || other;
  grouped_as_other_ += other ? 1 : 0;
}

Report WhatIf::report() const {
  return {all_.group(), clients_.sorted(), accounts_.sorted(), servers_.sorted(), grouped_as_other_};
}

Report what_if(const Policies& policies, std::span<const LogonEvent> events) {
  WhatIf run{policies};
  for (const LogonEvent& event : events) run.add(event);
  return run.report();
}

}  // namespace postern::advise
