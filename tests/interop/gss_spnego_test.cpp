// Against MIT's SPNEGO with gss-ntlmssp as its only mechanism: who accepts whom, and the mechListMIC of both sides (RFC 4178
// section 5).
#include "gss_support.hpp"
#include "ntlm/session_security.hpp"
#include "ntlm/spnego_acceptor.hpp"
#include "spnego/token.hpp"

#if defined(POSTERN_HAS_GSSAPI)
namespace postern::interop {
namespace {

using ntlm::NegotiatedLogon;
using spnego::NegState;
using spnego::NegTokenResp;

class GssSpnego : public GssTest {
 protected:
  void SetUp() override {
    mechanism_ = &spnego_mechanism;
    GssTest::SetUp();
  }
  /// Views into `token`.
  static NegTokenResp response_in(ByteView token) {
    const auto parsed = spnego::parse(token);
    if (parsed && std::holds_alternative<NegTokenResp>(*parsed)) return std::get<NegTokenResp>(*parsed);
    ADD_FAILURE() << "no NegTokenResp: " << to_hex(token);
    return {};
  }
  /// `token` with one bit of its mechListMIC turned.
  static Bytes with_mic_altered(ByteView token) {
    const NegTokenResp response = response_in(token);
    Bytes altered = to_bytes(token);
    if (!response.mech_list_mic || response.mech_list_mic->size() != kSignatureBytes) {
      ADD_FAILURE() << "no mechListMIC: " << to_hex(token);
      return altered;
    }
    const auto at = static_cast<std::size_t>(response.mech_list_mic->data() - token.data()) + 5;  // version 4, then the checksum
    altered[at] = static_cast<std::uint8_t>(altered[at] ^ 1);
    return altered;
  }

  /// MIT's initiator at our acceptor, up to its last token.
  struct AtOurs {
    NegotiatedLogon logon;
    Bytes last_token;  ///< of the client
  };
  std::optional<AtOurs> log_on_at_ours() {
    acquire(GSS_C_INITIATE);
    Bytes first, last;
    EXPECT_EQ(initiate({}, first, GSS_C_NO_CHANNEL_BINDINGS), GSS_S_CONTINUE_NEEDED);
    EXPECT_EQ(spnego::recognise(first), spnego::TokenKind::spnego_init);
    AcceptorConfig config;
    config.names = {"SRV", kDomain, "srv.lab.test", "lab.test", "lab.test"};
    auto begun = NegotiatedLogon::begin(Carrier::negotiate, first, config, fixed<wire::ServerChallenge>("5152535455565758"), now());
    if (!begun) {
      ADD_FAILURE() << begun.error().to_line();
      return std::nullopt;
    }
    EXPECT_FALSE(begun->first.awaits_negotiate()) << "NTLM is its first choice, with a token";
    EXPECT_EQ(initiate(begun->second, last, GSS_C_NO_CHANNEL_BINDINGS), GSS_S_CONTINUE_NEEDED) << "it awaits our MIC";
    EXPECT_TRUE(response_in(last).mech_list_mic) << "else nothing here is checked";
    return AtOurs{std::move(begun->first), std::move(last)};
  }
  /// Our last token, for an account of that password.
  static Result<Bytes> answer_at_ours(NegotiatedLogon logon, ByteView last_token, const char* account_password) {
    POSTERN_TRY(answered, std::move(logon).on_authenticate(last_token));
    POSTERN_TRY(established, finish(std::move(answered.pending), hash_of(account_password)));
    return answered.end.accept(established.negotiated(), established.exported_session_key());
  }

