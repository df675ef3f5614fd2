// The shared corpus, decided as listed: malformed/cases.jsonl and vectors/messages.json.
#include "support/shared_corpus.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "raw_message.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::wire {
namespace {

using namespace test;
using nlohmann::json;

/// What a strict reader of the role says, down to the parts whose meaning it needs.
Result<void> parse_as(const std::string& role, ByteView input, Anomalies* anomalies) {
  if (role == "parse1") {
    POSTERN_CHECK(NegotiateMessage::parse(input, anomalies));
  } else if (role == "client2") {
    POSTERN_TRY(message, ChallengeMessage::parse(input, anomalies));
    if (!message.target_info.empty()) {
      POSTERN_CHECK(AvPairs::parse(message.target_info, "CHALLENGE.TargetInfo", message.target_info_offset, anomalies));
    }
  } else if (role == "parse3") {
    POSTERN_TRY(message, AuthenticateMessage::parse(input, std::nullopt, anomalies));
    POSTERN_TRY(version, response_version(message));
    if (version == ResponseVersion::ntlm_v2) {
      POSTERN_CHECK(Ntlmv2Response::parse(message.nt_response, message.nt_response_offset, anomalies));
    }
  } else {
    POSTERN_CHECK(AvPairs::parse(input, "list", 0, anomalies));
  }
  return {};
}

TEST(SharedMalformed, R1_R3_R6_EachCaseIsDecidedAsListed) {
  const auto path = postern::test::shared_corpus() / "malformed" / "cases.jsonl";
  POSTERN_REQUIRE_SHARED(path);
  std::ifstream file{path};
  std::map<std::string, int> decided;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const json entry = json::parse(line);
    const std::string role = entry["role"];
    // Handshake, SPNEGO and header roles are decided where those are tested.
    if (role != "parse1" && role != "client2" && role != "parse3" && role != "avparse") continue;
    const std::string name = entry["name"];
    const std::string expect = entry["expect"];
    const ExactCopy input{hex(entry["hex"].get<std::string>())};
    const auto strict = parse_as(role, input.view(), nullptr);
    if (expect == "must-accept") {
      EXPECT_TRUE(strict) << name << ": " << strict.error().to_line();
    }
    if (expect == "must-reject") {
      EXPECT_FALSE(strict) << name << ": " << entry["why"];
    }
    Anomalies anomalies;
    const auto tolerant = parse_as(role, input.view(), &anomalies);
    if (strict) {
      EXPECT_TRUE(tolerant && anomalies.empty()) << name << ": the sensor is stricter than the handshake";
    }
    if (tolerant && anomalies.empty()) {
      EXPECT_TRUE(strict) << name << ": refused without an anomaly to show";
    }
    ++decided[role];
  }
  EXPECT_GE(decided["parse1"], 49);
  EXPECT_GE(decided["client2"], 99);
  EXPECT_GE(decided["parse3"], 169);
  EXPECT_GE(decided["avparse"], 44);
}

void check_facts(const json& entry) {
  const json& facts = entry["parsed"];
  const Bytes bytes = hex(entry["hex"].get<std::string>());
  const auto flags_text = [](NegotiateFlags flags) { return flags.to_hex().substr(2); };
  if (facts["type"] == 1) {
    const auto message = NegotiateMessage::parse(bytes);
    ASSERT_TRUE(message) << message.error().to_line();
    EXPECT_EQ(flags_text(message->flags), facts["flags"]);
    EXPECT_EQ(to_hex(message->domain_name), facts["domain"]);
    EXPECT_EQ(to_hex(message->workstation), facts["workstation"]);
  } else if (facts["type"] == 2) {
    const auto message = ChallengeMessage::parse(bytes);
    if (facts.value("out_of_bounds_field", false)) {
      EXPECT_EQ(code_of(message), ErrorCode::out_of_bounds);
      return;
    }
    ASSERT_TRUE(message) << message.error().to_line();
    EXPECT_EQ(to_hex(message->server_challenge.bytes()), facts["challenge"]);
    EXPECT_EQ(to_hex(message->target_name), facts["target"]);
    EXPECT_EQ(to_hex(message->target_info), facts["target_info"]);
  } else {
    const auto message = AuthenticateMessage::parse(bytes);
    ASSERT_TRUE(message) << message.error().to_line();
    EXPECT_EQ(flags_text(message->flags), facts["flags"]);
    EXPECT_EQ(to_hex(message->lm_response), facts["lm"]);
    EXPECT_EQ(to_hex(message->nt_response), facts["nt"]);
    EXPECT_EQ(to_hex(message->domain_name), facts["domain"]);
    EXPECT_EQ(to_hex(message->user_name), facts["user"]);
    EXPECT_EQ(to_hex(message->workstation), facts["workstation"]);
    EXPECT_EQ(to_hex(message->encrypted_random_session_key), facts["key"]);
  }
}

TEST(SharedMessages, HoldTheListedFacts) {
  const auto path = postern::test::shared_corpus() / "vectors" / "messages.json";
  POSTERN_REQUIRE_SHARED(path);
  std::ifstream file{path};
  const json entries = json::parse(file);
  EXPECT_GE(entries.size(), 16u);
  for (const json& entry : entries) {
    SCOPED_TRACE(entry["id"].get<std::string>());
    check_facts(entry);
  }
}

}  // namespace
}  // namespace postern::wire
