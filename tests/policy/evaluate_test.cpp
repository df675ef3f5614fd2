// One table a setting: each row is one value and one set of facts; accepting rows stand beside their refusing twins.
#include "policy/evaluate.hpp"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace postern::policy {
namespace {

using event::ChannelBinding;
using event::Facts;
using event::Mic;
using event::NtlmVersion;
using event::Point;
using event::Service;
using event::SourceKind;
using event::SpnCheck;
using event::Timestamp;

constexpr auto kRequired = Requirement::required;
constexpr auto kNotRequired = Requirement::not_required;

Timestamp at(std::int64_t seconds, std::int64_t microseconds = 0) {
  constexpr std::int64_t kNow = 1'795'000'000;
  return Timestamp{FileTime::from_unix_microseconds((kNow + seconds) * 1'000'000 + microseconds)};
}

/// A client as curl is: NTLMv2, its own clock, no MIC, no bindings, no target name; over TLS to a service that names itself.
Facts plain_client() {
  Facts facts;
  facts.time = at(0);
  facts.source_kind = SourceKind::authority;
  facts.package = event::Package::ntlm;
  facts.ntlm.version = NtlmVersion::ntlm_v2;
  facts.ntlm.mic = Mic::absent;
  facts.ntlm.channel_binding = ChannelBinding::absent;
  facts.ntlm.spn_check = SpnCheck::absent;
  facts.ntlm.client_time = at(-3);
  facts.ntlm.server_time = at(0);
  facts.ntlm.timestamp_offered = true;
  facts.server.service = Service::http;
  facts.client.address = "192.0.2.17";
  facts.transport.tls = true;
  return facts;
}

/// A client as Chromium is over TLS: everything sent, everything right.
Facts full_client() {
  Facts facts = plain_client();
  facts.ntlm.mic = Mic::verified;
  facts.ntlm.channel_binding = ChannelBinding::matched;
  facts.ntlm.spn_check = SpnCheck::accepted;
  facts.ntlm.client_time = facts.ntlm.server_time;
  return facts;
}

Facts with_version(NtlmVersion version) {
  Facts facts = plain_client();
  facts.ntlm.version = version;
  facts.ntlm.mic = Mic::not_applicable;
  facts.ntlm.channel_binding = ChannelBinding::not_applicable;
  facts.ntlm.client_time.reset();
  return facts;
}

Policy with_level(unsigned number) {
  Policy policy;
  policy.lm_compatibility_level = *LmCompatibilityLevel::of(number);
  return policy;
}

/// Everything off that can be: what is left is the one setting that a test turns on.
Policy nothing_asked() {
  Policy policy = with_level(0);
  policy.allow_anonymous = AllowAnonymous::always;
  policy.extended_protection = Level::never;
  policy.target_name_check = Level::never;
  policy.plain_http = PlainHttp::always;
  policy.clock_skew = ClockSkew::off();
  return policy;
}

const PolicyDecision* find(const Decisions& decisions, std::string_view setting) {
  const auto& entries = decisions.entries();
  const auto found = std::ranges::find(entries, setting, &PolicyDecision::setting);
  return found == entries.end() ? nullptr : &*found;
}

Decision decision_of(const Policy& policy, const Facts& facts, std::string_view setting, Stage stage = Stage::verified) {
  const Decisions decisions = evaluate(policy, facts, stage);
  const PolicyDecision* entry = find(decisions, setting);
  EXPECT_NE(entry, nullptr) << setting;
  return entry == nullptr ? Decision::depends : entry->decision;
}

TEST(Evaluate, DefaultAdmitsTheClientsThatExist) {
  for (const Facts& facts : {plain_client(), full_client()}) {
    const Decisions decisions = evaluate(Policy{}, facts, Stage::verified);
    EXPECT_EQ(decisions.verdict(), Decision::allow) << decisions.entries().front().why;
    EXPECT_TRUE(decisions.allowed());
    EXPECT_FALSE(decisions.denied());
    EXPECT_EQ(status_for(decisions), NtStatus::success);
  }
}

TEST(Evaluate, MintsNotRequiredOnlyWhereNothingIsAsked) {
  const Decisions plain = evaluate(Policy{}, plain_client(), Stage::response);
  EXPECT_EQ(plain.mic_requirement(), kNotRequired);
  EXPECT_EQ(plain.bindings_requirement(), kNotRequired);
  EXPECT_EQ(plain.target_name_requirement(), kNotRequired);
  const Decisions full = evaluate(Policy{}, full_client(), Stage::response);
  EXPECT_EQ(full.mic_requirement(), kRequired);
  EXPECT_EQ(full.bindings_requirement(), kRequired);
  EXPECT_EQ(full.target_name_requirement(), kRequired);
  // Before the response is known nothing is waived.
  const Decisions early = evaluate(nothing_asked(), plain_client(), Stage::negotiate);
  EXPECT_EQ(early.mic_requirement(), kRequired);
  EXPECT_EQ(early.bindings_requirement(), kRequired);
  EXPECT_EQ(early.target_name_requirement(), kRequired);
  EXPECT_EQ(Decisions{}.mic_requirement(), kRequired);
}

TEST(Evaluate, R12_AcceptsEachVersionUpToItsLevelAndNoFurther) {
  struct Row {
    NtlmVersion version;
    unsigned highest;  // the last level that accepts it
  };
  const Row rows[] = {{NtlmVersion::lm, 3},
                      {NtlmVersion::ntlm_v1, 4},
                      {NtlmVersion::ntlm_v1_ess, 4},
                      {NtlmVersion::lm_v2, 4},
                      {NtlmVersion::ntlm_v2, 5}};
  for (const Row& row : rows) {
    for (unsigned level = 0; level <= 5; ++level) {
      const Decision wanted = level <= row.highest ? Decision::allow : Decision::deny;
      EXPECT_EQ(decision_of(with_level(level), with_version(row.version), kLmCompatibilityLevel), wanted)
          << name_of(row.version) << " at " << level;
      EXPECT_EQ(may_verify(with_level(level), row.version), wanted == Decision::allow) << name_of(row.version) << " at " << level;
    }
  }
}

TEST(Evaluate, R12_DecidesOnTheResponseWhateverTheFlagsSay) {
  constexpr std::uint32_t kExtendedSessionSecurity = 0x00080000;
  for (const std::uint32_t flags : {0U, kExtendedSessionSecurity, 0xffffffffU}) {
    Facts v1 = with_version(NtlmVersion::ntlm_v1);
    v1.ntlm.negotiate_flags = flags;
    EXPECT_TRUE(evaluate(Policy{}, v1, Stage::response).denied()) << flags;
    Facts v2 = plain_client();
    v2.ntlm.negotiate_flags = flags;
    EXPECT_TRUE(evaluate(Policy{}, v2, Stage::response).allowed()) << flags;
  }
}

TEST(Evaluate, R12_DefaultRefusesEveryVersionButNtlmV2BeforeVerification) {
  for (const auto version : {NtlmVersion::lm, NtlmVersion::ntlm_v1, NtlmVersion::ntlm_v1_ess, NtlmVersion::lm_v2}) {
    const Decisions decisions = evaluate(Policy{}, with_version(version), Stage::response);
    EXPECT_TRUE(decisions.denied()) << name_of(version);
    EXPECT_EQ(decisions.entries().front().setting, kLmCompatibilityLevel) << name_of(version);
  }
}

TEST(Evaluate, R12_ALoneLmFieldStaysOpenUntilVerificationShowsLmV2) {
  Policy policy = nothing_asked();
  policy.lm_compatibility_level = *LmCompatibilityLevel::of(4);
  EXPECT_EQ(decision_of(policy, with_version(NtlmVersion::lm), kLmCompatibilityLevel, Stage::response), Decision::depends);
  EXPECT_EQ(decision_of(policy, with_version(NtlmVersion::lm), kLmCompatibilityLevel, Stage::verified), Decision::deny);
  EXPECT_EQ(decision_of(policy, with_version(NtlmVersion::lm_v2), kLmCompatibilityLevel, Stage::verified), Decision::allow);
  EXPECT_EQ(decision_of(with_level(5), with_version(NtlmVersion::lm), kLmCompatibilityLevel, Stage::response), Decision::deny);
  // A capture never verifies, so it never knows.
  Facts seen = with_version(NtlmVersion::lm);
  seen.source_kind = SourceKind::capture;
  EXPECT_EQ(decision_of(policy, seen, kLmCompatibilityLevel, Stage::verified), Decision::depends);
}

TEST(Evaluate, AnUnknownVersionIsUndecidedAndWaivesNothing) {
  Facts facts = full_client();
  facts.ntlm.version.reset();
  const Decisions decisions = evaluate(nothing_asked(), facts, Stage::verified);
  EXPECT_EQ(decisions.verdict(), Decision::depends);
  EXPECT_FALSE(decisions.allowed());
  EXPECT_EQ(decisions.mic_requirement(), kRequired);
}

struct MicRow {
  Level level;
  Mic mic;
  std::function<void(Facts&)> change;
  Decision decision;
  Requirement requirement;
};

TEST(Evaluate, R20_RequireMicAsksAtEachLevelWhomItSays) {
  const auto own_time = [](Facts&) {};
  const auto copied_time = [](Facts& facts) { facts.ntlm.client_time = facts.ntlm.server_time; };
  const auto no_time_offered = [](Facts& facts) {
    facts.ntlm.client_time = facts.ntlm.server_time;
    facts.ntlm.timestamp_offered = false;
  };
  const auto time_unknown = [](Facts& facts) { facts.ntlm.client_time.reset(); };
  const auto offer_unknown = [](Facts& facts) { facts.ntlm.timestamp_offered.reset(); };
  const MicRow rows[] = {
      {Level::never, Mic::absent, copied_time, Decision::allow, kNotRequired},
      {Level::never, Mic::zero, own_time, Decision::allow, kNotRequired},
      {Level::never, Mic::verified, own_time, Decision::allow, kRequired},
      {Level::when_supported, Mic::verified, copied_time, Decision::allow, kRequired},
      {Level::when_supported, Mic::absent, copied_time, Decision::deny, kRequired},
      {Level::when_supported, Mic::zero, copied_time, Decision::deny, kRequired},
      {Level::when_supported, Mic::absent, own_time, Decision::allow, kNotRequired},
      {Level::when_supported, Mic::absent, no_time_offered, Decision::allow, kNotRequired},
      {Level::when_supported, Mic::absent, time_unknown, Decision::depends, kRequired},
      {Level::when_supported, Mic::absent, offer_unknown, Decision::depends, kRequired},
      {Level::always, Mic::verified, own_time, Decision::allow, kRequired},
      {Level::always, Mic::absent, own_time, Decision::deny, kRequired},
      {Level::always, Mic::zero, own_time, Decision::deny, kRequired},
      {Level::always, Mic::present, own_time, Decision::depends, kRequired},
  };
  for (const MicRow& row : rows) {
    Policy policy = nothing_asked();
    policy.require_mic = row.level;
    Facts facts = plain_client();
    facts.ntlm.mic = row.mic;
    row.change(facts);
    const Decisions decisions = evaluate(policy, facts, Stage::verified);
    const PolicyDecision* entry = find(decisions, kRequireMic);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->decision, row.decision) << name_of(row.level) << ' ' << name_of(row.mic) << ": " << entry->why;
    EXPECT_EQ(decisions.mic_requirement(), row.requirement) << name_of(row.level) << ' ' << name_of(row.mic);
    if (row.decision == Decision::deny) {
      EXPECT_EQ(status_for(decisions), NtStatus::invalid_parameter);
    }
  }
}

