// Each finding with a logon that shows it, and a twin, one field away, that does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"
#include "observe/logons/collector.hpp"
#include "wire/av_pairs.hpp"

namespace postern::observe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

/// A logon in parts; the defaults are an honest one that nothing is found in.
struct Parts {
  std::uint8_t client = 17;
  std::uint8_t server = 1;
  std::uint16_t port = 445;
  Carrier carrier = Carrier::smb2;
  NegotiateFlags offered{0xe2888215};
  NegotiateFlags chosen{0xe28a8215};
  std::uint8_t challenge = 1;  ///< of different logons different
  bool pattern = false;
  bool server_time = true;
  std::string server_name = "FS1";
  std::string user = "alice";
  std::string domain = "LAB";
  std::string spn = "cifs/fs1.lab.test";
  std::string target{};
  bool announce_mic = true;
  bool zero_mic = false;
  enum class Response : std::uint8_t { v2, v1, v1_ess, lm, none } response = Response::v2;
  bool in_spnego = true;
  bool failed = false;
  OutcomeSeen::Standing standing = OutcomeSeen::Standing::as_named;
  std::uint64_t second = 0;
};

Bytes negotiate_of(const Parts& parts) {
  wire::NegotiateMessage message;
  message.flags = parts.offered;
  return message.write().value();
}
Bytes challenge_of(const Parts& parts) {
  wire::ChallengeMessage message;
  message.flags = parts.chosen;
  std::array<std::uint8_t, 8> value{9, 4, 7, 1, 8, 2, 6, parts.challenge};
  if (parts.pattern) value = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  message.server_challenge = wire::ServerChallenge{value};
  wire::AvPairsBuilder pairs;
  pairs.add(wire::AvId::nb_domain_name, utf16("LAB"));
  pairs.add(wire::AvId::nb_computer_name, utf16(parts.server_name));
  if (parts.server_time) pairs.add_timestamp(FileTime{0x01d9'0000'0000'0000});
  const Bytes info = std::move(pairs).finish();
  message.target_info = info;
  return message.write().value();
}
Bytes response_of(const Parts& parts) {
  Bytes response(16);
  for (std::size_t i = 0; i < response.size(); ++i) response[i] = static_cast<std::uint8_t>(parts.challenge * 16 + i);
  const Bytes head = from_hex("0101000000000000000000000000d901a1a2a3a4a5a6a7a800000000").value();
  response.insert(response.end(), head.begin(), head.end());
  wire::AvPairsBuilder pairs;
  if (parts.announce_mic) pairs.add_flags(2);
  if (!parts.spn.empty()) pairs.add(wire::AvId::target_name, utf16(parts.spn));
  const Bytes list = std::move(pairs).finish();
  response.insert(response.end(), list.begin(), list.end());
  return response;
}
Bytes authenticate_of(const Parts& parts) {
  wire::AuthenticateMessage message;
  message.flags = parts.chosen;
  const Bytes user = utf16(parts.user);
  const Bytes domain = utf16(parts.domain);
  message.user_name = user;
  message.domain_name = domain;
  Bytes nt;
  Bytes lm(24, 0);
  switch (parts.response) {
    case Parts::Response::v2: nt = response_of(parts); break;
    case Parts::Response::v1:
      nt = Bytes(24, 0x41);
      lm = nt;
      break;
    case Parts::Response::v1_ess:
      nt = Bytes(24, 0x41);
      lm[0] = 1;
      break;
    case Parts::Response::lm: lm = Bytes(24, 0x42); break;
    case Parts::Response::none: lm.clear(); break;
  }
  message.nt_response = nt;
  message.lm_response = lm;
  message.mic = wire::Mic{};
  Bytes out = message.write().value();
  if (!parts.zero_mic) out[wire::AuthenticateMessage::kMicOffset] = 1;
  return out;
}

Address address(std::uint8_t last) { return Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last}}; }

/// A sensor, and logons that it sees.
class Scene {
 public:
  explicit Scene(LogonTrackerConfig config = test_config()) : tracker_{std::move(config), collector} {}

