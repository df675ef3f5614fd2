// Published values through the code that ships: our own file of them, and a larger collection where it is present.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/reader.hpp"
#include "ntlm_test_support.hpp"
#include "support/paths.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using nlohmann::json;
using wire::ResponseVersion;

json load(const std::filesystem::path& path) {
  std::ifstream in{path};
  EXPECT_TRUE(in) << path;
  return json::parse(in);
}
const json& vectors() {
  static const json file = load(std::string{POSTERN_SOURCE_DIR} + "/tests/data/ntlm-vectors.json");
  return file;
}
Bytes bytes_at(const json& entry, const char* key) { return hex(entry.at(key).get<std::string>()); }
std::string text_at(const json& entry, const char* key) { return entry.at(key).get<std::string>(); }

template <typename Fixed>
Fixed fixed_at(const json& entry, const char* key) {
  return fixed<Fixed>(text_at(entry, key));
}

std::string flipped_password(std::string password) {
  password.back() = static_cast<char>(password.back() ^ 1);
  return password;
}

TEST(Vectors, EachPublishedHashIsThatOfItsPassword) {
  for (const json& entry : vectors().at("nt_hashes")) {
    const NtHash hash = hash_of(text_at(entry, "password"));
    EXPECT_EQ(to_hex(hash.reveal()), text_at(entry, "nt_hash")) << entry.at("source");
  }
}

/// The response fields that the entry's kind has, and the request that a parser would make of them.
struct AsRequest {
  Bytes nt{};
  Bytes lm{};
  Bytes user{};
  Bytes domain{};
  VerificationRequest request{};
};
AsRequest request_of(const json& entry) {
  AsRequest made;
  const std::string kind = text_at(entry, "kind");
  const Bytes response = bytes_at(entry, "response");
  if (kind == "LMv2") {
    made.lm = response;
  } else {
    made.nt = response;
  }
  if (kind == "NTLMv1-ESS") {
    made.lm = bytes_at(entry, "client_challenge");
    made.lm.resize(24);
  }
  RawAuthenticate message;
  message.user = utf16("someone");
  message.nt = made.nt;
  message.lm = made.lm;
  message.flags = wire::NegotiateFlags{1};
  const Bytes bytes = message.write();
  made.request.version = wire::response_version(wire::AuthenticateMessage::parse(bytes).value()).value();
  made.request.server_challenge = fixed_at<wire::ServerChallenge>(entry, "server_challenge");
  made.user = utf16(text_at(entry, "user"));
  made.domain = utf16(text_at(entry, "domain"));
  made.request.user_utf16 = made.user;
  made.request.domain_utf16 = made.domain;
  made.request.nt_response = made.nt;
  made.request.lm_response = made.lm;
  return made;
}

TEST(Vectors, EachPublishedResponseIsVerifiedWithItsPasswordAndNotWithAnother) {
  int ntlm_v2 = 0;
  for (const json& entry : vectors().at("responses")) {
    const AsRequest made = request_of(entry);
    const std::string password = text_at(entry, "password");
    const auto verified = verify_response(made.request, hash_of(password), kEveryVersion);
    ASSERT_TRUE(verified) << entry.at("source") << verified.error().to_line();
    EXPECT_EQ(wire::name_of(verified->version()), text_at(entry, "kind")) << entry.at("source");
    EXPECT_EQ(code_of(verify_response(made.request, hash_of(flipped_password(password)), kEveryVersion)), "wrong_password");
    if (text_at(entry, "kind") == "NTLMv2") ++ntlm_v2;
  }
  EXPECT_EQ(ntlm_v2, 2);
}

TEST(Vectors, EachPublishedNtlmV2ResponseIsWhatOurClientWouldWrite) {
  for (const json& entry : vectors().at("responses")) {
    if (text_at(entry, "kind") != "NTLMv2") continue;
    const Bytes time = bytes_at(entry, "time_hex");
    const Bytes temp =
        ntlmv2_client_challenge(FileTime{load_le<std::uint64_t>(time.data())}, fixed_at<ClientChallenge>(entry, "client_challenge"),
                                bytes_at(entry, "target_info"));
    const NtHash hash = hash_of(text_at(entry, "password"));
    const auto key = response_key(hash, text_at(entry, "user"), text_at(entry, "domain"));
    const auto made = v2_response(key, temp, fixed_at<wire::ServerChallenge>(entry, "server_challenge"));
    EXPECT_EQ(to_hex(made.response), text_at(entry, "response")) << entry.at("source");
  }
}