TEST(Evaluate, R20_NoLevelAllowsAWrongMicOrAnAnnouncedOneThatIsMissing) {
  for (const Level level : {Level::never, Level::when_supported, Level::always}) {
    Policy policy = nothing_asked();
    policy.require_mic = level;
    Facts facts = full_client();
    ASSERT_TRUE(evaluate(policy, facts, Stage::verified).allowed());
    for (const Mic mic : {Mic::wrong, Mic::announced_missing}) {
      facts.ntlm.mic = mic;
      const Decisions decisions = evaluate(policy, facts, Stage::verified);
      EXPECT_TRUE(decisions.denied()) << name_of(level) << ' ' << name_of(mic);
      EXPECT_EQ(decisions.mic_requirement(), kRequired);
    }
  }
}

TEST(Evaluate, R20_AnMicThatCameStaysRequiredUntilItIsVerified) {
  Facts facts = plain_client();
  facts.ntlm.mic = Mic::present;
  const Decisions decisions = evaluate(Policy{}, facts, Stage::response);
  EXPECT_TRUE(decisions.allowed());
  EXPECT_EQ(decisions.mic_requirement(), kRequired);
  EXPECT_FALSE(evaluate(Policy{}, facts, Stage::verified).allowed());
}

struct BindingsRow {
  Level level;
  ChannelBinding binding;
  Decision decision;
  Requirement requirement;
};

