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
  Policy back;
  for (const Setting& setting : settings_of(policy)) ASSERT_TRUE(set(back, setting.name, setting.value)) << setting.name;
  EXPECT_EQ(back, policy);
}

}  // namespace
}  // namespace postern::policy