/// A recorded CHALLENGE and AUTHENTICATE with their password, through the acceptor.
void expect_exchange(const json& entry, std::string_view source) {
  const Bytes challenge = bytes_at(entry, "challenge");
  const Bytes authenticate = bytes_at(entry, "authenticate");
  RecordedExchange recorded;
  recorded.challenge = challenge;
  const auto decide = [&](const std::string& password, VersionSet versions) {
    const auto lm_hash = danger_lm_hash_of_password(SecretBytes{std::string_view{password}}, CodePage::cp850);
    return finish(danger_await_recorded(recorded).value(), authenticate, hash_of(password),
                  {versions, kMicWaiver, {}, kBindingsWaiver, lm_hash ? &*lm_hash : nullptr});
  };
  const std::string password = text_at(entry, "password");
  const auto done = decide(password, kEveryVersion);
  ASSERT_TRUE(done) << source << ": " << done.error().to_line();
  EXPECT_EQ(wire::name_of(done->version()), text_at(entry, "version")) << source;
  EXPECT_EQ(done->claims().user, text_at(entry, "user")) << source;
  EXPECT_EQ(done->claims().domain, text_at(entry, "domain")) << source;
  // The source of an exchange with LM_KEY may not print its key.
  const bool has_key = entry.contains("exported_session_key");
  EXPECT_TRUE(has_key || done->negotiated().has(wire::NegotiateFlag::lm_key)) << source;
  if (has_key) {
    EXPECT_EQ(to_hex(done->exported_session_key().reveal()), text_at(entry, "exported_session_key")) << source;
  }
  EXPECT_EQ(code_of(decide(flipped_password(password), kEveryVersion)), "wrong_password") << source;
  EXPECT_EQ(code_of(decide(password, kNtlmv2Only)), text_at(entry, "version") == "NTLMv2" ? "accepted" : "policy") << source;
}

TEST(Vectors, EachPublishedExchangeLogsOnAndYieldsItsSessionKey) {
  for (const json& entry : vectors().at("exchanges")) expect_exchange(entry, text_at(entry, "source"));
  EXPECT_EQ(vectors().at("exchanges").size(), 8u);
}

// ---- a larger collection, read in place --------------------------------------------------------------------------------------

/// The folder that POSTERN_CORPUS names, or the one beside the tree; nothing where there is none.
std::optional<std::filesystem::path> corpus() {
  const char* const named = std::getenv("POSTERN_CORPUS");
  for (const std::filesystem::path& path : {std::filesystem::path{named == nullptr ? "" : named},
                                            std::filesystem::path{POSTERN_SOURCE_DIR} / ".." / "shared" / "corpus"}) {
    if (!path.empty() && std::filesystem::exists(path / "vectors")) return path;
  }
  return std::nullopt;
}
#define REQUIRE_CORPUS() \
  if (!corpus()) GTEST_SKIP() << "no corpus: set POSTERN_CORPUS to its folder, or keep it in ../shared/corpus"

TEST(Corpus, EachExchangeIsDecidedAsListed) {
  REQUIRE_CORPUS();
  int exchanges = 0;
  for (const json& entry : load(*corpus() / "vectors" / "exchanges.json")) {
    expect_exchange(entry, text_at(entry, "id"));
    ++exchanges;
  }
  EXPECT_GE(exchanges, 5);
}

