// What holds for every policy and all facts.
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "event/random_event.hpp"
#include "policy/random_logon.hpp"

namespace postern::policy {
namespace {

using test::RandomLogons;

constexpr std::uint64_t kSeed = 20261125;
constexpr int kLogons = 2000;
constexpr Stage kStages[] = {Stage::negotiate, Stage::response, Stage::verified};
constexpr Points kPoints[] = {Points::authority(),   Points::client(),         Points::all(),
                              Points{Point::server}, Points{Point::server_dc}, Points{Point::account_dc}};

/// How far from being let in.
int strictness(Decision verdict) { return verdict == Decision::deny ? 2 : verdict == Decision::depends ? 1 : 0; }

std::string told(const Policy& policy, const Decisions& decisions) {
  std::string text;
  for (const Setting& setting : settings_of(policy)) text += std::string{setting.name} + "=" + setting.value + ' ';
  for (const PolicyDecision& entry : decisions.entries()) {
    text += "\n" + std::string{name_of(entry.point)} + ' ' + std::string{name_of(entry.decision)} + ' ' + entry.setting + ": " +
            entry.why;
  }
  return text;
}

TEST(PolicyProperties, ARulingIsWhatTheEntriesSay) {
  RandomLogons random{kSeed};
  for (int i = 0; i < kLogons; ++i) {
    const Policy policy = random.policy();
    const event::Facts facts = random.facts();
    for (const Stage stage : kStages) {
      const Points points = kPoints[random.below(std::size(kPoints))];
      const Decisions decisions = evaluate(policy, facts, stage, points);
      ASSERT_EQ(rule(policy, facts, stage, points), decisions.ruling()) << told(policy, decisions);
      ASSERT_EQ(evaluate(policy, facts, stage, points).entries(), decisions.entries()) << "not the same twice";
      if (decisions.entries().empty()) {
        ASSERT_EQ(decisions.verdict(), Decision::allow);
        continue;
      }
      ASSERT_EQ(decisions.verdict(), decisions.entries().front().decision);
      ASSERT_EQ(status_for(decisions), status_for(decisions.entries().front())) << told(policy, decisions);
      int last = 3;
      for (const PolicyDecision& entry : decisions.entries()) {
        const int now = entry.decision == Decision::audit ? 0 : entry.decision == Decision::allow ? -1 : strictness(entry.decision);
        ASSERT_LE(now, last) << "denials, then depends, audits, allowances";
        last = now;
        ASSERT_LE(entry.stage, stage);
        ASSERT_TRUE(points.has(entry.point));
        ASSERT_FALSE(entry.why.empty() || entry.value.empty()) << entry.setting;
        ASSERT_EQ(entry.why.find('{'), std::string::npos) << entry.why;
      }
    }
  }
}

TEST(PolicyProperties, ATighterValueNeverLetsInMore) {
  RandomLogons random{kSeed + 1};
  std::set<std::string_view> decided;  // settings that made a difference, so that the test cannot pass by asking nothing
  for (int i = 0; i < kLogons / 4; ++i) {
    const event::Facts facts = random.facts();
    const Policy base = random.policy();
    for (const auto& [name, values] : RandomLogons::choices()) {
      for (const Points points : kPoints) {
        int before = 0;
        for (const std::string& value : values) {
          Policy policy = base;
          ASSERT_TRUE(set(policy, name, value)) << name << ' ' << value;
          const int now = strictness(rule(policy, facts, Stage::verified, points).verdict);
          ASSERT_GE(now, before) << name << " = " << value << '\n'
                                 << told(policy, evaluate(policy, facts, Stage::verified, points));
          if (now > before && &value != &values.front()) decided.insert(name);
          before = now;
        }
      }
    }
  }
  for (const auto& [name, values] : RandomLogons::choices()) {
    if (name == kAuditReceivingNTLMTraffic || name == kAuditNTLMInDomain) continue;
    EXPECT_TRUE(decided.contains(name)) << name << " never decided";
  }
}

TEST(PolicyProperties, ALaterStageTakesNoDenialBack) {
  RandomLogons random{kSeed + 2};
  for (int i = 0; i < kLogons; ++i) {
    const Policy policy = random.policy();
    const event::Facts facts = random.facts();
    for (const Points points : kPoints) {
      if (rule(policy, facts, Stage::negotiate, points).denied()) {
        ASSERT_TRUE(rule(policy, facts, Stage::response, points).denied());
      }
    }
  }
}

/// Takes one fact away; false where its absence says something of its own: that no observer gathered the facts, that nobody can see
/// into the account, that the service named no names, that detection found nothing. A wrong MIC is refused by the handshake, so at
/// `never` nobody asks for it.
bool forget_one(const Policy& policy, event::Facts& facts, RandomLogons& random) {
  switch (random.below(19)) {
    case 0: facts.time.reset(); return true;
    case 1: facts.ntlm.version.reset(); return true;
    case 2:
      facts.ntlm.negotiate_flags.reset();
      facts.ntlm.sign.reset();
      return true;
    case 3: facts.ntlm.mic.reset(); return policy.require_mic != Level::never;
    case 4: facts.ntlm.channel_binding.reset(); return true;
    case 5: facts.ntlm.spn_check.reset(); return facts.source_kind != event::SourceKind::authority;
    case 6: facts.ntlm.client_time.reset(); return true;
    case 7: facts.ntlm.server_time.reset(); return true;
    case 8: facts.ntlm.timestamp_offered.reset(); return true;
    case 9: facts.ntlm.server_names.nb_computer.reset(); return true;
    case 10: facts.ntlm.server_names.dns_computer.reset(); return true;
    case 11: facts.account.domain.reset(); return true;
    case 12: facts.account.name.reset(); return true;
    case 13: facts.client.address.reset(); return true;
    case 14: facts.server.service.reset(); return true;
    case 15: facts.server.domain_member.reset(); return true;
    case 16: facts.transport.tls.reset(); return true;
    case 17: facts.ntlm.spn.reset(); return facts.source_kind.has_value();
    default: facts.server.name.reset(); return facts.source_kind.has_value();
  }
}

TEST(PolicyProperties, AnUnknownFactNeverLetsInWhereAKnownOneCouldDeny) {
  RandomLogons random{kSeed + 3};
  int forgotten = 0, undecided = 0;
  for (int i = 0; i < 5 * kLogons; ++i) {
    const Policy policy = random.policy();
    const event::Facts known = random.facts();
    event::Facts less = known;
    if (!forget_one(policy, less, random)) continue;
    ++forgotten;
    const Points points = kPoints[random.below(std::size(kPoints))];
    const Ruling with = rule(policy, known, Stage::verified, points);
    const Ruling without = rule(policy, less, Stage::verified, points);
    if (without.allowed()) {
      ASSERT_TRUE(with.allowed()) << told(policy, evaluate(policy, known, Stage::verified, points)) << "\n--- knowing less:\n"
                                  << told(policy, evaluate(policy, less, Stage::verified, points));
    }
    // A waiver, too, hangs on what is known.
    if (with.allowed() && without.bindings == Requirement::not_required) {
      ASSERT_EQ(with.bindings, Requirement::not_required);
    }
    undecided += without.verdict == Decision::depends ? 1 : 0;
  }
  EXPECT_GT(forgotten, kLogons);
  EXPECT_GT(undecided, kLogons / 10);
}

TEST(PolicyProperties, AnyFactsAreAnsweredAndTheEventsRoundTripChangesNothing) {
  event::test::Generator generator{kSeed + 4};
  RandomLogons random{kSeed + 5};
  for (int i = 0; i < kLogons; ++i) {
    const auto facts = generator.make<event::Facts>();
    const Policy policy = random.policy();
    const Decisions decisions = evaluate(policy, facts, Stage::verified, Points::all());
    ASSERT_EQ(decisions.entries(),
              evaluate(policy, event::facts_of(event::event_of(facts)), Stage::verified, Points::all()).entries());
    ASSERT_EQ(decisions.ruling(), rule(policy, facts, Stage::verified, Points::all()));
  }
}

TEST(PolicyProperties, R25_OutgoingHostsNoneBindsOurClientAlone) {
  event::Facts ours = test::usual_facts();
  EXPECT_TRUE(evaluate(Policy{}, ours, Stage::negotiate, Points::client()).denied());
  Policy open;
  open.outgoing_hosts = *HostPatterns::of({"web1.corp.example"});
  EXPECT_TRUE(evaluate(open, ours, Stage::negotiate, Points::client()).allowed());
  event::Facts seen = ours;
  seen.source_kind = event::SourceKind::capture;
  EXPECT_TRUE(evaluate(Policy{}, seen, Stage::negotiate, Points::client()).allowed());
  EXPECT_TRUE(evaluate(Policy{}, ours, Stage::verified).allowed()) << "the authority does not ask the client's settings";
}

TEST(ClientBehaviour, FollowsTheTableOfLevels) {
  using Responses = ClientBehaviour::Responses;
  using SessionSecurity = ClientBehaviour::SessionSecurity;
  const ClientBehaviour wanted[] = {
      {Responses::lm_and_ntlm_v1, SessionSecurity::never},  {Responses::lm_and_ntlm_v1, SessionSecurity::if_negotiated},
      {Responses::ntlm_v1, SessionSecurity::if_negotiated}, {Responses::ntlm_v2, SessionSecurity::if_negotiated},
      {Responses::ntlm_v2, SessionSecurity::if_negotiated}, {Responses::ntlm_v2, SessionSecurity::if_negotiated}};
  for (unsigned level = 0; level <= LmCompatibilityLevel::kHighest; ++level) {
    EXPECT_EQ(client_behaviour(*LmCompatibilityLevel::of(level)), wanted[level]) << level;
  }
}

TEST(MayVerify, FollowsDenyVersions) {
  Policy policy = test::nothing_asked();
  EXPECT_TRUE(may_verify(policy, event::NtlmVersion::ntlm_v1));
  policy.deny_versions = *VersionSet::of({"NTLMv1"});
  EXPECT_FALSE(may_verify(policy, event::NtlmVersion::ntlm_v1));
  EXPECT_TRUE(may_verify(policy, event::NtlmVersion::ntlm_v1_ess));
}

TEST(Evaluate, TheFirstDenialInTheLogonsOrderNamesTheStatus) {
  // MS-APDS 3.1.5: blocked, then the account's restrictions, then its state.
  Policy policy = test::nothing_asked();
  event::Facts facts = test::usual_facts();
  facts.account.kind = event::AccountKind::domain;
  facts.account.state = "STATUS_ACCOUNT_DISABLED";
  EXPECT_EQ(status_for(evaluate(policy, facts, Stage::verified)), NtStatus::account_disabled);
  facts.account.protected_user = true;
  EXPECT_EQ(status_for(evaluate(policy, facts, Stage::verified)), NtStatus::account_restriction);
  policy.restrict_in_domain = DomainScope::domain_accounts;
  EXPECT_EQ(status_for(evaluate(policy, facts, Stage::verified)), NtStatus::ntlm_blocked);
  const Decisions decisions = evaluate(policy, facts, Stage::verified);
  EXPECT_EQ(decisions.entries().front().setting, kRestrictNTLMInDomain);
}

TEST(Evaluate, ALongListIsCutInADecisionAtAWholeCharacter) {
  std::string list;
  for (int i = 0; i < 200; ++i) list += (list.empty() ? "" : ", ") + std::string{"h\xC3\xB6st"} + std::to_string(i);
  Policy policy;
  ASSERT_TRUE(set(policy, kOutgoingHosts, list));
  const Decisions decisions = evaluate(policy, test::usual_facts(), Stage::negotiate, Points::client());
  ASSERT_EQ(decisions.entries().front().setting, kOutgoingHosts);
  EXPECT_LE(decisions.entries().front().value.size(), 260U);
  EXPECT_TRUE(decisions.entries().front().value.ends_with("…"));
}

}  // namespace
}  // namespace postern::policy
