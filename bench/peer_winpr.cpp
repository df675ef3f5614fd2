// WinPR's SSPI "NTLM", both sides, the account's NT hash given to the server.
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>
#include <winpr/ntlm.h>
#include <winpr/ssl.h>
#include <winpr/sspi.h>
#include <winpr/wlog.h>

#include "peer.hpp"

namespace postern::bench {
namespace {

[[noreturn]] void give_up(const char* what, SECURITY_STATUS status) {
  std::cerr << "WinPR: " << what << ": 0x" << std::hex << static_cast<std::uint32_t>(status) << '\n';
  std::exit(3);
}

std::u16string wide(const char* text) { return {text, text + std::strlen(text)}; }
SEC_WCHAR* wide_pointer(std::u16string& text) { return reinterpret_cast<SEC_WCHAR*>(text.data()); }

/// One token's room, as SSPI describes it.
struct Token {
  std::array<BYTE, 16'384> bytes;
  SecBuffer buffer{sizeof bytes, SECBUFFER_TOKEN, bytes.data()};
  SecBufferDesc description{SECBUFFER_VERSION, 1, &buffer};
  void reset() { buffer.cbBuffer = sizeof bytes; }
};

class WinPr final : public Peer {
 public:
  WinPr() {
    winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT);
    WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
    sspi_ = InitSecurityInterfaceExW(0);
    identity_.User = reinterpret_cast<UINT16*>(user_.data());
    identity_.UserLength = static_cast<UINT32>(user_.size());
    identity_.Domain = reinterpret_cast<UINT16*>(domain_.data());
    identity_.DomainLength = static_cast<UINT32>(domain_.size());
    identity_.Password = reinterpret_cast<UINT16*>(password_.data());
    identity_.PasswordLength = static_cast<UINT32>(password_.size());
    identity_.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
    TimeStamp expiry;
    const SECURITY_STATUS status = sspi_->AcquireCredentialsHandleW(nullptr, wide_pointer(package_), SECPKG_CRED_OUTBOUND, nullptr,
                                                                    &identity_, nullptr, nullptr, &client_credential_, &expiry);
    if (status != SEC_E_OK) give_up("no credential for the client", status);
    hash_.Version = 1;
    set_hash(kPassword);
  }
  [[nodiscard]] std::string name() const override { return "WinPR"; }
  void change_password() override { set_hash(kWrongPassword); }

  bool log_on(Stopwatch& server) override {
    Contexts contexts{sspi_};
    return exchange(server, contexts);
  }

  bool open_session() override {
    Stopwatch off{false};
    session_ = std::make_unique<Contexts>(sspi_);
    sequence_number_ = 0;
    if (!exchange(off, *session_)) return false;
    SecPkgContext_Sizes sizes{};
    if (sspi_->QueryContextAttributesW(&session_->client, SECPKG_ATTR_SIZES, &sizes) != SEC_E_OK) return false;
    signature_.resize(sizes.cbMaxSignature);
    std::array<std::uint8_t, 5> text{1, 2, 3, 4, 5};
    if (!seal(text)) return false;
    SecBuffer buffers[]{{static_cast<ULONG>(text.size()), SECBUFFER_DATA, text.data()},
                        {static_cast<ULONG>(signature_.size()), SECBUFFER_TOKEN, signature_.data()}};
    SecBufferDesc description{SECBUFFER_VERSION, 2, buffers};
    return sspi_->DecryptMessage(&session_->acceptor, &description, 0, nullptr) == SEC_E_OK && text[0] == 1 && text[4] == 5;
  }
  bool seal(std::span<std::uint8_t> message) override {
    SecBuffer buffers[]{{static_cast<ULONG>(message.size()), SECBUFFER_DATA, message.data()},
                        {static_cast<ULONG>(signature_.size()), SECBUFFER_TOKEN, signature_.data()}};
    SecBufferDesc description{SECBUFFER_VERSION, 2, buffers};
    return sspi_->EncryptMessage(&session_->client, 0, &description, sequence_number_++) == SEC_E_OK;
  }
  // MakeSignature is SEC_E_UNSUPPORTED_FUNCTION in WinPR 2.
  bool sign(std::span<const std::uint8_t>) override { return false; }

  bool keep_server_side(std::size_t so_many) override {
    Stopwatch off{false};
    kept_.reserve(so_many);
    kept_.push_back(std::make_unique<Contexts>(sspi_));
    keeps_server_ = true;
    const bool right = exchange(off, *kept_.back());
    keeps_server_ = false;
    kept_.back()->drop_client();
    return right;
  }

