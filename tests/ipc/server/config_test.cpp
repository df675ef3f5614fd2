// posternd.toml: what it says, and that what is wrong is named by file, line and key.
#include "config.hpp"

#include <gtest/gtest.h>
#include <string>

namespace postern::posternd {
namespace {

const std::string kPaths =
    "state_directory = \"/s\"\n"
    "key_file = \"/k\"\n"
    "socket = \"/run/a\"\n"
    "admin_socket = \"/run/b\"\n";

TEST(DaemonConfigFile, SaysWhatItSays) {
  const auto config = parse_config(kPaths +
                                       "admins = [0, \"root\"]\n"
                                       "observers = [1]\n"
                                       "default_domain = \"LAB\"\n"
                                       "oem_code_page = \"latin-1\"\n"
                                       "handshake_seconds = 60\n"
                                       "[lockout]\n"
                                       "threshold = 7\n"
                                       "duration_seconds = 0\n"
                                       "[retention]\n"
                                       "days = 30\n"
                                       "max_events = 1000000\n"
                                       "[policy]\n"
                                       "RequireMic = \"always\"\n"
                                       "LmCompatibilityLevel = 4\n"
                                       "[[service]]\n"
                                       "name = \"web\"\n"
                                       "[service.policy]\n"
                                       "RequireMic = \"never\"\n"
                                       "[[service]]\n"
                                       "name = \"mail\"\n"
                                       "kind = \"smtp\"\n"
                                       "[[peer]]\n"
                                       "name = \"gateway\"\n"
                                       "user = 1234\n"
                                       "services = [\"web\", \"mail\"]\n"
                                       "session_keys = true\n"
                                       "max_outstanding = 5\n",
                                   "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.admin_uids, (std::vector<std::uint32_t>{0, 0}));
  EXPECT_EQ(config->server.observer_uids, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(config->retention, (authority::RetentionLimits{std::chrono::days{30}, 1'000'000}));
  EXPECT_EQ(config->authority.default_domain, "LAB");
  EXPECT_EQ(config->authority.oem_code_page, CodePage::latin1);
  EXPECT_EQ(config->authority.lockout.threshold, 7);
  EXPECT_EQ(config->authority.lockout.duration.count(), 0);
  EXPECT_EQ(config->authority.services.at(0).policy.require_mic, policy::Level::never) << "the service's own";
  EXPECT_EQ(config->authority.services.at(1).policy.require_mic, policy::Level::always) << "the file's";
  EXPECT_EQ(config->authority.services.at(1).policy.lm_compatibility_level.number(), 4U);
  EXPECT_EQ(config->authority.services.at(1).kind, event::Service::smtp);
  const authority::Peer& peer = config->server.peers.at(0);
  EXPECT_EQ(peer.uid, 1234U);
  EXPECT_EQ(peer.services, (std::vector<std::string>{"web", "mail"}));
  EXPECT_EQ(peer.session_keys, authority::SessionKeys::released);
  EXPECT_EQ(peer.max_outstanding, 5U);
}

TEST(DaemonConfigFile, PasswordRulesAreAGoodDomainsUnlessTheFileSaysOtherwise) {
  const auto by_default = parse_config(kPaths, "x.toml");
  ASSERT_TRUE(by_default) << by_default.error().message;
  EXPECT_EQ(by_default->authority.old_password.allowed, std::chrono::minutes{60});
  EXPECT_EQ(by_default->authority.password_rules, (account::PasswordRules{0, 24, std::chrono::days{1}}));
  const auto config = parse_config(
      kPaths + "[password]\nmin_length = 14\nhistory = 5\nmin_age_days = 0\nold_password_allowed_minutes = 0\n", "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->authority.old_password.allowed.count(), 0);
  EXPECT_EQ(config->authority.password_rules, (account::PasswordRules{14, 5, std::chrono::days{0}}));
  EXPECT_FALSE(parse_config(kPaths + "[password]\nhistory = 25\n", "x.toml"));
  EXPECT_FALSE(parse_config(kPaths + "[password]\nmin_length = 257\n", "x.toml"));
}

TEST(DaemonConfigFile, SaysWhatDetectionKnowsOfThisMachine) {
  const std::string id(64, 'A');
  const auto config = parse_config(
      kPaths + "[detection]\nenabled = false\nown_addresses = [\"192.0.2.1\", \"2001:db8::1\"]\nown_machine_ids = [\"" + id +
          "\"]\n",
      "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->authority.detection.detection, authority::detection::Switch::off);
  EXPECT_EQ(config->authority.detection.own_addresses, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
  EXPECT_EQ(config->authority.detection.own_machine_ids, (std::vector<std::string>{std::string(64, 'a')}));
  EXPECT_EQ(parse_config(kPaths, "x.toml")->authority.detection, authority::detection::Settings{}) << "on by default";
}

TEST(DaemonConfigFile, R38_NamesWhatIsWrongAboutDetection) {
  for (const auto& [line, why] : {std::pair{"own_addresses = [\"192.0.2.0/24\"]",
                                            "x.toml:6: detection.own_addresses: holds 192.0.2.0/24, which is no IP address"},
                                  std::pair{"own_machine_ids = [\"abcd\"]",
                                            "x.toml:6: detection.own_machine_ids: holds something else than 64 hexadecimal digits"},
                                  std::pair{"enabled = 1", "x.toml:6: detection.enabled: must be true or false"}}) {
    const auto config = parse_config(kPaths + "[detection]\n" + line + "\n", "x.toml");
    ASSERT_FALSE(config) << line;
    EXPECT_EQ(config.error().message, why);
  }
}

TEST(DaemonConfigFile, TheDefaultsAreTheStrictOnes) {
  const auto config =
      parse_config(kPaths + "[[service]]\nname = \"web\"\n[[peer]]\nname = \"g\"\nservices = [\"web\"]\n", "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->authority.services.at(0).policy, policy::Policy{});
  EXPECT_EQ(config->server.peers.at(0).session_keys, authority::SessionKeys::withheld);
  EXPECT_EQ(config->authority.handshake_lifetime.count(), 60);
  EXPECT_TRUE(config->server.admin_uids.empty());
}

struct Wrong {
  std::string text;
  std::string begins;  ///< of the message
};

TEST(DaemonConfigFile, R38_WhatIsWrongIsNamedByFileLineAndKey) {
  const std::string web = "[[service]]\nname = \"web\"\n";  // lines 5 and 6
  const Wrong wrongs[] = {
      {"state_directory = \n", "x.toml:1: "},
      {"key_file = \"/k\"\n", "x.toml:1: state_directory: is missing"},
      {kPaths + "colour = 1\n", "x.toml:5: colour: is no key"},
      {kPaths + "observers = 7\n", "x.toml:5: observers: must be a list of users"},
      {kPaths + "observers = [\"nobody-of-this-name\"]\n", "x.toml:5: observers: is no user"},
      {kPaths + "[retention]\ndays = -1\n", "x.toml:6: retention.days: must be a whole number from 0"},
      {kPaths + "workers = 0\n", "x.toml:5: workers: must be a whole number from 1"},
      {kPaths + "workers = \"many\"\n", "x.toml:5: workers: must be"},
      {kPaths + "handshake_seconds = 61\n", "x.toml:5: handshake_seconds: must be a whole number from 1 to 60"},
      {kPaths + "oem_code_page = \"cp437\"\n", "x.toml:5: oem_code_page: must be one of"},
      {kPaths + "admins = \"root\"\n", "x.toml:5: admins: must be a list"},
      {kPaths + "admins = [\"no-such-user-here\"]\n", "x.toml:5: admins: is no user"},
      {kPaths + "[policy]\nRequireMic = \"sometimes\"\n", "x.toml:6: policy.RequireMic: "},
      {kPaths + "[policy]\nRequireMick = \"never\"\n", "x.toml:6: policy.RequireMick: is no key"},
      {kPaths + "[policy]\nLmCompatibilityLevel = 6\n", "x.toml:6: policy.LmCompatibilityLevel: "},
      {kPaths + "[lockout]\nthreshold = -1\n", "x.toml:6: lockout.threshold: must be"},
      {kPaths + "[lockout]\nduration = 5\n", "x.toml:6: lockout.duration: is no key"},
      {kPaths + "lockout = 5\n", "x.toml:5: lockout: must be a table"},
      {kPaths + "[service]\nname = \"web\"\n", "x.toml:5: service: must be written as [[service]]"},
      {kPaths + web + "kind = \"gopher\"\n", "x.toml:7: service.kind: is no kind"},
      {kPaths + web + web, "x.toml:8: service.name: is the name of another"},
      {kPaths + "[[service]]\n", "x.toml:5: service.name: is missing"},
      {kPaths + web + "[[peer]]\nname = \"g\"\nservices = [\"ftp\"]\n", "x.toml:9: peer.services: names ftp"},
      {kPaths + web + "[[peer]]\nname = \"g\"\n", "x.toml:7: peer.services: is missing"},
      {kPaths + web + "[[peer]]\nname = \"g\"\nservices = [\"web\"]\nuser = -1\n", "x.toml:10: peer.user: must be"},
      {kPaths + web +
           "[[peer]]\nname = \"g\"\nuser = 1\nservices = [\"web\"]\n[[peer]]\nname = \"h\"\nuser = 1\nservices = [\"web\"]\n",
       "x.toml:13: peer.user: is the user of another"},
  };
  for (const Wrong& wrong : wrongs) {
    const auto config = parse_config(wrong.text, "x.toml");
    ASSERT_FALSE(config) << wrong.text;
    EXPECT_EQ(config.error().code, ErrorCode::invalid_input);
    EXPECT_EQ(config.error().message.substr(0, wrong.begins.size()), wrong.begins) << wrong.text;
  }
}

TEST(DaemonConfigFile, R38_AFileThatCannotBeReadIsSaidToBeSo) {
  for (const char* path : {"/nonexistent/posternd.toml", "/tmp"}) {
    const auto config = load_config(path);
    ASSERT_FALSE(config) << path;
    EXPECT_EQ(config.error().code, ErrorCode::io) << path;
    EXPECT_TRUE(config.error().message.starts_with(path)) << config.error().message;
  }
}

}  // namespace
}  // namespace postern::posternd
