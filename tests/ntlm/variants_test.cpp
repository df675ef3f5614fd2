// Every variant that the library speaks, both sides against each other, with the session's traffic, and each with its refusing
// twin.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "ntlm/initiator.hpp"
#include "ntlm/lm.hpp"
#include "ntlm/session_security.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;
using wire::NegotiateFlags;
using wire::ResponseVersion;

LmHash lm_hash_of(std::string_view password) { return danger_lm_hash_of_password(SecretBytes{password}, CodePage::cp850).value(); }

// kPassword is longer than an LM hash can be made of.
constexpr std::string_view kShort = "Passw0rd";
constexpr std::string_view kWrongShort = "Passw0rb";

constexpr NegotiateFlags kBase = InitiatorConfig::kDefaultOffer.with(NegotiateFlag::seal);

struct Case {
  ResponseKind kind = ResponseKind::ntlm_v2;
  NegotiateFlags offered = kBase;
  LmKeys lm_keys = LmKeys::refused;
  bool datagram = false;
};

InitiatorConfig client_of(const Case& c) {
  InitiatorConfig config;
  config.credentials = {std::string{kUser}, std::string{kDomain}, hash_of(kShort), lm_hash_of(kShort)};
  if (c.kind == ResponseKind::anonymous) config.credentials = {};
  config.workstation = "WS1";
  config.offered = c.offered;
  config.response = c.kind;
  config.lm_keys = c.lm_keys;
  return config;
}

struct Exchange {
  ClientEstablished client;
  PendingVerification server;
};

Result<Exchange> exchange(const Case& c, InitiatorConfig config) {
  AcceptorConfig server = server_config();
  server.lm_keys = c.lm_keys;
  POSTERN_TRY(awaiting, c.datagram ? Initiator::start_datagram(std::move(config)) : Initiator::start(std::move(config)));
  POSTERN_TRY(challenged, c.datagram ? Acceptor::start_datagram(server, server_challenge(), kNow)
                                     : Acceptor::on_negotiate(awaiting.negotiate_message(), server, server_challenge(), kNow));
  InitiatorRandom random;
  random.client_challenge = client_challenge();
  random.random_session_key = fixed<ExportedSessionKey>("000102030405060708090a0b0c0d0e0f");
  POSTERN_TRY(client, std::move(awaiting).on_challenge(challenged.challenge_message(), std::move(random), kNow));
  POSTERN_TRY(pending, std::move(challenged).on_authenticate(client.authenticate_message()));
  return Exchange{std::move(client), std::move(pending)};
}
Result<Exchange> exchange(const Case& c) { return exchange(c, client_of(c)); }

/// Both ends hold the same keys: traffic goes both ways.
void expect_traffic(const ClientEstablished& client, const Established& server) {
  ASSERT_EQ(to_hex(client.exported_session_key().reveal()), to_hex(server.exported_session_key().reveal()));
  ASSERT_EQ(client.negotiated().has(NegotiateFlag::seal), server.negotiated().has(NegotiateFlag::seal));
  if (!client.negotiated().has(NegotiateFlag::seal)) return;
  SessionSecurity ours{client.negotiated(), client.exported_session_key(), Role::client};
  SessionSecurity theirs{server.negotiated(), server.exported_session_key(), Role::server};
  for (std::uint8_t number = 0; number < 5; ++number) {
    Bytes text(number * 100u, number), token(text.size() + kSignatureBytes), back(text.size());
    ASSERT_TRUE(ours.wrap(text, token));
    ASSERT_EQ(code_of(theirs.unwrap(token, back)), "accepted");
    ASSERT_EQ(back, text);
    ASSERT_TRUE(theirs.wrap(text, token));
    ASSERT_EQ(code_of(ours.unwrap(token, back)), "accepted");
  }
}

std::string decided(PendingVerification pending, std::string_view password, VersionSet versions = kEveryVersion) {
  const LmHash lm = lm_hash_of(password);
  return code_of(finish(std::move(pending), hash_of(password), {versions, kMicWaiver, {}, kBindingsWaiver, &lm}));
}

