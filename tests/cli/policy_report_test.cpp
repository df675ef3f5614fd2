// The JSON forms of `postern policy`, and how a description becomes facts.
#include "postern/policy_report.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "postern/replace_file.hpp"
#include "support/paths.hpp"

namespace postern::cli {
namespace {

const FileTime kNow = FileTime::from_unix_microseconds(1'795'000'000'000'000);

/// tests/cli/snapshots/NAME.json is the form; POSTERN_UPDATE_SNAPSHOTS=1 writes it anew, for review.
void expect_snapshot(const std::string& name, const Json& object) {
  const std::string path = std::string{POSTERN_SOURCE_DIR} + "/tests/cli/snapshots/" + name + ".json";
  const std::string text = object.dump(2) + "\n";
  if (std::getenv("POSTERN_UPDATE_SNAPSHOTS") != nullptr) std::ofstream{path} << text;
  std::ifstream file{path};
  std::stringstream kept;
  kept << file.rdbuf();
  EXPECT_EQ(text, kept.str()) << path;
}

DescribedLogon curl() {
  DescribedLogon logon;
  logon.version = "NTLMv2";
  logon.account = "DEMO\\alice";
  logon.service = "http";
  logon.client = "192.0.2.7";
  logon.tls = "yes";
  logon.source = "authority";
  return logon;
}

TEST(PolicyReport, FormsStayAsDocumented) {
  policy::Policy policy;
  ASSERT_TRUE(assign(policy, {"NtlmMinServerSec=0x20080000", "DenyVersions=LM,NTLMv1", "ClockSkew=15m"}));
  expect_snapshot("policy-settings", settings_json(policy));
  ASSERT_TRUE(assign(policy, {"ExtendedProtection=always"}));
  const auto facts = facts_of(curl(), kNow);
  ASSERT_TRUE(facts) << facts.error().message;
  expect_snapshot("policy-check", decisions_json(policy::evaluate(policy, *facts, policy::Stage::verified)));
}

TEST(PolicyReport, APolicyComesBackFromItsTexts) {
  policy::Policy policy;
  ASSERT_TRUE(assign(policy, {"NtlmMinServerSec=0x20080000", "OutgoingHosts=*.corp.example,fs1", "RestrictNTLMInDomain=5"}));
  Json texts;
  for (const policy::Setting& setting : policy::settings_of(policy)) texts[std::string{setting.name}] = setting.value;
  EXPECT_EQ(policy_of(texts), policy);
  texts["Colour"] = "1";
  EXPECT_FALSE(policy_of(texts));
}

TEST(PolicyReport, WhatIsNotSaidWasNotSent) {
  const auto facts = facts_of(curl(), kNow);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->ntlm.mic, event::Mic::absent);
  EXPECT_EQ(facts->ntlm.channel_binding, event::ChannelBinding::absent);
  EXPECT_EQ(facts->ntlm.spn_check, event::SpnCheck::absent);
  EXPECT_EQ(facts->account.domain, "DEMO");
  EXPECT_EQ(facts->account.name, "alice");
  EXPECT_EQ(facts->account.kind, event::AccountKind::unknown);
  EXPECT_NE(facts->ntlm.client_time, facts->ntlm.server_time);
  EXPECT_EQ(facts->transport.tls, true);
  DescribedLogon old = curl();
  old.version = "NTLMv1";
  old.account = "alice@demo.example";
  old.facts = {"account.protected=true", "ntlm.key_bits=40", "server.name=123"};
  const auto v1 = facts_of(old, kNow);
  ASSERT_TRUE(v1) << v1.error().message;
  EXPECT_EQ(v1->ntlm.mic, event::Mic::not_applicable);
  EXPECT_FALSE(v1->ntlm.client_time);
  EXPECT_EQ(v1->account.protected_user, true);
  EXPECT_EQ(v1->ntlm.key_bits, 40);
  EXPECT_EQ(v1->server.name, "123");
  EXPECT_EQ(v1->account.name, "alice@demo.example");
}

TEST(PolicyReport, WhatIsNoFactIsRefused) {
  for (const char* fact : {"ntlm.mic=odd", "ntlm=1", "client.port=x", "=1", "x", "a..b=1", ".a=1", "client.address.x=1"}) {
    DescribedLogon logon = curl();
    logon.facts = {fact};
    const auto facts = facts_of(logon, kNow);
    ASSERT_FALSE(facts) << fact;
    EXPECT_EQ(facts.error().code, ErrorCode::invalid_input) << fact;
  }
  policy::Policy policy;
  for (const char* text : {"RequireMic", "Colour=1", "RequireMic=1", ""}) {
    const auto done = assign(policy, {text});
    ASSERT_FALSE(done) << text;
    EXPECT_EQ(done.error().code, ErrorCode::invalid_input) << text;
  }
  EXPECT_EQ(policy, policy::Policy{});
}

TEST(ReplaceFile, FollowsALinkKeepsTheModeAndRefusesAFolderThatIsNotThere) {
  std::string pattern = std::filesystem::temp_directory_path() / "postern-replace-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path folder{pattern};
  std::ofstream{folder / "real"} << "old";
  std::filesystem::permissions(folder / "real", std::filesystem::perms{0604});
  std::filesystem::create_symlink("real", folder / "link");
  ASSERT_TRUE(replace_file(folder / "link", "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  std::ifstream in{folder / "real"};
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), "new");
  EXPECT_EQ(std::filesystem::status(folder / "real").permissions(), std::filesystem::perms{0604});
  ASSERT_TRUE(replace_file(folder / "fresh", "x"));
  EXPECT_EQ(std::filesystem::status(folder / "fresh").permissions(), std::filesystem::perms{0640});
  EXPECT_FALSE(replace_file(folder / "none" / "file", "x"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace postern::cli
