// Shared by the tests against MIT's GSSAPI: one account, one context, tokens as our bytes.
#pragma once

#include <gtest/gtest.h>

#include "interop_support.hpp"

#if defined(POSTERN_HAS_GSSAPI)
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

namespace postern::interop {

inline gss_OID_desc ntlm_mechanism{10, const_cast<char*>("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")};  // 1.3.6.1.4.1.311.2.2.10
inline gss_OID_desc spnego_mechanism{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};                 // 1.3.6.1.5.5.2
inline gss_OID_desc session_key_oid{
    11, const_cast<char*>("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05")};  // GSS_C_INQ_SSPI_SESSION_KEY
inline constexpr OM_uint32 kWanted = GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_REPLAY_FLAG;

inline gss_buffer_desc buffer_of(ByteView bytes) { return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())}; }

inline Bytes take(gss_buffer_desc& buffer) {
  const auto* const data = static_cast<const std::uint8_t*>(buffer.value);
  Bytes bytes{data, data + buffer.length};
  OM_uint32 minor = 0;
  gss_release_buffer(&minor, &buffer);
  return bytes;
}

/// One context of MIT's GSSAPI, of either side, with the one account that gss-ntlmssp finds in a file of the test's own.
class GssTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path{testing::TempDir()} / ("postern-gss-" + std::to_string(getpid()));
    write_password(kPassword);
    setenv("NTLM_USER_FILE", path_.c_str(), 1);
    gss_OID_set mechanisms = GSS_C_NO_OID_SET;
    OM_uint32 minor = 0;
    gss_indicate_mechs(&minor, &mechanisms);
    int present = 0;
    gss_test_oid_set_member(&minor, &ntlm_mechanism, mechanisms, &present);
    gss_release_oid_set(&minor, &mechanisms);
    if (present == 0) GTEST_SKIP() << "gss-ntlmssp is not installed (apt-get install gss-ntlmssp)";
  }
  void TearDown() override {
    OM_uint32 minor = 0;
    if (context_ != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
    if (credential_ != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &credential_);
    std::filesystem::remove(path_);
  }
  void write_password(const char* password) const { std::ofstream{path_} << kDomain << ':' << kUser << ':' << password << '\n'; }

  static gss_name_t name_of(std::string text, gss_OID type) {
    gss_buffer_desc buffer{text.size(), text.data()};
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 minor = 0;
    EXPECT_EQ(gss_import_name(&minor, &buffer, type, &name), GSS_S_COMPLETE);
    return name;
  }
  void acquire(gss_cred_usage_t usage) {
    gss_name_t name = usage == GSS_C_INITIATE ? name_of(std::string{kDomain} + "\\" + kUser, GSS_C_NT_USER_NAME)
                                              : name_of("HTTP@localhost", GSS_C_NT_HOSTBASED_SERVICE);
    gss_OID_set_desc mechanisms{1, mechanism_}, ntlm_only{1, &ntlm_mechanism};
    OM_uint32 minor = 0;
    EXPECT_EQ(gss_acquire_cred(&minor, name, 0, &mechanisms, usage, &credential_, nullptr, nullptr), GSS_S_COMPLETE);
    if (mechanism_ == &spnego_mechanism) {
      EXPECT_EQ(gss_set_neg_mechs(&minor, credential_, &ntlm_only), GSS_S_COMPLETE);
    }
    gss_release_name(&minor, &name);
  }
  OM_uint32 accept(ByteView in, Bytes& out) {
    gss_buffer_desc token = buffer_of(in), reply{};
    OM_uint32 minor = 0;
    const OM_uint32 major = gss_accept_sec_context(&minor, &context_, credential_, &token, GSS_C_NO_CHANNEL_BINDINGS, nullptr,
                                                   nullptr, &reply, nullptr, nullptr, nullptr);
    out = take(reply);
    return major;
  }
  OM_uint32 initiate(ByteView in, Bytes& out, gss_channel_bindings_t bindings, OM_uint32 wanted = kWanted) {
    gss_name_t target = name_of("HTTP@localhost", GSS_C_NT_HOSTBASED_SERVICE);
    gss_buffer_desc token = buffer_of(in), reply{};
    OM_uint32 minor = 0;
    const OM_uint32 major = gss_init_sec_context(&minor, credential_, &context_, target, mechanism_, wanted, 0, bindings,
                                                 in.empty() ? nullptr : &token, nullptr, &reply, nullptr, nullptr);
    gss_release_name(&minor, &target);
    out = take(reply);
    return major;
  }
  std::string session_key() {
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    OM_uint32 minor = 0;
    if (gss_inquire_sec_context_by_oid(&minor, context_, &session_key_oid, &set) != GSS_S_COMPLETE || set->count < 1) return "none";
    const auto* const data = static_cast<const std::uint8_t*>(set->elements[0].value);
    std::string key = to_hex({data, set->elements[0].length});
    gss_release_buffer_set(&minor, &set);
    return key;
  }
  /// gss-ntlmssp's client against our acceptor.
  Result<Established> log_on_here(const char* account_password, const Demands& demands, gss_channel_bindings_t bindings,
                                  OM_uint32 wanted = kWanted) {
    acquire(GSS_C_INITIATE);
    Bytes negotiate, authenticate;
    EXPECT_EQ(initiate({}, negotiate, bindings, wanted), GSS_S_CONTINUE_NEEDED);
    auto server = our_server(negotiate);
    if (!server) return std::unexpected{server.error()};
    EXPECT_EQ(initiate(server->challenge_message(), authenticate, bindings, wanted), GSS_S_COMPLETE);
    return finish(std::move(*server), authenticate, hash_of(account_password), demands);
  }

  gss_OID mechanism_ = &ntlm_mechanism;
  std::filesystem::path path_{};
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  gss_cred_id_t credential_ = GSS_C_NO_CREDENTIAL;
};

}  // namespace postern::interop
#endif
