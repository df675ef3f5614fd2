// The JSON form read by a parser that is not ours (nlohmann/json), against the contract in docs/events.md.
#include "event/json.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "event/random_event.hpp"
#include "event/reader/parse_event.hpp"
#include "support/paths.hpp"

namespace postern::event {
namespace {

using Json = nlohmann::ordered_json;

/// Every key that an event may have, in order. This list and docs/events.md are the contract: there is no key for a challenge, a
/// response, a key or a hash.
const std::vector<std::string> kKeys{"schema",
                                     "id",
                                     "time",
                                     "source",
                                     "source.kind",
                                     "source.host",
                                     "source.record",
                                     "outcome",
                                     "status",
                                     "status.code",
                                     "status.name",
                                     "package",
                                     "ntlm",
                                     "ntlm.version",
                                     "ntlm.negotiate_flags",
                                     "ntlm.mic",
                                     "ntlm.channel_binding",
                                     "ntlm.spn",
                                     "ntlm.spn_check",
                                     "ntlm.sign",
                                     "ntlm.seal",
                                     "ntlm.key_bits",
                                     "ntlm.client_time",
                                     "ntlm.server_time",
                                     "ntlm.timestamp_offered",
                                     "ntlm.machine_id",
                                     "ntlm.server_names",
                                     "ntlm.server_names.nb_computer",
                                     "ntlm.server_names.nb_domain",
                                     "ntlm.server_names.dns_computer",
                                     "ntlm.server_names.dns_domain",
                                     "ntlm.server_names.dns_tree",
                                     "account",
                                     "account.name",
                                     "account.domain",
                                     "account.sid",
                                     "account.kind",
                                     "account.protected",
                                     "account.ntlm_allowed",
                                     "account.network_allowed",
                                     "account.state",
                                     "client",
                                     "client.address",
                                     "client.port",
                                     "client.workstation",
                                     "client.process",
                                     "client.os_version",
                                     "server",
                                     "server.address",
                                     "server.port",
                                     "server.name",
                                     "server.service",
                                     "server.domain_member",
                                     "transport",
                                     "transport.tls",
                                     "transport.encrypted",
                                     "transport.signed",
                                     "authority",
                                     "authority.name",
                                     "authority.address",
                                     "reason",
                                     "reason.id",
                                     "reason.name",
                                     "reason.confidence",
                                     "reason.evidence",
                                     "policy",
                                     "policy[].point",
                                     "policy[].stage",
                                     "policy[].setting",
                                     "policy[].value",
                                     "policy[].decision",
                                     "policy[].why",
                                     "correlation",
                                     "correlation.challenge_digest",
                                     "correlation.proof_digest",
                                     "findings",
                                     "findings[].id",
                                     "findings[].severity",
                                     "findings[].text",
                                     "findings[].evidence"};

void collect(const Json& json, const std::string& prefix, std::vector<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    const std::string path = prefix + key;
    keys.push_back(path);
    if (value.is_object()) collect(value, path + ".", keys);
    if (value.is_array() && !value.empty()) collect(value.front(), path + "[].", keys);
  }
}

std::vector<std::string> keys_of(const LogonEvent& event) {
  std::vector<std::string> keys;
  collect(Json::parse(to_json(event)), "", keys);
  return keys;
}

std::string documentation() {
  std::ifstream in{std::string{POSTERN_SOURCE_DIR} + "/docs/events.md"};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(EventJson, HasExactlyTheKeysOfTheContractInOrder) {
  test::Generator random{1, test::Known::all};
  for (int i = 0; i < 200; ++i) ASSERT_EQ(keys_of(random.make<LogonEvent>()), kKeys);
}

TEST(EventJson, R29_HoldsNoKeyOutsideTheDocumentedList) {
  const std::set<std::string> documented{kKeys.begin(), kKeys.end()};
  test::Generator random{2};
  const std::regex digest{"[0-9a-f]{32}"};
  for (int i = 0; i < 2000; ++i) {
    LogonEvent event = event_of(random.make<Facts>());
    event.correlation = random.make<Correlation>();
    for (const std::string& key : keys_of(event)) ASSERT_TRUE(documented.contains(key)) << key;
    // What is kept of a challenge or a proof is a digest under a key, and no longer than one.
    const Json json = Json::parse(to_json(event));
    if (json.contains("correlation")) {
      for (const auto& [key, value] : json["correlation"].items())
        ASSERT_TRUE(std::regex_match(value.get<std::string>(), digest)) << key;
    }
  }
  for (const std::string& key : kKeys) {
    for (const char* secret : {"hash", "password", "nt_response", "lm_response", "session_key", "server_challenge"}) {
      EXPECT_EQ(key.find(secret), std::string::npos) << key;
    }
  }
}

TEST(EventJson, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(to_json(LogonEvent{}), R"({"schema":1,"outcome":"unknown"})");
  LogonEvent event;
  event.ntlm.server_names.dns_tree = "";
  EXPECT_EQ(to_json(event), R"({"schema":1,"outcome":"unknown","ntlm":{"server_names":{"dns_tree":""}}})");
  event.transport.tls = false;
  EXPECT_EQ(to_json(event),
            R"({"schema":1,"outcome":"unknown","ntlm":{"server_names":{"dns_tree":""}},"transport":{"tls":false}})");
}

TEST(EventJson, IsOneLineOfValidUtf8WhateverTheNames) {
  const std::pair<std::string, std::string> names[] = {
      {"a\nb\r\t", "a\\nb\\u000d\\t"},
      {std::string{"\0", 1}, "\\u0000"},
      {"\"\\/", "\\\"\\\\/"},
      {"\x1b\x7f", "\\u001b\\u007f"},
      {"\xC2\x85\xC2\x9B\xC2\xA0", "\\u0085\\u009b\xC2\xA0"},
      {"\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA", "\\u2028\\u2029\xE2\x80\xAA"},
      {"\xC3\xA5\xE5\xB1\xB1\xF0\x9F\x9A\xAA", "\xC3\xA5\xE5\xB1\xB1\xF0\x9F\x9A\xAA"},
      // Not UTF-8: a lone tail, an over-long slash, a surrogate, past U+10FFFF, cut short. One U+FFFD for each byte.
      {"\x80", "\xEF\xBF\xBD"},
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"x\xE5\xB1", "x\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (const auto& [name, json] : names) {
    LogonEvent event;
    event.account.name = name;
    const std::string text = to_json(event);
    EXPECT_EQ(text, R"({"schema":1,"outcome":"unknown","account":{"name":")" + json + R"("}})");
    EXPECT_TRUE(Json::accept(text)) << text;
  }
}

TEST(EventJson, SaysTheSameToAnotherParser) {
  test::Generator random{3};
  for (int i = 0; i < 1000; ++i) {
    const LogonEvent event = random.make<LogonEvent>();
    const std::string text = to_json(event);
    ASSERT_EQ(text.find('\n'), std::string::npos);
    const Json json = Json::parse(text);
    EXPECT_EQ(json["schema"], 1);
    EXPECT_EQ(json["outcome"], std::string{name_of(event.outcome)});
    if (event.account.name) {
      EXPECT_EQ(json["account"]["name"], *event.account.name);
    }
    if (event.ntlm.key_bits) {
      EXPECT_EQ(json["ntlm"]["key_bits"], *event.ntlm.key_bits);
    }
    if (event.status) {
      EXPECT_EQ(std::stoul(json["status"]["code"].get<std::string>(), nullptr, 16), event.status->code);
    }
    if (event.ntlm.seal) {
      EXPECT_EQ(json["ntlm"]["seal"], *event.ntlm.seal);
    }
    EXPECT_EQ(json.contains("policy") ? json["policy"].size() : 0, event.policy.size());
  }
}

TEST(EventJson, WritesStatusAndFlagsAsTheirUsersDo) {
  LogonEvent event;
  event.status = Status::of(NtStatus::logon_failure);
  event.ntlm.negotiate_flags = 0xe2898215;
  EXPECT_EQ(to_json(event), R"({"schema":1,"outcome":"unknown","status":{"code":"0xC000006D","name":"STATUS_LOGON_FAILURE"},)"
                            R"("ntlm":{"negotiate_flags":"0xe2898215"}})");
}

TEST(EventDocs, NameEveryKeyAndEveryWord) {
  const std::string docs = documentation();
  ASSERT_FALSE(docs.empty());
  for (const std::string& key : kKeys) EXPECT_NE(docs.find("`" + key + "`"), std::string::npos) << key;
  const auto check_words = [&](const auto& names) {
    for (const std::string_view name : names) EXPECT_NE(docs.find("`" + std::string{name} + "`"), std::string::npos) << name;
  };
  check_words(kNames<SourceKind>);
  check_words(kNames<Outcome>);
  check_words(kNames<Package>);
  check_words(kNames<NtlmVersion>);
  check_words(kNames<Mic>);
  check_words(kNames<ChannelBinding>);
  check_words(kNames<SpnCheck>);
  check_words(kNames<AccountKind>);
  check_words(kNames<Service>);
  check_words(kNames<Confidence>);
  check_words(kNames<Point>);
  check_words(kNames<Stage>);
  check_words(kNames<Decision>);
  check_words(kNames<Severity>);
}

TEST(EventDocs, ShowAnExampleThatIsWrittenExactlySo) {
  const std::string docs = documentation();
  const std::string fence = "```json\n";
  const std::size_t start = docs.find(fence);
  ASSERT_NE(start, std::string::npos);
  const std::size_t end = docs.find('\n', start + fence.size());
  const std::string line = docs.substr(start + fence.size(), end - start - fence.size());
  const auto event = parse_event(line);
  ASSERT_TRUE(event) << event.error().to_line();
  EXPECT_EQ(to_json(*event), line);
  ASSERT_TRUE(event->id && event->time);
  EXPECT_EQ(event->id->time(), event->time->file_time());
  EXPECT_EQ(event->ntlm.mic, Mic::verified);
  EXPECT_FALSE(event->policy.empty());
}

TEST(EventNames, AreReadBackAndNothingElseIs) {
  EXPECT_EQ(name_of(NtlmVersion::ntlm_v1_ess), "NTLMv1-ESS");
  EXPECT_EQ(name_of(Mic::announced_missing), "announced-missing");
  EXPECT_EQ(name_of(Point::account_dc), "account-dc");
  EXPECT_EQ(name_of(Service::http_proxy), "http-proxy");
  EXPECT_EQ(from_name<NtlmVersion>("LMv2"), NtlmVersion::lm_v2);
  EXPECT_EQ(from_name<NtlmVersion>("lmv2"), std::nullopt);
  EXPECT_EQ(from_name<NtlmVersion>(""), std::nullopt);
}

}  // namespace
}  // namespace postern::event
