// Each finding with a logon that shows it, and a twin, one field away, that does not. signals_test.cpp has those that compare.
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/logons/scene.hpp"

namespace postern::observe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::NegotiateFlags;

TEST(Findings, AreNoneInAnHonestLogon) { EXPECT_EQ(found_in({}), Ids{}); }

TEST(Findings, SayThatAnAnnouncedMicIsMissing) {
  EXPECT_EQ(found_in({.zero_mic = true}), Ids{"mic-missing"});
  const auto event = Scene{}.log_on({.zero_mic = true});
  EXPECT_EQ(event.findings[0].severity, event::Severity::alarm);
  EXPECT_EQ(event.findings[0].evidence, "frames 1, 2, 3");
}

TEST(Findings, SayThatNoMicCameThoughTheServerSentItsTime) {
  EXPECT_EQ(found_in({.announce_mic = false, .zero_mic = true}), Ids{"mic-left-out"});
  EXPECT_EQ(found_in({.server_time = false, .announce_mic = false, .zero_mic = true}), Ids{});
  Scene web;
  EXPECT_EQ(web.log_on({.carrier = Carrier::http, .spn = "", .announce_mic = false, .zero_mic = true}).findings[0].severity,
            event::Severity::info)
      << "curl, Java and Firefox send none";
}

TEST(Findings, SayThatSigningWasTakenAway) {
  const NegotiateFlags chosen{0xe28a8205};
  EXPECT_EQ(found_in({.chosen = chosen}), Ids{"signing-lost"});
  EXPECT_EQ(found_in({.offered = NegotiateFlags{0xe2888205}, .chosen = chosen}), Ids{}) << "never offered";
}

TEST(Findings, TellTheVersionsOfOld) {
  EXPECT_EQ(found_in({.response = Parts::Response::v1}), (Ids{"ntlmv1", "no-ess"}));
  EXPECT_EQ(found_in({.response = Parts::Response::v1_ess}), Ids{"ntlmv1"});
  EXPECT_EQ(found_in({.response = Parts::Response::lm}), Ids{"lm"});
}

TEST(Findings, SayThatTheKeyIsShort) {
  EXPECT_EQ(found_in({.chosen = NegotiateFlags{0xc28a8215}}), Ids{"no-128"});
  EXPECT_EQ(found_in({.offered = NegotiateFlags{0xe2888205}, .chosen = NegotiateFlags{0xc28a8205}}), Ids{}) << "nothing is signed";
}

TEST(Findings, SeeADowngradeOfAPairThatDidBetter) {
  Scene scene;
  for (std::uint8_t i = 1; i <= 3; ++i) scene.log_on({.challenge = i});
  EXPECT_EQ(ids(scene.log_on({.challenge = 4, .response = Parts::Response::v1_ess})), (Ids{"downgrade-version", "ntlmv1"}));
  EXPECT_EQ(ids(scene.log_on({.client = 18, .challenge = 5, .response = Parts::Response::v1_ess})), Ids{"ntlmv1"})
      << "another client";
}

TEST(Findings, KnowTheChallengesOfCaptureTools) {
  EXPECT_EQ(found_in({.pattern = true}), Ids{"challenge-pattern"});
  Scene scene;
  scene.log_on({.pattern = true});
  EXPECT_THAT(ids(scene.log_on({.client = 18, .pattern = true})), testing::Contains("challenge-pattern"));
}

TEST(Findings, TellGuestsAndNullSessions) {
  EXPECT_EQ(found_in({.standing = OutcomeSeen::Standing::guest}), Ids{"guest"});
  EXPECT_EQ(found_in({.user = "", .domain = "", .response = Parts::Response::none}), Ids{"anonymous"});
}

TEST(Findings, SayThatAnSmbServerDoesNotRequireSigning) {
  for (const bool required : {false, true}) {
    Scene scene;
    const Parts parts;
    const Connection connection = scene.connect(parts);
    scene.note(connection, parts, required ? NoteSeen::Kind::signing_required : NoteSeen::Kind::signing_not_required);
    EXPECT_EQ(ids(scene.log_on(connection, parts)), required ? Ids{} : Ids{"signing-not-required"});
  }
}

