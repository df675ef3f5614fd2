// Against WinPR's SSPI "NTLM", client and server. It tells no session key, so equality is shown by what the key does: each side's
// MIC is found right by the other, and what WinPR seals opens under our key.
#include <gtest/gtest.h>

#include "crypto/rc4.hpp"
#include "interop_support.hpp"

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
  void TearDown() override {
    if (SecIsValidHandle(&context_)) sspi_->DeleteSecurityContext(&context_);
    if (SecIsValidHandle(&credential_)) sspi_->FreeCredentialsHandle(&credential_);
  }

  // ---- as a server ----
  Bytes challenge_for(ByteView negotiate, const char* account_password) {
    TimeStamp expiry;
    EXPECT_EQ(sspi_->AcquireCredentialsHandleW(nullptr, pointer(package_), SECPKG_CRED_INBOUND, nullptr, nullptr, nullptr, nullptr,
                                               &credential_, &expiry),
              SEC_E_OK);
    Token in{negotiate}, out;
    ULONG attributes = 0;
    EXPECT_EQ(sspi_->AcceptSecurityContext(&credential_, nullptr, &in.description, kServerWants, SECURITY_NATIVE_DREP, &context_,
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
    const SECURITY_STATUS status = sspi_->AcceptSecurityContext(&credential_, &context_, &in.description, kServerWants,
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
    EXPECT_EQ(sspi_->InitializeSecurityContextW(&credential_, nullptr, pointer(service_), kClientWants, 0, SECURITY_NATIVE_DREP,
                                                nullptr, 0, &context_, &out.description, &attributes, &expiry),
              SEC_I_CONTINUE_NEEDED);
    return out.bytes();
  }
  Bytes authenticate_for(ByteView challenge) {
    Token in{challenge}, out;
    TimeStamp expiry;
    ULONG attributes = 0;
    const SECURITY_STATUS status =
        sspi_->InitializeSecurityContextW(&credential_, &context_, pointer(service_), kClientWants, 0, SECURITY_NATIVE_DREP,
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

  static constexpr ULONG kClientWants =
      ISC_REQ_CONFIDENTIALITY | ISC_REQ_INTEGRITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT;
  static constexpr ULONG kServerWants = ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY;
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

}  // namespace
}  // namespace postern::interop

#else
TEST(WinPr, IsNotInstalled) { GTEST_SKIP() << "built without WinPR (apt-get install libwinpr2-dev)"; }
#endif
