// Signs of a stolen hash, accounts that must not come (from there), and guessing. Each finding with its twin.
#include "authority/detection/guessing.hpp"
#include "detection_fixture.hpp"

namespace postern::authority {
namespace {

using StolenHashTest = DetectionTest;
using SuspectAccountTest = DetectionTest;
using GuessingTest = DetectionTest;

// ---- where an account comes from ------------------------------------------------------------------------------------------------

TEST_F(StolenHashTest, ANewNetworkIsAWarningOnceTheAccountIsKnown) {
  warm_up({});
  Play near;
  near.address = "192.0.2.77";
  EXPECT_EQ(plays(near), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "the same /24";
  Play far;
  far.address = "198.51.100.7";
  far.workstation = "WS9";
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"new-network", kWarning}}));
  EXPECT_EQ(evidence("new-network"), "198.51.100.0/24; 12 logons before, of 1 networks");
}

TEST_F(StolenHashTest, ANewNetworkWithAKnownWorkstationIsWorthKnowingOnly) {
  warm_up({});
  Play travels;
  travels.address = "2001:db8::7";
  EXPECT_EQ(plays(travels), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"new-network", kInfo}}));
}

TEST_F(StolenHashTest, DuringTheWarmUpNetworksAreLearned) {
  used_to({}, 9);
  Play far;
  far.address = "198.51.100.7";
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  environment_.pass(86'400);
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(StolenHashTest, ANetworkIsUsualAfterThreeLogonsThatWereLetIn) {
  warm_up({});
  Play far;
  far.address = "198.51.100.7";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(plays(far), NtStatus::success);
    EXPECT_TRUE(found().contains("new-network")) << i;
  }
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(StolenHashTest, AWrongPasswordFromANewNetworkNeitherTellsNorTeaches) {
  warm_up({});
  Play far;
  far.address = "198.51.100.7";
  far.password = kWrongPassword;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(plays(far), NtStatus::wrong_password);
    EXPECT_EQ(found(), Severities{});
    environment_.pass(700);
  }
  far.password = kPassword;
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_TRUE(found().contains("new-network"));
}

TEST_F(StolenHashTest, WhatIsDeniedByThePolicyNeverBecomesUsual) {
  Config changed = config();
  EXPECT_TRUE(policy::set(changed.services[0].policy, "DenyFindings", "new-network"));
  start(std::move(changed));
  warm_up({});
  Play far;
  far.address = "198.51.100.7";
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(plays(far), NtStatus::access_denied);
    EXPECT_TRUE(found().contains("new-network")) << i;
  }
  EXPECT_EQ(plays({}), NtStatus::success);
}

// ---- what its clients look like -------------------------------------------------------------------------------------------------

TEST_F(StolenHashTest, AMissingWorkstationIsToldOnlyOfWhoAlwaysNamedOne) {
  warm_up({});
  Play nameless;
  nameless.workstation.clear();
  EXPECT_EQ(plays(nameless), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"workstation-missing", kInfo}}));
  add_account("bob");
  nameless.user = "bob";
  warm_up(nameless);
  EXPECT_EQ(found(), Severities{}) << "bob's client never named one";
}

TEST_F(StolenHashTest, AMadeUpWorkstationNameIsTold) {
  for (const char* name : {"kJhGfDsA", "Ab3dEf6hIj9lMn2p"}) {
    Play random;
    random.workstation = name;
    EXPECT_EQ(plays(random), NtStatus::success);
    EXPECT_EQ(found(), (Severities{{"workstation-random", kInfo}})) << name;
  }
  for (const char* name : {"DESKTOP1", "LAPTOPXY", "webserver", "Johannes", "AB3DEF6HIJ9LMN2P"}) {
    Play usual;
    usual.workstation = name;
    EXPECT_EQ(plays(usual), NtStatus::success);
    EXPECT_EQ(found(), Severities{}) << name;
  }
}

