// The smallest exception lists: what was to be kept passes with them, and no entry can go.
#include "advise/exceptions.hpp"

#include <algorithm>
#include <random>

#include "advise_support.hpp"

namespace postern::advise {
namespace {

event::LogonEvent to_server(const std::string& name, const std::string& user = "alice", const std::string& client = "192.0.2.10") {
  event::LogonEvent event = logon(user, name);
  event.ntlm.spn = "HTTP/" + name;
  event.ntlm.server_names.dns_computer = name;
  event.ntlm.server_names.nb_computer = name.substr(0, name.find('.'));
  event.client.address = client;
  return event;
}

using Logons = std::vector<std::pair<event::LogonEvent, Keep>>;

Exceptions find(const policy::Policy& policy, const Logons& logons, Wildcards wildcards = Wildcards::harmless) {
  ExceptionFinder finder{{policy, {}}};
  for (const auto& [event, keep] : logons) finder.add(event, keep);
  return finder.find(wildcards);
}

/// Everything that was to be kept passes with the lists; without any one entry something does not.
void expect_smallest(const policy::Policy& base, const Exceptions& found, const Logons& logons) {
  EXPECT_EQ(found.lost, 0U);
  const auto blocked = [&](const policy::Policy& policy) {
    return std::ranges::count_if(logons, [&](const auto& one) {
      return one.second == Keep::yes && predict(policy, one.first).effect == Effect::newly_blocked;
    });
  };
  EXPECT_EQ(blocked(found.policies.others), 0);
  for (const ExceptionList& list : found.lists) {
    EXPECT_TRUE(list.smallest);
    for (std::size_t out = 0; out < list.entries.size(); ++out) {
      const std::string before = policy::value_of(base, list.setting);
      std::string rest = before == "none" ? "" : before;
      for (std::size_t i = 0; i < list.entries.size(); ++i) {
        if (i != out) rest += (rest.empty() ? "" : ", ") + list.entries[i].entry;
      }
      policy::Policy without = found.policies.others;
      ASSERT_TRUE(policy::set(without, list.setting, rest.empty() ? "none" : rest));
      EXPECT_GT(blocked(without), 0) << list.entries[out].entry << " could go";
    }
  }
}

TEST(Exceptions, OneServerIsOneEntryAndOthersStayBlocked) {
  const policy::Policy policy = policy_with({{"RestrictSendingNTLMTraffic", "2"}});
  const Logons logons{{to_server("files.demo.example.org"), Keep::yes}, {to_server("old.lab.example.org"), Keep::no}};
  const Exceptions found = find(policy, logons);
  ASSERT_EQ(found.lists.size(), 1U);
  EXPECT_EQ(found.lists[0].setting, "ClientAllowedNTLMServers");
  ASSERT_EQ(found.lists[0].entries.size(), 1U);
  EXPECT_EQ(found.lists[0].entries[0].besides, 0U);
  EXPECT_EQ(found.kept, 1U);
  expect_smallest(policy, found, logons);
  EXPECT_EQ(predict(found.policies.others, logons[1].first).effect, Effect::newly_blocked);
}

TEST(Exceptions, AWildcardIsOfferedWhereItLetsThroughNothingElse) {
  const policy::Policy policy = policy_with({{"RestrictSendingNTLMTraffic", "2"}});
  Logons logons;
  for (const char* name : {"files01.demo.example.org", "files02.demo.example.org", "web.demo.example.org"}) {
    logons.emplace_back(to_server(name), Keep::yes);
  }
  const Exceptions one = find(policy, logons);
  ASSERT_EQ(one.lists.size(), 1U);
  EXPECT_EQ(one.lists[0].entries.size(), 1U) << "a wildcard for all of them";
  EXPECT_TRUE(one.lists[0].entries[0].wildcard);
  expect_smallest(policy, one, logons);

  logons.emplace_back(to_server("secret.demo.example.org"), Keep::no);
  const Exceptions two = find(policy, logons);
  EXPECT_EQ(two.lists[0].entries.size(), 2U) << "files0* or so, and web by its name";
  for (const ListEntry& entry : two.lists[0].entries) EXPECT_EQ(entry.besides, 0U) << entry.entry;
  expect_smallest(policy, two, logons);

  const Exceptions offered = find(policy, logons, Wildcards::offered);
  ASSERT_EQ(offered.lists[0].entries.size(), 1U);
  EXPECT_EQ(offered.lists[0].entries[0].besides, 1U);
  EXPECT_EQ(offered.lists[0].entries[0].besides_names, std::vector<std::string>{"secret.demo.example.org"});
}

TEST(Exceptions, NetworksKeepTheClientsThatWereChosen) {
  const policy::Policy policy = policy_with({{"AllowClientNetworks", "10.0.0.0/8"}});
  Logons logons;
  for (int i = 1; i < 5; ++i) logons.emplace_back(to_server("web", "alice", "192.0.2." + std::to_string(i)), Keep::yes);
  const Exceptions found = find(policy, logons);
  ASSERT_EQ(found.lists.size(), 1U);
  EXPECT_EQ(found.lists[0].setting, "AllowClientNetworks");
  EXPECT_EQ(found.lists[0].entries.size(), 1U);
  expect_smallest(policy, found, logons);
}

TEST(Exceptions, WhatNoListCanKeepIsSaidToBeLost) {
  const policy::Policy policy = policy_with({{"RestrictSendingNTLMTraffic", "2"}, {"ExtendedProtection", "always"}});
  event::LogonEvent event = to_server("files.demo.example.org");
  event.ntlm.channel_binding = event::ChannelBinding::zero;
  const Exceptions found = find(policy, {{event, Keep::yes}});
  EXPECT_EQ(found.kept, 0U);
  EXPECT_EQ(found.lost, 1U);
  ASSERT_EQ(found.lost_to.size(), 1U);
  EXPECT_EQ(found.lost_to[0].decision.setting, "ExtendedProtection");
}

TEST(Exceptions, AFailureIsNothingToKeep) {
  const policy::Policy policy = policy_with({{"RestrictSendingNTLMTraffic", "2"}});
  event::LogonEvent event = to_server("files.demo.example.org");
  event.outcome = event::Outcome::failure;
  EXPECT_TRUE(find(policy, {{event, Keep::yes}}).lists.empty());
}

TEST(Exceptions, OfRandomServersTheListIsSmallestAndKeepsThemAll) {
  const policy::Policy policy = policy_with({{"RestrictSendingNTLMTraffic", "2"}});
  std::mt19937 random{17};
  for (int round = 0; round < 8; ++round) {
    Logons logons;
    for (int i = 0; i < 12; ++i) {
      const char* const stems[] = {"files", "web", "db"};
      const char* const domains[] = {"demo.example.org", "lab.example.org", "example.net"};
      const std::string name = stems[random() % 3] + std::to_string(random() % 4) + "." + domains[random() % 3];
      logons.emplace_back(to_server(name), random() % 3 != 0 ? Keep::yes : Keep::no);
    }
    expect_smallest(policy, find(policy, logons), logons);
  }
}

}  // namespace
}  // namespace postern::advise
