// Against gss-ntlmssp through MIT's GSSAPI, the NTLM mechanism without SPNEGO.
#include "crypto/md5.hpp"
#include "gss_support.hpp"

#if defined(POSTERN_HAS_GSSAPI)
namespace postern::interop {
namespace {

class GssNtlmssp : public GssTest {};

TEST_F(GssNtlmssp, TakesOurClientWithTheRightPasswordAndHasTheSameKey) {
  acquire(GSS_C_ACCEPT);
  auto client = our_client(kPassword, InitiatorConfig::kDefaultOffer.with(wire::NegotiateFlag::seal));
  Bytes challenge, nothing;
  ASSERT_EQ(accept(client.negotiate_message(), challenge), GSS_S_CONTINUE_NEEDED);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_TRUE(done->sent_mic());
  ASSERT_EQ(accept(done->authenticate_message(), nothing), GSS_S_COMPLETE);
  EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal()));
}

TEST_F(GssNtlmssp, RefusesOurClientWithAnotherPassword) {
  acquire(GSS_C_ACCEPT);
  auto client = our_client(kWrongPassword);
  Bytes challenge, nothing;
  ASSERT_EQ(accept(client.negotiate_message(), challenge), GSS_S_CONTINUE_NEEDED);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  EXPECT_TRUE(GSS_ERROR(accept(done->authenticate_message(), nothing)));
}

TEST_F(GssNtlmssp, RefusesOurClientsMessageOnceItsMicIsAltered) {
  acquire(GSS_C_ACCEPT);
  auto client = our_client(kPassword);
  Bytes challenge, nothing;
  ASSERT_EQ(accept(client.negotiate_message(), challenge), GSS_S_CONTINUE_NEEDED);
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done);
  Bytes altered = to_bytes(done->authenticate_message());
  altered[wire::AuthenticateMessage::kMicOffset] = static_cast<std::uint8_t>(altered[wire::AuthenticateMessage::kMicOffset] ^ 1);
  EXPECT_TRUE(GSS_ERROR(accept(altered, nothing))) << "so the peer reads our MIC, and found it right before";
}

TEST_F(GssNtlmssp, LogsOnToOurAcceptorWithTheRightPasswordAndHasTheSameKey) {
  for (const OM_uint32 wanted : {kWanted, OM_uint32{GSS_C_INTEG_FLAG}, OM_uint32{0}}) {
    const auto done = log_on_here(kPassword, {}, GSS_C_NO_CHANNEL_BINDINGS, wanted);
    ASSERT_TRUE(done) << wanted << " " << done.error().to_line();
    EXPECT_EQ(done->claims().user, kUser);
    EXPECT_EQ(done->claims().domain, kDomain);
    EXPECT_EQ(done->claims().spn, "HTTP/localhost");
    EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal())) << wanted;
    TearDown();
    SetUp();
  }
}

TEST_F(GssNtlmssp, IsRefusedByOurAcceptorWithAnotherPassword) {
  EXPECT_EQ(code_of(log_on_here(kWrongPassword, {}, GSS_C_NO_CHANNEL_BINDINGS)), "wrong_password");
}

/// MD5 of the gss_channel_bindings_struct whose application data alone is set (MS-NLMP 2.2.2.1, RFC 2744 section 3.11).
ChannelBindingHash hash_of_bindings(std::string_view application_data) {
  Writer out;
  out.zeros(16);  // both addresses: type 0, no bytes
  out.u32(static_cast<std::uint32_t>(application_data.size()));
  out.bytes(as_bytes(application_data));
  return ChannelBindingHash{crypto::Md5::digest(out.view())};
}

TEST_F(GssNtlmssp, R23_ChannelBindingsOfItsClientAreMatchedAndThoseOfAnotherChannelAreNot) {
  std::string data = "tls-server-end-point:" + std::string(32, '\x11');
  gss_channel_bindings_struct bindings{};
  bindings.application_data = {data.size(), data.data()};
  const auto attempt = [&](gss_channel_bindings_t sent, ChannelBindingHash accepted) {
    const std::string code =
        code_of(log_on_here(kPassword, {kNtlmv2Only, ntlm::testing_support::kMicWaiver, {accepted}, std::nullopt}, sent));
    TearDown();
    context_ = GSS_C_NO_CONTEXT;
    credential_ = GSS_C_NO_CREDENTIAL;
    SetUp();
    return code;
  };
  EXPECT_EQ(attempt(&bindings, hash_of_bindings(data)), "accepted");
  EXPECT_EQ(attempt(&bindings, hash_of_bindings(data + "x")), "bindings_wrong");
  EXPECT_EQ(attempt(GSS_C_NO_CHANNEL_BINDINGS, hash_of_bindings(data)), "bindings_wrong");
}

}  // namespace
}  // namespace postern::interop

#else
TEST(GssNtlmssp, IsNotInstalled) { GTEST_SKIP() << "built without MIT's GSSAPI (apt-get install libkrb5-dev gss-ntlmssp)"; }
#endif

// What the peers' own libraries keep until the process ends is not ours to free. libkrb5 forgets the principal of an acceptor that
// has no keytab, which MIT's SPNEGO tries before NTLM.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:gssntlmssp\nleak:libgssapi_krb5\nleak:libkrb5\nleak:libwinpr\nleak:libcrypto\n";
}
