#include "postern/token_show.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "support/paths.hpp"
#include "support/shared_corpus.hpp"
#include "wire/raw_message.hpp"

namespace postern::cli {
namespace {

using namespace wire::test;

Result<Json> show(const Bytes& token, ShowOptions options = {}, InputForm form = InputForm::raw) {
  return show_token(TokenInput{token, form}, options);
}

// ---- tokens of our own, one for each form of docs/json.md ---------------------------------------------------------------------

Bytes negotiate() {
  RawMessage message{1, 40};
  message.u32(at::kNegotiateFlags, 0xa208b207).put(at::kNegotiateVersion, hex("0a007c4f0000000f"));
  return message.field(at::kNegotiateDomain, hex("4d9a4e")).field(at::kNegotiateWorkstation, ascii("HOST1")).bytes();
}

Bytes challenge() {
  RawMessage message{2, 56};
  message.u32(at::kChallengeFlags, 0xe2898215).put(at::kServerChallenge, hex("0123456789abcdef"));
  message.put(at::kChallengeVersion, hex("0a007c4f0000000f")).field(at::kTargetName, utf16("EXAMPLE"));
  return message
      .field(at::kTargetInfo, av(2, utf16("EXAMPLE")) + av(1, utf16("SRV1")) + av(4, utf16("example.org")) +
                                  av(3, utf16("srv1.example.org")) + av(7, hex("0090d336b734c301")) + av(99, hex("beef")) + kEol)
      .bytes();
}

Bytes authenticate(const Bytes& pairs, std::size_t header_bytes = 88) {
  RawMessage message{3, header_bytes};
  message.u32(at::kAuthenticateFlags, 0xe2888215).field(at::kDomain, utf16("EXAMPLE")).field(at::kUser, utf16("alice"));
  message.field(at::kWorkstation, utf16("HOST1"))
      .field(at::kLm, Bytes(24))
      .field(at::kNt, ntlmv2_response(pairs + kEol + Bytes(4)));
  message.field(at::kSessionKey, Bytes(16, 0x55));
  if (header_bytes == 88) message.put(at::kMic, Bytes(16, 0x77));
  return message.bytes();
}
const Bytes kMicAnnounced = av(6, hex("02000000"));

Bytes anonymous() {
  RawMessage message{3, 72};
  return message.u32(at::kAuthenticateFlags, 0xe2888a15).field(at::kLm, Bytes(1)).bytes();
}

/// NegTokenInit (RFC 4178, 4.2.1) with Kerberos and NTLM offered, a mechanism's token inside; short lengths only.
Bytes spnego_init(const Bytes& mech_token) {
  const auto der = [](std::uint8_t tag, const Bytes& content) {
    Bytes out{tag};
    if (content.size() >= 128) out.push_back(0x81);
    out.push_back(static_cast<std::uint8_t>(content.size()));
    return std::move(out) + content;
  };
  const Bytes mechs = der(0xa0, der(0x30, hex("06092a864886f712010202") + hex("060a2b06010401823702020a")));
  return der(0x60, hex("06062b0601050502") + der(0xa0, der(0x30, mechs + der(0xa2, der(0x04, mech_token)))));
}

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

TEST(TokenShowSnapshot, FormsStayAsDocumented) {
  expect_snapshot("negotiate", show(negotiate()).value());
  expect_snapshot("challenge", show(challenge(), {}, InputForm::header).value());
  const Bytes pairs = av(1, utf16("SRV1")) + kMicAnnounced + av(9, utf16("HTTP/srv1.example.org")) + av(10, Bytes(16, 0xcb));
  expect_snapshot("authenticate", show(authenticate(pairs)).value());
  ShowOptions with_secrets;
  with_secrets.secrets = Secrets::shown;
  expect_snapshot("authenticate-secrets", show(authenticate(pairs), with_secrets).value());
  expect_snapshot("anonymous", show(anonymous()).value());
  expect_snapshot("spnego-init", show(spnego_init(negotiate())).value());
  expect_snapshot("error", error_json(show(ascii("NTLMSSP")).error()));
}

TEST(TokenShow, R29_ChallengeAndResponsesOfAnAuthenticateNeedShowSecrets) {
  const Bytes token = authenticate(kMicAnnounced);
  const std::string hidden = show(token).value().dump();
  const std::string proof(32, '1');   // the 16 bytes 0x11 of the proof
  const std::string client(16, 'a');  // the client's challenge
  EXPECT_EQ(hidden.find(proof), std::string::npos);
  EXPECT_EQ(hidden.find(client), std::string::npos);
  EXPECT_EQ(hidden.find(std::string(32, '5')), std::string::npos) << "the encrypted session key";
  ShowOptions options;
  options.secrets = Secrets::shown;
  const std::string shown = show(token, options).value().dump();
  EXPECT_NE(shown.find(proof), std::string::npos);
  EXPECT_NE(shown.find(client), std::string::npos);
}

TEST(TokenShow, R20_MicIsSaidByWhatIsAnnouncedAndThere) {
  const auto mic_of = [](const Bytes& token) { return show(token).value()["mic"].get<std::string>(); };
  EXPECT_EQ(mic_of(authenticate(kMicAnnounced)), "present");
  EXPECT_EQ(mic_of(authenticate(kMicAnnounced, 72)), "announced-missing");
  Bytes zero = authenticate(kMicAnnounced);
  std::fill_n(zero.begin() + 72, 16, std::uint8_t{0});
  EXPECT_EQ(mic_of(zero), "announced-missing");
  EXPECT_EQ(mic_of(authenticate({}, 72)), "absent");
  EXPECT_EQ(mic_of(anonymous()), "not-applicable");
}

TEST(TokenShow, ChannelBindingIsAbsentZeroOrPresent) {
  const auto state_of = [](const Bytes& pairs) { return show(authenticate(pairs)).value()["channel_binding"].get<std::string>(); };
  EXPECT_EQ(state_of({}), "absent");
  EXPECT_EQ(state_of(av(10, Bytes(16))), "zero");
  EXPECT_EQ(state_of(av(10, Bytes(16, 1))), "present");
  EXPECT_EQ(show(anonymous()).value()["channel_binding"], "not-applicable");
}

TEST(TokenShow, S4_KeyExchangeNeedsTheBitAndSixteenBytes) {
  EXPECT_EQ(show(authenticate({})).value()["key_exchange"], true);
  EXPECT_EQ(show(anonymous()).value()["key_exchange"], false) << "the bit is set, the key is empty";
}

TEST(TokenShow, OemTextIsReadInTheChosenCodePage) {
  // 9a is U+00DC in CP850; in Latin-1 it is a control character; alone it is no UTF-8.
  ShowOptions options;
  EXPECT_EQ(show(negotiate(), options).value()["domain"], "M\xc3\x9cN");
  options.oem_code_page = CodePage::latin1;
  EXPECT_EQ(show(negotiate(), options).value()["domain"], "M\xc2\x9aN");
  options.oem_code_page = CodePage::utf8;
  const auto refused = show(negotiate(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "NEGOTIATE.DomainName");
  EXPECT_GE(refused.error().offset, 40u);
}

void expect_refused(const Bytes& token, ErrorCode code, std::string_view field) {
  const auto shown = show(token);
  ASSERT_FALSE(shown) << field;
  EXPECT_EQ(shown.error().code, code) << field;
  EXPECT_EQ(shown.error().field, field);
  EXPECT_NE(shown.error().offset, Error::kNoOffset);
}

TEST(TokenShow, R2_R3_RefusesTheAnomaliesThatTheSpecificationForbids) {
  constexpr std::string_view kPairs = "AUTHENTICATE.NtChallengeResponse.AvPairs";
  expect_refused(Bytes{}, ErrorCode::truncated, "Signature");
  expect_refused(authenticate(av(6, Bytes(4)) + av(6, Bytes(4))), ErrorCode::duplicate, kPairs);
  expect_refused(authenticate(av(9, Bytes(3, 'A'))), ErrorCode::malformed, kPairs);
  expect_refused(authenticate(av(9, hex("00d8"))), ErrorCode::malformed, kPairs);
  RawMessage no_eol{2, 48};
  no_eol.u32(at::kChallengeFlags, 0x201).field(at::kTargetInfo, av(1, utf16("A")));
  expect_refused(no_eol.bytes(), ErrorCode::truncated, "CHALLENGE.TargetInfo");
  const RawMessage no_charset{1, 32};
  expect_refused(no_charset.bytes(), ErrorCode::malformed, "NEGOTIATE.NegotiateFlags");
  RawMessage odd{3, 64};
  odd.u32(at::kAuthenticateFlags, 0x201).field(at::kUser, ascii("abc")).field(at::kNt, Bytes(24));
  expect_refused(odd.bytes(), ErrorCode::malformed, "AUTHENTICATE.UserName");
  RawMessage no_response{3, 64};
  no_response.u32(at::kAuthenticateFlags, 0x201).field(at::kUser, utf16("abc"));
  expect_refused(no_response.bytes(), ErrorCode::malformed, "AUTHENTICATE.LmChallengeResponse");
}

TEST(TokenShow, OffsetsOfAMessageInSpnegoCountFromTheTokensStart) {
  RawMessage bad{1, 32};
  bad.u32(at::kNegotiateFlags, 0x207).point(at::kNegotiateDomain, 4, 30);
  const auto alone = show(bad.bytes());
  const auto wrapped = show(spnego_init(bad.bytes()));
  ASSERT_FALSE(alone);
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(alone.error().offset, 16u);
  EXPECT_EQ(wrapped.error().offset, 16u + spnego_init(bad.bytes()).size() - bad.bytes().size());
}

TEST(TokenShow, KerberosInSpnegoIsShownWithoutAnNtlmToken) {
  const Json shown = show(spnego_init(hex("600b06092a864886f712010202"))).value();
  EXPECT_EQ(shown["type"], "SPNEGO");
  EXPECT_FALSE(shown.contains("mech_token"));
  EXPECT_EQ(shown["mech_token_bytes"], 13);
}

void check_facts(const Json& facts, const Result<Json>& shown) {
  if (facts.value("out_of_bounds_field", false)) {
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().code, ErrorCode::out_of_bounds);
    return;
  }
  ASSERT_TRUE(shown) << shown.error().to_line();
  constexpr const char* kTypes[] = {"NEGOTIATE", "CHALLENGE", "AUTHENTICATE"};
  EXPECT_EQ((*shown)["type"], kTypes[facts["type"].get<std::size_t>() - 1]);
  EXPECT_EQ((*shown)["negotiate_flags"], "0x" + facts["flags"].get<std::string>());
  if (facts.contains("challenge")) {
    EXPECT_EQ((*shown)["server_challenge"], facts["challenge"]);
  }
  if (facts.contains("av_pairs")) {
    EXPECT_EQ((*shown)["target_info"].size(), facts["av_pairs"].size() - 1) << "without MsvAvEOL";
  }
  if (facts["type"] == 2) return;
  for (const char* name : {"user", "domain", "workstation"}) {
    const std::string expected = facts.value(name, "");
    EXPECT_EQ(shown->value(name, ""), as_text(hex(expected))) << name;
    EXPECT_EQ(shown->contains(name), !expected.empty()) << name;
  }
}

TEST(TokenShow, SharedMessagesAreExplainedWithTheirFacts) {
  const auto path = postern::test::shared_corpus() / "vectors" / "messages.json";
  POSTERN_REQUIRE_SHARED(path);
  std::ifstream file{path};
  const Json entries = Json::parse(file);
  EXPECT_GE(entries.size(), 16u);
  for (const Json& entry : entries) {
    SCOPED_TRACE(entry["id"].get<std::string>());
    check_facts(entry["parsed"], show(hex(entry["hex"].get<std::string>())));
  }
}

TEST(TokenShow, SharedMalformedTokensAndHeadersAreDecidedAsListed) {
  const auto path = postern::test::shared_corpus() / "malformed" / "cases.jsonl";
  POSTERN_REQUIRE_SHARED(path);
  std::ifstream file{path};
  int decided = 0;
  for (std::string line; std::getline(file, line);) {
    const Json entry = Json::parse(line);
    const std::string role = entry["role"];
    const bool header = role == "http-authorization-value";
    // A message of another type is wrong in a handshake and right here.
    if (entry["name"].get<std::string>().starts_with("wrongstate")) continue;
    if (role != "parse1" && role != "client2" && role != "parse3" && role != "spnego" && !header) continue;
    const Bytes bytes = hex(entry["hex"].get<std::string>());
    const auto input = header ? decode_token_input(bytes) : Result<TokenInput>{TokenInput{bytes, InputForm::raw}};
    const bool accepted = input && show_token(*input, {});
    if (entry["expect"] == "must-accept") {
      EXPECT_TRUE(accepted) << entry["name"];
    }
    if (entry["expect"] == "must-reject") {
      EXPECT_FALSE(accepted) << entry["name"];
    }
    ++decided;
  }
  EXPECT_GT(decided, 320);
}

}  // namespace
}  // namespace postern::cli