TEST_F(StolenHashTest, AMachineIdThatComesBackMeansTwoMachines) {
  Play one;
  one.single_host = single_host(1);
  Play two = one;
  two.single_host = single_host(2);
  EXPECT_EQ(plays(one), NtStatus::success);
  EXPECT_EQ(plays(two), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "a restart gives a new id";
  EXPECT_EQ(plays(two), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  EXPECT_EQ(plays(one), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"machine-id-returned", kWarning}}));
}

TEST_F(StolenHashTest, AMachineIdUnderManyNamesIsTold) {
  Play play;
  play.single_host = single_host(1);
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  play.workstation = "WS2";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"machine-id-names", kInfo}}));
  play.workstation = "WS3";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"machine-id-names", kWarning}}));
  play.single_host = single_host(2);
  play.workstation = "WS4";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(StolenHashTest, ClientChallengesThatAreNotRandomAreTold) {
  Play letters;
  letters.client_challenge = to_bytes(as_bytes("aB3dE6gH"));
  EXPECT_EQ(plays(letters), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"client-challenge-odd", kInfo}})) << "once in 84 000 by chance";
  letters.client_challenge = to_bytes(as_bytes("xY4zW7vU"));
  EXPECT_EQ(plays(letters), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"client-challenge-odd", kWarning}})) << "twice by none";
  Play equal;
  equal.client_challenge = Bytes(8, 0xAA);
  EXPECT_EQ(plays(equal), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"client-challenge-odd", kWarning}}));
}

TEST_F(StolenHashTest, AClientChallengeThatRepeatsIsTold) {
  Play fixed;
  fixed.client_challenge = from_hex("8899aabbccddee01");
  EXPECT_EQ(plays(fixed), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  EXPECT_EQ(plays(fixed), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"client-challenge-repeated", kWarning}}));
  EXPECT_EQ(evidence("client-challenge-repeated"), "by this account");
  add_account("bob");
  fixed.user = "bob";
  EXPECT_EQ(plays(fixed), NtStatus::success);
  EXPECT_EQ(evidence("client-challenge-repeated"), "by another account");
}

/// A NEGOTIATE of the flags alone, in 32 bytes: both ends see it so, since it is what the MIC would cover.
Play like_impacket() {
  Play play;
  play.workstation.clear();
  play.offered = wire::NegotiateFlags{0xE088'8235};
  play.spn = "cifs/SRV1";
  play.on_negotiate = [](Bytes& message) { message.resize(32); };
  play.client_challenge = to_bytes(as_bytes("q1W2e3R4"));
  play.on_challenge = [](Bytes& message) {
    // Its client takes the server's time and sends no MIC. Ours sends one whenever it has that time, so it is kept from it.
    const auto parsed = wire::ChallengeMessage::parse(message).value();
    wire::AvPairsBuilder builder;
    wire::AvPairs::parse(parsed.target_info, "test").value().for_each([&](const wire::AvPair& pair) {
      if (pair.id != wire::AvId::timestamp) builder.add(pair.id, pair.value);
    });
    const Bytes info = std::move(builder).finish();
    wire::ChallengeMessage changed = parsed;
    changed.target_info = info;
    message = changed.write().value();
  };
  return play;
}

TEST_F(StolenHashTest, AToolsMessagesAreTold) {
  start_with("TargetNameCheck", "never");
  EXPECT_EQ(plays(like_impacket()), NtStatus::success);
  const Severities tool = found();
  EXPECT_EQ(tool.at("tool-fingerprint"), kWarning);
  EXPECT_EQ(tool.at("pass-the-hash"), kWarning) << "the tool and its challenge";
  EXPECT_EQ(evidence("pass-the-hash"), "tool-fingerprint, client-challenge-odd");
  Play ruler;
  ruler.workstation = "RULER";
  EXPECT_EQ(plays(ruler), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"tool-fingerprint", kWarning}}));
}

