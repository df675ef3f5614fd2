// Against WinPR's SSPI "NTLM", client and server. It tells no session key, so equality is shown by what the key does: each side's
// MIC is found right by the other, and what WinPR seals opens under our key.
#include <gtest/gtest.h>

#include "crypto/rc4.hpp"
#include "interop_support.hpp"
#include "traffic.hpp"

#if defined(POSTERN_HAS_WINPR)
#include <winpr/ntlm.h>
#include <winpr/ssl.h>
#include <winpr/sspi.h>
#include <winpr/wlog.h>

namespace postern::interop {
namespace {

std::u16string wide(const char* text) { return {text, text + std::char_traits<char>::length(text)}; }
SEC_WCHAR* pointer(std::u16string& text) { return reinterpret_cast<SEC_WCHAR*>(text.data()); }

/// A token as SSPI takes it.
struct Token {
  explicit Token(ByteView bytes = {}) : data{bytes.begin(), bytes.end()} {
    const std::size_t used = data.size();
    data.resize(16'384);
    buffer = {static_cast<ULONG>(used == 0 ? data.size() : used), SECBUFFER_TOKEN, data.data()};
    description = {SECBUFFER_VERSION, 1, &buffer};
  }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  [[nodiscard]] Bytes bytes() const { return {data.begin(), data.begin() + static_cast<std::ptrdiff_t>(buffer.cbBuffer)}; }
  Bytes data;
  SecBuffer buffer{};
  SecBufferDesc description{};
};

class WinPr : public testing::Test {
 protected:
  void SetUp() override {
    winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT);
    WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
    sspi_ = InitSecurityInterfaceExW(0);
    SecInvalidateHandle(&context_);
    SecInvalidateHandle(&credential_);
  }
  void TearDown() override { forget(); }
  /// Lets go of the context and the credential: the next logon starts anew.
  void forget() {
    if (SecIsValidHandle(&context_)) sspi_->DeleteSecurityContext(&context_);
    if (SecIsValidHandle(&credential_)) sspi_->FreeCredentialsHandle(&credential_);
    SecInvalidateHandle(&context_);
    SecInvalidateHandle(&credential_);
    sent_ = received_ = 0;
  }

  // ---- as a server ----
  Bytes challenge_for(ByteView negotiate, const char* account_password) {
    TimeStamp expiry;
    EXPECT_EQ(sspi_->AcquireCredentialsHandleW(nullptr, pointer(package_), SECPKG_CRED_INBOUND, nullptr, nullptr, nullptr, nullptr,
                                               &credential_, &expiry),
              SEC_E_OK);
    Token in{negotiate}, out;
    ULONG attributes = 0;
    EXPECT_EQ(sspi_->AcceptSecurityContext(&credential_, nullptr, &in.description, server_wants_, SECURITY_NATIVE_DREP, &context_,
                                           &out.description, &attributes, &expiry),
              SEC_I_CONTINUE_NEEDED);
    SecPkgContext_AuthNtlmHash hash{};
    hash.Version = 1;
    std::u16string password = wide(account_password);
    NTOWFv1W(reinterpret_cast<LPWSTR>(password.data()), static_cast<UINT32>(password.size() * 2), hash.NtlmHash);
    EXPECT_EQ(sspi_->SetContextAttributesW(&context_, SECPKG_ATTR_AUTH_NTLM_HASH, &hash, sizeof hash), SEC_E_OK);
    return out.bytes();
  }
  SECURITY_STATUS judge(ByteView authenticate) {
    Token in{authenticate};
    TimeStamp expiry;
    ULONG attributes = 0;
    const SECURITY_STATUS status = sspi_->AcceptSecurityContext(&credential_, &context_, &in.description, server_wants_,
                                                                SECURITY_NATIVE_DREP, &context_, nullptr, &attributes, &expiry);
    return status == SEC_I_COMPLETE_NEEDED ? sspi_->CompleteAuthToken(&context_, &in.description) : status;
  }

