// Against Samba's ntlm_auth, acceptor and client, over pipes; with --password its check is local, so neither winbind nor a domain
// is needed.
#include <gtest/gtest.h>

#include "line_process.hpp"

namespace postern::interop {
namespace {

constexpr char kNtlmAuth[] = "/usr/bin/ntlm_auth";

class NtlmAuth : public LineProcess {
 public:
  /// `options`: of smb.conf, for example "client ntlmv2 auth=no".
  NtlmAuth(const char* protocol, const char* password, const std::vector<const char*>& options = {})
      : LineProcess{arguments(protocol, password, options)} {
    EXPECT_EQ(ask("SF NTLMSSP_FEATURE_SESSION_KEY"), "OK");
  }

 private:
  static std::vector<std::string> arguments(const char* protocol, const char* password, const std::vector<const char*>& options) {
    std::vector<std::string> all{kNtlmAuth,
                                 std::string{"--helper-protocol="} + protocol,
                                 std::string{"--username="} + kUser,
                                 std::string{"--domain="} + kDomain,
                                 std::string{"--password="} + password,
                                 "--configfile=/dev/null"};
    for (const char* const option : options) all.push_back(std::string{"--option="} + option);
    return all;
  }
};

#define REQUIRE_NTLM_AUTH() \
  if (access(kNtlmAuth, X_OK) != 0) GTEST_SKIP() << "Samba's ntlm_auth is not installed (apt-get install winbind)"

constexpr wire::NegotiateFlags kOffers[] = {InitiatorConfig::kDefaultOffer, wire::NegotiateFlags{0xe28882b5 & ~0x80u},
                                            wire::NegotiateFlags{0x62088215}, wire::NegotiateFlags{0xa0088205},
                                            wire::NegotiateFlags{0x00088206}};

TEST(SambaNtlmAuth, TakesOurClientWithTheRightPasswordAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  for (const wire::NegotiateFlags offered : kOffers) {
    NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
    auto client = our_client(kPassword, offered);
    const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
    const auto done = answer(std::move(client), challenge);
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())), "AF LAB\\alice") << offered.to_hex();
    EXPECT_EQ(to_hex(server.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal())) << offered.to_hex();
  }
}

TEST(SambaNtlmAuth, RefusesOurClientWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
  auto client = our_client(kWrongPassword);
  const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())).substr(0, 2), "NA");
}

TEST(SambaNtlmAuth, RefusesOurClientsMessageOnceItsMicIsAltered) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth server{"squid-2.5-ntlmssp", kPassword};
  auto client = our_client(kPassword);
  const auto done = answer(std::move(client), server.ask_for("YR " + to_base64(our_client(kPassword).negotiate_message()), "TT"));
  ASSERT_TRUE(done);
  ASSERT_TRUE(done->sent_mic());
  Bytes altered = to_bytes(done->authenticate_message());
  altered[wire::AuthenticateMessage::kMicOffset] = static_cast<std::uint8_t>(altered[wire::AuthenticateMessage::kMicOffset] ^ 1);
  EXPECT_NE(server.ask("KK " + to_base64(altered)).substr(0, 2), "AF");
}

