// What the tests of variants and traffic need of gss-ntlmssp beside the handshake: its levels, its options, and messages.
#pragma once

#include "gss_support.hpp"

#if defined(POSTERN_HAS_GSSAPI)
#include "traffic.hpp"

namespace postern::interop {

// What gssapi_ntlmssp.h of the mechanism documents.
inline gss_OID_desc set_seq_num_oid{11, const_cast<char*>("\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x01")};
inline gss_OID_desc reset_crypto_oid{11, const_cast<char*>("\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x03")};
inline gss_OID_desc neg_flags_oid{11, const_cast<char*>("\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x05")};
inline constexpr OM_uint32 kDatagramFlag = 0x10000;

class GssPeer : public GssTest {
 protected:
  void SetUp() override {
    unsetenv("LM_COMPAT_LEVEL");
    GssTest::SetUp();
  }
  void TearDown() override {
    unsetenv("LM_COMPAT_LEVEL");
    GssTest::TearDown();
  }
  /// Lets go of the context and the credential: the next logon starts anew.
  void forget() {
    OM_uint32 minor = 0;
    if (context_ != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
    if (credential_ != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &credential_);
    context_ = GSS_C_NO_CONTEXT;
    credential_ = GSS_C_NO_CREDENTIAL;
  }
  /// LmCompatibilityLevel, 0 to 5: which responses the mechanism makes and takes.
  static void set_level(int level) { setenv("LM_COMPAT_LEVEL", std::to_string(level).c_str(), 1); }
  /// `flags`: what the mechanism negotiates instead of its own choice; none: its own.
  void acquire(gss_cred_usage_t usage, std::optional<NegotiateFlags> flags = std::nullopt) {
    GssTest::acquire(usage);
    if (!flags) return;
    std::uint32_t wire = flags->wire();
    gss_buffer_desc value{sizeof wire, &wire};
    OM_uint32 minor = 0;
    EXPECT_EQ(gss_set_cred_option(&minor, &credential_, &neg_flags_oid, &value), GSS_S_COMPLETE);
  }
  void set_option(gss_OID option, std::uint32_t number) {
    gss_buffer_desc value{sizeof number, &number};
    OM_uint32 minor = 0;
    EXPECT_EQ(gss_set_sec_context_option(&minor, &context_, option, &value), GSS_S_COMPLETE);
  }

  /// The established context's end of the traffic.
  PeerTraffic traffic() {
    PeerTraffic peer;
    peer.wrap = [this](ByteView text) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(text), out{};
      OM_uint32 minor = 0;
      int confidential = 0;
      if (gss_wrap(&minor, context_, 1, GSS_C_QOP_DEFAULT, &in, &confidential, &out) != GSS_S_COMPLETE) return std::nullopt;
      return take(out);
    };
    peer.unwrap = [this](ByteView token) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(token), out{};
      OM_uint32 minor = 0;
      if (gss_unwrap(&minor, context_, &in, &out, nullptr, nullptr) != GSS_S_COMPLETE) return std::nullopt;
      return take(out);
    };
    peer.sign = [this](ByteView text) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(text), out{};
      OM_uint32 minor = 0;
      if (gss_get_mic(&minor, context_, GSS_C_QOP_DEFAULT, &in, &out) != GSS_S_COMPLETE) return std::nullopt;
      return take(out);
    };
    peer.verify = [this](ByteView text, ByteView signature) {
      gss_buffer_desc in = buffer_of(text), mic = buffer_of(signature);
      OM_uint32 minor = 0;
      return gss_verify_mic(&minor, context_, &in, &mic, nullptr) == GSS_S_COMPLETE;
    };
    peer.set_number = [this](std::uint32_t number) { set_option(&set_seq_num_oid, number); };
    return peer;
  }
};

}  // namespace postern::interop
#endif