TEST(Findings, SayThatAnLdapServerLetInWhoSignsNothing) {
  const NegotiateFlags offered{0xe2888205}, chosen{0xe28a8205};
  const std::string spn = "ldap/fs1.lab.test";
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .offered = offered, .chosen = chosen, .spn = spn}), Ids{"signing-not-required"});
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .spn = spn}), Ids{}) << "signed";
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .offered = offered, .chosen = chosen, .spn = spn, .failed = true}), Ids{})
      << "not let in";
}

TEST(Findings, SayThatAnRpcServerAnswersCallsThatAreNotSigned) {
  for (const std::uint32_t level : {2U, 4U, 5U, 6U}) {
    Scene scene;
    const Parts parts{.carrier = Carrier::dcerpc, .spn = "RPCSS/fs1"};
    const Connection connection = scene.connect(parts);
    scene.note(connection, parts, NoteSeen::Kind::rpc_level, {}, level, 1);
    EXPECT_EQ(ids(scene.log_on(connection, parts)), level < 5 ? Ids{"signing-not-required"} : Ids{}) << level;
  }
}

TEST(Findings, SeeAnSpnOfAnotherService) {
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .spn = "cifs/fs1.lab.test"}), Ids{"relay-target-class"});
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .spn = "ldap/fs1.lab.test"}), Ids{});
  EXPECT_EQ(found_in({.carrier = Carrier::ldap, .spn = "HOST/fs1.lab.test"}), Ids{});
}

TEST(Findings, SeeAnSpnOfAnotherHostAndLearnAliases) {
  EXPECT_EQ(found_in({.spn = "cifs/printer7"}), Ids{"relay-target-host"});
  EXPECT_EQ(found_in({.spn = "cifs/FS1"}), Ids{});
  EXPECT_EQ(found_in({.spn = "cifs/lab"}), Ids{}) << "a domain controller answers for its domain";
  Scene scene;
  scene.log_on({.client = 11, .challenge = 1, .spn = "cifs/files"});
  scene.log_on({.client = 12, .challenge = 2, .spn = "cifs/files"});
  EXPECT_EQ(ids(scene.log_on({.client = 13, .challenge = 3, .spn = "cifs/files"})), Ids{}) << "three clients call it so: an alias";
}

TEST(Findings, SayThatAServerChangedItsName) {
  Scene scene;
  scene.log_on({.challenge = 1});
  EXPECT_EQ(ids(scene.log_on({.challenge = 2})), Ids{});
  EXPECT_THAT(ids(scene.log_on({.challenge = 3, .server_name = "DC1", .spn = "cifs/dc1"})), ElementsAre("server-names-changed"));
}

TEST(Findings, SeeAMachineAccountFromAForeignAddress) {
  Scene scene;
  EXPECT_EQ(ids(scene.log_on({.client = 30, .challenge = 1, .user = "PC30$"})), Ids{});
  EXPECT_EQ(ids(scene.log_on({.client = 30, .challenge = 2, .user = "PC30$"})), Ids{});
  EXPECT_EQ(ids(scene.log_on({.client = 66, .challenge = 3, .user = "PC30$"})), Ids{"machine-account-foreign"});
}

TEST(Findings, SeeAMachineLogOnToWhoCoercedIt) {
  for (const bool called : {true, false}) {
    Scene scene;
    // 10.0.0.66 calls 10.0.0.1, and 10.0.0.1 logs on to it.
    const Parts call{.client = 66, .server = 1, .carrier = Carrier::dcerpc};
    if (called) scene.note(scene.connect(call), call, NoteSeen::Kind::rpc_call, "MS-EFSR", 4);
    const auto& event = scene.log_on({.client = 1, .server = 66, .server_name = "X", .user = "FS1$", .spn = "cifs/X", .second = 5});
    EXPECT_EQ(ids(event), called ? Ids{"coercion"} : Ids{});
    if (called) {
      EXPECT_EQ(event.findings[0].severity, event::Severity::alarm);
      EXPECT_THAT(event.findings[0].text, HasSubstr("10.0.0.66 called MS-EFSR operation 4 of 10.0.0.1"));
    }
    EXPECT_EQ(ids(scene.log_on(
                  {.client = 1, .server = 67, .challenge = 2, .server_name = "Y", .user = "FS1$", .spn = "cifs/Y", .second = 500})),
              Ids{})
        << "long after";
  }
}

