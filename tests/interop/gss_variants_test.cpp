// Every variant that gss-ntlmssp has, it as client and as server, each with a wrong password as twin and with traffic in both
// directions after the logon. What it has not is in docs/peers.md.
#include <gtest/gtest.h>

#include "gss_peer.hpp"

#if defined(POSTERN_HAS_GSSAPI)
namespace postern::interop {
namespace {

using wire::ResponseVersion;

/// What gss-ntlmssp's client negotiates by itself: ALWAYS_SIGN, 128, 56, NTLM, REQUEST_TARGET, OEM, UNICODE, VERSION.
constexpr NegotiateFlags kTheirOffer{0xa200'8207};
constexpr NegotiateFlags kSignAndSeal = kTheirOffer.with(NegotiateFlag::sign).with(NegotiateFlag::seal);

struct TheirClient {
  const char* name;
  int level;                            // LmCompatibilityLevel of the mechanism
  std::optional<NegotiateFlags> flags;  // none: its own choice
  OM_uint32 wanted;                     // adds to the flags
  ResponseVersion version;
  NegotiateFlags session;  // what is agreed of the bits that session security hangs on
  LmKeys lm_keys = LmKeys::refused;
};

constexpr NegotiateFlags set(std::initializer_list<NegotiateFlag> flags) {
  NegotiateFlags result;
  for (const NegotiateFlag flag : flags) result = result.with(flag);
  return result;
}
using enum NegotiateFlag;
constexpr NegotiateFlags kModern = set({sign, seal, extended_session_security, key_exchange, key_128, key_56});
constexpr NegotiateFlags kOld = kModern.without(extended_session_security);

const TheirClient kTheirClients[] = {
    {"NTLMv2", 3, {}, kWanted, ResponseVersion::ntlm_v2, kModern},
    {"NTLMv2 at level 4", 4, {}, kWanted, ResponseVersion::ntlm_v2, kModern},
    {"NTLMv2 at level 5", 5, {}, kWanted, ResponseVersion::ntlm_v2, kModern},
    {"NTLMv2, signing alone", 3, {}, GSS_C_INTEG_FLAG, ResponseVersion::ntlm_v2, kModern.without(seal)},
    {"NTLMv2, 56 bit", 3, kTheirOffer.without(key_128), kWanted, ResponseVersion::ntlm_v2, kModern.without(key_128)},
    {"NTLMv2, 40 bit", 3, kTheirOffer.without(key_128).without(key_56), kWanted, ResponseVersion::ntlm_v2,
     kModern.without(key_128).without(key_56)},
    {"NTLMv2, OEM text", 3, kTheirOffer.without(unicode), kWanted, ResponseVersion::ntlm_v2, kModern},
    {"NTLMv2, no version", 3, kTheirOffer.without(NegotiateFlag::version), kWanted, ResponseVersion::ntlm_v2, kModern},
    {"NTLMv2, no key exchange", 3, kSignAndSeal, 0, ResponseVersion::ntlm_v2, kModern.without(key_exchange)},
    {"NTLMv2, no key exchange, 56 bit", 3, kSignAndSeal.without(key_128), 0, ResponseVersion::ntlm_v2,
     kModern.without(key_exchange).without(key_128)},
    {"NTLMv1 with ESS", 2, {}, kWanted, ResponseVersion::ntlm_v1_ess, kModern},
    {"NTLMv1 with ESS, LM allowed", 1, {}, kWanted, ResponseVersion::ntlm_v1_ess, kModern},
    {"NTLMv1 with ESS, 56 bit", 2, kTheirOffer.without(key_128), kWanted, ResponseVersion::ntlm_v1_ess, kModern.without(key_128)},
    {"NTLMv1 with ESS, 40 bit", 2, kTheirOffer.without(key_128).without(key_56), kWanted, ResponseVersion::ntlm_v1_ess,
     kModern.without(key_128).without(key_56)},
    {"NTLMv1 with ESS, no key exchange", 2, kSignAndSeal, 0, ResponseVersion::ntlm_v1_ess, kModern.without(key_exchange)},
    {"NTLMv1 and LM", 0, {}, kWanted, ResponseVersion::ntlm_v1, kOld},
    {"NTLMv1 and LM, signing alone", 1, {}, GSS_C_INTEG_FLAG, ResponseVersion::ntlm_v1, kOld.without(seal)},
    {"NTLMv1 and LM, no key exchange", 0, kSignAndSeal, 0, ResponseVersion::ntlm_v1, kOld.without(key_exchange)},
    {"NTLMv1 and LM, OEM text", 0, kTheirOffer.without(unicode), kWanted, ResponseVersion::ntlm_v1, kOld},
    {"LM_KEY, 56 bit", 0, {}, kWanted, ResponseVersion::ntlm_v1, kOld.with(lm_key), LmKeys::danger_agreed},
    {"LM_KEY, 40 bit", 0, kTheirOffer.without(key_56), kWanted, ResponseVersion::ntlm_v1, kOld.with(lm_key).without(key_56),
     LmKeys::danger_agreed},
    {"LM_KEY, no key exchange", 0, kSignAndSeal.with(lm_key), 0, ResponseVersion::ntlm_v1, kOld.with(lm_key).without(key_exchange),
     LmKeys::danger_agreed},
    {"key of half the LM hash", 0, kSignAndSeal.with(request_non_nt_session_key), 0, ResponseVersion::ntlm_v1,
     kOld.with(request_non_nt_session_key).without(key_exchange), LmKeys::danger_agreed},
};

struct OurClient {
  const char* name;
  int level;  // LmCompatibilityLevel of the mechanism, our server
  OurForm form;
  NegotiateFlags session;
};

constexpr NegotiateFlags kOurs = InitiatorConfig::kDefaultOffer.with(seal);
constexpr NegotiateFlags kOursOld = kOurs.without(extended_session_security);

/// NTLMv1 with ESS stands at level 2: below, gss-ntlmssp 1.2.0 is no judge of it (docs/peers.md).
const OurClient kOurClients[] = {
    {"NTLMv2", 3, {kOurs}, kModern},
    {"NTLMv2 at level 5", 5, {kOurs}, kModern},
    {"NTLMv2, signing alone", 3, {kOurs.without(seal)}, kModern.without(seal)},
    {"NTLMv2, 56 bit", 3, {kOurs.without(key_128)}, kModern.without(key_128)},
    {"NTLMv2, 40 bit", 3, {kOurs.without(key_128).without(key_56)}, kModern.without(key_128).without(key_56)},
    {"NTLMv2, OEM text", 3, {kOurs.without(unicode)}, kModern},
    {"NTLMv2, no key exchange", 3, {kOurs.without(key_exchange)}, kModern.without(key_exchange)},
    {"NTLMv2 without ESS", 3, {kOursOld}, kOld},
    {"NTLMv2 without ESS, no key exchange", 3, {kOursOld.without(key_exchange)}, kOld.without(key_exchange)},
    {"NTLMv2 with LM_KEY", 0, {kOursOld.with(lm_key), ResponseKind::ntlm_v2, LmKeys::danger_agreed}, kOld.with(lm_key)},
    {"NTLMv1 with ESS", 2, {kOurs, ResponseKind::danger_ntlm_v1}, kModern},
    {"NTLMv1 with ESS, 40 bit",
     2,
     {kOurs.without(key_128).without(key_56), ResponseKind::danger_ntlm_v1},
     kModern.without(key_128).without(key_56)},
    {"NTLMv1 with ESS, no key exchange",
     2,
     {kOurs.without(key_exchange), ResponseKind::danger_ntlm_v1},
     kModern.without(key_exchange)},
    {"NTLMv1", 2, {kOursOld, ResponseKind::danger_ntlm_v1}, kOld},
    {"NTLMv1 and LM", 0, {kOursOld, ResponseKind::danger_ntlm_v1_with_lm}, kOld},
    {"NTLMv1 and LM, no key exchange",
     0,
     {kOursOld.without(key_exchange), ResponseKind::danger_ntlm_v1_with_lm},
     kOld.without(key_exchange)},
    {"LM_KEY, 56 bit", 0, {kOursOld.with(lm_key), ResponseKind::danger_ntlm_v1_with_lm, LmKeys::danger_agreed}, kOld.with(lm_key)},
    {"LM_KEY, 40 bit",
     0,
     {kOursOld.with(lm_key).without(key_56), ResponseKind::danger_ntlm_v1_with_lm, LmKeys::danger_agreed},
     kOld.with(lm_key).without(key_56)},
    {"key of half the LM hash",
     0,
     {kOursOld.with(request_non_nt_session_key), ResponseKind::danger_ntlm_v1_with_lm, LmKeys::danger_agreed},
     kOld.with(request_non_nt_session_key)},
};

class GssVariants : public GssPeer {
 protected:
  /// gss-ntlmssp's client with `password` at our acceptor.
  Result<Established> log_on_here(const TheirClient& row, const char* password) {
    forget();
    set_level(row.level);
    write_password(password);
    acquire(GSS_C_INITIATE, row.flags);
    Bytes negotiate, authenticate;
    EXPECT_EQ(initiate({}, negotiate, GSS_C_NO_CHANNEL_BINDINGS, row.wanted), GSS_S_CONTINUE_NEEDED);
    auto server = our_server(negotiate, row.lm_keys);
    if (!server) return std::unexpected{server.error()};
    EXPECT_EQ(initiate(server->challenge_message(), authenticate, GSS_C_NO_CHANNEL_BINDINGS, row.wanted), GSS_S_COMPLETE);
    return finish_any(std::move(*server), authenticate, kPassword);
  }
  std::optional<Session> session_here(const TheirClient& row) {
    const auto done = log_on_here(row, kPassword);
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done) return std::nullopt;
    EXPECT_EQ(done->version(), row.version);
    EXPECT_EQ(session_bits(done->negotiated()).to_hex(), row.session.to_hex());
    EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal()));
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::server}, traffic()};
  }

  /// Our client at gss-ntlmssp's acceptor; nothing if that refuses.
  std::optional<ClientEstablished> log_on_there(InitiatorConfig config, int level) {
    forget();
    set_level(level);
    write_password(kPassword);
    acquire(GSS_C_ACCEPT);
    auto client = Initiator::start(std::move(config)).value();
    Bytes challenge, nothing;
    EXPECT_EQ(accept(client.negotiate_message(), challenge), GSS_S_CONTINUE_NEEDED);
    auto done = answer(std::move(client), challenge);
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done || accept(done->authenticate_message(), nothing) != GSS_S_COMPLETE) return std::nullopt;
    return std::move(*done);
  }
  std::optional<Session> session_there(const OurClient& row) {
    const auto done = log_on_there(our_client_config(kPassword, row.form), row.level);
    EXPECT_TRUE(done) << "refused";
    if (!done) return std::nullopt;
    EXPECT_EQ(session_bits(done->negotiated()).to_hex(), row.session.to_hex());
    EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal()));
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::client}, traffic()};
  }
};

