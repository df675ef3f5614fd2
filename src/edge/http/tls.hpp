// TLS of the gateway: the certificates by server name on its own side, and what it trusts on the upstream's.
#pragma once

#include <memory>
#include <openssl/types.h>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "edge/http/config.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept;
};
struct FreeSslContext {
  void operator()(SSL_CTX* context) const noexcept;
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeSslContext>;

/// All certificates of one configuration. Immutable, so that a reload swaps it as a whole; connections keep theirs.
class ServerTls {
 public:
  /// Loads every certificate with its key. Certificates for the same name with different key types (RSA, ECDSA) are served side by
  /// side. Errors name the file.
  [[nodiscard]] static Result<std::shared_ptr<const ServerTls>> load(const Config& config);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  /// A server side for one connection; null if OpenSSL has no memory.
  [[nodiscard]] SslPtr new_connection() const;
  /// What a person should know about the certificates: those that cannot be bound.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  ServerTls() = default;
  struct Group;
  static int on_server_name(SSL* ssl, int* alert, void* self);
  const Group* group_for(const std::string& name) const;

  std::vector<std::unique_ptr<Group>> groups_{};
  std::vector<std::string> warnings_{};
};

/// The bindings of the certificate that was served on this connection; none if it cannot be bound.
[[nodiscard]] std::vector<ntlm::ChannelBindingHash> served_bindings(SSL* ssl);

/// What the client side to the upstream trusts.
[[nodiscard]] Result<SslContextPtr> upstream_context(const UpstreamConfig& upstream);
/// A client side that checks the certificate's name.
[[nodiscard]] SslPtr new_upstream_connection(SSL_CTX* context, const UpstreamConfig& upstream);

/// OpenSSL's reasons on this thread, in one line; clears them.
[[nodiscard]] std::string openssl_errors();

}  // namespace postern::http