TEST(Findings, KnowTheCallerAmongThoseWhoCalledSince) {
  for (const std::uint8_t other : std::initializer_list<std::uint8_t>{66, 70}) {
    Scene scene;
    const Parts call{.client = other, .server = 1, .carrier = Carrier::dcerpc};
    scene.note(scene.connect(call), call, NoteSeen::Kind::rpc_call, "MS-EFSR", 4);
    const Parts later{.client = 67, .server = 1, .carrier = Carrier::dcerpc};
    scene.note(scene.connect(later), later, NoteSeen::Kind::rpc_call, "MS-RPRN", 65);
    const auto& event = scene.log_on({.client = 1, .server = 66, .server_name = "X", .user = "FS1$", .spn = "cifs/X", .second = 5});
    ASSERT_EQ(ids(event), Ids{"coercion"});
    EXPECT_EQ(event.findings[0].severity, other == 66 ? event::Severity::alarm : event::Severity::warning)
        << "back to who called first, or to nobody who called";
  }
}

TEST(Findings, SayThatTheTargetIsAnAddress) {
  EXPECT_EQ(found_in({.spn = "cifs/10.0.0.1"}), Ids{"target-is-address"});
  EXPECT_EQ(found_in({.spn = "cifs/10.0.0.2"}), (Ids{"relay-target-host", "target-is-address"})) << "and of another host";
}

// ---- reasons -----------------------------------------------------------------------------------------------------------------

event::Reason reason_of(const Parts& parts) { return Scene{}.log_on(parts).reason; }

TEST(Reasons, KnowAddressesLocalAccountsAndNullSessions) {
  EXPECT_EQ(reason_of({.spn = "cifs/10.0.0.1"}).id, 7U);
  EXPECT_EQ(reason_of({.spn = "cifs/10.0.0.1"}).confidence, event::Confidence::proved);
  EXPECT_EQ(reason_of({.domain = "FS1"}).id, 2U);
  EXPECT_EQ(reason_of({.domain = "FS1"}).confidence, event::Confidence::proved);
  EXPECT_EQ(reason_of({.domain = "."}).confidence, event::Confidence::likely);
  EXPECT_EQ(reason_of({.user = "", .domain = "", .response = Parts::Response::none}).id, 11U);
  EXPECT_EQ(reason_of({}), event::Reason{}) << "nothing is known";
}

TEST(Reasons, KnowThatTheApplicationAskedForNtlm) {
  EXPECT_EQ(reason_of({.in_spnego = false}).id, 1U);
  EXPECT_EQ(reason_of({.in_spnego = false}).confidence, event::Confidence::likely);
}

TEST(Reasons, TakeTheKdcsErrorForThatServiceShortlyBefore) {
  struct Case {
    std::uint32_t error;
    std::optional<std::uint32_t> id;
    std::string name;
  };
  for (const Case& c : {Case{7, 6, "target name not resolvable by Kerberos"}, Case{8, 8, "target name duplicated in the directory"},
                        Case{14, std::nullopt, "no common encryption type"}, Case{37, std::nullopt, "clock skew"}}) {
    Scene scene;
    const Parts kdc{.server = 2, .port = 88};
    scene.note(scene.connect(kdc), kdc, NoteSeen::Kind::kdc_error, "cifs/fs1.lab.test", c.error);
    const event::Reason reason = scene.log_on({.second = 2}).reason;
    EXPECT_EQ(reason.id, c.id);
    EXPECT_EQ(reason.name, c.name);
    EXPECT_EQ(reason.confidence, event::Confidence::proved);
    EXPECT_THAT(*reason.evidence, HasSubstr("KRB-ERROR " + std::to_string(c.error)));
    EXPECT_NE(scene.log_on({.challenge = 2, .second = 200}).reason.confidence, event::Confidence::proved) << "long after";
  }
}