TEST_F(StolenHashTest, OneOfTheToolsHabitsAloneIsNotTold) {
  Play flags_only = like_impacket();
  flags_only.spn.clear();
  flags_only.client_challenge.reset();
  EXPECT_EQ(plays(flags_only), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(StolenHashTest, SignsThatComeTogetherAreAnAlarm) {
  warm_up({});
  Play thief = like_impacket();
  thief.spn.clear();
  thief.offered = ntlm::InitiatorConfig::kDefaultOffer;
  thief.on_negotiate = {};
  thief.address = "198.51.100.7";
  EXPECT_EQ(plays(thief), NtStatus::success);
  EXPECT_EQ(
      found(),
      (Severities{
          {"new-network", kWarning}, {"workstation-missing", kInfo}, {"client-challenge-odd", kInfo}, {"pass-the-hash", kAlarm}}));
}

TEST_F(StolenHashTest, NtlmWhileItsOwnerUsesKerberosElsewhereIsTold) {
  detection::Observation kerberos;
  kerberos.now = environment_.now();
  kerberos.package = event::Package::kerberos;
  kerberos.proof = detection::Proof::verified;
  kerberos.domain = "DEMO";
  kerberos.account = "alice";
  kerberos.address = "198.51.100.20";
  kerberos.service = "files";
  EXPECT_TRUE(authority_->detector().observe(kerberos, {}).empty());
  environment_.pass(60);
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"kerberos-elsewhere", kWarning}}));
  Play same;
  same.address = "198.51.100.99";
  EXPECT_EQ(plays(same), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "from the network where the ticket is used";
  environment_.pass(detection::kKerberosSeconds);
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "the ticket has ended";
}

// ---- accounts -------------------------------------------------------------------------------------------------------------------

