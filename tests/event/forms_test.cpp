// Samba's form, ECS, and events without names.
#include "event/export/forms.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/text.hpp"
#include "event/export/pseudonyms.hpp"
#include "event/json.hpp"
#include "event/reader/parse_event.hpp"
#include "random_event.hpp"
#include "support/paths.hpp"

namespace postern::event {
namespace {

using Json = nlohmann::ordered_json;
using test::Generator;
using test::Known;

constexpr int kRandomEvents = 400;

LogonEvent example() {
  std::ifstream file{POSTERN_SOURCE_DIR "/tests/event/snapshots/logon.json"};
  std::string line;
  std::getline(file, line);
  auto event = parse_event(line);
  EXPECT_TRUE(event) << event.error().to_line();
  return event.value_or(LogonEvent{});
}

std::string snapshot(const std::string& name) {
  std::ifstream file{POSTERN_SOURCE_DIR "/tests/event/snapshots/" + name};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string lower_text(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

DigestKey key_of(std::uint8_t byte) {
  std::array<std::uint8_t, DigestKey::kSize> bytes{};
  bytes.fill(byte);
  return DigestKey{bytes};
}

/// Fails on any byte that would make two lines of one, or that a terminal obeys.
void expect_one_line_of_json(const std::string& line) {
  ASSERT_TRUE(Json::accept(line)) << line;
  for (const char c : line) ASSERT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
}

TEST(EventForms, SambaAndEcsAreWhatTheSnapshotsSay) {
  const LogonEvent event = example();
  EXPECT_EQ(to_samba_json(event) + "\n", snapshot("logon.samba.json"));
  EXPECT_EQ(to_ecs_json(event) + "\n", snapshot("logon.ecs.json"));
  LogonEvent refused = event;
  refused.outcome = Outcome::blocked;
  refused.status = Status::of(NtStatus::ntlm_blocked);
  refused.policy = {{Point::server, Stage::response, "DenyVersions", "NTLMv1", Decision::deny, "NTLMv1 is not allowed here"}};
  refused.findings = {{"relay", Severity::alarm, "made for another server", "HTTP/other.example.org"}};
  EXPECT_EQ(to_samba_json(refused) + "\n", snapshot("refused.samba.json"));
  EXPECT_EQ(to_ecs_json(refused) + "\n", snapshot("refused.ecs.json"));
}

TEST(EventForms, AnyEventIsOneLineOfJsonInEachForm) {
  for (int seed = 0; seed < kRandomEvents; ++seed) {
    const auto event = Generator{static_cast<std::uint64_t>(seed), seed % 2 == 0 ? Known::all : Known::some}.make<LogonEvent>();
    for (const Form form : {Form::samba, Form::ecs}) expect_one_line_of_json(to_form(event, form));
  }
}

TEST(EventForms, AnEventOfWhichNothingIsKnownHasAllKeysOfSambaAndFewOfEcs) {
  const Json samba = Json::parse(to_samba_json({}));
  EXPECT_EQ(samba["Authentication"].size(), Json::parse(to_samba_json(example()))["Authentication"].size());
  EXPECT_EQ(samba["Authentication"]["eventId"], 4625) << "what is unknown is no success";
  EXPECT_TRUE(samba["Authentication"]["clientAccount"].is_null());
  const Json ecs = Json::parse(to_ecs_json({}));
  EXPECT_EQ(ecs["event"]["outcome"], "unknown");
  EXPECT_FALSE(ecs.contains("user"));
}

TEST(EventForms, R29_NoFormHasAKeyForAChallengeAResponseOrAHash) {
  const auto event = Generator{7, Known::all}.make<LogonEvent>();
  for (const Form form : {Form::json, Form::samba, Form::ecs}) {
    const Json parsed = Json::parse(to_form(event, form));
    const Json flat = parsed.flatten();
    for (const auto& [path, value] : flat.items()) {
      for (const std::string word : {"response", "nt_hash", "session_key", "password_hash", "lm_hash"}) {
        EXPECT_FALSE(path.contains(word)) << path;
      }
      EXPECT_EQ(path.contains("challenge"), path.ends_with("challenge_digest")) << path;
    }
  }
}

TEST(EventForms, ATextThatIsNoAddressIsNoIpInEcs) {
  LogonEvent event = example();
  for (const std::string wrong : {"unix", "192.0.2", "a.b.c.d", "1.2.3.4.5", "door.example.org", ""}) {
    event.client.address = wrong;
    EXPECT_FALSE(Json::parse(to_ecs_json(event))["source"].contains("ip")) << wrong;
  }
  for (const std::string right : {"192.0.2.17", "2001:db8::1", "::1"}) {
    event.client.address = right;
    EXPECT_EQ(Json::parse(to_ecs_json(event))["source"]["ip"], right);
  }
}

TEST(Pseudonyms, NoOriginalNameIsInAnyFormOfRandomEvents) {
  const Pseudonymiser pseudonymiser{key_of(1)};
  std::mt19937_64 random{4711};
  for (int round = 0; round < kRandomEvents; ++round) {
    std::vector<std::string> names;
    const auto fresh = [&] {
      std::string name;
      for (int i = 0; i < 10; ++i) name += static_cast<char>('a' + random() % 26);
      if (random() % 3 == 0) name += "\xC3\xA4";
      if (random() % 2 == 0) name = upper_case_utf8(name);
      names.push_back(name);
      return name;
    };
    const auto address = [&] {
      std::string text;
      if (random() % 2 == 0) {
        text = "10." + std::to_string(100 + random() % 100) + "." + std::to_string(100 + random() % 100) + ".123";
      } else {
        text = "2001:db8:" + std::to_string(1000 + random() % 9000) + "::" + std::to_string(1000 + random() % 9000);
      }
      names.push_back(text);
      return text;
    };
    auto event = Generator{static_cast<std::uint64_t>(round), Known::all}.make<LogonEvent>();
    event.account.name = random() % 2 == 0 ? fresh() + "@" + fresh() + "." + fresh() : fresh() + "$";
    event.account.domain = fresh();
    const std::string sid = "1" + std::to_string(100'000'000 + random() % 900'000'000);
    const std::string rid = std::to_string(1'000'000 + random() % 1'000'000);
    names.push_back(sid);
    names.push_back(rid);
    event.account.sid = "S-1-5-21-" + sid + "-" + sid + "-" + sid + "-" + rid;
    event.client.address = address();
    event.client.workstation = fresh();
    event.client.process = "C:\\Users\\" + fresh() + "\\tool.exe";
    event.client.os_version = fresh();
    event.server.address = address();
    event.server.name = fresh();
    event.source.host = fresh() + "." + fresh();
    event.source.record = "/home/" + fresh() + "/a.pcap";
    event.authority.name = fresh();
    event.authority.address = address();
    event.ntlm.spn = "HTTP/" + (random() % 2 == 0 ? fresh() + "." + fresh() : address()) + ":8443/" + fresh();
    event.ntlm.machine_id = fresh();
    event.ntlm.server_names = {fresh(), fresh(), fresh() + "." + fresh(), fresh(), fresh()};
    event.reason = {7, "ip-address", Confidence::proved, "it asked for " + names[random() % names.size()]};
    event.policy = {
        {Point::client, Stage::negotiate, "OutgoingHosts", fresh() + ", *." + fresh(), Decision::deny, "no rule for " + fresh()},
        {Point::server, Stage::response, "RequireMic", "when-supported", Decision::allow, names[0]}};
    event.findings = {{"relay", Severity::alarm, "it names " + fresh(), address()}};
    for (const Form form : {Form::json, Form::samba, Form::ecs}) {
      const std::string line = lower_text(to_form(pseudonymiser.apply(event), form));
      for (const std::string& name : names) {
        ASSERT_FALSE(line.contains(lower_text(name))) << name << " is in " << line;
        // ... nor as JSON that is all ASCII writes it.
        const std::string escaped = Json(name).dump(-1, ' ', true);
        ASSERT_FALSE(line.contains(lower_text(escaped.substr(1, escaped.size() - 2)))) << name;
      }
    }
    ASSERT_TRUE(Json::accept(to_json(pseudonymiser.apply(event))));
    const std::string as_written = to_json(pseudonymiser.apply(event));
    ASSERT_TRUE(parse_event(as_written)) << "a pseudonymised event is an event: " << as_written;
  }
}

TEST(Pseudonyms, OneNameIsOnePseudonymWhereverItStandsAndAnotherUnderAnotherKey) {
  const Pseudonymiser one{key_of(1)};
  const Pseudonymiser other{key_of(2)};
  EXPECT_EQ(one.name("ws17"), one.name("WS17"));
  EXPECT_EQ(one.name("WS17$"), one.name("ws17") + "$");
  EXPECT_EQ(one.name("ws17.example.org"), one.name("WS17") + "." + one.name("example.org"));
  EXPECT_EQ(one.spn("HTTP/ws17.example.org:8443"), "HTTP/" + one.name("ws17.example.org") + ":8443");
  EXPECT_EQ(one.name("alice@example.org"), one.name("alice") + "@" + one.name("example.org"));
  EXPECT_NE(one.name("ws17"), one.name("ws18"));
  EXPECT_NE(one.name("ws17"), other.name("ws17"));
  EXPECT_NE(one.address("192.0.2.17"), other.address("192.0.2.17"));
  EXPECT_EQ(one.spn("HTTP/192.0.2.17"), "HTTP/" + one.address("192.0.2.17"));
}

TEST(Pseudonyms, AccountsOfOneDomainStayOfOneDomain) {
  const Pseudonymiser one{key_of(1)};
  const std::string alice = one.sid("S-1-5-21-1004336348-1177238915-682003330-1103");
  const std::string bob = one.sid("S-1-5-21-1004336348-1177238915-682003330-1104");
  EXPECT_NE(alice, bob);
  EXPECT_EQ(alice.substr(0, alice.rfind('-')), bob.substr(0, bob.rfind('-')));
  EXPECT_EQ(one.sid("S-1-5-7"), "S-1-5-7") << "anonymous is nobody's name";
  EXPECT_NE(one.sid("alice"), "alice");
}

TEST(Pseudonyms, WhatIsNoNameStays) {
  const Pseudonymiser one{key_of(1)};
  const LogonEvent event = example();
  const LogonEvent hidden = one.apply(event);
  EXPECT_EQ(hidden.id, event.id);
  EXPECT_EQ(hidden.time, event.time);
  EXPECT_EQ(hidden.status, event.status);
  EXPECT_EQ(hidden.ntlm.mic, event.ntlm.mic);
  EXPECT_EQ(hidden.policy.at(0).setting, "ExtendedProtection");
  EXPECT_EQ(hidden.policy.at(0).value, "when-supported");
  EXPECT_EQ(one.address("127.0.0.1"), "127.0.0.1");
}

}  // namespace
}  // namespace postern::event