/// Traffic of every kind that was negotiated. `session` makes one anew, because a refused message ends the peer's key stream.
template <typename MakeSession>
void expect_all_traffic(const MakeSession& session) {
  std::optional<Session> first = session();
  ASSERT_TRUE(first);
  const bool seals = first->ours.can_seal();
  const std::initializer_list<Kind> both{Kind::sealed, Kind::signed_only}, one{Kind::signed_only};
  ASSERT_NO_FATAL_FAILURE(expect_messages(*first, seals ? both : one, kUsualSizes));
  ASSERT_NO_FATAL_FAILURE(expect_many_messages(*first, seals ? both : one, 100));
  for (const Kind kind : seals ? both : one) {
    std::optional<Session> again = session();
    ASSERT_TRUE(again);
    ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(*again, kind));
    ASSERT_NO_FATAL_FAILURE(expect_message(*again, kind, 64));
    ASSERT_NO_FATAL_FAILURE(expect_the_peer_refuses_a_flipped_bit(*again, kind));
  }
}

TEST_F(GssVariants, ItsClientLogsOnHereInEveryVariantAndTrafficGoesBothWays) {
  for (const TheirClient& row : kTheirClients) {
    SCOPED_TRACE(row.name);
    ASSERT_NO_FATAL_FAILURE(expect_all_traffic([&] { return session_here(row); }));
  }
}

