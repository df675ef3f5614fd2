#include "edge/http/tls.hpp"

#include <algorithm>
#include <map>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <set>

#include "base/ip_network.hpp"
#include "edge/binding/binding.hpp"
#include "edge/http/message.hpp"

namespace postern::http {
namespace {

constexpr std::string_view kHttp11Protocol{"\x08http/1.1", 9};  ///< ALPN's wire form (RFC 7301 3.1)
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!MD5:!SHA1";

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string lower_case(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::vector<std::string> dns_names(const X509* certificate) {
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    found.push_back(lower_case({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  return found;
}

int select_http11(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size, void*) {
  unsigned char* selected = nullptr;
  const int outcome = SSL_select_next_proto(&selected, out_size, reinterpret_cast<const unsigned char*>(kHttp11Protocol.data()),
                                            static_cast<unsigned>(kHttp11Protocol.size()), in, in_size);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;  // h2 alone: not selected, the client falls back or leaves
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

Result<SslContextPtr> new_server_context(const Config& config) {
  SslContextPtr context{SSL_CTX_new(TLS_server_method())};
  if (!context) return fail(ErrorCode::internal, "tls", Error::kNoOffset, openssl_errors());
  SSL_CTX_set_min_proto_version(context.get(), config.tls_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers);
  // A resumed session serves no certificate, so its connection could be bound to none (R43): every handshake is a full one.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // Idle connections give their buffers back: 10 000 of them are expected (R34).
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context.get(), select_http11, nullptr);
  return context;
}

/// One file of the configuration, read.
struct Loaded {
  const CertificateConfig* config = nullptr;
  std::vector<std::string> names{};
  int key_type = 0;
};

Result<void> use_certificate(SSL_CTX* context, const CertificateConfig& config) {
  if (SSL_CTX_use_certificate_chain_file(context, config.file.c_str()) != 1) {
    return fail(ErrorCode::invalid_input, "tls.certificate", Error::kNoOffset, config.file + ": " + openssl_errors());
  }
  if (SSL_CTX_use_PrivateKey_file(context, config.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(ErrorCode::invalid_input, "tls.certificate", Error::kNoOffset, config.key + ": " + openssl_errors());
  }
  return {};
}

bool matches(const std::string& pattern, const std::string& name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != std::string::npos && dot > 0 && name.compare(dot, std::string::npos, pattern, 1) == 0;
}

}  // namespace

void FreeSsl::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
void FreeSslContext::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

/// Server names that the same certificates are for, and the context that serves them.
struct ServerTls::Group {
  std::vector<std::string> names{};
  SslContextPtr context{};
};

ServerTls::~ServerTls() = default;

Result<std::shared_ptr<const ServerTls>> ServerTls::load(const Config& config) {
  std::shared_ptr<ServerTls> tls{new ServerTls};
  std::vector<Loaded> loaded;
  for (const CertificateConfig& certificate : config.certificates) {
    POSTERN_TRY(probe, new_server_context(config));
    POSTERN_CHECK(use_certificate(probe.get(), certificate));
    const X509* x509 = SSL_CTX_get0_certificate(probe.get());
    Loaded item{&certificate, {}, EVP_PKEY_get_base_id(X509_get0_pubkey(x509))};
    for (const std::string& name : certificate.names) item.names.push_back(lower_case(name));
    if (item.names.empty()) item.names = dns_names(x509);
    if (const auto bindings = binding::bindings_of(x509); !bindings) {
      tls->warnings_.push_back(certificate.file + ": " + bindings.error().message + "; no channel bindings are checked on them");
    }
    loaded.push_back(std::move(item));
  }

  // The set of certificates behind each name; names with the same set share a context. The first certificate's set is the default.
  std::map<std::set<std::size_t>, std::vector<std::string>> sets;
  std::set<std::size_t> first_set{0};
  std::set<std::string> names;
  for (const Loaded& item : loaded) names.insert(item.names.begin(), item.names.end());
  for (const std::string& name : names) {
    std::set<std::size_t> members;
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      if (std::any_of(loaded[i].names.begin(), loaded[i].names.end(), [&](const std::string& n) { return matches(n, name); })) {
        members.insert(i);
      }
    }
    if (members.contains(0)) first_set.insert(members.begin(), members.end());
    sets[members].push_back(name);
  }
  sets.try_emplace(first_set);

  for (auto& [members, group_names] : sets) {
    auto group = std::make_unique<Group>();
    POSTERN_TRY(context, new_server_context(config));
    std::set<int> key_types;
    for (const std::size_t index : members) {
      if (!key_types.insert(loaded[index].key_type).second) {
        // A wildcard and an exact name may both fit; the exact one was listed for a reason and keeps its place.
        if (members == first_set && group_names.empty()) continue;
        return fail(ErrorCode::conflict, "tls.certificate", Error::kNoOffset,
                    loaded[index].config->file + ": another certificate of the same key type is for " + group_names.front());
      }
      POSTERN_CHECK(use_certificate(context.get(), *loaded[index].config));
    }
    SSL_CTX_set_tlsext_servername_callback(context.get(), &ServerTls::on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context.get(), tls.get());
    group->context = std::move(context);
    group->names = std::move(group_names);
    const bool is_default = members == first_set;
    tls->groups_.insert(is_default ? tls->groups_.begin() : tls->groups_.end(), std::move(group));
  }
  return std::shared_ptr<const ServerTls>{std::move(tls)};
}

const ServerTls::Group* ServerTls::group_for(const std::string& name) const {
  for (const bool exact : {true, false}) {
    for (const auto& group : groups_) {
      for (const std::string& pattern : group->names) {
        if (exact ? pattern == name : matches(pattern, name)) return group.get();
      }
    }
  }
  return groups_.front().get();
}

int ServerTls::on_server_name(SSL* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const Group* group = static_cast<const ServerTls*>(self)->group_for(lower_case(name));
  if (group->context.get() != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, group->context.get());
  return SSL_TLSEXT_ERR_OK;
}

SslPtr ServerTls::new_connection() const {
  SslPtr ssl{SSL_new(groups_.front()->context.get())};
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

std::vector<ntlm::ChannelBindingHash> served_bindings(SSL* ssl) {
  const X509* certificate = SSL_get_certificate(ssl);  // after the handshake: the one that was chosen for this connection
  if (certificate == nullptr) return {};
  const auto bindings = binding::bindings_of(certificate);
  if (!bindings) return {};
  return {*bindings};
}

Result<SslContextPtr> upstream_context(const UpstreamConfig& upstream) {
  SslContextPtr context{SSL_CTX_new(TLS_client_method())};
  if (!context) return fail(ErrorCode::internal, "upstream", Error::kNoOffset, openssl_errors());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(kHttp11Protocol.data()),
                          static_cast<unsigned>(kHttp11Protocol.size()));
  const int loaded = upstream.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                              : SSL_CTX_load_verify_file(context.get(), upstream.ca_file.c_str());
  if (loaded != 1)
    return fail(ErrorCode::invalid_input, "upstream.ca_file", Error::kNoOffset, upstream.ca_file + ": " + openssl_errors());
  return context;
}

SslPtr new_upstream_connection(SSL_CTX* context, const UpstreamConfig& upstream) {
  SslPtr ssl{SSL_new(context)};
  if (!ssl) return nullptr;
  const std::string& name = upstream.server_name.empty() ? upstream.host : upstream.server_name;
  const bool is_address = IpAddress::parse(name).has_value();
  const bool set = is_address
                       ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) == 1
                       : SSL_set1_host(ssl.get(), name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) == 1;
  if (!set) return nullptr;
  SSL_set_connect_state(ssl.get());
  return ssl;
}

std::string openssl_errors() {
  std::string line;
  while (const unsigned long code = ERR_get_error()) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    if (!line.empty()) line += "; ";
    line += text;
  }
  return line.empty() ? "unknown TLS error" : line;
}

}  // namespace postern::http