  Connection connect(const Parts& parts) {
    Connection connection;
    connection.id = ++connections_;
    connection.client = {address(parts.client), static_cast<std::uint16_t>(50'000 + connections_)};
    connection.server = {address(parts.server), parts.port};
    return connection;
  }
  Moment moment(const Parts& parts) {
    return {++frame_, FileTime{0x01d9'0000'0000'0000 + parts.second * FileTime::kTicksPerSecond}};
  }

  void say(const Connection& connection, const Parts& parts, Side from, ByteView message) {
    MessageSeen seen;
    seen.exchange = 1;
    seen.moment = moment(parts);
    seen.from = from;
    seen.carrier = parts.carrier;
    seen.message = message;
    seen.in_spnego = parts.in_spnego;
    if (from == Side::client) seen.target = parts.target;
    tracker_.on_message(connection, seen);
  }
  void note(const Connection& connection, const Parts& parts, NoteSeen::Kind kind, std::string detail = {},
            std::uint32_t number = 0) {
    NoteSeen seen;
    seen.kind = kind;
    seen.moment = moment(parts);
    seen.carrier = parts.carrier;
    seen.from = kind == NoteSeen::Kind::kdc_error ? Side::server : Side::client;
    seen.detail = std::move(detail);
    seen.number = number;
    tracker_.on_note(connection, seen);
  }
  void end(const Connection& connection, const Parts& parts) {
    OutcomeSeen seen;
    seen.exchange = 1;
    seen.moment = moment(parts);
    seen.carrier = parts.carrier;
    seen.result = parts.failed ? OutcomeSeen::Result::failure : OutcomeSeen::Result::success;
    seen.standing = parts.standing;
    tracker_.on_outcome(connection, seen);
    tracker_.on_connection_end(connection);
  }
  const event::LogonEvent& log_on(const Parts& parts) { return log_on(connect(parts), parts); }
  const event::LogonEvent& log_on(const Connection& connection, const Parts& parts) {
    say(connection, parts, Side::client, negotiate_of(parts));
    say(connection, parts, Side::server, challenge_of(parts));
    say(connection, parts, Side::client, authenticate_of(parts));
    end(connection, parts);
    return collector.events.back();
  }

  Collector collector;

 private:
  LogonTracker tracker_;
  std::uint64_t connections_ = 0;
  std::uint64_t frame_ = 0;
};

std::vector<std::string> ids(const event::LogonEvent& event) {
  std::vector<std::string> out;
  for (const event::Finding& finding : event.findings) out.push_back(finding.id);
  return out;
}
std::vector<std::string> found_in(const Parts& parts) { return ids(Scene{}.log_on(parts)); }
using Ids = std::vector<std::string>;

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

TEST(LogonTracker, R36_KeepsALimitedNumberOfExchangesAndCountsTheOthers) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  const Bytes message = negotiate_of({});
  MessageSeen seen;
  seen.message = message;
  seen.moment = {1, FileTime{1}};
  Connection connection = connection_to(445);
  for (std::uint64_t i = 1; i <= LogonTracker::kMaxExchanges + 10; ++i) {
    connection.id = i;
    tracker.on_message(connection, seen);
  }
  EXPECT_EQ(tracker.counters().exchanges_evicted, 10U);
  EXPECT_LE(tracker.held_bytes(), LogonTracker::kMaxExchangeBytes);
}

TEST(LogonTracker, R36_ExchangesThatSayMuchAreFewerAtOnceAndTheOthersAreCounted) {
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  const Bytes message = negotiate_of({});
  MessageSeen seen;
  seen.message = message;
  seen.moment = {1, FileTime{1}};
  seen.target.assign(20'000, 'x');
  Connection connection = connection_to(445);
  for (std::uint64_t i = 1; i <= 2'000; ++i) {
    connection.id = i;
    tracker.on_message(connection, seen);
    ASSERT_LE(tracker.held_bytes(), LogonTracker::kMaxExchangeBytes + 1024);
  }
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