TEST_F(GssVariants, R7_ItsClientIsRefusedHereInEveryVariantWithAnotherPassword) {
  for (const TheirClient& row : kTheirClients) EXPECT_EQ(code_of(log_on_here(row, kWrongPassword)), "wrong_password") << row.name;
}

TEST_F(GssVariants, R12_ItsOlderResponsesAreRefusedHereUnlessTheyAreAllowed) {
  for (const TheirClient& row : kTheirClients) {
    forget();
    set_level(row.level);
    acquire(GSS_C_INITIATE, row.flags);
    Bytes negotiate, authenticate;
    ASSERT_EQ(initiate({}, negotiate, GSS_C_NO_CHANNEL_BINDINGS, row.wanted), GSS_S_CONTINUE_NEEDED);
    auto server = our_server(negotiate);
    ASSERT_EQ(initiate(server->challenge_message(), authenticate, GSS_C_NO_CHANNEL_BINDINGS, row.wanted), GSS_S_COMPLETE);
    const auto done = finish(std::move(*server), authenticate, hash_of(kPassword));
    EXPECT_EQ(code_of(done), row.version == ResponseVersion::ntlm_v2 ? "accepted" : "policy") << row.name;
    EXPECT_TRUE(!done || !done->negotiated().has(lm_key)) << row.name;
  }
}

