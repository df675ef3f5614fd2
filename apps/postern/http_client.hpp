// A small HTTP/1.1 client over libcurl, one connection at a time: a logon belongs to its connection, so the caller decides when to
// leave it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::cli {

inline constexpr std::size_t kMaxHeaderBytes = 128 * 1024;      ///< of a response
inline constexpr std::size_t kMaxBodyBytes = 16 * 1024 * 1024;  ///< of a response, which is read and dropped
inline constexpr long kHttpDeadlineSeconds = 30;                ///< for each request, connecting included

/// An http or https URL, taken apart and put together by libcurl's parser.
class Url {
 public:
  /// Errors: `invalid_input` for another scheme, a user name in the URL, control characters, or no host.
  [[nodiscard]] static Result<Url> parse(const std::string& text);
  /// `location` as a response to this URL gave it: absolute or relative.
  [[nodiscard]] Result<Url> resolve(const std::string& location) const;

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& scheme() const { return scheme_; }
  [[nodiscard]] const std::string& host() const { return host_; }  ///< without brackets
  [[nodiscard]] bool is_tls() const { return scheme_ == "https"; }
  /// scheme, host and port, for example "https://www.example.org:443".
  [[nodiscard]] std::string origin() const { return scheme_ + "://" + host_ + ":" + port_; }
  /// Credentials for one are credentials for the other.
  [[nodiscard]] bool same_origin(const Url& other) const { return origin() == other.origin(); }
  [[nodiscard]] bool is_loopback() const;

 private:
  std::string text_{}, scheme_{}, host_{}, port_{};
};

struct HttpResponse {
  unsigned status = 0;
  std::vector<std::string> www_authenticate{};
  std::string location{};
};

enum class PeerCheck : std::uint8_t { verify, danger_none };

struct TlsOptions {
  PeerCheck peer = PeerCheck::verify;
  std::string ca_file{};  ///< empty: the system's
};

enum class Reuse : std::uint8_t { may_connect, same_connection };

class HttpConnection {
 public:
  explicit HttpConnection(TlsOptions tls);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// GET, with an Authorization header if one is given. Errors: `io`, `timeout`, `denied` for a certificate that is not trusted,
  /// `too_large`; `unexpected_message` if `same_connection` was wanted and the server had closed it.
  [[nodiscard]] Result<HttpResponse> get(const Url& url, const std::optional<std::string>& authorization, Reuse reuse);
  /// The bindings to the certificate that the server showed on the connection of the last `get`: none without TLS, an error for a
  /// certificate that cannot be bound (R43).
  [[nodiscard]] Result<std::optional<ntlm::ChannelBindingHash>> channel_bindings() const;
  /// Whether both ends of the last request's connection are this machine's: one address, or loopback.
  [[nodiscard]] bool is_local() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::cli