  // ---- as a client ----
  Bytes negotiate_with(const char* password) {
    password_ = wide(password);
    identity_.User = reinterpret_cast<UINT16*>(user_.data());
    identity_.UserLength = static_cast<UINT32>(user_.size());
    identity_.Domain = reinterpret_cast<UINT16*>(domain_.data());
    identity_.DomainLength = static_cast<UINT32>(domain_.size());
    identity_.Password = reinterpret_cast<UINT16*>(password_.data());
    identity_.PasswordLength = static_cast<UINT32>(password_.size());
    identity_.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
    TimeStamp expiry;
    EXPECT_EQ(sspi_->AcquireCredentialsHandleW(nullptr, pointer(package_), SECPKG_CRED_OUTBOUND, nullptr, &identity_, nullptr,
                                               nullptr, &credential_, &expiry),
              SEC_E_OK);
    Token out;
    ULONG attributes = 0;
    EXPECT_EQ(sspi_->InitializeSecurityContextW(&credential_, nullptr, pointer(service_), client_wants_, 0, SECURITY_NATIVE_DREP,
                                                nullptr, 0, &context_, &out.description, &attributes, &expiry),
              SEC_I_CONTINUE_NEEDED);
    return out.bytes();
  }
  Bytes authenticate_for(ByteView challenge) {
    Token in{challenge}, out;
    TimeStamp expiry;
    ULONG attributes = 0;
    const SECURITY_STATUS status =
        sspi_->InitializeSecurityContextW(&credential_, &context_, pointer(service_), client_wants_, 0, SECURITY_NATIVE_DREP,
                                          &in.description, 0, &context_, &out.description, &attributes, &expiry);
    EXPECT_TRUE(status == SEC_E_OK || status == SEC_I_COMPLETE_NEEDED) << std::hex << status;
    return out.bytes();
  }
  /// WinPR's ciphertext of `text`, as the first message that it sends.
  Bytes sealed(std::string_view text) {
    Bytes data = to_bytes(as_bytes(text));
    std::array<BYTE, 16> signature{};
    SecBuffer buffers[2] = {{static_cast<ULONG>(data.size()), SECBUFFER_DATA, data.data()},
                            {sizeof signature, SECBUFFER_TOKEN, signature.data()}};
    SecBufferDesc description{SECBUFFER_VERSION, 2, buffers};
    EXPECT_EQ(sspi_->EncryptMessage(&context_, 0, &description, 0), SEC_E_OK);
    return data;
  }

  /// EncryptMessage and DecryptMessage; where confidentiality was not asked for they leave the text as it is, and sign it. They are
  /// told the number of each message.
  PeerTraffic traffic() {
    PeerTraffic peer;
    peer.wrap = [this](ByteView text) -> std::optional<Bytes> { return encrypted(text); };
    peer.unwrap = [this](ByteView token) { return decrypted(token.subspan(kSignatureBytes), token.first(kSignatureBytes)); };
    peer.sign = [this](ByteView text) -> std::optional<Bytes> {
      const Bytes token = encrypted(text);
      EXPECT_TRUE(std::ranges::equal(ByteView{token}.subspan(kSignatureBytes), text)) << "it sealed";
      return to_bytes(ByteView{token}.first(kSignatureBytes));
    };
    peer.verify = [this](ByteView text, ByteView signature) { return decrypted(text, signature).has_value(); };
    return peer;
  }
  Bytes encrypted(ByteView text) {
    Bytes token(kSignatureBytes);
    token.insert(token.end(), text.begin(), text.end());
    EXPECT_EQ(with_buffers(token, [this](SecBufferDesc& all) { return sspi_->EncryptMessage(&context_, 0, &all, sent_++); }),
              SEC_E_OK);
    return token;
  }
  std::optional<Bytes> decrypted(ByteView text, ByteView signature) {
    Bytes token = to_bytes(signature);
    token.insert(token.end(), text.begin(), text.end());
    ULONG quality = 0;
    const SECURITY_STATUS status =
        with_buffers(token, [&](SecBufferDesc& all) { return sspi_->DecryptMessage(&context_, &all, received_++, &quality); });
    if (status != SEC_E_OK) return std::nullopt;
    return to_bytes(ByteView{token}.subspan(kSignatureBytes));
  }
  template <typename Call>
  static SECURITY_STATUS with_buffers(Bytes& token, const Call& call) {
    SecBuffer buffers[2] = {{static_cast<ULONG>(token.size() - kSignatureBytes), SECBUFFER_DATA, token.data() + kSignatureBytes},
                            {kSignatureBytes, SECBUFFER_TOKEN, token.data()}};
    SecBufferDesc all{SECBUFFER_VERSION, 2, buffers};
    return call(all);
  }