TEST_F(SuspectAccountTest, AMachineAccountFromAnotherAddressIsTold) {
  add_machine("WS5$");
  Play machine;
  machine.user = "WS5$";
  machine.workstation = "WS5";
  EXPECT_EQ(plays(machine), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  Play near = machine;
  near.address = "192.0.2.99";
  EXPECT_EQ(plays(near), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"machine-account-foreign", kInfo}}));
  EXPECT_EQ(plays(near), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "a new lease is learned at once";
  Play far = machine;
  far.address = "198.51.100.7";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(plays(far), NtStatus::success);
    EXPECT_EQ(found(), (Severities{{"machine-account-foreign", kWarning}})) << i;
  }
  EXPECT_EQ(plays(far), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  EXPECT_EQ(plays(machine), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(SuspectAccountTest, ACanaryRaisesAnAlarmOnAnyUse) {
  ASSERT_TRUE(sqlite_->change(alice_.id, {.canary = true}));
  Play play;
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found().at("canary"), kAlarm);
  EXPECT_EQ(evidence("canary"), "with the right password");
  play.password = kWrongPassword;
  EXPECT_EQ(plays(play), NtStatus::wrong_password);
  EXPECT_EQ(found().at("canary"), kAlarm);
  play.response = ntlm::ResponseKind::danger_ntlm_v1;
  EXPECT_EQ(plays(play), NtStatus::logon_failure) << "LmCompatibilityLevel: nothing is compared";
  EXPECT_EQ(found().at("canary"), kAlarm);
  add_account("bob");
  Play bob;
  bob.user = "bob";
  EXPECT_EQ(plays(bob), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(SuspectAccountTest, NtlmByAProtectedUserIsToldAndRefused) {
  ASSERT_TRUE(sqlite_->change(alice_.id, {.protected_user = true}));
  EXPECT_NE(plays({}), NtStatus::success);
  EXPECT_EQ(found().at("protected-user"), kWarning);
  ASSERT_TRUE(sqlite_->change(alice_.id, {.protected_user = false}));
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

// ---- guessing -------------------------------------------------------------------------------------------------------------------

TEST_F(GuessingTest, WrongPasswordsForTenAccountsFromOneAddressAreSpraying) {
  Play play;
  play.password = kWrongPassword;
  for (std::size_t i = 0; i < detection::kSprayedAccounts; ++i) {
    play.user = "user" + std::to_string(i);
    EXPECT_EQ(plays(play), NtStatus::no_such_user);
    EXPECT_EQ(found().contains("password-spraying"), i + 1 == detection::kSprayedAccounts) << i;
  }
  EXPECT_EQ(found(), (Severities{{"password-spraying", kWarning}}));
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"sprayed-logon", kAlarm}})) << "one of them was right";
  Play elsewhere;
  elsewhere.address = "198.51.100.7";
  EXPECT_EQ(plays(elsewhere), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(GuessingTest, WhoWasSeenFromThereBeforeIsNoSprayedLogon) {
  used_to({}, 1);
  Play play;
  play.password = kWrongPassword;
  for (std::size_t i = 0; i < detection::kSprayedAccounts; ++i) {
    play.user = "user" + std::to_string(i);
    EXPECT_EQ(plays(play), NtStatus::no_such_user);
  }
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(GuessingTest, OneAccountsSlipsAreNoSpraying) {
  Play play;
  play.password = kWrongPassword;
  for (std::size_t i = 0; i < 2 * detection::kSprayedAccounts; ++i) {
    play.workstation = "WS" + std::to_string(i);
    plays(play);
    EXPECT_EQ(found(), Severities{}) << i;
  }
}

TEST_F(GuessingTest, SlowSlipsOfManyAreNoSpraying) {
  Play play;
  play.password = kWrongPassword;
  for (std::size_t i = 0; i < 2 * detection::kSprayedAccounts; ++i) {
    play.user = "user" + std::to_string(i);
    plays(play);
    EXPECT_EQ(found(), Severities{}) << i;
    environment_.pass(detection::kGuessSeconds / (detection::kSprayedAccounts - 2));
  }
}

TEST_F(GuessingTest, SlipsThatTheirOwnersMendAreNoSpraying) {
  for (std::size_t i = 0; i < detection::kSprayedAccounts + 3; ++i) {
    Play play;
    play.user = "user" + std::to_string(i);
    add_account(play.user);
    play.password = kWrongPassword;
    EXPECT_EQ(plays(play), NtStatus::wrong_password);
    EXPECT_EQ(found(), Severities{}) << i;
    play.password = kPassword;
    EXPECT_EQ(plays(play), NtStatus::success);
  }
}

TEST_F(GuessingTest, WrongPasswordsForOneAccountFromTenAddressesAreGuessing) {
  Config changed = config();
  changed.lockout.threshold = 0;
  start(std::move(changed));
  Play play;
  play.password = kWrongPassword;
  for (std::size_t i = 0; i < detection::kGuessingClients; ++i) {
    play.address = "198.51.100." + std::to_string(i + 1);
    EXPECT_EQ(plays(play), NtStatus::wrong_password);
    EXPECT_EQ(found().contains("password-guessing"), i + 1 == detection::kGuessingClients) << i;
  }
  play.user = "other";
  EXPECT_EQ(plays(play), NtStatus::no_such_user);
  EXPECT_EQ(found(), Severities{});
}

// ---- what findings do not say
// -----------------------------------------------------------------------------------------------------

TEST_F(DetectionTest, R29_NoEvidenceHoldsAChallengeOrAResponse) {
  warm_up({});
  std::vector<std::string> secrets;
  const auto keep = [&](ByteView bytes) {
    secrets.push_back(to_hex(bytes));
    secrets.push_back(to_base64(bytes));
  };
  Play play = like_impacket();
  play.address = "198.51.100.7";
  const auto cut = play.on_challenge;
  play.on_challenge = [&](Bytes& message) {
    keep(wire::ChallengeMessage::parse(message).value().server_challenge.bytes());
    cut(message);
  };
  play.tamper = [&](Bytes& token) { keep(wire::AuthenticateMessage::parse(token).value().nt_response.first(16)); };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_GE(found().size(), 4U);
  secrets.emplace_back("q1W2e3R4");
  ASSERT_GE(secrets.size(), 13U);
  for (const account::StoredEvent& stored : stored()) {
    for (const std::string& secret : secrets) EXPECT_EQ(stored.event.json.find(secret), std::string::npos) << secret;
  }
}

}  // namespace
}  // namespace postern::authority