  /// Our client at MIT's acceptor, up to our last token, which is not sent yet.
  struct AtTheirs {
    ClientEstablished client;
    Bytes mech_list;
    Bytes last_token;
  };
  std::optional<AtTheirs> log_on_at_theirs(const char* password) {
    acquire(GSS_C_ACCEPT);
    auto client = our_client(password);
    const std::vector<spnego::Oid> offered{spnego::kNtlmssp};
    spnego::NegTokenInit init;
    init.mech_types = offered;
    init.mech_token = client.negotiate_message();
    Bytes reply;
    EXPECT_EQ(accept(spnego::write(init).value(), reply), GSS_S_CONTINUE_NEEDED);
    auto done = answer(std::move(client), response_in(reply).response_token.value_or(ByteView{}));
    if (!done) {
      ADD_FAILURE() << done.error().to_line();
      return std::nullopt;
    }
    Bytes mech_list = spnego::write_mech_type_list(offered).value();
    const MessageSignature mic =
        first_signature(done->negotiated(), done->exported_session_key(), Direction::client_to_server, mech_list);
    NegTokenResp last;
    last.state = NegState::accept_incomplete;
    last.response_token = done->authenticate_message();
    last.mech_list_mic = mic.bytes();
    Bytes last_token = spnego::write(last).value();
    return AtTheirs{std::move(*done), std::move(mech_list), std::move(last_token)};
  }
};

TEST_F(GssSpnego, ItsClientLogsOnHereAndEachSideVerifiesTheOthersMechListMic) {
  auto begun = log_on_at_ours();
  ASSERT_TRUE(begun);
  const auto ours = answer_at_ours(std::move(begun->logon), begun->last_token, kPassword);
  ASSERT_TRUE(ours) << ours.error().to_line();
  EXPECT_EQ(response_in(*ours).state, NegState::accept_completed);
  Bytes nothing;
  EXPECT_EQ(initiate(*ours, nothing, GSS_C_NO_CHANNEL_BINDINGS), GSS_S_COMPLETE);
}

TEST_F(GssSpnego, ItsClientIsRefusedHereWithAnotherPassword) {
  auto begun = log_on_at_ours();
  ASSERT_TRUE(begun);
  EXPECT_EQ(code_of(answer_at_ours(std::move(begun->logon), begun->last_token, kWrongPassword)), "wrong_password");
}

TEST_F(GssSpnego, ItsClientIsRefusedHereOnceItsMechListMicIsAltered) {
  auto begun = log_on_at_ours();
  ASSERT_TRUE(begun);
  EXPECT_EQ(code_of(answer_at_ours(std::move(begun->logon), with_mic_altered(begun->last_token), kPassword)), "mic_wrong");
}

TEST_F(GssSpnego, ItsClientTurnsUsDownOnceOurMechListMicIsAltered) {
  auto begun = log_on_at_ours();
  ASSERT_TRUE(begun);
  const auto ours = answer_at_ours(std::move(begun->logon), begun->last_token, kPassword);
  ASSERT_TRUE(ours) << ours.error().to_line();
  Bytes nothing;
  EXPECT_TRUE(GSS_ERROR(initiate(with_mic_altered(*ours), nothing, GSS_C_NO_CHANNEL_BINDINGS)))
      << "so it reads our MIC, and found it right before";
}

TEST_F(GssSpnego, ItsAcceptorTakesOurClientAndItsMechListMicIsTheOneWeExpect) {
  auto begun = log_on_at_theirs(kPassword);
  ASSERT_TRUE(begun);
  Bytes reply;
  ASSERT_EQ(accept(begun->last_token, reply), GSS_S_COMPLETE);
  EXPECT_EQ(response_in(reply).state, NegState::accept_completed);
  const MessageSignature expected = first_signature(begun->client.negotiated(), begun->client.exported_session_key(),
                                                    Direction::server_to_client, begun->mech_list);
  EXPECT_EQ(to_hex(response_in(reply).mech_list_mic.value_or(ByteView{})), to_hex(expected.bytes()));
}

TEST_F(GssSpnego, ItsAcceptorRefusesOurClientWithAnotherPassword) {
  auto begun = log_on_at_theirs(kWrongPassword);
  ASSERT_TRUE(begun);
  Bytes reply;
  EXPECT_TRUE(GSS_ERROR(accept(begun->last_token, reply)));
}

TEST_F(GssSpnego, ItsAcceptorRefusesOurClientOnceOurMechListMicIsAltered) {
  auto begun = log_on_at_theirs(kPassword);
  ASSERT_TRUE(begun);
  Bytes reply;
  EXPECT_TRUE(GSS_ERROR(accept(with_mic_altered(begun->last_token), reply)));
}

}  // namespace
}  // namespace postern::interop

#else
TEST(GssSpnego, IsNotInstalled) { GTEST_SKIP() << "built without MIT's GSSAPI (apt-get install libkrb5-dev gss-ntlmssp)"; }
#endif
