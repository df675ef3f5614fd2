// Which logons are one dependency, and what is kept of them.
#include "inventory/dependency.hpp"

#include <gtest/gtest.h>

#include "event/reader/parse_event.hpp"
#include "inventory_support.hpp"

namespace postern::inventory {
namespace {

TEST(Dependency, NamesAreOneWhereWindowsSaysSoAndSpellingsDoNotDependOnTheOrder) {
  event::LogonEvent upper = alice_at();
  upper.account.name = "ALICE";
  upper.account.domain = "demo";
  upper.server.name = "FILES.demo.example.org";
  Dependency one = dependency_of(alice_at());
  Dependency two = dependency_of(upper);
  ASSERT_EQ(one.id(), two.id());
  Dependency there = one;
  combine(there, two);
  Dependency back = two;
  combine(back, one);
  EXPECT_EQ(there, back);
  EXPECT_EQ(there.events, 2U);
  EXPECT_EQ(there.key.account, "demo\\ALICE");
}

TEST(Dependency, EachPartOfTheKeyMakesADependencyOfItsOwn) {
  const std::string id = dependency_of(alice_at()).id();
  const auto changed = [&](auto change) {
    event::LogonEvent event = alice_at();
    change(event);
    return dependency_of(event).id() != id;
  };
  EXPECT_TRUE(changed([](auto& e) { e.client.address = "192.0.2.11"; }));
  EXPECT_TRUE(changed([](auto& e) { e.account.kind = event::AccountKind::local; }));
  EXPECT_TRUE(changed([](auto& e) { e.account.name = "alicE2"; }));
  EXPECT_TRUE(changed([](auto& e) { e.server.name = "web"; }));
  EXPECT_TRUE(changed([](auto& e) { e.server.service = event::Service::ldap; }));
  EXPECT_TRUE(changed([](auto& e) { e.package = event::Package::negotiate; }));
  EXPECT_TRUE(changed([](auto& e) { e.ntlm.version = event::NtlmVersion::ntlm_v1; }));
  EXPECT_TRUE(changed([](auto& e) { e.ntlm.mic = event::Mic::absent; }));
  EXPECT_TRUE(changed([](auto& e) { e.ntlm.channel_binding = event::ChannelBinding::zero; }));
  EXPECT_TRUE(changed([](auto& e) { e.ntlm.spn = "cifs/files"; }));
  EXPECT_TRUE(changed([](auto& e) { e.ntlm.sign = true; }));
  EXPECT_TRUE(changed([](auto& e) { e.transport.tls = true; }));
  EXPECT_FALSE(changed([](auto& e) { e.ntlm.mic = event::Mic::present; })) << "sent is one class, whoever verified it";
  EXPECT_FALSE(changed([](auto& e) { e.client.port = 4711; }));
  EXPECT_FALSE(changed([](auto& e) { e.outcome = event::Outcome::failure; }));
}

TEST(Dependency, AWorkstationStandsForAClientWithoutAnAddressAndAnAddressForAServerWithoutAName) {
  event::LogonEvent event = alice_at();
  event.client.workstation = "WS1";
  EXPECT_EQ(key_of(event).client, "192.0.2.10");
  event.client.address.reset();
  EXPECT_EQ(key_of(event).client, "WS1");
  event.server = {};
  event.server.address = "192.0.2.1";
  EXPECT_EQ(key_of(event).server, "192.0.2.1");
  event.ntlm.server_names.nb_computer = "FILES";
  EXPECT_EQ(key_of(event).server, "FILES");
}

TEST(Dependency, TheReasonOfTheHighestConfidenceStaysAndTheLaterOfEqualOnes) {
  const auto with = [](std::uint32_t id, event::Confidence confidence, std::uint64_t second) {
    event::LogonEvent event = alice_at(second);
    event.reason.id = id;
    event.reason.confidence = confidence;
    return dependency_of(event);
  };
  Dependency sum = with(9, event::Confidence::guess, 30);
  combine(sum, with(7, event::Confidence::proved, 10));
  combine(sum, with(6, event::Confidence::likely, 40));
  EXPECT_EQ(sum.reason->reason.id, 7U);
  combine(sum, with(1, event::Confidence::proved, 20));
  combine(sum, dependency_of(alice_at(50)));
  EXPECT_EQ(sum.reason->reason.id, 1U);
}

TEST(Dependency, OfEquallySevereFindingsWhatSomebodyDidStaysWhicheverCameFirst) {
  event::LogonEvent relayed = alice_at(10);
  relayed.findings = {{"relay", event::Severity::warning, "", {}}};
  event::LogonEvent moved = alice_at(20);
  moved.findings = {{"workstation-elsewhere", event::Severity::warning, "", {}}};
  for (const bool relay_first : {true, false}) {
    Dependency sum = dependency_of(relay_first ? relayed : moved);
    combine(sum, dependency_of(relay_first ? moved : relayed));
    EXPECT_EQ(sum.finding->id, "relay");
  }
  moved.findings[0].severity = event::Severity::alarm;
  Dependency sum = dependency_of(relayed);
  combine(sum, dependency_of(moved));
  EXPECT_EQ(sum.finding->id, "workstation-elsewhere") << "severity comes first";
}

TEST(Dependency, TheWorstFindingAndTheNewestExampleStay) {
  event::LogonEvent alarm = alice_at(10);
  alarm.findings = {{"x", event::Severity::alarm, "relay", {}}, {"y", event::Severity::info, "guest", {}}};
  alarm.policy.push_back({});
  alarm.correlation.challenge_digest.emplace();
  event::LogonEvent later = alice_at(20);
  later.findings = {{"z", event::Severity::warning, "old", {}}};
  Dependency sum = dependency_of(later);
  combine(sum, dependency_of(alarm));
  EXPECT_EQ(sum.finding->id, "x");
  const auto example = event::parse_event(sum.example);
  ASSERT_TRUE(example);
  EXPECT_EQ(example->time, at_second(20));
  const auto earlier = event::parse_event(dependency_of(alarm).example);
  ASSERT_TRUE(earlier);
  EXPECT_TRUE(earlier->policy.empty());
  EXPECT_FALSE(earlier->correlation.challenge_digest) << "no digest outlives its event";
}

TEST(Dependency, TheHistoryKeepsTheNewestDaysOnly) {
  Dependency sum = dependency_of(alice_at(0));
  const std::size_t days = kMaxHistoryDays + 5;
  for (std::size_t day = 0; day < days; ++day) combine(sum, dependency_of(alice_at(day * 86'400 + 1)));
  EXPECT_EQ(sum.days.size(), kMaxHistoryDays);
  EXPECT_EQ(sum.events, days + 1);
  EXPECT_EQ(day_text(sum.days.rbegin()->first), sum.last_seen->file_time().to_rfc3339().substr(0, 10));
  EXPECT_EQ(sum.days.begin()->first, day_of(at_second(5 * 86'400)));
}

TEST(Dependency, ALongNameIsCutBetweenCharacters) {
  event::LogonEvent event = alice_at();
  event.server.name.emplace();
  while (event.server.name->size() <= kMaxKeyTextBytes) *event.server.name += "\xe2\x82\xac";
  EXPECT_EQ(key_of(event).server.size(), kMaxKeyTextBytes / 3 * 3);
}

}  // namespace
}  // namespace postern::inventory