TEST(SambaNtlmAuth, LogsOnToOurAcceptorWithTheRightPasswordAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth client{"ntlmssp-client-1", kPassword};
  auto server = our_server(client.ask_for("YR", "YR"));
  ASSERT_TRUE(server) << server.error().to_line();
  const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
  const auto done = finish(std::move(*server), authenticate, hash_of(kPassword));
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->claims().user, kUser);
  EXPECT_EQ(to_hex(client.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
}

TEST(SambaNtlmAuth, IsRefusedByOurAcceptorWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  NtlmAuth client{"ntlmssp-client-1", kWrongPassword};
  auto server = our_server(client.ask_for("YR", "YR"));
  ASSERT_TRUE(server);
  const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
  EXPECT_EQ(code_of(finish(std::move(*server), authenticate, hash_of(kPassword))), "wrong_password");
}

// ---- variants ------------------------------------------------------------------------------------------------------------------

using wire::ResponseVersion;
using enum NegotiateFlag;

struct TheirClient {
  const char* name;
  std::vector<const char*> options;  // smb.conf
  ResponseVersion version;
  NegotiateFlags present, absent;  // of what is agreed
  LmKeys lm_keys = LmKeys::refused;
};

constexpr NegotiateFlags set(std::initializer_list<NegotiateFlag> flags) {
  NegotiateFlags result;
  for (const NegotiateFlag flag : flags) result = result.with(flag);
  return result;
}
constexpr NegotiateFlags kEss = set({extended_session_security});
constexpr NegotiateFlags kNone{};

const TheirClient kTheirClients[] = {
    {"NTLMv2", {}, ResponseVersion::ntlm_v2, set({extended_session_security, key_exchange, key_128}), kNone},
    {"NTLMv1, because it makes NTLMv2 with ESS alone", {"ntlmssp_client:ntlm2=no"}, ResponseVersion::ntlm_v1, kNone, kEss},
    {"NTLMv2, 56 bit",
     {"ntlmssp_client:128bit=no", "ntlmssp_client:56bit=yes"},
     ResponseVersion::ntlm_v2,
     set({key_56}),
     set({key_128})},
    {"NTLMv2, 40 bit", {"ntlmssp_client:128bit=no"}, ResponseVersion::ntlm_v2, kEss, set({key_56, key_128})},
    {"NTLMv2, no key exchange", {"ntlmssp_client:keyexchange=no"}, ResponseVersion::ntlm_v2, kEss, set({key_exchange})},
    {"NTLMv2, OEM text", {"ntlmssp_client:unicode=no"}, ResponseVersion::ntlm_v2, set({oem}), set({unicode})},
    {"NTLMv1 with ESS",
     {"client ntlmv2 auth=no"},
     ResponseVersion::ntlm_v1_ess,
     set({extended_session_security, key_exchange}),
     kNone},
    {"NTLMv1 with ESS, no key exchange",
     {"client ntlmv2 auth=no", "ntlmssp_client:keyexchange=no"},
     ResponseVersion::ntlm_v1_ess,
     kEss,
     set({key_exchange})},
    {"NTLMv1", {"client ntlmv2 auth=no", "ntlmssp_client:ntlm2=no"}, ResponseVersion::ntlm_v1, set({key_exchange}), kEss},
    {"NTLMv1 and LM",
     {"client ntlmv2 auth=no", "client lanman auth=yes", "ntlmssp_client:ntlm2=no"},
     ResponseVersion::ntlm_v1,
     set({key_exchange}),
     kEss},
    {"LM_KEY",
     {"client ntlmv2 auth=no", "client lanman auth=yes", "ntlmssp_client:ntlm2=no", "ntlmssp_client:lm_key=yes",
      "ntlmssp_client:allow_lm_key=yes"},
     ResponseVersion::ntlm_v1,
     set({lm_key, key_exchange}),
     kEss,
     LmKeys::danger_agreed},
};

TEST(SambaNtlmAuth, ItsClientLogsOnHereInEveryVariantAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  for (const TheirClient& row : kTheirClients) {
    SCOPED_TRACE(row.name);
    NtlmAuth client{"ntlmssp-client-1", kPassword, row.options};
    auto server = our_server(client.ask_for("YR", "YR"), row.lm_keys);
    ASSERT_TRUE(server) << server.error().to_line();
    const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
    const auto done = finish_any(std::move(*server), authenticate, kPassword);
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(done->version(), row.version);
    EXPECT_EQ(done->negotiated().wire() & row.present.wire(), row.present.wire());
    EXPECT_EQ(done->negotiated().wire() & row.absent.wire(), 0u);
    EXPECT_EQ(to_hex(client.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
  }
}

TEST(SambaNtlmAuth, R7_ItsClientIsRefusedHereInEveryVariantWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  for (const TheirClient& row : kTheirClients) {
    NtlmAuth client{"ntlmssp-client-1", kWrongPassword, row.options};
    auto server = our_server(client.ask_for("YR", "YR"), row.lm_keys);
    ASSERT_TRUE(server) << row.name;
    const Bytes authenticate = client.ask_for("TT " + to_base64(server->challenge_message()), "AF");
    EXPECT_EQ(code_of(finish_any(std::move(*server), authenticate, kPassword)), "wrong_password") << row.name;
  }
}

struct OurClient {
  const char* name;
  OurForm form;
  std::vector<const char*> options{};  // of its server
};

constexpr NegotiateFlags kOurs = InitiatorConfig::kDefaultOffer;
constexpr NegotiateFlags kOursOld = kOurs.without(extended_session_security);

const OurClient kOurClients[] = {
    {"NTLMv2 without ESS", {kOursOld}},
    {"NTLMv2, 56 bit", {kOurs.without(key_128)}},
    {"NTLMv2, 40 bit", {kOurs.without(key_128).without(key_56)}},
    {"NTLMv2, no key exchange", {kOurs.without(key_exchange)}},
    {"LMv2 alone", {kOurs, ResponseKind::danger_lm_v2}},
    {"NTLMv1 with ESS", {kOurs, ResponseKind::danger_ntlm_v1}},
    {"NTLMv1 with ESS, no key exchange", {kOurs.without(key_exchange), ResponseKind::danger_ntlm_v1}},
    {"NTLMv1", {kOursOld, ResponseKind::danger_ntlm_v1}},
    {"NTLMv1 and LM", {kOursOld, ResponseKind::danger_ntlm_v1_with_lm}},
    {"LM alone", {kOursOld, ResponseKind::danger_lm}},
    {"LM_KEY",
     {kOursOld.with(lm_key), ResponseKind::danger_ntlm_v1_with_lm, LmKeys::danger_agreed},
     {"lanman auth=yes", "ntlmssp_server:allow_lm_key=yes"}},
};

TEST(SambaNtlmAuth, OurClientLogsOnThereInEveryVariantAndHasTheSameKey) {
  REQUIRE_NTLM_AUTH();
  for (const OurClient& row : kOurClients) {
    SCOPED_TRACE(row.name);
    NtlmAuth server{"squid-2.5-ntlmssp", kPassword, row.options};
    auto client = our_client(kPassword, row.form);
    const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
    const auto done = answer(std::move(client), challenge);
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())), "AF LAB\\alice");
    EXPECT_EQ(to_hex(server.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
  }
}

TEST(SambaNtlmAuth, OurClientIsRefusedThereInEveryVariantWithAnotherPassword) {
  REQUIRE_NTLM_AUTH();
  for (const OurClient& row : kOurClients) {
    NtlmAuth server{"squid-2.5-ntlmssp", kPassword, row.options};
    auto client = our_client(kWrongPassword, row.form);
    const Bytes challenge = server.ask_for("YR " + to_base64(client.negotiate_message()), "TT");
    const auto done = answer(std::move(client), challenge);
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(server.ask("KK " + to_base64(done->authenticate_message())).substr(0, 2), "NA") << row.name;
  }
}

}  // namespace
}  // namespace postern::interop