TEST(Evaluate, R23_ExtendedProtectionHasThreeLevels) {
  const BindingsRow rows[] = {
      {Level::never, ChannelBinding::matched, Decision::allow, kNotRequired},
      {Level::never, ChannelBinding::mismatched, Decision::allow, kNotRequired},
      {Level::never, ChannelBinding::absent, Decision::allow, kNotRequired},
      {Level::when_supported, ChannelBinding::matched, Decision::allow, kRequired},
      {Level::when_supported, ChannelBinding::mismatched, Decision::deny, kRequired},
      {Level::when_supported, ChannelBinding::absent, Decision::allow, kNotRequired},
      {Level::when_supported, ChannelBinding::zero, Decision::allow, kNotRequired},
      {Level::when_supported, ChannelBinding::present, Decision::audit, kNotRequired},
      {Level::always, ChannelBinding::matched, Decision::allow, kRequired},
      {Level::always, ChannelBinding::mismatched, Decision::deny, kRequired},
      {Level::always, ChannelBinding::absent, Decision::deny, kRequired},
      {Level::always, ChannelBinding::zero, Decision::deny, kRequired},
      {Level::always, ChannelBinding::present, Decision::deny, kRequired},
  };
  for (const BindingsRow& row : rows) {
    Policy policy = nothing_asked();
    policy.extended_protection = row.level;
    Facts facts = plain_client();
    facts.ntlm.channel_binding = row.binding;
    const Decisions decisions = evaluate(policy, facts, Stage::verified);
    const PolicyDecision* entry = find(decisions, kExtendedProtection);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->decision, row.decision) << name_of(row.level) << ' ' << name_of(row.binding) << ": " << entry->why;
    EXPECT_EQ(decisions.bindings_requirement(), row.requirement) << name_of(row.level) << ' ' << name_of(row.binding);
    if (row.decision == Decision::deny) {
      EXPECT_EQ(status_for(decisions), NtStatus::bad_bindings);
    }
  }
}

