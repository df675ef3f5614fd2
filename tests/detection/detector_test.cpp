// What a Detector keeps over a restart, and the findings that need no exchange to be seen.
#include "authority/detection/detector.hpp"

#include <gtest/gtest.h>
#include <map>

#include "clients.hpp"

namespace postern::authority::detection {
namespace {

using Severities = std::map<std::string, event::Severity>;
constexpr event::Severity kWarning = event::Severity::warning;
constexpr event::Severity kAlarm = event::Severity::alarm;

DigestKey key(std::uint8_t first = 1) { return DigestKey{std::array<std::uint8_t, DigestKey::kSize>{first, 2, 3}}; }

Severities severities(const std::vector<event::Finding>& findings) {
  Severities all;
  for (const event::Finding& finding : findings) all[finding.id] = finding.severity;
  return all;
}

Observation logon(std::uint64_t day = 0) {
  Observation seen;
  seen.now = FileTime{134'000'000'000'000'000ULL + day * 86'400 * FileTime::kTicksPerSecond};
  seen.proof = Proof::verified;
  seen.domain = "DEMO";
  seen.account = "alice";
  seen.address = "192.0.2.10";
  seen.workstation = "WS1";
  seen.service = "web";
  seen.mic = event::Mic::verified;
  return seen;
}

TEST(Detector, ACanaryIsAnAlarmWithOrWithoutItsPassword) {
  Detector detector{key()};
  Observation seen = logon();
  seen.canary = true;
  for (const Proof proof : {Proof::not_compared, Proof::wrong, Proof::verified}) {
    seen.proof = proof;
    EXPECT_EQ(severities(detector.observe(seen, {})), (Severities{{"canary", kAlarm}}));
  }
  seen.package = event::Package::kerberos;
  EXPECT_EQ(severities(detector.observe(seen, {})), (Severities{{"canary", kAlarm}})) << "any use, not only NTLM";
  seen.canary = false;
  EXPECT_EQ(severities(detector.observe(seen, {})), Severities{});
}

TEST(Detector, NtlmByAProtectedUserIsAWarningAndKerberosIsNot) {
  Detector detector{key()};
  Observation seen = logon();
  seen.protected_user = true;
  EXPECT_EQ(severities(detector.observe(seen, {})), (Severities{{"protected-user", kWarning}}));
  seen.package = event::Package::kerberos;
  EXPECT_EQ(severities(detector.observe(seen, {})), Severities{});
}

TEST(Detector, AVersionFieldThatNoClientSendsIsTold) {
  Detector detector{key()};
  Observation seen = logon();
  seen.version_field = VersionField::odd;
  EXPECT_EQ(severities(detector.observe(seen, {})), (Severities{{"version-odd", event::Severity::info}}));
  for (const VersionField field : {VersionField::absent, VersionField::zeros, VersionField::usual}) {
    seen.version_field = field;
    EXPECT_EQ(severities(detector.observe(seen, {})), Severities{});
  }
}

TEST(Detector, NobodyIsLearnedUnderAnotherOnesName) {
  Detector detector{key()};
  for (int i = 0; i < 4; ++i) detector.observe(logon(), {});
  Observation other = logon();
  other.account = "bob";
  other.mic = event::Mic::absent;
  EXPECT_EQ(severities(detector.observe(other, {})), Severities{});
  Observation same = logon();
  same.account = "ALICE";
  same.domain = "demo";
  same.mic = event::Mic::absent;
  EXPECT_TRUE(severities(detector.observe(same, {})).contains("downgrade-mic")) << "names know no case";
}

// ---- over a restart
// ---------------------------------------------------------------------------------------------------------------

/// All that has something to forget: networks, habits, packages, machine ids.
void teach(Detector& detector) {
  for (int i = 0; i < 12; ++i) detector.observe(logon(), {});
  Observation machine = logon(1);
  std::array<std::uint8_t, 32> id{7};
  machine.machine_id = id;
  detector.observe(machine, {});
  id[0] = 8;
  detector.observe(machine, {});
  Observation kerberos = logon(1);
  kerberos.package = event::Package::kerberos;
  kerberos.address = "198.51.100.1";
  for (int i = 0; i < 3; ++i) detector.observe(kerberos, {});
}

Severities what_it_knows(Detector& detector) {
  Observation seen = logon(1);
  const std::array<std::uint8_t, 32> id{7};
  seen.machine_id = id;
  seen.address = "203.0.113.1";
  seen.mic = event::Mic::absent;
  return severities(detector.judge(seen, {}).findings);
}

TEST(Detector, WhatWasLearnedSurvivesARestart) {
  Detector before{key()};
  teach(before);
  Detector after{key(9)};
  EXPECT_EQ(what_it_knows(after), Severities{}) << "it would have known anyhow";
  ASSERT_TRUE(after.load(before.save()));
  EXPECT_EQ(what_it_knows(after), what_it_knows(before));
  EXPECT_EQ(what_it_knows(after).size(), 6U);
  EXPECT_EQ(after.save(), before.save());
  EXPECT_TRUE(as_text(before.save()).starts_with("PSTNDET1")) << "a state of an earlier run is read by its first eight bytes";
}

TEST(Detector, AStateThatWasDamagedAnywhereIsRefusedAndNothingOfItIsKept) {
  Detector before{key()};
  teach(before);
  const Bytes state = before.save();
  Detector after{key(9)};
  for (std::size_t i = 0; i < state.size(); ++i) {
    Bytes damaged = state;
    damaged[i] ^= 0x10;
    ASSERT_FALSE(after.load(damaged)) << "byte " << i;
  }
  for (std::size_t size = 0; size < state.size(); ++size) ASSERT_FALSE(after.load(ByteView{state}.first(size))) << size;
  Bytes longer = state;
  longer.push_back(0);
  EXPECT_FALSE(after.load(longer));
  EXPECT_EQ(what_it_knows(after), Severities{});
  EXPECT_TRUE(after.load(state));
}

TEST(Detector, AStateOfALargerMemoryKeepsWhatWasUsedLast) {
  Detector large{key()};
  for (int i = 0; i < 50; ++i) {
    Observation seen = logon();
    const std::string name = "user" + std::to_string(i);
    seen.account = name;
    for (int k = 0; k < 3; ++k) large.observe(seen, {});
  }
  Limits small;
  small.learned = {.accounts = 5, .habits = 5, .workstations = 5, .machine_ids = 5};
  Detector after{key(9), small};
  ASSERT_TRUE(after.load(large.save()));
  EXPECT_LE(after.bytes(), after.max_bytes());
  Observation seen = logon();
  seen.mic = event::Mic::absent;
  seen.account = "user49";
  EXPECT_TRUE(severities(after.judge(seen, {}).findings).contains("downgrade-mic"));
  seen.account = "user0";
  EXPECT_EQ(severities(after.judge(seen, {}).findings), Severities{});
}

TEST(Detector, TheLargestStateFitsIntoTheFileThatIsRead) {
  Detector detector{key()};
  const std::size_t most = detector.max_bytes();
  EXPECT_LT(most, kMaxStateBytes);
}

TEST(Detector, R29_AnObservationHasNoPlaceForAChallenge) {
  // Digests alone: eight bytes of one are not the eight bytes of the other.
  const Detector detector{key()};
  const std::array<std::uint8_t, 8> challenge{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_NE(detector.digest(challenge), load_le<std::uint64_t>(challenge.data()));
  EXPECT_NE(detector.digest(challenge), Detector{key(9)}.digest(challenge)) << "without the key nobody can try challenges";
}

}  // namespace
}  // namespace postern::authority::detection