 private:
  struct Contexts {
    explicit Contexts(SecurityFunctionTableW* functions) : sspi{functions} {
      SecInvalidateHandle(&client);
      SecInvalidateHandle(&acceptor);
      SecInvalidateHandle(&server_credential);
    }
    Contexts(const Contexts&) = delete;
    Contexts& operator=(const Contexts&) = delete;
    ~Contexts() {
      drop_server();
      drop_client();
    }
    void drop_client() {
      if (SecIsValidHandle(&client)) sspi->DeleteSecurityContext(&client);
      SecInvalidateHandle(&client);
    }
    void drop_server() {
      if (SecIsValidHandle(&acceptor)) sspi->DeleteSecurityContext(&acceptor);
      if (SecIsValidHandle(&server_credential)) sspi->FreeCredentialsHandle(&server_credential);
      SecInvalidateHandle(&acceptor);
      SecInvalidateHandle(&server_credential);
    }
    SecurityFunctionTableW* sspi;
    CtxtHandle client, acceptor;
    CredHandle server_credential;
  };

  bool exchange(Stopwatch& server, Contexts& contexts) {
    constexpr ULONG kClientWants = ISC_REQ_CONFIDENTIALITY | ISC_REQ_INTEGRITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT;
    constexpr ULONG kServerWants = ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY;
    auto& [functions, client, acceptor, server_credential] = contexts;
    for (Token* token : {&negotiate_, &challenge_, &authenticate_}) token->reset();
    TimeStamp expiry;
    ULONG attributes = 0;

    SECURITY_STATUS status =
        sspi_->InitializeSecurityContextW(&client_credential_, nullptr, wide_pointer(service_), kClientWants, 0,
                                          SECURITY_NATIVE_DREP, nullptr, 0, &client, &negotiate_.description, &attributes, &expiry);
    if (status != SEC_I_CONTINUE_NEEDED) give_up("no NEGOTIATE", status);

    server.start();
    // WinPR writes the client's identity into the server's credential, so that a server needs one for each logon.
    status = sspi_->AcquireCredentialsHandleW(nullptr, wide_pointer(package_), SECPKG_CRED_INBOUND, nullptr, nullptr, nullptr,
                                              nullptr, &server_credential, &expiry);
    if (status != SEC_E_OK) give_up("no credential for the server", status);
    status = sspi_->AcceptSecurityContext(&server_credential, nullptr, &negotiate_.description, kServerWants, SECURITY_NATIVE_DREP,
                                          &acceptor, &challenge_.description, &attributes, &expiry);
    if (status != SEC_I_CONTINUE_NEEDED) give_up("no CHALLENGE", status);
    status = sspi_->SetContextAttributesW(&acceptor, SECPKG_ATTR_AUTH_NTLM_HASH, &hash_, sizeof hash_);
    if (status != SEC_E_OK) give_up("the hash is not taken", status);
    server.stop();

    status = sspi_->InitializeSecurityContextW(&client_credential_, &client, wide_pointer(service_), kClientWants, 0,
                                               SECURITY_NATIVE_DREP, &challenge_.description, 0, &client,
                                               &authenticate_.description, &attributes, &expiry);
    if (status != SEC_E_OK && status != SEC_I_COMPLETE_NEEDED) give_up("no AUTHENTICATE", status);

    server.start();
    status = sspi_->AcceptSecurityContext(&server_credential, &acceptor, &authenticate_.description, kServerWants,
                                          SECURITY_NATIVE_DREP, &acceptor, nullptr, &attributes, &expiry);
    // The proof and the MIC are judged here.
    if (status == SEC_I_COMPLETE_NEEDED) status = sspi_->CompleteAuthToken(&acceptor, &authenticate_.description);
    if (&contexts != session_.get() && !keeps_server_) contexts.drop_server();  // part of what a server does for a logon
    server.stop();
    return status == SEC_E_OK;
  }

  void set_hash(const char* password) {
    std::u16string text = wide(password);
    NTOWFv1W(reinterpret_cast<LPWSTR>(text.data()), static_cast<UINT32>(text.size() * 2), hash_.NtlmHash);
  }

  SecurityFunctionTableW* sspi_ = nullptr;
  std::u16string user_ = wide(kUser), domain_ = wide(kDomain), password_ = wide(kPassword), package_ = wide("NTLM"),
                 service_ = wide(kService);
  SEC_WINNT_AUTH_IDENTITY_W identity_{};
  SecPkgContext_AuthNtlmHash hash_{};
  CredHandle client_credential_{};
  Token negotiate_{}, challenge_{}, authenticate_{};
  std::unique_ptr<Contexts> session_{};
  std::vector<std::unique_ptr<Contexts>> kept_{};
  bool keeps_server_ = false;
  std::vector<std::uint8_t> signature_{};
  ULONG sequence_number_ = 0;
};

}  // namespace
}  // namespace postern::bench

int main() {
  postern::bench::WinPr peer;
  return postern::bench::serve(peer);
}