struct TargetNameRow {
  Level level;
  std::optional<SpnCheck> check;
  Decision decision;
  Requirement requirement;
};

TEST(Evaluate, R23_TargetNameCheckHasThreeLevels) {
  const TargetNameRow rows[] = {
      {Level::never, SpnCheck::refused, Decision::allow, kNotRequired},
      {Level::when_supported, SpnCheck::accepted, Decision::allow, kRequired},
      {Level::when_supported, SpnCheck::refused, Decision::deny, kRequired},
      {Level::when_supported, SpnCheck::absent, Decision::allow, kNotRequired},
      {Level::when_supported, SpnCheck::untrusted, Decision::audit, kNotRequired},
      {Level::always, SpnCheck::accepted, Decision::allow, kRequired},
      {Level::always, SpnCheck::refused, Decision::deny, kRequired},
      {Level::always, SpnCheck::absent, Decision::deny, kRequired},
      {Level::always, SpnCheck::untrusted, Decision::deny, kRequired},
      // The service named nothing, so there is nothing to compare with at any level.
      {Level::always, std::nullopt, Decision::allow, kNotRequired},
  };
  for (const TargetNameRow& row : rows) {
    Policy policy = nothing_asked();
    policy.target_name_check = row.level;
    Facts facts = plain_client();
    facts.ntlm.spn_check = row.check;
    const Decisions decisions = evaluate(policy, facts, Stage::verified);
    const PolicyDecision* entry = find(decisions, kTargetNameCheck);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->decision, row.decision) << name_of(row.level) << ": " << entry->why;
    EXPECT_EQ(decisions.target_name_requirement(), row.requirement) << name_of(row.level) << ": " << entry->why;
    if (row.decision == Decision::deny) {
      EXPECT_EQ(status_for(decisions), NtStatus::access_denied);
    }
  }
}