TEST(Variants, EveryResponseLogsOnUnderEveryFormOfKeysAndCarriesTraffic) {
  const ResponseKind kinds[] = {ResponseKind::ntlm_v2, ResponseKind::danger_lm_v2, ResponseKind::danger_ntlm_v1,
                                ResponseKind::danger_ntlm_v1_with_lm, ResponseKind::danger_lm};
  const NegotiateFlag switches[] = {NegotiateFlag::extended_session_security,
                                    NegotiateFlag::key_exchange,
                                    NegotiateFlag::key_128,
                                    NegotiateFlag::key_56,
                                    NegotiateFlag::version,
                                    NegotiateFlag::unicode};
  int logons = 0;
  for (const ResponseKind kind : kinds) {
    for (unsigned bits = 0; bits < 64; ++bits) {
      for (const LmKeys lm_keys : {LmKeys::refused, LmKeys::danger_agreed}) {
        Case c{kind, kBase, lm_keys, false};
        for (unsigned i = 0; i < 6; ++i) c.offered = c.offered.with_if((bits >> i & 1) != 0, switches[i]);
        if (lm_keys == LmKeys::danger_agreed) {
          c.offered = c.offered.with(bits % 2 == 0 ? NegotiateFlag::lm_key : NegotiateFlag::request_non_nt_session_key);
        }
        // Both responses at once are told apart from ESS by the LM field, which ESS uses for something else.
        SCOPED_TRACE(std::to_string(static_cast<int>(kind)) + " " + c.offered.to_hex());
        auto right = exchange(c);
        ASSERT_TRUE(right) << right.error().to_line();
        const LmHash lm = lm_hash_of(kShort);
        auto server = finish(std::move(right->server), hash_of(kShort), {kEveryVersion, kMicWaiver, {}, kBindingsWaiver, &lm});
        ASSERT_TRUE(server) << server.error().to_line();
        EXPECT_EQ(server->claims().user, kUser);
        EXPECT_EQ(server->standing(), Standing::proved);
        expect_traffic(right->client, *server);
        auto wrong = exchange(c);
        ASSERT_EQ(decided(std::move(wrong->server), kWrongShort), "wrong_password");
        ++logons;
      }
    }
  }
  EXPECT_EQ(logons, 5 * 64 * 2);
}

TEST(Variants, R12_EachResponseIsSeenAsWhatItIsAndRefusedWhereItsKindIsNotAllowed) {
  const NegotiateFlags plain = kBase.without(NegotiateFlag::extended_session_security);
  const std::pair<Case, ResponseVersion> rows[] = {
      {{ResponseKind::ntlm_v2, kBase}, ResponseVersion::ntlm_v2},
      {{ResponseKind::danger_lm_v2, kBase}, ResponseVersion::lm_v2},
      {{ResponseKind::danger_ntlm_v1, kBase}, ResponseVersion::ntlm_v1_ess},
      {{ResponseKind::danger_ntlm_v1, plain}, ResponseVersion::ntlm_v1},
      {{ResponseKind::danger_ntlm_v1_with_lm, plain}, ResponseVersion::ntlm_v1},
      {{ResponseKind::danger_lm, plain}, ResponseVersion::lm},
  };
  for (const auto& [c, version] : rows) {
    SCOPED_TRACE(wire::name_of(version));
    auto done = exchange(c);
    const LmHash lm = lm_hash_of(kShort);
    const auto server = finish(std::move(done->server), hash_of(kShort), {kEveryVersion, kMicWaiver, {}, kBindingsWaiver, &lm});
    ASSERT_TRUE(server);
    EXPECT_EQ(server->version(), version);
    EXPECT_EQ(decided(std::move(exchange(c)->server), kShort, VersionSet{version}), "accepted");
    VersionSet others{};
    for (const auto& [unused, other] : rows) {
      if (other != version) others = others.with(other);
    }
    const bool both_are_24_bytes_of_lm = version == ResponseVersion::lm || version == ResponseVersion::lm_v2;
    EXPECT_EQ(decided(std::move(exchange(c)->server), kShort, others), both_are_24_bytes_of_lm ? "wrong_password" : "policy");
  }
}

