// What each level decides about the logons that there are, as text files below snapshots/: loosening one shows in the review of its
// file. A file that differs is written to the folder of the test's run as well, to be compared and taken over.
#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "policy/logon_facts.hpp"
#include "support/paths.hpp"

namespace postern::policy {
namespace {

struct Logon {
  std::string_view name;
  std::vector<std::string_view> facts;
};

const std::vector<Logon>& logons() {
  static const std::vector<Logon> all{
      {"curl on https", {"kind=domain"}},
      {"Chromium on https", {"kind=domain", "mic=verified", "binding=matched", "check=accepted", "copied=yes"}},
      {"Qt: copies the time, no MIC", {"kind=domain", "copied=yes"}},
      {"plain http", {"kind=domain", "tls=no"}},
      {"plain http on loopback", {"kind=domain", "tls=no", "client=127.0.0.1"}},
      {"bindings of another TLS channel", {"kind=domain", "binding=mismatched"}},
      {"bindings, and none to compare", {"kind=domain", "binding=present"}},
      {"name of another service", {"kind=domain", "check=refused"}},
      {"name from an untrusted source", {"kind=domain", "check=untrusted"}},
      {"MIC promised and missing", {"kind=domain", "mic=announced-missing"}},
      {"clock two days ahead", {"kind=domain", "skew=172800"}},
      {"LMv2 alone", {"kind=domain", "version=LMv2", "mic=not-applicable", "binding=not-applicable"}},
      {"NTLMv1 with session security", {"kind=domain", "version=NTLMv1-ESS", "mic=not-applicable", "binding=not-applicable"}},
      {"NTLMv1", {"kind=domain", "version=NTLMv1", "mic=not-applicable", "binding=not-applicable"}},
      {"LM", {"kind=domain", "version=LM", "mic=not-applicable", "binding=not-applicable"}},
      {"anonymous", {"kind=anonymous", "version=anonymous", "mic=not-applicable", "binding=not-applicable"}},
      {"local account", {"kind=local"}},
      {"machine account", {"kind=machine"}},
      {"account that nobody looked up", {"domain=?"}},
      {"server outside the domain", {"kind=domain", "member=no"}},
      {"no 128-bit keys", {"kind=domain", "flags=0xc2888215"}},
      {"smb, no target name", {"kind=domain", "service=smb"}},
      {"smb, a target name", {"kind=domain", "service=smb", "check=accepted", "mic=verified", "binding=matched"}},
      {"ldaps, no bindings", {"kind=domain", "service=ldap"}},
      {"seen in a capture, version unknown", {"source=capture", "version=?", "check=?"}},
      {"one of the Protected Users", {"kind=domain", "protected=yes"}},
      {"disabled account", {"kind=domain", "state=STATUS_ACCOUNT_DISABLED"}},
  };
  return all;
}

/// The decisive entry at one point: "allow", or what says otherwise and which setting.
std::string cell(const Policy& policy, const event::Facts& facts, Point point) {
  const Decisions decisions = evaluate(policy, facts, Stage::verified, Points{point});
  if (decisions.entries().empty()) return "-";
  const PolicyDecision& first = decisions.entries().front();
  if (first.decision == Decision::allow) return "allow";
  return fmt::format("{} {}", name_of(first.decision), first.setting);
}

std::string snapshot(const Policy& policy) {
  std::string text;
  const auto usual = settings_of(Policy{});
  for (const Setting& setting : settings_of(policy)) {
    const bool changed = std::ranges::find(usual, setting) == usual.end();
    if (changed || policy == Policy{}) text += fmt::format("{} = {}\n", setting.name, setting.value);
  }
  text += fmt::format("\n{:<36} {:<36} {:<36} {:<36} {}\n", "logon", "client", "server", "server-dc", "account-dc");
  for (const Logon& logon : logons()) {
    event::Facts facts = test::usual_facts();
    facts.source_kind = event::SourceKind::authority;
    for (const std::string_view word : logon.facts) test::set_fact(facts, word);
    event::Facts asked = facts;
    asked.source_kind.reset();  // our own client asks before anybody observes
    text += fmt::format("{:<36} {:<36} {:<36} {:<36} {}\n", logon.name, cell(policy, asked, Point::client),
                        cell(policy, facts, Point::server), cell(policy, facts, Point::server_dc),
                        cell(policy, facts, Point::account_dc));
  }
  return text;
}

std::string content(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void expect_snapshot(const std::string& name, const Policy& policy) {
  const std::string text = snapshot(policy);
  const std::string path = std::string{POSTERN_SOURCE_DIR} + "/tests/policy/snapshots/" + name + ".txt";
  if (content(path) == text) return;
  std::ofstream{name + ".snapshot"} << text;
  ADD_FAILURE() << path << " differs from what the policy decides now; see " << name << ".snapshot:\n" << text;
}

Policy with(std::initializer_list<std::pair<std::string_view, std::string_view>> settings) {
  Policy policy;
  EXPECT_TRUE(set(policy, kOutgoingHosts, "*"));  // else it would hide what the other settings say at the client
  for (const auto& [name, value] : settings) EXPECT_TRUE(set(policy, name, value)) << name;
  return policy;
}

TEST(PolicySnapshot, TheDefaultDecidesWhatItsFileSays) { expect_snapshot("default", {}); }

TEST(PolicySnapshot, EachLmCompatibilityLevelDecidesWhatItsFileSays) {
  for (unsigned level = 0; level < LmCompatibilityLevel::kHighest; ++level) {  // 5 is the default
    const std::string value = std::to_string(level);
    expect_snapshot("lm-compatibility-level-" + value, with({{kLmCompatibilityLevel, value}}));
  }
}

TEST(PolicySnapshot, EachRestrictionDecidesWhatItsFileSays) {
  for (const char* value : {"1", "2"}) {
    expect_snapshot(std::string{"restrict-sending-"} + value, with({{kRestrictSendingNTLMTraffic, value}}));
    expect_snapshot(std::string{"restrict-receiving-"} + value, with({{kRestrictReceivingNTLMTraffic, value}}));
  }
  for (const char* value : {"1", "3", "5", "7"}) {
    expect_snapshot(std::string{"restrict-in-domain-"} + value, with({{kRestrictNTLMInDomain, value}}));
  }
  expect_snapshot("restrict-all-with-exceptions", with({{kRestrictSendingNTLMTraffic, "2"},
                                                        {kClientAllowedNTLMServers, "web1*"},
                                                        {kOutgoingHosts, "*.corp.example"},
                                                        {kRestrictNTLMInDomain, "7"},
                                                        {kDCAllowedNTLMServers, "WEB1"}}));
}

TEST(PolicySnapshot, TheThreeLevelsOfOursDecideWhatTheirFilesSay) {
  for (const char* value : {"never", "when-supported", "always"}) {
    expect_snapshot(std::string{"protection-"} + value,
                    with({{kRequireMic, value}, {kExtendedProtection, value}, {kTargetNameCheck, value}}));
  }
}

TEST(PolicySnapshot, TheHardenedPolicyDecidesWhatItsFileSays) {
  expect_snapshot("hardened", with({{kAuditReceivingNTLMTraffic, "2"},
                                    {kAuditNTLMInDomain, "7"},
                                    {kNtlmMinClientSec, "0x20080000"},
                                    {kNtlmMinServerSec, "0x20080000"},
                                    {kBlockNtlmv1SSO, "1"},
                                    {kSmbServerNameHardeningLevel, "2"},
                                    {kLdapEnforceChannelBinding, "2"},
                                    {kRequireMic, "always"},
                                    {kExtendedProtection, "always"},
                                    {kTargetNameCheck, "always"},
                                    {kPlainHttp, "never"},
                                    {kClockSkew, "15m"},
                                    {kDenyVersions, "LM, NTLMv1, NTLMv1-ESS, LMv2, anonymous"}}));
}

}  // namespace
}  // namespace postern::policy