TEST(Evaluate, TargetNameOfAnObserverThatDoesNotKnowTheServicesNamesIsUndecided) {
  Facts facts = plain_client();
  facts.ntlm.spn_check.reset();
  facts.source_kind = SourceKind::capture;
  EXPECT_EQ(decision_of(Policy{}, facts, kTargetNameCheck), Decision::depends);
  facts.source_kind = SourceKind::authority;
  EXPECT_EQ(decision_of(Policy{}, facts, kTargetNameCheck), Decision::allow);
}

TEST(Evaluate, R24_ATargetNameWithAMarshalledTailIsDeniedAtEveryLevelAndAlsoWhereTheServiceNamesNone) {
  for (const Level level : {Level::never, Level::when_supported, Level::always}) {
    for (const std::optional<SpnCheck> check : {std::optional{SpnCheck::refused}, std::optional<SpnCheck>{}}) {
      Policy policy = nothing_asked();
      policy.target_name_check = level;
      Facts facts = plain_client();
      facts.ntlm.spn_check = check;
      facts.ntlm.spn = "cifs/srv11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA";
      EXPECT_EQ(decision_of(policy, facts, kTargetNameCheck), Decision::deny) << name_of(level);
      facts.ntlm.spn = "cifs/srv1";
      facts.ntlm.spn_check = SpnCheck::accepted;
      EXPECT_EQ(decision_of(policy, facts, kTargetNameCheck), Decision::allow) << name_of(level);
    }
  }
}

TEST(Evaluate, R22_LmV2AloneMeetsNoPolicyThatAsksForMicBindingsOrTargetName) {
  const Facts lm_v2 = with_version(NtlmVersion::lm_v2);
  const Facts ntlm_v2 = full_client();
  ASSERT_TRUE(evaluate(nothing_asked(), lm_v2, Stage::verified).allowed());
  for (const Level level : {Level::when_supported, Level::always}) {
    for (const auto member : {&Policy::require_mic, &Policy::extended_protection, &Policy::target_name_check}) {
      Policy policy = nothing_asked();
      policy.*member = level;
      EXPECT_TRUE(evaluate(policy, lm_v2, Stage::verified).denied()) << name_of(level);
      EXPECT_TRUE(evaluate(policy, ntlm_v2, Stage::verified).allowed()) << name_of(level);
    }
  }
}

TEST(Evaluate, R22_NtlmV1AndLmMeetNoPolicyThatAlwaysAsks) {
  for (const auto version : {NtlmVersion::lm, NtlmVersion::ntlm_v1, NtlmVersion::ntlm_v1_ess, NtlmVersion::anonymous}) {
    const Facts facts = with_version(version);
    for (const auto member : {&Policy::require_mic, &Policy::extended_protection, &Policy::target_name_check}) {
      Policy policy = nothing_asked();
      policy.*member = Level::always;
      EXPECT_TRUE(evaluate(policy, facts, Stage::verified).denied()) << name_of(version);
      // They support none of it, so "when supported" lets them in, and says so.
      policy.*member = Level::when_supported;
      EXPECT_EQ(evaluate(policy, facts, Stage::verified).verdict(), Decision::audit) << name_of(version);
    }
  }
}

TEST(Evaluate, R22_ALoneLmFieldIsUndecidedUntilItIsKnownNotToBeLmV2) {
  Policy policy = nothing_asked();
  policy.extended_protection = Level::when_supported;
  const Facts lm = with_version(NtlmVersion::lm);
  EXPECT_EQ(decision_of(policy, lm, kExtendedProtection, Stage::response), Decision::depends);
  EXPECT_EQ(evaluate(policy, lm, Stage::response).bindings_requirement(), kRequired);
  EXPECT_EQ(decision_of(policy, lm, kExtendedProtection, Stage::verified), Decision::audit);
}

