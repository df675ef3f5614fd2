#include "edge/policy_file/policy_file.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/paths.hpp"

namespace postern::policy_file {
namespace {

const std::string kFile =
    "# What ACME allows.\n"
    "RequireMic = \"when-supported\"  # until the scanners are gone\n"
    "DenyVersions = [\n"
    "  \"LM\",      # nobody\n"
    "  \"NTLMv1\",\n"
    "]\n"
    "\n"
    "# The intranet.\n"
    "[service.web]\n"
    "ExtendedProtection = \"always\"\n"
    "NtlmMinServerSec = 0x20080000\n";

policy::Policy effective(const std::string& text, std::string_view service) {
  const auto file = PolicyFile::parse(text, "policy.toml", {});
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  policy::Policy policy;
  if (file) file->apply(service, policy);
  return policy;
}

TEST(PolicyFile, IsLaidOverWhatIsBelowServiceByService) {
  const auto file = PolicyFile::parse(kFile, "policy.toml", {"web", "mail"});
  ASSERT_TRUE(file) << file.error().message;
  policy::Policy web;
  web.plain_http = policy::PlainHttp::never;  // what lies below stays where the file says nothing
  policy::Policy mail = web;
  file->apply("web", web);
  file->apply("mail", mail);
  EXPECT_EQ(web.plain_http, policy::PlainHttp::never);
  EXPECT_EQ(web.require_mic, policy::Level::when_supported);
  EXPECT_EQ(web.extended_protection, policy::Level::always);
  EXPECT_EQ(mail.extended_protection, policy::Level::when_supported);
  EXPECT_EQ(web.min_server_security.mask(), 0x20080000U);
  EXPECT_EQ(mail.min_server_security.mask(), 0U);
  EXPECT_EQ(policy::value_of(mail, policy::kDenyVersions), "LM, NTLMv1");
  EXPECT_EQ(file->services(), std::vector<std::string>{"web"});
}

TEST(PolicyFile, TheHardenedExampleIsThePolicyWhoseSnapshotIsKept) {
  const auto example = PolicyFile::load(std::string{POSTERN_SOURCE_DIR} + "/packaging/examples/policy-hardened.toml", {});
  ASSERT_TRUE(example) << example.error().message;
  policy::Policy hardened, kept;
  example->apply("", hardened);
  std::ifstream snapshot{std::string{POSTERN_SOURCE_DIR} + "/tests/policy/snapshots/hardened.txt"};
  std::string line;
  int settings = 0;
  for (; std::getline(snapshot, line) && !line.empty(); ++settings) {
    const std::size_t equals = line.find(" = ");
    ASSERT_TRUE(policy::set(kept, line.substr(0, equals), line.substr(equals + 3))) << line;
  }
  kept.outgoing_hosts = {};  // open in the snapshot, so that the client's column shows the rest
  EXPECT_GT(settings, 10);
  EXPECT_EQ(hardened, kept);
}

TEST(PolicyFile, AnEmptyOneSaysNothing) {
  EXPECT_EQ(effective("", "web"), policy::Policy{});
  EXPECT_EQ(effective("# nothing yet\n", ""), policy::Policy{});
}

struct Wrong {
  std::string text;
  std::string begins;  ///< of the message
};

TEST(PolicyFile, R38_WhatIsWrongIsNamedByFileLineAndKey) {
  const Wrong wrongs[] = {
      {"RequireMic = \n", "p.toml:1: "},
      {"\nRequireMic = \"alway\"\n", "p.toml:2: RequireMic: RequireMic takes never"},
      {"RequireMic = true\n", "p.toml:1: RequireMic: must be a text"},
      {"RequireMic = [\"always\"]\n", "p.toml:1: RequireMic: RequireMic takes"},
      {"RequireMIC = \"always\"\n", "p.toml:1: RequireMIC: is no key"},
      {"LmCompatibilityLevel = 6\n", "p.toml:1: LmCompatibilityLevel: LmCompatibilityLevel takes 0 to 5"},
      {"LmCompatibilityLevel = -1\n", "p.toml:1: LmCompatibilityLevel: "},
      {"DenyVersions = [\"LM\", 1]\n", "p.toml:1: DenyVersions: must be a list of texts"},
      {"DenyVersions = [\"NTLMv3\"]\n", "p.toml:1: DenyVersions: DenyVersions takes a list"},
      {"[service.web]\nRequireMic = \"never\"\nColour = 1\n", "p.toml:3: service.web.Colour: is no key"},
      {"[service.web]\nLmCompatibilityLevel = 9\n", "p.toml:2: service.web.LmCompatibilityLevel: "},
      {"[service.wep]\nRequireMic = \"never\"\n", "p.toml:1: service.wep: is no service"},
      {"service = 1\n", "p.toml:1: service: must be a table"},
      {"[service]\nweb = 1\n", "p.toml:2: service.web: must be a table"},
      {"[policy]\nRequireMic = \"never\"\n", "p.toml:1: policy: is no key"},
  };
  for (const Wrong& wrong : wrongs) {
    const auto file = PolicyFile::parse(wrong.text, "p.toml", {"web"});
    ASSERT_FALSE(file) << wrong.text;
    EXPECT_EQ(file.error().code, ErrorCode::invalid_input);
    EXPECT_TRUE(file.error().message.starts_with(wrong.begins)) << file.error().message << "\nwanted: " << wrong.begins;
  }
  EXPECT_TRUE(PolicyFile::parse("[service.web]\nRequireMic = \"never\"\n", "p.toml", {"web"}));
  const auto missing = PolicyFile::load("/nonexistent/policy.toml", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::io);
}

std::string edited(const std::string& text, std::string_view service, const std::vector<Change>& changes) {
  const auto result = edit(text, "p.toml", service, changes);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result.value_or("");
}

TEST(PolicyFileEdit, ChangesAValueAndNothingElse) {
  EXPECT_EQ(edited("RequireMic = 'never' # why\nPlainHttp = \"never\"\n", "", {{"RequireMic", "always"}}),
            "RequireMic = \"always\" # why\nPlainHttp = \"never\"\n");
  std::string wanted = kFile;
  wanted.replace(wanted.find("0x20080000"), 10, "0x20000000");
  EXPECT_EQ(edited(kFile, "web", {{"NtlmMinServerSec", "0x20000000"}}), wanted);
  wanted = kFile;
  const std::size_t begin = wanted.find("[\n"), end = wanted.find("]\n");
  wanted.replace(begin, end + 1 - begin, "[\"LM\"]");
  EXPECT_EQ(edited(kFile, "", {{"DenyVersions", "LM"}}), wanted);
}

TEST(PolicyFileEdit, AddsWhatIsNotThereWhereItBelongs) {
  EXPECT_EQ(edited("", "", {{"RequireMic", "always"}}), "RequireMic = \"always\"\n");
  EXPECT_EQ(edited("", "web", {{"RestrictReceivingNTLMTraffic", "2"}}), "[service.web]\nRestrictReceivingNTLMTraffic = 2\n");
  EXPECT_EQ(edited("# c\n[service.web]\nPlainHttp = \"never\"\n", "", {{"RequireMic", "always"}}),
            "# c\nRequireMic = \"always\"\n\n[service.web]\nPlainHttp = \"never\"\n");
  EXPECT_EQ(edited("PlainHttp = \"never\"", "", {{"RequireMic", "always"}, {"DenyServices", "smb, ldap"}}),
            "PlainHttp = \"never\"\nRequireMic = \"always\"\nDenyServices = [\"smb\", \"ldap\"]\n");
  const std::string added = edited(kFile, "", {{"LegacyCrypto", "refuse"}});
  EXPECT_TRUE(added.contains("]\nLegacyCrypto = \"refuse\"\n\n# The intranet.\n")) << added;
  EXPECT_TRUE(edited(kFile, "web", {{"RequireMic", "always"}}).contains("[service.web]\nRequireMic = \"always\"\nExtended"));
  EXPECT_EQ(edited("", "my web", {{"RequireMic", "always"}}), "[service.'my web']\nRequireMic = \"always\"\n");
}

TEST(PolicyFileEdit, WhatItWritesIsReadAsWhatWasMeant) {
  for (const auto& [name, value] : {std::pair{"ClientAllowedNTLMServers", "fs\\1, *.corp.example"},
                                    {"ClientAllowedNTLMServers", "none"},
                                    {"ClockSkew", "15m"},
                                    {"NtlmMinClientSec", "537395200"},
                                    {"BlockNTLM", "1"}}) {
    policy::Policy wanted;
    ASSERT_TRUE(policy::set(wanted, name, value)) << name;
    for (const std::string_view service : {"", "web", "new"}) {
      EXPECT_EQ(policy::value_of(effective(edited(kFile, service, {{name, value}}), service), name),
                policy::value_of(wanted, name));
    }
  }
}

TEST(PolicyFileEdit, RefusesAValueThatIsNoneAndAFileThatIsWrong) {
  EXPECT_FALSE(edit(kFile, "p.toml", "", {{"RequireMic", "sometimes"}}));
  EXPECT_FALSE(edit(kFile, "p.toml", "", {{"Colour", "1"}}));
  const auto broken = edit("RequireMic = 1\n", "p.toml", "", {{"PlainHttp", "never"}});
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("p.toml:1: RequireMic: ")) << broken.error().message;
}

TEST(PolicyFileEdit, RefusesToGuessWhereTablesAreWrittenInAnotherWay) {
  for (const char* text : {"service.web.RequireMic = \"never\"\n", "service = { web = { RequireMic = \"never\" } }\n",
                           "[service]\nweb.RequireMic = \"never\"\n"}) {
    ASSERT_TRUE(PolicyFile::parse(text, "p.toml", {})) << text;
    const auto result = edit(text, "p.toml", "web", {{"PlainHttp", "never"}});
    if (result) {
      EXPECT_EQ(effective(*result, "web").plain_http, policy::PlainHttp::never) << *result;
    } else {
      EXPECT_EQ(result.error().code, ErrorCode::unsupported);
    }
  }
}

}  // namespace
}  // namespace postern::policy_file