  // ---- sessions ----
  std::optional<Session> session_there(NegotiateFlags offered) {
    forget();
    auto client = our_client(kPassword, offered);
    const Bytes challenge = challenge_for(client.negotiate_message(), kPassword);
    const auto done = answer(std::move(client), challenge);
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done || judge(done->authenticate_message()) != SEC_E_OK) return std::nullopt;
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::client}, traffic()};
  }
  std::optional<Session> session_here() {
    forget();
    auto server = our_server(negotiate_with(kPassword));
    EXPECT_TRUE(server) << server.error().to_line();
    const Bytes authenticate = authenticate_for(server->challenge_message());
    const auto done = finish(std::move(*server), authenticate, hash_of(kPassword));
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done) return std::nullopt;
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::server}, traffic()};
  }

  ULONG client_wants_ = ISC_REQ_CONFIDENTIALITY | ISC_REQ_INTEGRITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT;
  ULONG server_wants_ = ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY;
  ULONG sent_ = 0, received_ = 0;
  SecurityFunctionTableW* sspi_ = nullptr;
  CtxtHandle context_{};
  CredHandle credential_{};
  std::u16string user_ = wide(kUser), domain_ = wide(kDomain), password_{}, package_ = wide("NTLM"),
                 service_ = wide("HTTP/localhost");
  SEC_WINNT_AUTH_IDENTITY_W identity_{};
};

std::string opened(ByteView ciphertext, wire::NegotiateFlags negotiated, const ExportedSessionKey& key, Direction direction) {
  const SecretBytes seal = sealing_key(negotiated, key, direction);
  Bytes text(ciphertext.size());
  crypto::Rc4{seal.reveal()}.apply(ciphertext, text);
  return std::string{as_text(text)};
}

constexpr wire::NegotiateFlags kSealing = InitiatorConfig::kDefaultOffer.with(wire::NegotiateFlag::seal);

TEST_F(WinPr, TakesOurClientWithTheRightPasswordAndSealsUnderTheSameKey) {
  auto client = our_client(kPassword, kSealing);
  const Bytes challenge = challenge_for(client.negotiate_message(), kPassword);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_TRUE(done->sent_mic());
  ASSERT_EQ(judge(done->authenticate_message()), SEC_E_OK);
  EXPECT_EQ(opened(sealed("attack at dawn"), done->negotiated(), done->exported_session_key(), Direction::server_to_client),
            "attack at dawn");
}

TEST_F(WinPr, RefusesOurClientWithAnotherPassword) {
  auto client = our_client(kWrongPassword, kSealing);
  const Bytes challenge = challenge_for(client.negotiate_message(), kPassword);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  EXPECT_NE(judge(done->authenticate_message()), SEC_E_OK);
}

TEST_F(WinPr, RefusesOurClientsMessageOnceItsMicIsAltered) {
  auto client = our_client(kPassword, kSealing);
  const Bytes challenge = challenge_for(client.negotiate_message(), kPassword);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  Bytes altered = to_bytes(done->authenticate_message());
  altered[wire::AuthenticateMessage::kMicOffset] = static_cast<std::uint8_t>(altered[wire::AuthenticateMessage::kMicOffset] ^ 1);
  EXPECT_NE(judge(altered), SEC_E_OK);
}

