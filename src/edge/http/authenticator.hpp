// Authenticator: the logon of one client connection (R42). NONE -> CHALLENGED -> LOGGED ON; any error and any new handshake leads
// back.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "edge/http/authorization.hpp"
#include "edge/http/denial.hpp"
#include "edge/http/identity_headers.hpp"
#include "edge/http/services.hpp"

namespace postern::http {

/// What the connection is, as the authority is told.
struct ConnectionFacts {
  ntlm::ConnectionFacts ends{};
  std::vector<ntlm::ChannelBindingHash> served_bindings{};  ///< of the certificate served on it; none without TLS
  bool trusted_proxy = false;                               ///< a configured front end, which may carry several principals in turn
};

/// How one request goes on.
struct Outcome {
  enum class Kind : std::uint8_t {
    logged_on,     ///< pass it on with the identity
    unauthorized,  ///< 401 with `headers`
    forbidden,     ///< 403: NTLM is refused here whoever asks, so nothing is offered; `told` says why
    unavailable,   ///< 503: nobody there to decide
    multiplexed,   ///< 400: a second principal on this connection (R42)
  };
  enum class Then : std::uint8_t { keep, close };
  Kind kind = Kind::unauthorized;
  Headers headers{};  ///< WWW-Authenticate; with logged_on the last token for the client, if there is one
  Then then = Then::keep;
  std::optional<Denial> told{};  ///< with unauthorized and forbidden: what the client may know of it
};

class Authenticator {
 public:
  explicit Authenticator(Services& services) : services_{services} {}
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  /// Decides about one request by its Authorization header and the state of the connection. Nothing but an allowed verdict of the
  /// authority leads to logged_on.
  boost::asio::awaitable<Outcome> step(const Headers& request, const Settings& settings, const ConnectionFacts& facts);

  /// Ends what there is: the identity, or the handshake (the authority is told).
  void end();

  [[nodiscard]] std::shared_ptr<const LoggedOn> logged_on() const;
  [[nodiscard]] bool half_open() const { return std::holds_alternative<Challenged>(state_); }

 private:
  struct None {};
  struct Challenged {
    ntlm::Carrier carrier = ntlm::Carrier::ntlm;
    ntlm::HandshakeId handshake{};
    std::uint64_t link = 0;
    unsigned rounds = 0;
  };
  using State = std::variant<None, Challenged, std::shared_ptr<const LoggedOn>>;

  boost::asio::awaitable<Outcome> on_token(TokenAuthorization authorization, const Settings& settings,
                                           const ConnectionFacts& facts);
  Outcome on_verdict(ntlm::Verdict verdict, ntlm::Carrier carrier, const Settings& settings, const ConnectionFacts& facts);
  Outcome on_malformed(std::string_view why, const Settings& settings, const ConnectionFacts& facts, Outcome::Then then);
  Outcome deny(ntlm::Verdict verdict, Headers headers, const Settings& settings);
  Outcome refuse(Headers headers, const Settings& settings);

  Services& services_;
  State state_{};
  std::optional<ntlm::Identity> principal_{};  ///< who logged on here first
  std::uint32_t refusals_ = 0;
};

}  // namespace postern::http
