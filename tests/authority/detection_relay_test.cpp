// Relay and reflection: somebody stands between client and authority. Each finding with its twin.
#include "detection_fixture.hpp"

namespace postern::authority {
namespace {

using RelayTest = DetectionTest;
using ReflectionTest = DetectionTest;

const ntlm::ChannelBindingHash kOurChannel{std::array<std::uint8_t, 16>{1, 2, 3}};
const ntlm::ChannelBindingHash kOtherChannel{std::array<std::uint8_t, 16>{3, 2, 1}};

TEST_F(RelayTest, AnHonestLogonFindsNothing) {
  EXPECT_EQ(plays({}), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, NamesOfAnotherServerInAProvedResponseAreAnAlarm) {
  Play play;
  play.on_challenge = without_timestamp_and_as("FILES2");
  EXPECT_EQ(plays(play), NtStatus::success) << "no MIC is required, so only detection tells";
  EXPECT_EQ(found(), (Severities{{"relay-server-names", kAlarm}}));
  EXPECT_EQ(evidence("relay-server-names"), "MsvAvNbComputerName=FILES2");
}

TEST_F(RelayTest, OurNamesInAnotherCaseAndNamesThatAreLeftOutAreNoOtherServers) {
  Play play;
  play.on_challenge = without_timestamp_and_as("srv1");
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  play.on_challenge = with_target_info([](wire::AvId id, ByteView value) {
    return id == wire::AvId::nb_domain_name ? std::optional{to_bytes(value)} : std::nullopt;
  });
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, ANameThatWeNeverSentIsAnotherServers) {
  Play play;
  play.on_challenge = with_target_info([](wire::AvId id, ByteView value) -> std::optional<Bytes> {
    if (id == wire::AvId::timestamp) return std::nullopt;
    return to_bytes(value);
  });
  const auto plain = play.on_challenge;
  play.on_challenge = [plain](Bytes& message) {
    plain(message);
    const auto parsed = wire::ChallengeMessage::parse(message).value();
    wire::AvPairsBuilder builder;
    builder.add(wire::AvId::dns_tree_name, utf8_to_utf16le("evil.example", "test").value());
    Bytes info = std::move(builder).finish();
    wire::AvPairs::parse(parsed.target_info, "test").value();
    info.resize(info.size() - wire::AvPairs::kHeaderBytes);
    info.insert(info.end(), parsed.target_info.begin(), parsed.target_info.end());
    wire::ChallengeMessage changed = parsed;
    changed.target_info = info;
    message = changed.write().value();
  };
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-server-names", kAlarm}}));
}

TEST_F(RelayTest, OtherNamesThatNobodyProvedAreNotTold) {
  Play play;
  play.password = kWrongPassword;
  play.on_challenge = without_timestamp_and_as("FILES2");
  EXPECT_EQ(plays(play), NtStatus::wrong_password);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, R20_AChangedChallengeShowsAsAWrongMic) {
  Play play;
  const Bytes name = utf8_to_utf16le("FILES2", "test").value();
  play.on_challenge = with_target_info(
      [name](wire::AvId id, ByteView value) { return id == wire::AvId::nb_computer_name ? name : to_bytes(value); });
  EXPECT_EQ(plays(play), NtStatus::invalid_parameter);
  EXPECT_EQ(found(), (Severities{{"mic-wrong", kAlarm}, {"relay-server-names", kAlarm}}));
}

TEST_F(RelayTest, R20_AMicThatWasCutOutIsAWarningBecauseItIsRefusedUncompared) {
  Play play;
  play.tamper = [](Bytes& token) { std::fill_n(token.begin() + wire::AuthenticateMessage::kMicOffset, wire::kMicBytes, 0); };
  EXPECT_EQ(plays(play), NtStatus::invalid_parameter);
  EXPECT_EQ(found(), (Severities{{"mic-missing", kWarning}}));
  Play none_announced;
  none_announced.on_challenge = without_timestamp();
  EXPECT_EQ(plays(none_announced), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, AResponseForAnotherHandshakesChallengeNamesIt) {
  const ntlm::FinishRequest other = prepare({});
  environment_.pass(1);
  ntlm::FinishRequest here = prepare({});
  here.token = other.token;
  EXPECT_EQ(verdict_of(finish(here)).status, NtStatus::wrong_password);
  EXPECT_EQ(found(), (Severities{{"relay-other-challenge", kWarning}}));
  EXPECT_EQ(evidence("relay-other-challenge"), "its time is that of a challenge for the service web");
}

TEST_F(RelayTest, AWrongPasswordForTheRightChallengeIsNoRelay) {
  Play play;
  play.password = kWrongPassword;
  EXPECT_EQ(plays(play), NtStatus::wrong_password);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, AResponseThatWasRightBeforeAndComesAgainIsAnAlarm) {
  ntlm::FinishRequest recorded = prepare({});
  const Bytes token = recorded.token;
  ASSERT_EQ(verdict_of(finish(std::move(recorded))).status, NtStatus::success);
  ntlm::FinishRequest replay = prepare({});
  replay.token = token;
  EXPECT_EQ(verdict_of(finish(replay)).status, NtStatus::wrong_password);
  EXPECT_EQ(found(), (Severities{{"response-replayed", kAlarm}}));
}

TEST_F(RelayTest, AResponseThatWasWrongBeforeIsAWarningOnly) {
  Play play;
  play.password = kWrongPassword;
  ntlm::FinishRequest first = prepare(play);
  const Bytes token = first.token;
  ASSERT_EQ(verdict_of(finish(std::move(first))).status, NtStatus::wrong_password);
  ntlm::FinishRequest again = prepare(play);
  again.token = token;
  EXPECT_EQ(verdict_of(finish(again)).status, NtStatus::wrong_password);
  EXPECT_EQ(found(), (Severities{{"response-replayed", kWarning}}));
}

TEST_F(RelayTest, AServiceOfAnotherClassIsAnAlarmWhereProvedAndAWarningWhereClaimed) {
  Play play;
  play.spn = "cifs/files.demo.example.org";
  play.accepted_names = {"HTTP/web.demo.example.org"};
  EXPECT_EQ(plays(play), NtStatus::access_denied) << "TargetNameCheck = when-supported";
  EXPECT_EQ(found(), (Severities{{"relay-target-class", kWarning}})) << "nothing was compared";
  start_with("TargetNameCheck", "never");
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-target-class", kAlarm}}));
  EXPECT_EQ(evidence("relay-target-class"), play.spn);
  play.accepted_names.clear();
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-target-class", kAlarm}})) << "the class is known even where no name is";
}

TEST_F(RelayTest, AnotherHostIsAWarningAndTheRightOneNothing) {
  start_with("TargetNameCheck", "never");
  Play play;
  play.spn = "HTTP/intranet.demo.example.org";
  play.accepted_names = {"HTTP/web.demo.example.org"};
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-target-host", kWarning}}));
  play.spn = "HTTP/web.demo.example.org:8443";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
  play.spn = "HTTP/intranet.demo.example.org";
  play.accepted_names.clear();
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "the service names no host to compare with";
}

TEST_F(RelayTest, R23_BindingsOfAnotherChannelAreTold) {
  Play play;
  play.bindings = kOtherChannel;
  play.accepted_bindings = {kOurChannel};
  EXPECT_EQ(plays(play), NtStatus::bad_bindings);
  EXPECT_EQ(found(), (Severities{{"relay-bindings", kWarning}}));
  start_with("ExtendedProtection", "never");
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-bindings", kAlarm}}));
  play.bindings = kOurChannel;
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, R23_BindingsToTlsOnAChannelWithoutItAreTold) {
  start_with("PlainHttp", "always");
  Play play;
  play.bindings = kOtherChannel;
  play.tls = false;
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"relay-bindings", kWarning}}));
  play.bindings.reset();
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(RelayTest, AFindingThatThePolicyListsDeniesTheLogon) {
  start_with_policy({{"DenyFindings", "relay-server-names, canary"}});
  Play play;
  play.on_challenge = without_timestamp_and_as("FILES2");
  EXPECT_EQ(plays(play), NtStatus::access_denied);
  EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
  EXPECT_EQ(last_event().policy.front().setting, "DenyFindings");
  EXPECT_EQ(found(), (Severities{{"relay-server-names", kAlarm}}));
  EXPECT_EQ(shown().bad_passwords.count, 0) << "neither charged nor refunded (R39)";
  play.on_challenge = without_timestamp();
  EXPECT_EQ(plays(play), NtStatus::success) << "the twin that is not listed";
  start_with_policy({{"DenyFindings", "canary"}});
  play.on_challenge = without_timestamp_and_as("FILES2");
  EXPECT_EQ(plays(play), NtStatus::success);
}

// ---- reflection -----------------------------------------------------------------------------------------------------------------

TEST_F(ReflectionTest, R24_OurOwnMachineIdFromOutsideIsAnAlarm) {
  Config changed = config();
  changed.detection.own_machine_ids = {to_hex(Bytes(32, 0xA7))};
  start(std::move(changed));
  Play play;
  play.single_host = single_host(0xA7);
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"reflection-machine-id", kAlarm}}));
  play.address = "192.0.2.1";
  play.workstation = "SRV1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "from this machine itself";
  play = {};
  play.single_host = single_host(0xA8);
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "another machine's id";
}

TEST_F(ReflectionTest, R24_OurOwnAccountFromOutsideIsAnAlarm) {
  add_machine("SRV1$");
  Play play;
  play.user = "SRV1$";
  play.workstation = "SRV1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"reflection-own-account", kAlarm}, {"reflection-own-name", kWarning}}));
  play.address = "127.0.0.1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "a service of this machine";
  Config changed = config();
  changed.detection.own_addresses = {"192.0.2.10"};
  start(std::move(changed));
  play.address = "192.0.2.10";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{}) << "another address of this machine";
}

TEST_F(ReflectionTest, R24_OurOwnNameFromOutsideIsAWarning) {
  Play play;
  play.workstation = "srv1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"reflection-own-name", kWarning}}));
  play.address = "192.0.2.1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

TEST_F(ReflectionTest, OurOwnAddressUnderAnotherNameIsWorthKnowing) {
  Play play;
  play.address = "192.0.2.1";
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), (Severities{{"reflection-own-address", kInfo}}));
  play.workstation.clear();
  EXPECT_EQ(plays(play), NtStatus::success);
  EXPECT_EQ(found(), Severities{});
}

}  // namespace
}  // namespace postern::authority
