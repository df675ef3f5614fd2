#include "policy/policy.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>

#include "support/paths.hpp"

namespace postern::policy {
namespace {

std::string file(const std::string& path) {
  std::ifstream in{std::string{POSTERN_SOURCE_DIR} + path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string printed(const Policy& policy) {
  std::string text;
  for (const Setting& setting : settings_of(policy)) text += std::string{setting.name} + " = " + setting.value + '\n';
  return text;
}

// Loosening the default shows in the review of this file.
TEST(Policy, DefaultIsWhatTheSnapshotSays) { EXPECT_EQ(printed(Policy{}), file("/tests/policy/default-policy.txt")); }

TEST(Policy, DocumentationNamesEverySettingWithItsDefault) {
  const std::string docs = file("/docs/policy.md");
  for (const Setting& setting : settings_of(Policy{})) {
    const std::string row = "| `" + std::string{setting.name} + "` | `" + setting.value + "` |";
    EXPECT_NE(docs.find(row), std::string::npos) << row;
  }
}

struct Case {
  std::string name;
  std::string value;    // accepted, and not the default
  std::string refused;  // its twin
};

TEST(Policy, SetTakesEveryDocumentedValueAndRefusesItsNeighbours) {
  const Case cases[] = {
      {"LmCompatibilityLevel", "0", "6"},
      {"LmCompatibilityLevel", "4", "4.0"},
      {"LmCompatibilityLevel", "3", "-1"},
      {"AllowAnonymous", "always", "loopback"},
      {"RequireMic", "when-supported", "when supported"},
      {"RequireMic", "always", "Always"},
      {"ExtendedProtection", "never", ""},
      {"ExtendedProtection", "always", "required"},
      {"TargetNameCheck", "never", "off"},
      {"TargetNameCheck", "always", "always "},
      {"PlainHttp", "never", "when-supported"},
      {"PlainHttp", "always", "yes"},
      {"ClockSkew", "off", "0s"},
      {"ClockSkew", "5m", "5"},
      {"ClockSkew", "1s", "-1s"},
      {"ClockSkew", "8784h", "8785h"},  // 366 days
      {"ClockSkew", "2h", "4294967296h"},
      {"ClockSkew", "7s", "s"},
      {"LegacyCrypto", "refuse", "deny"},
      {"RestrictSendingNTLMTraffic", "1", "3"},
      {"RestrictSendingNTLMTraffic", "2", "deny"},
      {"RestrictReceivingNTLMTraffic", "2", "3"},
      {"AuditReceivingNTLMTraffic", "1", "01"},
      {"RestrictNTLMInDomain", "1", "2"},
      {"RestrictNTLMInDomain", "7", "8"},
      {"AuditNTLMInDomain", "3", "4"},
      {"AuditNTLMInDomain", "5", "6"},
      {"ClientAllowedNTLMServers", "fs1, *.corp.example, 192.0.2.4", "fs1,,fs2"},
      {"DCAllowedNTLMServers", "WEB*", "WEB 1"},
      {"NtlmMinClientSec", "0x20080000", "0x20080001"},
      {"NtlmMinServerSec", "0x00000030", "0x"},
      {"BlockNtlmv1SSO", "1", "2"},
      {"BlockNTLM", "1", "on"},
      {"BlockNTLMServerExceptionList", "192.0.2.4", "a\tb"},
      {"SmbServerNameHardeningLevel", "2", "always"},
      {"LdapEnforceChannelBinding", "1", "3"},
      {"OutgoingHosts", "*.corp.example, fs1", "*.corp.*"},
      {"OutgoingHosts", "2001:db8::4", "http/fs1"},
      {"DenyVersions", "LM, NTLMv1", "LM, ntlmv1"},
      {"DenyServices", "smb, winrm", "cifs"},
      {"AllowClientNetworks", "192.0.2.0/24, 2001:db8::/32", "192.0.2.1/24"},
      {"DenyClientNetworks", "192.0.2.7", "192.0.2.0/33"},
      {"DenyFindings", "relay-suspected, reflection", "relay_suspected"},
  };
  for (const Case& each : cases) {
    Policy policy;
    ASSERT_TRUE(set(policy, each.name, each.value)) << each.name << ' ' << each.value;
    EXPECT_EQ(value_of(policy, each.name), each.value);
    EXPECT_NE(policy, Policy{});

    const Policy before = policy;
    const auto refused = set(policy, each.name, each.refused);
    ASSERT_FALSE(refused) << each.name << ' ' << each.refused;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_input);
    EXPECT_EQ(refused.error().field, each.name);
    EXPECT_EQ(policy, before);
  }
}

TEST(Policy, SetKnowsSettingsInAnyCaseAndNoOthers) {
  Policy policy;
  ASSERT_TRUE(set(policy, "requiremic", "always"));
  EXPECT_EQ(policy.require_mic, Level::always);
  const auto unknown = set(policy, "RequireMIC2", "always");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_EQ(value_of(policy, "RequireMIC2"), "");
}

TEST(Policy, SettingsReadBackToTheSamePolicy) {
  Policy policy;
  policy.lm_compatibility_level = *LmCompatibilityLevel::of(2);
  policy.allow_anonymous = AllowAnonymous::always;
  policy.require_mic = Level::when_supported;
  policy.extended_protection = Level::always;
  policy.target_name_check = Level::never;
  policy.plain_http = PlainHttp::never;
  policy.clock_skew = *ClockSkew::of_seconds(61);
  policy.legacy_crypto = LegacyCrypto::refuse;
  policy.restrict_in_domain = DomainScope::domain_servers;
  policy.min_server_security = *SessionSecurity::of(0x20080030);
  policy.smb_server_name_hardening = Level::always;
  policy.client_allowed_servers = *NameList::of({"fs1", "*.corp.example"});
  policy.outgoing_hosts = *HostPatterns::of({"192.0.2.4"});
  policy.deny_versions = *VersionSet::of({"NTLMv1", "LM"});
  policy.deny_client_networks = *NetworkList::of({"::ffff:192.0.2.0/120", "2001:db8::/32"});
  policy.deny_findings = *FindingList::of({"reflection"});
  Policy back;
  for (const Setting& setting : settings_of(policy)) ASSERT_TRUE(set(back, setting.name, setting.value)) << setting.name;
  EXPECT_EQ(back, policy);
}

TEST(Policy, NumbersOfSessionSecurityAreTakenInDecimalAndInHex) {
  Policy decimal, hex;
  ASSERT_TRUE(set(decimal, "NtlmMinServerSec", "537395200"));
  ASSERT_TRUE(set(hex, "NtlmMinServerSec", "0x20080000"));
  EXPECT_EQ(decimal, hex);
  EXPECT_EQ(value_of(decimal, "NtlmMinServerSec"), "0x20080000");
  EXPECT_FALSE(set(decimal, "NtlmMinServerSec", "537395201"));
}

TEST(Policy, ListsAreSetFromTheirEntriesAndOtherSettingsAreNot) {
  Policy policy;
  ASSERT_TRUE(set_list(policy, "DCAllowedNTLMServers", {"WEB1", "WEB2"}));
  EXPECT_EQ(value_of(policy, "DCAllowedNTLMServers"), "WEB1, WEB2");
  EXPECT_FALSE(set_list(policy, "DCAllowedNTLMServers", {"WEB1, WEB2"})) << "an entry is one name";
  EXPECT_FALSE(set_list(policy, "RequireMic", {"always"}));
  ASSERT_TRUE(set_list(policy, "DCAllowedNTLMServers", {}));
  EXPECT_EQ(policy, Policy{});
  EXPECT_TRUE(is_list("DenyFindings"));
  EXPECT_FALSE(is_list("RequireMic"));
  EXPECT_EQ(setting_name("blockntlm"), "BlockNTLM");
  EXPECT_EQ(setting_name("BlockNTLM2"), "");
}

}  // namespace
}  // namespace postern::policy