TEST_F(GssVariants, OurClientLogsOnThereInEveryVariantAndTrafficGoesBothWays) {
  for (const OurClient& row : kOurClients) {
    SCOPED_TRACE(row.name);
    ASSERT_NO_FATAL_FAILURE(expect_all_traffic([&] { return session_there(row); }));
  }
}

TEST_F(GssVariants, OurClientIsRefusedThereInEveryVariantWithAnotherPassword) {
  for (const OurClient& row : kOurClients) {
    EXPECT_FALSE(log_on_there(our_client_config(kWrongPassword, row.form), row.level)) << row.name;
  }
}

TEST_F(GssVariants, ItTakesOurOlderResponsesOnlyAtTheLevelsThatAllowThem) {
  const OurForm ess{kOurs, ResponseKind::danger_ntlm_v1}, old{kOursOld, ResponseKind::danger_ntlm_v1};
  for (int level = 0; level <= 5; ++level) {
    EXPECT_EQ(log_on_there(our_client_config(kPassword, ess), level).has_value(), level <= 2) << level;
    EXPECT_EQ(log_on_there(our_client_config(kPassword, old), level).has_value(), level <= 2) << level;
    EXPECT_TRUE(log_on_there(our_client_config(kPassword, {kOurs}), level)) << level;
  }
}

/// Where the NT response is wrong gss-ntlmssp looks at the LM response: so it judges that one alone.
TEST_F(GssVariants, OurLmResponseAloneProvesThePasswordThere) {
  const OurForm form{kOursOld.with(lm_key), ResponseKind::danger_ntlm_v1_with_lm, LmKeys::danger_agreed};
  InitiatorConfig config = our_client_config(kPassword, form);
  config.credentials.nt_hash = hash_of(kWrongPassword);
  const auto done = log_on_there(std::move(config), 0);
  ASSERT_TRUE(done);
  ASSERT_EQ(session_key(), to_hex(done->exported_session_key().reveal())) << "of the LM hash alone";
  Session session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::client}, traffic()};
  expect_messages(session, {Kind::sealed, Kind::signed_only}, kUsualSizes);
  InitiatorConfig both_wrong = our_client_config(kWrongPassword, form);
  EXPECT_FALSE(log_on_there(std::move(both_wrong), 0));
}

TEST_F(GssVariants, OurLmResponseWithoutAnNtResponseIsRefusedThere) {
  EXPECT_FALSE(log_on_there(our_client_config(kPassword, {kOursOld, ResponseKind::danger_lm}), 0));
}

/// At level 0 and 1 gss-ntlmssp 1.2.0 finds the proof right, and crashes over the NT response that is not there.
TEST_F(GssVariants, OurLmV2ResponseWithoutAnNtResponseIsRefusedThere) {
  EXPECT_FALSE(log_on_there(our_client_config(kPassword, {kOursOld, ResponseKind::danger_lm_v2}), 3));
}

TEST_F(GssVariants, ItTakesOurSingleHostDataAndTheUntrustedMark) {
  InitiatorConfig config = our_client_config(kPassword, {kOurs});
  config.single_host = Bytes(48, 0x5a);
  config.target_name_source = TargetNameSource::untrusted;
  const auto done = log_on_there(std::move(config), 3);
  ASSERT_TRUE(done);
  EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal()));
}