TEST_F(WinPr, LogsOnToOurAcceptorWithTheRightPasswordAndSealsUnderTheSameKey) {
  auto server = our_server(negotiate_with(kPassword));
  ASSERT_TRUE(server) << server.error().to_line();
  const Bytes authenticate = authenticate_for(server->challenge_message());
  const auto done = finish(std::move(*server), authenticate, hash_of(kPassword),
                           {kNtlmv2Only, std::nullopt, {}, ntlm::testing_support::kBindingsWaiver});
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->claims().mic, MicState::verified);
  EXPECT_EQ(done->claims().user, kUser);
  EXPECT_EQ(opened(sealed("attack at dusk"), done->negotiated(), done->exported_session_key(), Direction::client_to_server),
            "attack at dusk");
}

TEST_F(WinPr, IsRefusedByOurAcceptorWithAnotherPassword) {
  auto server = our_server(negotiate_with(kWrongPassword));
  ASSERT_TRUE(server);
  const Bytes authenticate = authenticate_for(server->challenge_message());
  EXPECT_EQ(code_of(finish(std::move(*server), authenticate, hash_of(kPassword))), "wrong_password");
}

// ---- traffic -------------------------------------------------------------------------------------------------------------------

TEST_F(WinPr, SealedMessagesOfUpTo4MiBAndThousandsInARowGoBothWaysWithItsClient) {
  std::optional<Session> session = session_here();
  ASSERT_TRUE(session && session->ours.can_seal());
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed}, kEverySize));
  ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, {Kind::sealed}));
  ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(*session, Kind::sealed));
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed}, kEverySize));
  expect_the_peer_refuses_a_flipped_bit(*session, Kind::sealed);
}

TEST_F(WinPr, SealedMessagesOfUpTo4MiBAndThousandsInARowGoBothWaysWithItsServer) {
  std::optional<Session> session = session_there(kSealing);
  ASSERT_TRUE(session && session->ours.can_seal());
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed}, kEverySize));
  ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, {Kind::sealed}));
  ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(*session, Kind::sealed));
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed}, kEverySize));
  expect_the_peer_refuses_a_flipped_bit(*session, Kind::sealed);
}

TEST_F(WinPr, WithoutConfidentialitySignedMessagesGoBothWays) {
  client_wants_ &= ~ULONG{ISC_REQ_CONFIDENTIALITY};
  server_wants_ &= ~ULONG{ASC_REQ_CONFIDENTIALITY};
  for (const bool it_is_the_client : {true, false}) {
    SCOPED_TRACE(it_is_the_client);
    std::optional<Session> session = it_is_the_client ? session_here() : session_there(kSealing.without(NegotiateFlag::seal));
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->ours.can_seal());
    ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::signed_only}, kEverySize));
    ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, {Kind::signed_only}));
    ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(*session, Kind::signed_only));
    expect_the_peer_refuses_a_flipped_bit(*session, Kind::signed_only);
  }
}

/// Handshakes alone: WinPR 2.11 seals with 128 bit, ESS and an exchanged key whatever is negotiated (docs/peers.md).
TEST_F(WinPr, ItsServerTakesOurClientInEveryFormOfKeysWithTheRightPasswordOnly) {
  for (const NegotiateFlags offered : {kSealing.without(NegotiateFlag::key_exchange), kSealing.without(NegotiateFlag::key_128),
                                       kSealing.without(NegotiateFlag::key_128).without(NegotiateFlag::key_56),
                                       kSealing.without(NegotiateFlag::extended_session_security)}) {
    for (const char* const password : {kPassword, kWrongPassword}) {
      forget();
      auto client = our_client(password, offered);
      const Bytes challenge = challenge_for(client.negotiate_message(), kPassword);
      const auto done = answer(std::move(client), challenge);
      ASSERT_TRUE(done) << done.error().to_line();
      EXPECT_EQ(session_bits(done->negotiated()).to_hex(), session_bits(offered).to_hex());
      EXPECT_EQ(judge(done->authenticate_message()) == SEC_E_OK, password == kPassword) << offered.to_hex();
    }
  }
}

}  // namespace
}  // namespace postern::interop

#else
TEST(WinPr, IsNotInstalled) { GTEST_SKIP() << "built without WinPR (apt-get install libwinpr2-dev)"; }
#endif