TEST(Corpus, EachValueThatWeComputeIsAsPublished) {
  REQUIRE_CORPUS();
  std::map<std::string, std::string> published;
  json davenport;
  for (const char* file : {"ms-nlmp-4.2.json", "published-other.json"}) {
    for (const json& entry : load(*corpus() / "vectors" / file)) {
      published[text_at(entry, "id")] = text_at(entry, "value");
      if (entry.at("id") == "davenport.ntlmv2") davenport = entry.at("inputs");
    }
  }
  const auto expect = [&](const char* id, ByteView value) { EXPECT_EQ(to_hex(value), published.at(id)) << id; };

  const NtHash hash = hash_of("Password");
  const auto challenge = fixed<wire::ServerChallenge>("0123456789abcdef");
  const auto client = fixed<ClientChallenge>("aaaaaaaaaaaaaaaa");
  const SessionBaseKey base_v1 = session_base_key_v1(hash);
  expect("4.2.2.1.2", hash.reveal());
  expect("4.2.2.1.3", base_v1.reveal());
  expect("4.2.2.2.1", desl(hash.reveal(), challenge.bytes()));
  const KeyExchangeKey v1_key{base_v1.reveal()};
  const ExportedSessionKey v1_encrypted = exchange_key(v1_key, hex(published.at("4.2.1.random_session_key")));
  expect("4.2.2.2.3.default", v1_encrypted.reveal());
  expect("4.2.3.2.2", desl(hash.reveal(), ess_challenge(challenge, client.bytes())));
  const KeyExchangeKey ess_key = key_exchange_key_v1_ess(base_v1, challenge, client.bytes());
  expect("4.2.3.1.3", ess_key.reveal());
  const ExportedSessionKey ess_exported{ess_key.reveal()};
  const wire::NegotiateFlags ess_flags{0x820a8233};
  const SecretBytes ess_seal = sealing_key(ess_flags, ess_exported, Direction::client_to_server);
  const SigningKey ess_sign = signing_key(ess_exported, Direction::client_to_server);
  expect("4.2.3.4.sealkey", ess_seal.reveal());
  expect("4.2.3.4.signkey", ess_sign.reveal());
  const auto key = response_key(hash, "User", "Domain");
  EXPECT_EQ(crypto::hmac_md5(key.hmac_key(), {}), crypto::hmac_md5(hex(published.at("4.2.4.1.1")), {}));
  const Bytes temp = ntlmv2_client_challenge(FileTime{0}, client, hex(published.at("4.2.4.target_info")));
  expect("4.2.4.1.3", temp);
  const NtProofStr proof = nt_proof_str(key, challenge, temp);
  expect("4.2.4.2.2", proof);
  expect("4.2.4.2.1", lmv2_response(key, challenge, client));
  const SessionBaseKey base_v2 = session_base_key_v2(key, proof);
  expect("4.2.4.1.2", base_v2.reveal());

  const NtHash secret = hash_of("SecREt01");
  expect("davenport.nthash", secret.reveal());
  const auto davenport_client = fixed_at<ClientChallenge>(davenport, "client_challenge");
  expect("davenport.ntresp", desl(secret.reveal(), challenge.bytes()));
  expect("davenport.ntlm2sess", desl(secret.reveal(), ess_challenge(challenge, davenport_client.bytes())));
  expect("davenport.lmv2", lmv2_response(response_key(secret, "user", "DOMAIN"), challenge, davenport_client));
  const SessionBaseKey user_session_key = session_base_key_v1(secret);
  expect("davenport.usk.nt", user_session_key.reveal());
  const auto cyrillic = response_key(secret, "\xd1\x8e\xd0\xb7\xd0\xb5\xd1\x80", "DOMAIN");  // юзер
  EXPECT_EQ(crypto::hmac_md5(cyrillic.hmac_key(), {}), crypto::hmac_md5(hex(published.at("v2hash.nonascii")), {}))
      << "upper-casing beyond ASCII";
}

TEST(Corpus, R1_R6_EachMalformedInputOfTheHandshakeIsDecidedAsListed) {
  REQUIRE_CORPUS();
  std::ifstream in{*corpus() / "malformed" / "cases.jsonl"};
  ASSERT_TRUE(in);
  RecordedExchange recorded;
  recorded.server_challenge = fixed<wire::ServerChallenge>("0123456789abcdef");
  int decided = 0;
  for (std::string line; std::getline(in, line);) {
    const json entry = json::parse(line);
    const std::string role = text_at(entry, "role");
    const Bytes input = bytes_at(entry, "hex");
    std::string code;
    if (role == "server1") {
      code = code_of(Acceptor::on_negotiate(input, server_config(), server_challenge(), kNow));
    } else if (role == "client2") {
      InitiatorConfig config;
      config.credentials = {"User", "Domain", hash_of("Password")};
      code = code_of(Initiator::start(std::move(config)).value().on_challenge(input, {}, kNow));
    } else if (role == "server3") {
      code = code_of(finish(danger_await_recorded(recorded).value(), input, hash_of("Password")));
    } else {
      continue;
    }
    const std::string expected = text_at(entry, "expect");
    if (expected != "either") {
      EXPECT_EQ(code == "accepted", expected == "must-accept") << entry.at("name") << ": " << entry.at("why") << ": " << code;
    }
    ++decided;
  }
  EXPECT_GE(decided, 110);
}

}  // namespace
}  // namespace postern::ntlm