TEST(Variants, AnLmResponseNeedsTheLmHash) {
  const Case c{ResponseKind::danger_lm, kBase.without(NegotiateFlag::extended_session_security)};
  EXPECT_EQ(decided(std::move(exchange(c)->server), kShort), "accepted");
  EXPECT_EQ(code_of(finish(std::move(exchange(c)->server), hash_of(kShort), {kEveryVersion})), "wrong_password");
  InitiatorConfig without = client_of(c);
  without.credentials.danger_lm_hash.reset();
  EXPECT_EQ(code_of(Initiator::start(std::move(without))), "invalid_input");
}

TEST(Variants, MsNlmp4_2_2_2_TheLmHashAndTheKeysThatHangOnIt) {
  const LmHash lm = lm_hash_of("Password");
  EXPECT_EQ(to_hex(lm.reveal()), "e52cac67419a9a224a3b108f3fa6cb6d");
  const Bytes lm_response = hex("98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
  const Bytes server = hex("0123456789abcdef");
  EXPECT_EQ(to_hex(desl(lm.reveal(), std::span<const std::uint8_t, 8>{server})), to_hex(lm_response));
  const NtHash nt = hash_of("Password");
  const SessionBaseKey base = session_base_key_v1(nt);
  const auto key = [&](NegotiateFlag flag) {
    return danger_key_exchange_key_v1(NegotiateFlags{}.with(flag), base, lm_response, &lm).value();
  };
  const KeyExchangeKey lm_key = key(NegotiateFlag::lm_key), non_nt = key(NegotiateFlag::request_non_nt_session_key);
  EXPECT_EQ(to_hex(lm_key.reveal()), "b09e379f7fbecb1eaf0afdcb0383c8a0");
  EXPECT_EQ(to_hex(non_nt.reveal()), "e52cac67419a9a220000000000000000");
  const Bytes random = hex("55555555555555555555555555555555");
  const ExportedSessionKey by_lm_key = exchange_key(lm_key, random), by_non_nt = exchange_key(non_nt, random);
  EXPECT_EQ(to_hex(by_lm_key.reveal()), "4cd7bb57d697ef9b549f02b8f9b37864");
  EXPECT_EQ(to_hex(by_non_nt.reveal()), "7452ca55c225a1ca04b48fae32cf56fc");
}

TEST(Variants, APasswordOfOver14CharactersOrOutsideTheCodePageHasNoLmHash) {
  const auto code = [](std::string_view password) {
    return code_of(danger_lm_hash_of_password(SecretBytes{password}, CodePage::cp850));
  };
  EXPECT_EQ(code("12345678901234"), "accepted");
  EXPECT_EQ(code("123456789012345"), "invalid_input");
  EXPECT_EQ(code(""), "invalid_input");
  EXPECT_NE(code("\xe6\x97\xa5\xe6\x9c\xac"), "accepted");  // two letters of Japanese
  const LmHash lower = lm_hash_of("password"), upper = lm_hash_of("PASSWORD");
  EXPECT_EQ(to_hex(lower.reveal()), to_hex(upper.reveal())) << "upper-cased";
}

TEST(Variants, LmKeysAreOfferedAndAgreedToOnlyByWhoSaysSo) {
  const NegotiateFlags with = kBase.without(NegotiateFlag::extended_session_security).with(NegotiateFlag::lm_key);
  EXPECT_EQ(code_of(exchange({ResponseKind::danger_ntlm_v1_with_lm, with, LmKeys::refused})), "invalid_input");
  EXPECT_FALSE(choose_flags(with, TargetType::domain).has(NegotiateFlag::lm_key));
  EXPECT_TRUE(choose_flags(with, TargetType::domain, LmKeys::danger_agreed).has(NegotiateFlag::lm_key));
  const NegotiateFlags both = with.with(NegotiateFlag::extended_session_security);
  EXPECT_FALSE(choose_flags(both, TargetType::domain, LmKeys::danger_agreed).has(NegotiateFlag::lm_key)) << "never beside ESS";
}

// ---- anonymous and guest -----------------------------------------------------------------------------------------------------

TEST(Variants, AnAnonymousLogonIsRefusedByEveryVerificationAndLetInOnlyByTheCallThatSaysDanger) {
  const Case c{ResponseKind::anonymous};
  auto done = exchange(c);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->server.claims().version, ResponseVersion::anonymous);
  EXPECT_TRUE(wire::AuthenticateMessage::parse(done->client.authenticate_message())->flags.has(NegotiateFlag::anonymous));
  EXPECT_EQ(decided(std::move(exchange(c)->server), kShort), "wrong_password");
  auto accepted = danger_accept_anonymous(done->server.request());
  ASSERT_TRUE(accepted);
  auto mic = done->server.prove_mic(*accepted, kMicWaiver);
  auto bindings = done->server.prove_bindings({}, kBindingsWaiver);
  const Established server = std::move(done->server)
                                 .establish(std::move(*accepted), std::move(*mic), std::move(*bindings),
                                            TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"});
  EXPECT_EQ(server.standing(), Standing::danger_anonymous);
  EXPECT_EQ(server.version(), ResponseVersion::anonymous);
  expect_traffic(done->client, server);
  // Who sends a user and a response is not anonymous.
  EXPECT_EQ(code_of(danger_accept_anonymous(exchange({})->server.request())), "malformed");
}

TEST(Variants, AnEmptyUserIsNotAnonymousByAccidentAndAnonymousHasNoUser) {
  InitiatorConfig nobody = client_of({});
  nobody.credentials.user.clear();
  EXPECT_EQ(code_of(Initiator::start(std::move(nobody))), "invalid_input");
  InitiatorConfig somebody = client_of({});
  somebody.response = ResponseKind::anonymous;
  EXPECT_EQ(code_of(Initiator::start(std::move(somebody))), "invalid_input");
}

TEST(Variants, AGuestIsMarkedAndHasNoKeyToSignOrSealWith) {
  auto done = exchange({});
  ResponseVerified guest = danger_accept_guest(done->server.request());
  auto mic = done->server.prove_mic(guest, kMicWaiver);
  ASSERT_TRUE(mic);
  auto bindings = done->server.prove_bindings({}, kBindingsWaiver);
  const Established server = std::move(done->server)
                                 .establish(std::move(guest), std::move(*mic), std::move(*bindings),
                                            TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"});
  EXPECT_EQ(server.standing(), Standing::danger_guest);
  SessionSecurity session{server.negotiated(), server.exported_session_key(), Role::server};
  EXPECT_FALSE(session.can_sign());
  EXPECT_EQ(code_of(session.sign(Bytes(3))), "unsupported");
  EXPECT_EQ(code_of(exchange({})->server.prove_mic(guest, std::nullopt)), "mic_wrong") << "a guest meets no demand for a MIC";
}

TEST(Variants, R7_AProofCannotBeCarriedOverToAnotherHandshake) {
  auto proved = exchange({});
  auto verified = verify_response(proved->server.request(), hash_of(kShort), kNtlmv2Only);
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->is_of(proved->server.request()));
  InitiatorConfig mallory = client_of({});
  mallory.credentials.user = "mallory";
  auto other = exchange({}, std::move(mallory));
  EXPECT_FALSE(verified->is_of(other->server.request()));
  auto mic = proved->server.prove_mic(*verified, kMicWaiver);
  auto bindings = proved->server.prove_bindings({}, kBindingsWaiver);
  EXPECT_DEATH(static_cast<void>(std::move(other->server)
                                     .establish(std::move(*verified), std::move(*mic), std::move(*bindings),
                                                TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"})),
               "");
}

TEST(Variants, AKeyPreparedForTheNamesJudgesAsTheHashDoesAndAnotherNamesKeyProvesNothing) {
  auto done = exchange({});
  const VerificationRequest& request = done->server.request();
  const NtHash hash = hash_of(kShort);
  const ResponseKeyNt prepared{hash, request.user_utf16, request.domain_utf16};
  const auto with = verify_response(request, hash, kNtlmv2Only, prepared), without = verify_response(request, hash, kNtlmv2Only);
  ASSERT_TRUE(with && without);
  EXPECT_EQ(to_hex(with->key_exchange_key().reveal()), to_hex(without->key_exchange_key().reveal()));
  const ResponseKeyNt of_mallory{hash, utf16("mallory"), request.domain_utf16};
  EXPECT_EQ(code_of(verify_response(request, hash, kNtlmv2Only, of_mallory)), "wrong_password");
  // R8 looks at the hash, whatever key was prepared.
  EXPECT_EQ(code_of(verify_response(request, NtHash{}, kNtlmv2Only, prepared)), "wrong_password");
}

// ---- connectionless ----------------------------------------------------------------------------------------------------------

TEST(Variants, AConnectionlessHandshakeStartsWithTheChallengeAndKeysEachDatagramByItsNumber) {
  const Case c{ResponseKind::ntlm_v2, kBase, LmKeys::refused, true};
  auto done = exchange(c);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->server.claims().mic, MicState::present);
  auto server = finish(std::move(done->server), hash_of(kShort), {kNtlmv2Only, std::nullopt, {}, kBindingsWaiver});
  ASSERT_TRUE(server) << server.error().to_line();
  EXPECT_EQ(server->claims().mic, MicState::verified) << "over CHALLENGE and AUTHENTICATE alone";
  ASSERT_TRUE(server->negotiated().has(NegotiateFlag::datagram));
  ASSERT_EQ(server->negotiated().wire() & 0x6008'0070, done->client.negotiated().wire() & 0x6008'0070);
  SessionSecurity ours{done->client.negotiated(), done->client.exported_session_key(), Role::client};
  SessionSecurity theirs{server->negotiated(), server->exported_session_key(), Role::server};
  for (const std::uint32_t number : {1000u, 1001u, 7u}) {
    ASSERT_TRUE(ours.set_sequence_numbers({number, 0}) && theirs.set_sequence_numbers({0, number}));
    const auto signature = ours.sign(hex("0102"));
    EXPECT_EQ(code_of(theirs.verify(hex("0102"), signature->bytes())), "accepted");
    EXPECT_NE(code_of(theirs.verify(hex("0103"), signature->bytes())), "accepted");
  }
  EXPECT_EQ(decided(std::move(exchange(c)->server), kWrongShort), "wrong_password");
}

TEST(Variants, AConnectionlessClientTakesOfTheOfferWhatItWants) {
  Case c{ResponseKind::ntlm_v2, kBase.without(NegotiateFlag::seal).without(NegotiateFlag::key_128), LmKeys::refused, true};
  auto done = exchange(c);
  ASSERT_TRUE(done);
  const auto server = finish(std::move(done->server), hash_of(kShort), {kNtlmv2Only});
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->negotiated().has(NegotiateFlag::seal));
  EXPECT_FALSE(server->negotiated().has(NegotiateFlag::key_128));
  EXPECT_TRUE(server->negotiated().has(NegotiateFlag::sign));
}

TEST(Variants, AConnectionClientRefusesToBeLeftWithoutConnectionlessAgreement) {
  // A server that answers a connectionless client with a challenge for connections.
  InitiatorConfig config = client_of({});
  auto awaiting = Initiator::start_datagram(std::move(config));
  ASSERT_TRUE(awaiting);
  EXPECT_TRUE(awaiting->negotiate_message().empty());
  const auto challenged = begin(kBase);
  EXPECT_EQ(code_of(std::move(*awaiting).on_challenge(challenged.challenge_message(), {}, kNow)), "policy");
}

// ---- AV pairs ----------------------------------------------------------------------------------------------------------------

TEST(Variants, SingleHostDataAndTheUntrustedMarkTravelInsideTheProof) {
  InitiatorConfig config = client_of({});
  config.single_host = Bytes(48);
  for (std::size_t i = 0; i < 48; ++i) config.single_host[i] = static_cast<std::uint8_t>(i);
  config.target_name = "HTTP/web1.example.org";
  config.target_name_source = TargetNameSource::untrusted;
  auto done = exchange({}, std::move(config));
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->server.claims().untrusted_spn);
  EXPECT_EQ(to_hex(done->server.claims().machine_id.value()), "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f");
  EXPECT_EQ(decided(std::move(done->server), kShort), "accepted");
  auto plain = exchange({});
  EXPECT_FALSE(plain->server.claims().untrusted_spn);
  EXPECT_FALSE(plain->server.claims().machine_id);
}

}  // namespace
}  // namespace postern::ntlm