/// ALWAYS_SIGN alone: a constant stands for a signature there, and none is made here.
TEST_F(GssVariants, WithNeitherSignNorSealNobodyTakesASignatureForOne) {
  const TheirClient row{
      "ALWAYS_SIGN", 3, kTheirOffer, 0, ResponseVersion::ntlm_v2, kModern.without(sign).without(seal).without(key_exchange)};
  std::optional<Session> session = session_here(row);
  ASSERT_TRUE(session);
  const auto constant = session->peer.sign(text_of(64, 1));
  ASSERT_TRUE(constant);
  EXPECT_EQ(to_hex(*constant), "01000000000000000000000000000000");
  EXPECT_EQ(code_of(session->ours.verify(text_of(64, 1), *constant)), "unsupported");
  EXPECT_EQ(code_of(session->ours.sign(text_of(64, 1))), "unsupported");
}

/// Its anonymous client names the user of its credential beside the empty response, which is nobody's: nothing is proved.
TEST_F(GssVariants, R7_ItsAnonymousClientIsRefusedHere) {
  TheirClient row = kTheirClients[0];
  row.wanted |= GSS_C_ANON_FLAG;
  const auto done = log_on_here(row, kPassword);
  EXPECT_FALSE(done);
}

TEST_F(GssVariants, OurAnonymousClientIsRefusedThere) {
  EXPECT_FALSE(log_on_there(our_client_config(kPassword, {kOurs, ResponseKind::anonymous}), 0));
}

// ---- long sessions -----------------------------------------------------------------------------------------------------------

constexpr std::size_t kNtlmV2 = 0;
const TheirClient& their_old_client() {
  for (const TheirClient& row : kTheirClients) {
    if (row.session == kOld) return row;
  }
  return kTheirClients[kNtlmV2];
}
const OurClient& our_old_client() {
  for (const OurClient& row : kOurClients) {
    if (row.session == kOld) return row;
  }
  return kOurClients[kNtlmV2];
}

TEST_F(GssVariants, MessagesOfUpTo4MiBAndThousandsInARowGoBothWays) {
  const auto expect_session = [](std::optional<Session> session) {
    ASSERT_TRUE(session);
    ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed, Kind::signed_only}, kEverySize));
    ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, {Kind::sealed, Kind::signed_only}));
    ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::signed_only, Kind::sealed}, kEverySize));
  };
  ASSERT_NO_FATAL_FAILURE(expect_session(session_here(kTheirClients[kNtlmV2])));
  ASSERT_NO_FATAL_FAILURE(expect_session(session_here(their_old_client())));
  ASSERT_NO_FATAL_FAILURE(expect_session(session_there(kOurClients[kNtlmV2])));
  ASSERT_NO_FATAL_FAILURE(expect_session(session_there(our_old_client())));
}

// ---- the reset that SPNEGO needs -----------------------------------------------------------------------------------------------

TEST_F(GssVariants, AResetOfItsKeyStreamsIsOursWithTheCountersKept) {
  constexpr std::uint32_t kSend = 0, kReceive = 1;  // of RESET_CRYPTO
  std::optional<Session> session = session_here(kTheirClients[kNtlmV2]);
  ASSERT_TRUE(session);
  expect_messages(*session, {Kind::sealed, Kind::signed_only}, kUsualSizes);
  set_option(&reset_crypto_oid, kReceive);
  session->ours.reset_sending(Counters::keep);
  expect_messages(*session, {Kind::sealed, Kind::signed_only}, kUsualSizes);
  set_option(&reset_crypto_oid, kSend);
  const auto ahead = session->peer.wrap(text_of(64, 1));
  ASSERT_TRUE(ahead);
  Bytes back(64);
  EXPECT_EQ(code_of(session->ours.unwrap(*ahead, back)), "signature_wrong") << "our stream was not reset yet";
  session->ours.reset_receiving(Counters::keep);
  EXPECT_EQ(code_of(session->ours.unwrap(*ahead, back)), "accepted");
  expect_many_messages(*session, {Kind::sealed, Kind::signed_only}, 20);
}

TEST_F(GssVariants, WithoutExtendedSecurityThereIsOneStreamAndAResetIsOfThatOne) {
  std::optional<Session> session = session_there(our_old_client());
  ASSERT_TRUE(session);
  expect_messages(*session, {Kind::sealed}, kUsualSizes);
  set_option(&reset_crypto_oid, 0);
  session->ours.reset_sending(Counters::keep);
  expect_many_messages(*session, {Kind::sealed, Kind::signed_only}, 20);
  set_option(&reset_crypto_oid, 1);
  session->ours.reset_receiving(Counters::keep);
  expect_many_messages(*session, {Kind::sealed, Kind::signed_only}, 20);
}

}  // namespace
}  // namespace postern::interop
#endif
