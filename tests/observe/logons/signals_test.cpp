// Findings that compare: names with destinations, times with clocks, a logon with those before it. Each with its twin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/logons/scene.hpp"

namespace postern::observe {
namespace {

using testing::HasSubstr;
using wire::NegotiateFlags;

const event::Finding* finding(const event::LogonEvent& event, std::string_view id) {
  for (const event::Finding& found : event.findings) {
    if (found.id == id) return &found;
  }
  return nullptr;
}

TEST(Signals, SayThatTheLastMessageTookSigningBack) {
  constexpr NegotiateFlags kWithoutSign{0xe28a8205};
  EXPECT_EQ(found_in({.last = kWithoutSign}), Ids{"signing-lost"});
  EXPECT_EQ(found_in({.last = NegotiateFlags{0xe28a8215}}), Ids{});
  EXPECT_EQ(found_in({.offered = NegotiateFlags{0xe2888205}, .last = kWithoutSign}), Ids{}) << "never offered";
}

TEST(Signals, SayThatTheServersTargetInfoNamesNobody) {
  EXPECT_EQ(found_in({.info = Parts::Info::nobody}), Ids{"target-info-missing"});
  EXPECT_EQ(found_in({.announce_mic = false, .zero_mic = true, .info = Parts::Info::none}), Ids{"target-info-missing"});
  EXPECT_EQ(found_in({.info = Parts::Info::names}), Ids{});
  const auto event = Scene{}.log_on({.info = Parts::Info::nobody});
  EXPECT_EQ(event.findings[0].severity, event::Severity::warning);
  EXPECT_EQ(event.findings[0].evidence, "frame 2");
  EXPECT_EQ(Scene{}.log_on({.carrier = Carrier::http, .spn = "", .info = Parts::Info::nobody}).findings[0].severity,
            event::Severity::info);
}

TEST(Signals, SayThatTheResponseAnswersAnotherServersNames) {
  EXPECT_EQ(found_in({.answered_name = "DC1"}), Ids{"server-names-differ"});
  EXPECT_EQ(found_in({.answered_name = "fs1"}), Ids{});
  const auto event = Scene{}.log_on({.answered_name = "DC1"});
  EXPECT_EQ(event.findings[0].severity, event::Severity::alarm);
  EXPECT_THAT(event.findings[0].text, HasSubstr("the server called itself FS1, and the response answers DC1"));
}

TEST(Signals, SeeAnotherServersNamesInAResponseWhoseChallengeWasNotSeen) {
  Scene scene;
  scene.log_on({.challenge = 1});
  EXPECT_EQ(ids(scene.log_on({.challenge = 2, .spn = "", .answered_name = "FS1", .challenge_seen = false})), Ids{});
  EXPECT_EQ(ids(scene.log_on({.challenge = 3, .spn = "", .answered_name = "DC1", .challenge_seen = false})),
            Ids{"server-names-changed"});
  EXPECT_EQ(ids(scene.log_on({.challenge = 4, .answered_name = "DC1", .challenge_seen = false})),
            (Ids{"relay-target-host", "server-names-changed"}))
      << "and the client meant fs1";
}

TEST(Signals, SeeTheNamesOfAServerThatIsElsewhere) {
  for (const std::uint8_t address : std::initializer_list<std::uint8_t>{1, 66}) {
    Scene scene;
    scene.log_on({.challenge = 1});
    const auto event = scene.log_on({.server = address, .challenge = 2});
    EXPECT_EQ(ids(event), address == 1 ? Ids{} : Ids{"server-names-elsewhere"});
    if (address == 1) continue;
    EXPECT_EQ(event.findings[0].severity, event::Severity::warning);
    EXPECT_THAT(event.findings[0].text, HasSubstr("10.0.0.66 calls itself FS1, and FS1 was seen at 10.0.0.1"));
    EXPECT_EQ(event.findings[0].evidence, "frame 6, before in frame 2");
    EXPECT_EQ(ids(scene.log_on({.server = address, .challenge = 3})), Ids{}) << "said once";
  }
}

TEST(Signals, DoNotTakeBothSidesOfATranslationForTwoServers) {
  Scene scene;
  scene.log_on({.challenge = 1});
  EXPECT_EQ(finding(scene.log_on({.server = 66, .challenge = 1}), "server-names-elsewhere"), nullptr)
      << "the same challenge: one logon, seen twice or relayed, and the relay finding tells which";
}

TEST(Signals, SeeAWorkstationsNameAtTwoAddresses) {
  for (const std::uint8_t client : std::initializer_list<std::uint8_t>{17, 66}) {
    Scene scene;
    scene.log_on({.challenge = 1, .workstation = "WS17"});
    const auto event = scene.log_on({.client = client, .challenge = 2, .second = 60, .workstation = "WS17"});
    EXPECT_EQ(ids(event), client == 17 ? Ids{} : Ids{"workstation-elsewhere"});
    if (client == 17) continue;
    EXPECT_EQ(event.findings[0].severity, event::Severity::warning) << "at two addresses within a quarter of an hour";
    EXPECT_THAT(event.findings[0].text, HasSubstr("10.0.0.66 calls itself WS17, which was seen at 10.0.0.17"));
    EXPECT_EQ(event.findings[0].evidence, "frames 5, 6, 7, before in frame 3");
  }
  Scene failed;
  failed.log_on({.challenge = 1, .workstation = "WS17"});
  EXPECT_EQ(ids(failed.log_on({.client = 66, .challenge = 2, .failed = true, .workstation = "WS17"})), Ids{})
      << "anybody can claim it";
  Scene later;
  later.log_on({.challenge = 1, .workstation = "WS17"});
  const auto event = later.log_on({.client = 66, .challenge = 2, .second = 7200, .workstation = "WS17"});
  ASSERT_EQ(ids(event), Ids{"workstation-elsewhere"});
  EXPECT_EQ(event.findings[0].severity, event::Severity::info) << "a lease that moved";
}

TEST(Signals, KnowThatSomeWorkstationNamesAreEverybodys) {
  Scene scene;
  scene.log_on({.challenge = 1, .workstation = "WORKSTATION"});
  EXPECT_EQ(ids(scene.log_on({.client = 66, .challenge = 2, .workstation = "WORKSTATION"})), Ids{});
}

TEST(Signals, SayThatAClientOfATlsServiceSentNoBindings) {
  EXPECT_EQ(found_in({.binding = Parts::Binding::zero, .ended_tls = true}), Ids{"channel-binding-missing"});
  EXPECT_EQ(found_in({.binding = Parts::Binding::absent, .ended_tls = true}), Ids{"channel-binding-missing"});
  EXPECT_EQ(found_in({.binding = Parts::Binding::hash, .ended_tls = true}), Ids{});
  EXPECT_EQ(found_in({.binding = Parts::Binding::zero, .ended_tls = false}), Ids{}) << "no TLS to bind to";
  EXPECT_EQ(found_in({.port = 443, .carrier = Carrier::http, .spn = "HTTP/fs1", .binding = Parts::Binding::zero}),
            Ids{"channel-binding-missing"})
      << "a decrypted capture";
}

TEST(Signals, SayThatAClockIsWrong) {
  EXPECT_EQ(found_in({.server_clock = 301}), Ids{"clock-skew"});
  EXPECT_EQ(found_in({.server_clock = 299}), Ids{});
  const auto event = Scene{}.log_on({.second = 1000, .server_clock = -500});
  ASSERT_EQ(ids(event), Ids{"clock-skew"});
  EXPECT_EQ(event.findings[0].severity, event::Severity::info);
  EXPECT_THAT(event.findings[0].text, HasSubstr("the server says a time that is 500 seconds"));
}

TEST(Signals, SayThatAServerSaysTheSameTimeTwice) {
  for (const bool stands : {true, false}) {
    Scene scene;
    const auto at = [&](std::uint8_t number, std::uint64_t second) {
      Parts parts{.challenge = number, .second = second};
      if (stands) parts.server_stands = 10;
      return scene.log_on(parts);
    };
    EXPECT_EQ(ids(at(1, 10)), Ids{});
    EXPECT_EQ(ids(at(2, 11)), Ids{}) << "clocks are coarse";
    const auto event = at(3, 20);
    EXPECT_EQ(ids(event), stands ? Ids{"timestamp-reused"} : Ids{});
    if (stands) {
      EXPECT_EQ(event.findings[0].severity, event::Severity::warning);
      EXPECT_EQ(event.findings[0].evidence, "frames 6 and 10");
    }
  }
}

TEST(Signals, TakeTheSameChallengeAgainForNoClockThatStands) {
  Scene scene;
  scene.log_on({.challenge = 1, .second = 10, .server_stands = 10});
  const auto event = scene.log_on({.challenge = 1, .second = 20, .server_stands = 10});
  EXPECT_EQ(finding(event, "timestamp-reused"), nullptr);
  EXPECT_NE(finding(event, "challenge-repeated"), nullptr) << "that is what it is";
}

TEST(Signals, SeeThatAPairDidBetter) {
  constexpr NegotiateFlags kSigned{0xe28a8215};
  struct Case {
    std::string id;
    Parts worse;
    Ids alone;  ///< what the worse logon shows without a past
  };
  const NegotiateFlags unsigned_flags{0xe28a8205};
  const NegotiateFlags weak{0xc28a8215};
  const Case cases[] = {
      {"downgrade-mic", {.challenge = 9, .announce_mic = false, .zero_mic = true}, {"mic-left-out"}},
      {"downgrade-signing", {.offered = NegotiateFlags{0xe2888205}, .chosen = unsigned_flags, .challenge = 9}, {}},
      {"downgrade-key", {.chosen = weak, .challenge = 9}, {"no-128"}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(found_in(c.worse), c.alone);
    Scene scene;
    for (std::uint8_t i = 1; i <= 3; ++i) EXPECT_EQ(ids(scene.log_on({.chosen = kSigned, .challenge = i})), Ids{});
    const auto event = scene.log_on(c.worse);
    ASSERT_NE(finding(event, c.id), nullptr) << c.id;
    EXPECT_EQ(finding(event, c.id)->severity, event::Severity::warning);
    Parts other = c.worse;
    other.client = 18;
    EXPECT_EQ(ids(scene.log_on(other)), c.alone) << "another client";
  }
}

TEST(Signals, SayThatTheKeyIsTheResponsesOwn) {
  EXPECT_EQ(found_in({.chosen = NegotiateFlags{0xa28a8215}}), Ids{"no-key-exchange"});
  EXPECT_EQ(found_in({.chosen = NegotiateFlags{0xe28a8215}}), Ids{});
}

TEST(Signals, SayThatSessionSecurityIsOfTheOldKind) {
  EXPECT_EQ(found_in({.chosen = NegotiateFlags{0xe2828215}}), Ids{"no-ess"});
  EXPECT_EQ(found_in({.offered = NegotiateFlags{0xe2888205}, .chosen = NegotiateFlags{0xe2828205}}), Ids{}) << "nothing is signed";
}

TEST(Signals, SeeAnSpnThatRpcAndMailHaveNoUseFor) {
  EXPECT_EQ(found_in({.carrier = Carrier::dcerpc, .spn = "HTTP/fs1"}), Ids{"relay-target-class"});
  EXPECT_EQ(found_in({.carrier = Carrier::dcerpc, .spn = "RPCSS/fs1"}), Ids{});
  EXPECT_EQ(found_in({.carrier = Carrier::smtp, .spn = "cifs/fs1"}), Ids{"relay-target-class"});
  EXPECT_EQ(found_in({.carrier = Carrier::smtp, .spn = "SMTP/fs1"}), Ids{});
}

TEST(Signals, TakeTheServersWordForANullSession) {
  EXPECT_EQ(found_in({.standing = OutcomeSeen::Standing::anonymous}), Ids{"anonymous"});
  EXPECT_EQ(found_in({.standing = OutcomeSeen::Standing::as_named}), Ids{});
}

}  // namespace
}  // namespace postern::observe
