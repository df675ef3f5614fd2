// gss-ntlmssp behind MIT's GSSAPI, both sides, the account's NT hash in NTLM_USER_FILE (which spares it one MD4 a logon).
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <memory>
#include <unistd.h>

#include "peer.hpp"

namespace postern::bench {
namespace {

gss_OID_desc ntlm_mechanism{10, const_cast<char*>("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")};  // 1.3.6.1.4.1.311.2.2.10
constexpr OM_uint32 kWanted = GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_REPLAY_FLAG;

[[noreturn]] void give_up(const char* what) {
  std::cerr << "gss-ntlmssp: " << what << '\n';
  std::exit(3);
}

gss_name_t name_of(const char* text, gss_OID type) {
  gss_buffer_desc buffer{std::strlen(text), const_cast<char*>(text)};
  OM_uint32 minor = 0;
  gss_name_t name = GSS_C_NO_NAME;
  if (gss_import_name(&minor, &buffer, type, &name) != GSS_S_COMPLETE) give_up("a name is not taken");
  return name;
}

/// A token that its maker allocated.
struct Token : gss_buffer_desc {
  Token() : gss_buffer_desc{0, nullptr} {}
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  ~Token() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, this);
  }
};
struct Context {
  gss_ctx_id_t id = GSS_C_NO_CONTEXT;
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    OM_uint32 minor = 0;
    if (id != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &id, GSS_C_NO_BUFFER);
  }
};

class GssNtlmssp final : public Peer {
 public:
  GssNtlmssp() {
    const int file = mkstemp(path_);
    if (file < 0) give_up("no temporary file");
    close(file);
    write_user(kNtHashHex);
    setenv("NTLM_USER_FILE", path_, 1);
    gss_OID_set_desc mechanisms{1, &ntlm_mechanism};
    OM_uint32 minor = 0;
    const std::string user = std::string{kDomain} + "\\" + kUser;
    if (gss_acquire_cred(&minor, name_of(user.c_str(), GSS_C_NT_USER_NAME), 0, &mechanisms, GSS_C_INITIATE, &client_, nullptr,
                         nullptr) != GSS_S_COMPLETE) {
      give_up("no credential for the client: is gss-ntlmssp installed?");
    }
    target_ = name_of("HTTP@srv.testdom.example", GSS_C_NT_HOSTBASED_SERVICE);
    if (gss_acquire_cred(&minor, target_, 0, &mechanisms, GSS_C_ACCEPT, &server_, nullptr, nullptr) != GSS_S_COMPLETE) {
      give_up("no credential for the server");
    }
  }
  GssNtlmssp(const GssNtlmssp&) = delete;
  GssNtlmssp& operator=(const GssNtlmssp&) = delete;
  ~GssNtlmssp() override { unlink(path_); }

  [[nodiscard]] std::string name() const override { return "gss-ntlmssp (NT hash)"; }
  // The client took its credential at the start; the server reads the file at each logon.
  void change_password() override { write_user("00112233445566778899AABBCCDDEEFF"); }

  bool log_on(Stopwatch& server) override {
    Context client, acceptor;
    return exchange(server, client, acceptor);
  }

  bool open_session() override {
    Stopwatch off{false};
    Context acceptor;
    session_ = std::make_unique<Context>();
    if (!exchange(off, *session_, acceptor)) return false;
    std::uint8_t text[]{1, 2, 3, 4, 5};
    gss_buffer_desc in{sizeof text, text};
    Token sealed, opened;
    OM_uint32 minor = 0;
    int confidential = 0;
    return gss_wrap(&minor, session_->id, 1, GSS_C_QOP_DEFAULT, &in, &confidential, &sealed) == GSS_S_COMPLETE &&
           gss_unwrap(&minor, acceptor.id, &sealed, &opened, &confidential, nullptr) == GSS_S_COMPLETE &&
           opened.length == sizeof text && std::memcmp(opened.value, text, sizeof text) == 0;
  }
  bool seal(std::span<std::uint8_t> message) override {
    gss_buffer_desc in{message.size(), message.data()};
    Token sealed;
    OM_uint32 minor = 0;
    int confidential = 0;
    return gss_wrap(&minor, session_->id, 1, GSS_C_QOP_DEFAULT, &in, &confidential, &sealed) == GSS_S_COMPLETE;
  }
  bool sign(std::span<const std::uint8_t> message) override {
    gss_buffer_desc in{message.size(), const_cast<std::uint8_t*>(message.data())};
    Token signature;
    OM_uint32 minor = 0;
    return gss_get_mic(&minor, session_->id, GSS_C_QOP_DEFAULT, &in, &signature) == GSS_S_COMPLETE;
  }

  bool keep_server_side(std::size_t so_many) override {
    Stopwatch off{false};
    Context client;
    kept_.reserve(so_many);
    kept_.push_back(std::make_unique<Context>());
    return exchange(off, client, *kept_.back());
  }

 private:
  bool exchange(Stopwatch& server, Context& client, Context& acceptor) {
    Token negotiate, challenge, authenticate, nothing;
    OM_uint32 minor = 0;
    if (step_client(client, nullptr, negotiate) != GSS_S_CONTINUE_NEEDED) give_up("no NEGOTIATE");
    server.start();
    OM_uint32 major = gss_accept_sec_context(&minor, &acceptor.id, server_, &negotiate, GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr,
                                             &challenge, nullptr, nullptr, nullptr);
    server.stop();
    if (major != GSS_S_CONTINUE_NEEDED) give_up("no CHALLENGE");
    if (step_client(client, &challenge, authenticate) != GSS_S_COMPLETE) give_up("no AUTHENTICATE");
    server.start();
    major = gss_accept_sec_context(&minor, &acceptor.id, server_, &authenticate, GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr,
                                   &nothing, nullptr, nullptr, nullptr);
    server.stop();
    return major == GSS_S_COMPLETE;
  }
  OM_uint32 step_client(Context& context, Token* in, Token& out) {
    OM_uint32 minor = 0;
    return gss_init_sec_context(&minor, client_, &context.id, target_, &ntlm_mechanism, kWanted, 0, GSS_C_NO_CHANNEL_BINDINGS, in,
                                nullptr, &out, nullptr, nullptr);
  }
  /// A line in the form of smbpasswd: name, number, LM hash, NT hash.
  void write_user(const char* nt_hash) {
    std::ofstream{path_} << kDomain << '\\' << kUser << ":1000:00000000000000000000000000000000:" << nt_hash
                         << ":[U          ]:LCT-00000000:\n";
  }

  char path_[32] = "/tmp/postern-bench-gss-XXXXXX";
  gss_cred_id_t client_ = GSS_C_NO_CREDENTIAL;
  gss_cred_id_t server_ = GSS_C_NO_CREDENTIAL;
  gss_name_t target_ = GSS_C_NO_NAME;
  std::unique_ptr<Context> session_{};
  std::vector<std::unique_ptr<Context>> kept_{};
};

}  // namespace
}  // namespace postern::bench

int main() {
  postern::bench::GssNtlmssp peer;
  return postern::bench::serve(peer);
}