TEST(Evaluate, ClockSkewHoldsInBothDirectionsToTheMicrosecond) {
  constexpr std::int64_t kDay = 86'400;
  constexpr std::int64_t kLimit = 36 * 3600;
  struct Row {
    Timestamp client_time;
    Decision decision;
  };
  const Row rows[] = {
      {at(0), Decision::allow},          {at(kLimit), Decision::allow},
      {at(kLimit, 1), Decision::deny},   {at(-kLimit), Decision::allow},
      {at(-kLimit, -1), Decision::deny}, {at(400 * kDay), Decision::deny},
      {Timestamp{}, Decision::deny},     {Timestamp{FileTime{~std::uint64_t{0}}}, Decision::deny},
  };
  for (const Row& row : rows) {
    Facts facts = plain_client();
    facts.ntlm.client_time = row.client_time;
    const Decisions decisions = evaluate(Policy{}, facts, Stage::verified);
    EXPECT_EQ(decisions.verdict(), row.decision) << row.client_time.file_time().to_rfc3339();
    EXPECT_EQ(status_for(decisions), row.decision == Decision::deny ? NtStatus::time_difference_at_dc : NtStatus::success);
    Policy off;
    off.clock_skew = ClockSkew::off();
    EXPECT_EQ(decision_of(off, facts, kClockSkew), Decision::allow);
  }
}

TEST(Evaluate, ClockSkewTakesAnotherLimitAndKnowsWhenItCannotTell) {
  Policy policy;
  policy.clock_skew = *ClockSkew::of_seconds(300);
  Facts facts = plain_client();
  facts.ntlm.client_time = at(300);
  EXPECT_EQ(decision_of(policy, facts, kClockSkew), Decision::allow);
  facts.ntlm.client_time = at(301);
  EXPECT_EQ(decision_of(policy, facts, kClockSkew), Decision::deny);
  facts.time.reset();
  EXPECT_EQ(decision_of(policy, facts, kClockSkew), Decision::depends);
  facts.time = at(0);
  facts.ntlm.client_time.reset();
  EXPECT_EQ(decision_of(policy, facts, kClockSkew), Decision::depends);
}

struct PlainHttpRow {
  PlainHttp value;
  std::optional<bool> tls;
  std::optional<std::string> address;
  std::optional<Service> service;
  Decision decision;
};

TEST(Evaluate, PlainHttpIsForLoopbackUnlessConfigured) {
  const PlainHttpRow rows[] = {
      {PlainHttp::loopback, true, "192.0.2.17", Service::http, Decision::allow},
      {PlainHttp::loopback, false, "192.0.2.17", Service::http, Decision::deny},
      {PlainHttp::loopback, false, "192.0.2.17", Service::http_proxy, Decision::deny},
      {PlainHttp::loopback, false, "127.0.0.1", Service::http, Decision::allow},
      {PlainHttp::loopback, false, "::1", Service::http, Decision::allow},
      {PlainHttp::loopback, false, "", Service::http, Decision::deny},
      {PlainHttp::loopback, false, std::nullopt, Service::http, Decision::depends},
      {PlainHttp::loopback, std::nullopt, "192.0.2.17", Service::http, Decision::depends},
      {PlainHttp::loopback, false, "192.0.2.17", std::nullopt, Decision::depends},
      {PlainHttp::never, false, "127.0.0.1", Service::http, Decision::deny},
      {PlainHttp::never, true, "127.0.0.1", Service::http, Decision::allow},
      {PlainHttp::always, false, "192.0.2.17", Service::http, Decision::allow},
  };
  for (const PlainHttpRow& row : rows) {
    Policy policy;
    policy.plain_http = row.value;
    Facts facts = plain_client();
    facts.transport.tls = row.tls;
    facts.client.address = row.address;
    facts.server.service = row.service;
    EXPECT_EQ(decision_of(policy, facts, kPlainHttp, Stage::negotiate), row.decision)
        << name_of(row.value) << ' ' << row.address.value_or("unknown");
  }
}

TEST(Evaluate, PlainHttpSaysNothingAboutOtherServices) {
  Facts facts = plain_client();
  facts.transport.tls = false;
  facts.server.service = Service::smb;
  const Decisions decisions = evaluate(Policy{}, facts, Stage::verified);
  EXPECT_EQ(find(decisions, kPlainHttp), nullptr);
  EXPECT_TRUE(decisions.allowed());
}