TEST(Reasons, TakeWhatTheKdcSaidOfTheAccountItselfForEveryServer) {
  struct Case {
    std::uint32_t error;
    std::string asked_for, name;
    std::optional<event::Confidence> confidence;
  };
  for (const Case& c : {Case{18, "alice", "account revoked or expired for Kerberos", event::Confidence::proved},
                        Case{18, "ALICE@LAB.TEST", "account revoked or expired for Kerberos", event::Confidence::proved},
                        Case{18, "bob", "account revoked or expired for Kerberos", event::Confidence::likely},
                        Case{37, "alice", "clock skew", event::Confidence::proved},
                        Case{24, "alice", "no ticket requested", event::Confidence::guess}}) {
    Scene scene;
    const Parts kdc{.server = 2, .port = 88};
    const Connection connection = scene.connect(kdc);
    scene.note(connection, kdc, NoteSeen::Kind::as_request, c.asked_for);
    scene.note(connection, kdc, NoteSeen::Kind::kdc_error, "krbtgt/LAB.TEST", c.error);
    const event::Reason reason = scene.log_on({.second = 2}).reason;
    EXPECT_EQ(reason.name, c.name) << c.error;
    EXPECT_EQ(reason.confidence, c.confidence) << c.asked_for;
    EXPECT_EQ(scene.log_on({.challenge = 2, .second = 200}).reason.name, "no ticket requested") << "long after";
  }
}

TEST(Reasons, KnowAnAccountOfTheClientItself) {
  EXPECT_EQ(reason_of({.domain = "WS17", .workstation = "WS17"}).id, 2U);
  EXPECT_EQ(reason_of({.domain = "WS17", .workstation = "WS17"}).confidence, event::Confidence::likely);
  EXPECT_EQ(reason_of({.domain = "WS17", .workstation = "WS18"}), event::Reason{});
  EXPECT_EQ(reason_of({.domain = "LAB", .workstation = "LAB"}), event::Reason{}) << "the domain's own";
}

TEST(Reasons, SayThatTheTargetNameIsMissing) {
  EXPECT_EQ(reason_of({.spn = "", .empty_spn = true}).id, 5U);
  EXPECT_EQ(reason_of({.spn = "", .empty_spn = true}).confidence, event::Confidence::likely);
  EXPECT_EQ(reason_of({.spn = ""}).id, 5U);
  EXPECT_EQ(reason_of({.spn = ""}).confidence, event::Confidence::guess);
  EXPECT_EQ(reason_of({.spn = "cifs/fs1.lab.test"}), event::Reason{});
}

TEST(Reasons, TakeTheServicesOwnKerberosError) {
  const auto with = [](std::uint32_t error) {
    Scene scene;
    const Parts parts;
    const Connection connection = scene.connect(parts);
    scene.note(connection, parts, NoteSeen::Kind::kerberos_token, "1.2.840.113554.1.2.2");
    if (error != 0) scene.note(connection, parts, NoteSeen::Kind::kerberos_error, {}, error);
    return scene.log_on(connection, parts).reason;
  };
  EXPECT_EQ(with(41).name, "target name on another account");
  EXPECT_THAT(*with(41).evidence, HasSubstr("KRB-ERROR 41"));
  EXPECT_EQ(with(41).confidence, event::Confidence::proved);
  EXPECT_EQ(with(37).name, "clock skew");
  EXPECT_EQ(with(60).name, "Kerberos was offered and refused") << "an error that says nothing";
  EXPECT_EQ(with(0).name, "Kerberos was offered and refused");
}

TEST(Reasons, DoNotTakeTheErrorOfAnotherServiceOrClient) {
  Scene scene;
  const Parts kdc{.server = 2, .port = 88};
  scene.note(scene.connect(kdc), kdc, NoteSeen::Kind::kdc_error, "cifs/another.lab.test", 7);
  EXPECT_EQ(scene.log_on({}).reason.name, "no ticket requested");
  EXPECT_EQ(scene.log_on({.client = 18, .challenge = 2}).reason.id, 9U) << "this client asked no KDC at all";
  EXPECT_EQ(scene.log_on({.client = 18, .challenge = 3}).reason.confidence, event::Confidence::guess);
}

