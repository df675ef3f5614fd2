// What to change about a denial, and what the client may be told of it.
#include "policy/explain.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "policy/random_logon.hpp"

namespace postern::policy {
namespace {

using event::AccountKind;
using test::RandomLogons;

constexpr std::uint64_t kSeed = 20261128;
constexpr int kLogons = 4000;
constexpr std::size_t kMaxCureBytes = 512;  // what the authority's protocol has room for

Decisions at_response(const Policy& policy, const event::Facts& facts) { return evaluate(policy, facts, Stage::response); }

std::string as_text(const std::optional<PolicyDecision>& told) {
  if (!told) return "nothing";
  return told->setting + " = " + told->value + " at " + std::string{name_of(told->stage)} + ": " + told->why;
}

Policy policy_with(std::initializer_list<std::pair<std::string_view, std::string_view>> settings) {
  Policy policy = test::nothing_asked();
  for (const auto& [name, value] : settings) EXPECT_TRUE(set(policy, name, value)) << name;
  return policy;
}

TEST(Explain, EverySettingThatDeniesHasACureAndNoOtherHas) {
  RandomLogons random{kSeed};
  std::map<std::string, int> denied;
  for (int i = 0; i < kLogons; ++i) {
    const Policy policy = random.policy();
    event::Facts facts = random.facts();
    for (const PolicyDecision& entry : evaluate(policy, facts, Stage::verified, Points::all()).entries()) {
      if (entry.decision != Decision::deny) continue;
      ++denied[entry.setting];
      const std::string_view cure = cure_for(entry, facts);
      ASSERT_FALSE(cure.empty()) << entry.setting;
      ASSERT_LE(cure.size(), kMaxCureBytes) << entry.setting;
      ASSERT_TRUE(cure.ends_with('.') && cure.front() >= 'A' && cure.front() <= 'Z') << cure;
    }
  }
  const auto never_denies = [](std::string_view setting) {
    return setting == kAuditReceivingNTLMTraffic || setting == kAuditNTLMInDomain || setting == kClientAllowedNTLMServers ||
           setting == kDCAllowedNTLMServers || setting == kBlockNTLMServerExceptionList || setting == kBlockNtlmv1SSO;
  };
  for (const std::string_view setting : kSettingNames) {
    EXPECT_EQ(denied.contains(std::string{setting}), !never_denies(setting)) << setting;
    // BlockNtlmv1SSO = 1 is undecided for an observer, which lets nobody in either.
    const PolicyDecision entry{Point::server, Stage::response, std::string{setting}, "", Decision::deny, ""};
    EXPECT_EQ(cure_for(entry, {}).empty(), never_denies(setting) && setting != kBlockNtlmv1SSO) << setting;
  }
  EXPECT_TRUE(cure_for({Point::server, Stage::response, "NoSuchSetting", "", Decision::deny, ""}, {}).empty());
}

/// A cure that is followed: the setting that it names, with the value that it names, lets the same logon in.
TEST(Explain, TheValueThatACureNamesLetsTheLogonIn) {
  struct Row {
    std::string_view setting, value, cured;
    std::vector<std::string_view> facts;
  };
  const Row rows[] = {
      {kLmCompatibilityLevel, "5", "4", {"version=NTLMv1"}},
      {kLmCompatibilityLevel, "5", "3", {"version=LM"}},
      {kRestrictReceivingNTLMTraffic, "2", "0", {}},
      {kRestrictReceivingNTLMTraffic, "1", "0", {}},
      {kRestrictNTLMInDomain, "7", "0", {}},
      {kLdapEnforceChannelBinding, "2", "1", {"service=ldap"}},
      {kSmbServerNameHardeningLevel, "2", "1", {"service=smb"}},
      {kRequireMic, "always", "never", {}},
      {kExtendedProtection, "always", "when-supported", {}},
      {kTargetNameCheck, "always", "when-supported", {}},
      {kPlainHttp, "loopback", "always", {"tls=no"}},
      {kLegacyCrypto, "refuse", "allow", {}},
  };
  for (const Row& row : rows) {
    event::Facts facts = test::usual_facts();
    facts.account.kind = AccountKind::domain;
    for (const std::string_view word : row.facts) test::set_fact(facts, word);
    const Decisions refused = at_response(policy_with({{row.setting, row.value}}), facts);
    ASSERT_TRUE(refused.denied()) << row.setting;
    const std::string_view cure = cure_for(refused.entries().front(), facts);
    EXPECT_NE(cure.find(row.setting), std::string_view::npos) << cure;
    const bool named = cure.find(" to " + std::string{row.cured}) != std::string_view::npos ||
                       cure.find(" = \"" + std::string{row.cured} + '"') != std::string_view::npos;
    EXPECT_TRUE(named) << row.setting << ": " << cure;
    EXPECT_TRUE(at_response(policy_with({{row.setting, row.cured}}), facts).allowed()) << row.setting;
  }
}

TEST(Explain, WhatNoSettingLetsInIsNotBlamedOnASetting) {
  event::Facts facts = test::usual_facts();
  test::set_fact(facts, "mic=announced-missing");
  const Decisions decisions = at_response(policy_with({}), facts);
  ASSERT_TRUE(decisions.denied());
  EXPECT_TRUE(cure_for(decisions.entries().front(), facts).starts_with("No setting lets this in"));
  test::set_fact(facts, "mic=absent");
  EXPECT_FALSE(cure_for(decisions.entries().front(), facts).starts_with("No setting lets this in")) << "one word away";

  test::set_fact(facts, "spn=HTTP/web11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA");
  const Decisions marshalled = at_response(policy_with({}), facts);
  ASSERT_TRUE(marshalled.denied());
  EXPECT_TRUE(cure_for(marshalled.entries().front(), facts).starts_with("No setting lets this in"));
  test::set_fact(facts, "spn=HTTP/web1");
  EXPECT_TRUE(at_response(policy_with({}), facts).allowed()) << "one word away";
}

TEST(Explain, WrongBindingsAndMissingOnesHaveDifferentCures) {
  const Policy policy = policy_with({{kExtendedProtection, "always"}});
  event::Facts facts = test::usual_facts();
  const std::string_view missing = cure_for(at_response(policy, facts).entries().front(), facts);
  test::set_fact(facts, "binding=mismatched");
  const std::string_view wrong = cure_for(at_response(policy, facts).entries().front(), facts);
  EXPECT_NE(missing.find("when-supported"), std::string_view::npos) << missing;
  EXPECT_EQ(wrong.find("when-supported"), std::string_view::npos) << "which would not let them in: " << wrong;
}

// ---- R37: what is told depends on no account ---------------------------------------------------------------------------------

TEST(Explain, R37_WhatIsToldIsTheSameForEveryAccount) {
  RandomLogons random{kSeed + 1};
  int told_something = 0, told_nothing = 0, decisive_hidden = 0;
  for (int i = 0; i < kLogons; ++i) {
    const Policy policy = random.policy();
    event::Facts facts = random.facts();
    facts.source_kind = event::SourceKind::authority;
    const Decisions first = at_response(policy, facts);
    const auto told = told_of(first, Stage::response);
    ++(told ? told_something : told_nothing);
    if (told && first.entries().front().setting != told->setting) ++decisive_hidden;
    for (int other = 0; other < 4; ++other) {
      facts.account = random.facts().account;
      ASSERT_EQ(as_text(told_of(at_response(policy, facts), Stage::response)), as_text(told));
    }
  }
  EXPECT_GT(told_something, kLogons / 10);
  EXPECT_GT(told_nothing, kLogons / 10);
  EXPECT_GT(decisive_hidden, 0) << "the case that matters was among them: the account's kind decided first";
}

TEST(Explain, R37_NothingIsToldOnceTheResponseWasCompared) {
  RandomLogons random{kSeed + 2};
  for (int i = 0; i < kLogons; ++i) {
    const Decisions decisions = evaluate(random.policy(), random.facts(), Stage::verified);
    ASSERT_FALSE(told_of(decisions, Stage::verified));
  }
}

TEST(Explain, R37_SettingsThatHangOnTheAccountAreNeverTold) {
  event::Facts facts = test::usual_facts();
  facts.account.kind = AccountKind::domain;
  for (const auto& [setting, value] : {std::pair{kRestrictReceivingNTLMTraffic, "1"}, std::pair{kRestrictNTLMInDomain, "7"}}) {
    const Decisions decisions = at_response(policy_with({{setting, value}}), facts);
    ASSERT_TRUE(decisions.denied()) << setting;
    EXPECT_FALSE(told_of(decisions, Stage::response)) << setting;
  }
  // Their twin that asks for no account.
  const Decisions all = at_response(policy_with({{kRestrictReceivingNTLMTraffic, "2"}}), facts);
  EXPECT_EQ(as_text(told_of(all, Stage::response)), "RestrictReceivingNTLMTraffic = 2 at negotiate: this server takes no NTLM");
}

TEST(Explain, ToldIsWhatTheClientCanSeeWhereTheAccountDecidedFirst) {
  event::Facts facts = test::usual_facts();
  const Policy policy = policy_with({{kRestrictReceivingNTLMTraffic, "1"}, {kExtendedProtection, "always"}});
  for (const AccountKind kind : {AccountKind::domain, AccountKind::local}) {
    facts.account.kind = kind;
    const Decisions decisions = at_response(policy, facts);
    EXPECT_EQ(decisions.entries().front().setting,
              kind == AccountKind::domain ? kRestrictReceivingNTLMTraffic : kExtendedProtection);
    EXPECT_EQ(as_text(told_of(decisions, Stage::response)), "ExtendedProtection = always at response: no channel bindings came");
  }
}

TEST(Explain, NoNetworkAndNoAddressIsTold) {
  RandomLogons random{kSeed + 3};
  int networks = 0;
  for (int i = 0; i < kLogons; ++i) {
    const Policy policy = random.policy();
    for (const Stage stage : {Stage::negotiate, Stage::response}) {
      const auto told = told_of(evaluate(policy, random.facts(), stage), stage);
      if (!told) continue;
      ASSERT_EQ(told->decision, Decision::deny);
      ASSERT_LE(told->stage, stage);
      if (told->setting == kAllowClientNetworks || told->setting == kDenyClientNetworks) {
        ++networks;
        ASSERT_EQ(told->value, "");
      }
      for (const std::string_view part : {"192.0.2", "203.0", "127.0", "2001:", "alice", "CORP", "corp.example", "evil"}) {
        ASSERT_EQ((told->value + told->why).find(part), std::string::npos) << as_text(told);
      }
    }
  }
  EXPECT_GT(networks, 0);
}

TEST(Explain, ALogonThatIsLetInIsToldNothing) {
  EXPECT_FALSE(told_of(at_response(policy_with({}), test::usual_facts()), Stage::response));
  EXPECT_TRUE(told_of(at_response(policy_with({{kExtendedProtection, "always"}}), test::usual_facts()), Stage::response));
}

}  // namespace
}  // namespace postern::policy