TEST(Evaluate, AnonymousIsDeniedUnlessAllowed) {
  const Facts facts = with_version(NtlmVersion::anonymous);
  const Decisions denied = evaluate(Policy{}, facts, Stage::response);
  EXPECT_TRUE(denied.denied());
  EXPECT_EQ(denied.entries().front().setting, kAllowAnonymous);
  EXPECT_EQ(status_for(denied), NtStatus::access_denied);
  EXPECT_FALSE(may_verify(Policy{}, NtlmVersion::anonymous));
  Policy policy;
  policy.allow_anonymous = AllowAnonymous::always;
  EXPECT_EQ(evaluate(policy, facts, Stage::response).verdict(), Decision::audit);
  EXPECT_TRUE(may_verify(policy, NtlmVersion::anonymous));
}

TEST(Evaluate, LegacyCryptoSwitchesNtlmOffAsAWhole) {
  Policy policy;
  policy.legacy_crypto = LegacyCrypto::refuse;
  const Decisions decisions = evaluate(policy, full_client(), Stage::negotiate);
  EXPECT_TRUE(decisions.denied());
  EXPECT_EQ(status_for(decisions), NtStatus::not_supported);
  EXPECT_FALSE(may_verify(policy, NtlmVersion::ntlm_v2));
  EXPECT_TRUE(evaluate(Policy{}, full_client(), Stage::negotiate).allowed());
  EXPECT_TRUE(may_verify(Policy{}, NtlmVersion::ntlm_v2));
}

TEST(Evaluate, SaysNothingAboutKerberos) {
  Policy policy;
  policy.legacy_crypto = LegacyCrypto::refuse;
  Facts facts = plain_client();
  facts.package = event::Package::kerberos;
  EXPECT_TRUE(evaluate(policy, facts, Stage::verified).entries().empty());
  facts.package = event::Package::negotiate;
  EXPECT_TRUE(evaluate(policy, facts, Stage::verified).denied());
  facts.package.reset();
  EXPECT_TRUE(evaluate(policy, facts, Stage::verified).denied());
}

TEST(Evaluate, PutsTheDecisiveEntryFirst) {
  Facts facts = with_version(NtlmVersion::ntlm_v1);  // denied by the version, allowed by the connection
  const Decisions decisions = evaluate(Policy{}, facts, Stage::verified);
  ASSERT_GE(decisions.entries().size(), 5U);
  const PolicyDecision& first = decisions.entries().front();
  EXPECT_EQ(first.setting, kLmCompatibilityLevel);
  EXPECT_EQ(first.value, "5");
  EXPECT_EQ(first.point, Point::account_dc);
  EXPECT_EQ(first.stage, Stage::response);
  EXPECT_EQ(first.decision, Decision::deny);
  EXPECT_FALSE(first.why.empty());
  EXPECT_EQ(status_for(first), NtStatus::logon_failure);
  EXPECT_EQ(decisions.entries().back().decision, Decision::allow);
  EXPECT_EQ(status_for(decisions.entries().back()), NtStatus::success);
}

TEST(Evaluate, KeepsToItsStage) {
  const auto count = [](Stage stage) { return evaluate(Policy{}, full_client(), stage).entries().size(); };
  EXPECT_EQ(count(Stage::negotiate), 2U);
  EXPECT_EQ(count(Stage::response), 7U);
  EXPECT_EQ(count(Stage::verified), 7U);
  for (const PolicyDecision& entry : evaluate(Policy{}, full_client(), Stage::response).entries()) {
    EXPECT_LE(entry.stage, Stage::response) << entry.setting;
  }
}

TEST(Evaluate, SameFactsSameDecisionsAfterTheEventsRoundTrip) {
  const Facts facts = full_client();
  const Decisions live = evaluate(Policy{}, facts, Stage::verified);
  const Decisions later = evaluate(Policy{}, event::facts_of(event::event_of(facts)), Stage::verified);
  EXPECT_EQ(live.entries(), later.entries());
}

}  // namespace
}  // namespace postern::policy
