#include "event/reader/parse_event.hpp"

#include <gtest/gtest.h>
#include <string>

#include "event/json.hpp"

namespace postern::event {
namespace {

Result<LogonEvent> parse_with(const std::string& members) { return parse_event("{\"schema\":1" + members + "}"); }

TEST(ParseEvent, TakesASchemaAlone) {
  const auto event = parse_with("");
  ASSERT_TRUE(event) << event.error().to_line();
  EXPECT_EQ(*event, LogonEvent{});
}

TEST(ParseEvent, SkipsKeysThatItDoesNotKnow) {
  const auto event = parse_with(R"(,"later":{"a":[1,{"mic":7}]},"ntlm":{"mic":"verified","later":1.5},"account":{"later":null})");
  ASSERT_TRUE(event) << event.error().to_line();
  LogonEvent wanted;
  wanted.ntlm.mic = Mic::verified;
  EXPECT_EQ(*event, wanted);
}

struct Refusal {
  std::string members;
  ErrorCode code;
  std::string path;      // what the message starts with
  std::string accepted;  // the twin, one field away
};

TEST(ParseEvent, RefusesWhatIsWrongWithItsPath) {
  const std::string entry = R"("point":"server","stage":"verified","setting":"RequireMic","value":"never","decision":"allow")";
  const Refusal refusals[] = {
      {R"(,"outcome":"Success")", ErrorCode::malformed, "outcome: must be one of success, failure", R"(,"outcome":"success")"},
      {R"(,"outcome":1)", ErrorCode::malformed, "outcome: must be a text", R"(,"outcome":"unknown")"},
      {R"(,"ntlm":{"mic":"right"})", ErrorCode::malformed, "ntlm.mic: ", R"(,"ntlm":{"mic":"wrong"})"},
      {R"(,"ntlm":{"mic":null})", ErrorCode::malformed, "ntlm.mic: ", R"(,"ntlm":{"mic":"zero"})"},
      {R"(,"ntlm":[])", ErrorCode::malformed, "ntlm: must be an object", R"(,"ntlm":{})"},
      {R"(,"ntlm":{"server_names":{"dns_tree":false}})", ErrorCode::malformed,
       "ntlm.server_names.dns_tree: ", R"(,"ntlm":{"server_names":{"dns_tree":"false"}})"},
      {R"(,"ntlm":{"sign":"true"})", ErrorCode::malformed, "ntlm.sign: must be true or false", R"(,"ntlm":{"sign":true})"},
      {R"(,"ntlm":{"key_bits":65536})", ErrorCode::malformed, "ntlm.key_bits: ", R"(,"ntlm":{"key_bits":65535})"},
      {R"(,"ntlm":{"key_bits":-1})", ErrorCode::malformed, "ntlm.key_bits: ", R"(,"ntlm":{"key_bits":0})"},
      {R"(,"ntlm":{"key_bits":128.0})", ErrorCode::malformed, "ntlm.key_bits: ", R"(,"ntlm":{"key_bits":128})"},
      {R"(,"ntlm":{"negotiate_flags":"0xe289821"})", ErrorCode::malformed,
       "ntlm.negotiate_flags: ", R"(,"ntlm":{"negotiate_flags":"0xE2898215"})"},
      {R"(,"ntlm":{"negotiate_flags":"0x-2898215"})", ErrorCode::malformed,
       "ntlm.negotiate_flags: ", R"(,"ntlm":{"negotiate_flags":"0x02898215"})"},
      {R"(,"ntlm":{"negotiate_flags":3800662549})", ErrorCode::malformed,
       "ntlm.negotiate_flags: ", R"(,"ntlm":{"negotiate_flags":"0xe2898215"})"},
      {R"(,"status":{"name":"STATUS_SUCCESS"})", ErrorCode::malformed, "status.code: is missing",
       R"(,"status":{"code":"0x00000000","name":"STATUS_SUCCESS"})"},
      {R"(,"time":"2026-11-22")", ErrorCode::malformed, "time: ", R"(,"time":"2026-11-22T10:00:00Z")"},
      {R"(,"id":"01aryz6s410000000000000000")", ErrorCode::malformed, "id: ", R"(,"id":"01ARYZ6S410000000000000000")"},
      {R"(,"correlation":{"proof_digest":"00"})", ErrorCode::malformed,
       "correlation.proof_digest: ", R"(,"correlation":{"proof_digest":"000102030405060708090a0b0c0d0e0f"})"},
      {R"(,"policy":{})", ErrorCode::malformed, "policy: must be a list", R"(,"policy":[])"},
      {R"(,"policy":[{)" + entry + R"(,"why":""},{)" + entry + "}]", ErrorCode::malformed, "policy[1].why: is missing",
       R"(,"policy":[{)" + entry + R"(,"why":""},{)" + entry + R"(,"why":""}])"},
      {R"(,"findings":[{"id":"a","severity":"bad","text":""}])", ErrorCode::malformed,
       "findings[0].severity: ", R"(,"findings":[{"id":"a","severity":"alarm","text":""}])"},
      {R"(,"account":{"name":"a","name":"b"})", ErrorCode::duplicate, "account.name: is there twice", R"(,"account":{"name":"a"})"},
      {R"(,"schema":1)", ErrorCode::duplicate, "schema: is there twice", ""},
  };
  for (const Refusal& refusal : refusals) {
    const auto event = parse_with(refusal.members);
    ASSERT_FALSE(event) << refusal.members;
    EXPECT_EQ(event.error().code, refusal.code) << refusal.members;
    EXPECT_TRUE(event.error().message.starts_with(refusal.path)) << event.error().message;
    const auto twin = parse_with(refusal.accepted);
    EXPECT_TRUE(twin) << refusal.accepted << ' ' << twin.error().to_line();
  }
}

TEST(ParseEvent, RefusesAnyOtherSchema) {
  const auto later = parse_event(R"({"schema":2})");
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::unsupported);
  for (const char* text : {R"({})", R"({"schema":"1"})", R"({"schema":1.0})", R"({"schema":null})", R"({"outcome":"success"})"}) {
    EXPECT_FALSE(parse_event(text)) << text;
  }
}

TEST(ParseEvent, RefusesWhatIsNoJsonObject) {
  for (const std::string text :
       {"", " ", "null", "[]", "1", "{\"schema\":1", "{\"schema\":1}}", "{\"schema\":1} {}", "{'schema':1}",
        "{\"schema\":1,\"account\":{\"name\":\"\xC3\x28\"}}", "{\"schema\":1,\"account\":{\"name\":\"\n\"}}"}) {
    EXPECT_FALSE(parse_event(text)) << text;
  }
}

TEST(ParseEvent, HoldsItsLimits) {
  const std::string head = R"({"schema":1,"account":{"name":")";
  const std::string tail = R"("}})";
  const std::string fits(kMaxEventJsonBytes - head.size() - tail.size(), 'x');
  EXPECT_TRUE(parse_event(head + fits + tail));
  const auto over = parse_event(head + fits + "x" + tail);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::too_large);

  const auto with_keys = [](int count) {
    std::string members;
    for (int i = 0; i < count; ++i) members += ",\"k" + std::to_string(i) + "\":0";
    return parse_with(members);
  };
  EXPECT_TRUE(with_keys(63));  // and schema
  EXPECT_FALSE(with_keys(64));

  const auto with_findings = [](int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += std::string{i == 0 ? "" : ","} + R"({"id":"a","severity":"info","text":""})";
    return parse_with(R"(,"findings":[)" + list + "]");
  };
  EXPECT_TRUE(with_findings(256));
  EXPECT_FALSE(with_findings(257));

  EXPECT_FALSE(parse_event(std::string(200'000, '[')));  // depth, which must not reach the stack
}

}  // namespace
}  // namespace postern::event
