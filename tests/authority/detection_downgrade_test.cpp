// Downgrade of who did better before, and who teaches what "before" was.
#include "authority/detection/learned.hpp"
#include "detection_fixture.hpp"

namespace postern::authority {
namespace {

using DowngradeTest = DetectionTest;
using wire::NegotiateFlag;

const ntlm::ChannelBindingHash kChannel{std::array<std::uint8_t, 16>{1, 2, 3}};

TEST_F(DowngradeTest, AMicThatIsNoLongerSentByTheSameProgramIsAWarning) {
  used_to({});
  Play stripped;
  stripped.on_challenge = without_timestamp();
  EXPECT_EQ(plays(stripped), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-mic", kWarning}}));
  EXPECT_NE(evidence("downgrade-mic").find("the server's time, which it copied before"), std::string::npos);
}

TEST_F(DowngradeTest, WhoNeverSentAMicIsNotDowngraded) {
  Play stripped;
  stripped.on_challenge = without_timestamp();
  used_to(stripped);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(DowngradeTest, AnotherProgramOfTheSameClientIsWorthKnowingOnly) {
  used_to({});
  Play other;
  other.on_challenge = without_timestamp();
  other.offered = other.offered.without(NegotiateFlag::request_target);
  EXPECT_EQ(plays(other), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-mic", kInfo}}));
}

TEST_F(DowngradeTest, AnotherWorkstationIsAnotherPair) {
  used_to({});
  Play other;
  other.on_challenge = without_timestamp();
  other.workstation = "WS2";
  EXPECT_EQ(plays(other), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(DowngradeTest, WhatWasLetInThreeTimesIsUsual) {
  used_to({});
  Play stripped;
  stripped.on_challenge = without_timestamp();
  for (int i = 0; i < detection::kUsualAfter; ++i) {
    EXPECT_EQ(plays(stripped), NtStatus::success);
    EXPECT_TRUE(found().contains("downgrade-mic")) << i;
  }
  EXPECT_EQ(plays(stripped), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(DowngradeTest, AnOlderResponseIsAWarning) {
  start_with("LmCompatibilityLevel", "3");
  Play old;
  old.response = ntlm::ResponseKind::danger_ntlm_v1;
  EXPECT_EQ(plays(old), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "nothing better was seen";
  used_to({});
  EXPECT_EQ(plays(old), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-version", kWarning}}));
}

TEST_F(DowngradeTest, BindingsThatAreNoLongerSentAreAWarning) {
  Play bound;
  bound.bindings = kChannel;
  bound.accepted_bindings = {kChannel};
  used_to(bound);
  bound.bindings.reset();
  EXPECT_EQ(plays(bound), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-bindings", kWarning}}));
  Play never;
  never.workstation = "WS2";
  never.accepted_bindings = {kChannel};
  used_to(never);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(DowngradeTest, ATargetNameThatIsNoLongerSentIsAWarning) {
  Play named;
  named.spn = "HTTP/web.example.org";
  used_to(named);
  EXPECT_EQ(found(), Severities{});
  named.spn.clear();
  EXPECT_EQ(plays(named), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-target-name", kWarning}}));
}

TEST_F(DowngradeTest, LostSessionSecurityIsWorthKnowing) {
  Play strong;
  strong.offered = strong.offered.with(NegotiateFlag::seal);
  used_to(strong);
  strong.offered = strong.offered.without(NegotiateFlag::seal).without(NegotiateFlag::key_128).without(NegotiateFlag::sign);
  EXPECT_EQ(plays(strong), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-session", kInfo}}));
  EXPECT_EQ(evidence("downgrade-session"), "signing, sealing, keys of 128 bits lost");
  Play more;
  more.workstation = "WS2";
  used_to(more);
  more.offered = more.offered.with(NegotiateFlag::seal);
  EXPECT_EQ(plays(more), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "more than before";
}

TEST_F(DowngradeTest, NtlmAfterKerberosForTheSameServiceIsTold) {
  detection::Observation kerberos;
  kerberos.package = event::Package::kerberos;
  kerberos.proof = detection::Proof::verified;
  kerberos.domain = "DEMO";
  kerberos.account = "alice";
  kerberos.address = "192.0.2.10";
  kerberos.service = "web";
  for (int i = 0; i < 3; ++i) {
    kerberos.now = environment_.now();
    EXPECT_TRUE(authority_->detector().observe(kerberos, {}).empty());
  }
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"downgrade-package", kInfo}}));
  add_account("bob");
  Play bob;
  bob.user = "bob";
  EXPECT_EQ(plays(bob), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

// ---- who teaches ----------------------------------------------------------------------------------------------------------------

TEST_F(DowngradeTest, WrongPasswordsTeachNothing) {
  Play wrong;
  wrong.password = kWrongPassword;
  Config changed = config();
  changed.lockout.threshold = 0;
  start(std::move(changed));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(plays(wrong), NtStatus::wrong_password);
    environment_.pass(700);  // past any back-off
  }
  Play stripped;
  stripped.on_challenge = without_timestamp();
  EXPECT_EQ(plays(stripped), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "a habit came from who proved nothing";
}

TEST_F(DowngradeTest, ALogonThatWasDeniedTeachesNothing) {
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(plays({}), NtStatus::account_disabled);
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::yes));
  Play stripped;
  stripped.on_challenge = without_timestamp();
  EXPECT_EQ(plays(stripped), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(DowngradeTest, ARelayedLogonThatWasLetInTeachesNothing) {
  used_to({});
  Play relayed;
  relayed.on_challenge = without_timestamp_and_as("FILES2");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(plays(relayed), NtStatus::success);
    EXPECT_EQ(found(), (Severities{{"relay-server-names", kAlarm}, {"downgrade-mic", kWarning}})) << "it never becomes usual";
  }
}

TEST_F(DowngradeTest, SwitchedOffItFindsAndLearnsNothing) {
  Config changed = config();
  changed.detection.detection = detection::Switch::off;
  start(std::move(changed));
  used_to({});
  Play stripped;
  stripped.on_challenge = without_timestamp_and_as("FILES2");
  EXPECT_EQ(plays(stripped), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

}  // namespace
}  // namespace postern::authority