TEST(Reasons, SeeThatNoKdcAnswers) {
  Scene scene;
  const Parts kdc{.server = 2, .port = 88};
  scene.note(scene.connect(kdc), kdc, NoteSeen::Kind::kdc_unreachable);
  const event::Reason reason = scene.log_on({.second = 3}).reason;
  EXPECT_EQ(reason.id, 9U);
  EXPECT_EQ(reason.confidence, event::Confidence::likely);
}

TEST(Reasons, SeeThatKerberosWasRefusedOrNeverOffered) {
  Scene refused;
  const Parts parts;
  Connection connection = refused.connect(parts);
  refused.note(connection, parts, NoteSeen::Kind::kerberos_token, "1.2.840.113554.1.2.2");
  EXPECT_EQ(refused.log_on(connection, parts).reason.name, "Kerberos was offered and refused");
  Scene ntlm_only;
  connection = ntlm_only.connect(parts);
  ntlm_only.note(connection, parts, NoteSeen::Kind::mechs_offered, "1.3.6.1.4.1.311.2.2.10");
  EXPECT_EQ(ntlm_only.log_on(connection, parts).reason.name, "server offers no Kerberos");
}

// ---- the tracker itself ------------------------------------------------------------------------------------------------------

TEST(LogonTracker, GivesAnEventWithoutOutcomeWhenTimeHasPassed) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  const Parts parts;
  MessageSeen seen;
  const Bytes message = authenticate_of(parts);
  seen.message = message;
  seen.moment = {1, FileTime{1'000'000'000}};
  Connection connection = connection_to(445);
  tracker.on_message(connection, seen);
  tracker.advance(FileTime{1'000'000'000 + 29 * FileTime::kTicksPerSecond});
  EXPECT_TRUE(collector.events.empty());
  tracker.advance(FileTime{1'000'000'000 + 31 * FileTime::kTicksPerSecond});
  ASSERT_EQ(collector.events.size(), 1U);
  EXPECT_EQ(collector.events[0].outcome, event::Outcome::unknown);
}

/// Begins `count` exchanges, each on a connection of its own.
void begin_exchanges(LogonTracker& tracker, std::size_t count, const std::string& target, const std::function<void()>& each) {
  const Bytes message = negotiate_of({});
  MessageSeen seen;
  seen.message = message;
  seen.moment = {1, FileTime{1}};
  seen.target = target;
  Connection connection = connection_to(445);
  for (connection.id = 1; connection.id <= count; ++connection.id) {
    tracker.on_message(connection, seen);
    each();
  }
}

TEST(LogonTracker, R36_KeepsALimitedNumberOfExchangesAndCountsTheOthers) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  begin_exchanges(tracker, LogonTracker::kMaxExchanges + 10, {}, [] {});
  EXPECT_EQ(tracker.counters().exchanges_evicted, 10U);
  EXPECT_LE(tracker.held_bytes(), LogonTracker::kMaxExchangeBytes);
}

TEST(LogonTracker, R36_ExchangesThatSayMuchAreFewerAtOnceAndTheOthersAreCounted) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  begin_exchanges(tracker, 2'000, std::string(20'000, 'x'),
                  [&] { ASSERT_LE(tracker.held_bytes(), LogonTracker::kMaxExchangeBytes + 1024); });
  EXPECT_GT(tracker.counters().exchanges_evicted, 500U);
  EXPECT_LT(tracker.counters().exchanges_evicted, 1'500U);
}

TEST(LogonTracker, ListsAMalformedMessageWithItsError) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  const Bytes whole = challenge_of({});
  MessageSeen seen;
  seen.from = Side::server;
  seen.message = ByteView{whole}.first(30);
  tracker.on_message(connection_to(445), seen);
  ASSERT_EQ(collector.objects.size(), 1U);
  const std::string line = to_json(collector.objects[0]);
  EXPECT_THAT(line, HasSubstr("\"type\":\"CHALLENGE\""));
  EXPECT_THAT(line, HasSubstr("\"error\":\"truncated"));
  EXPECT_EQ(tracker.counters().malformed, 1U);
}

}  // namespace
}  // namespace postern::observe
