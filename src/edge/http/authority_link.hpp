// AuthorityLink: a connection to the authority, shared by all clients of one of the gateway's threads. Many requests are in flight;
// each answer is matched by its nonce.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "edge/http/config.hpp"
#include "edge/http/metrics.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

class AuthorityLink {
 public:
  /// Starts to connect, and keeps on with growing pauses. `metrics` outlives the link.
  AuthorityLink(boost::asio::any_io_executor executor, AuthorityConfig config, Metrics& metrics);
  ~AuthorityLink();
  AuthorityLink(const AuthorityLink&) = delete;
  AuthorityLink& operator=(const AuthorityLink&) = delete;

  struct Answer {
    ntlm::Reply reply{};
    std::uint64_t connection = 0;  ///< handshakes die with the connection to the authority that began them (R40)
  };

  /// From any strand. Errors: `no_authority` at once while the socket is not connected or too many requests are under way,
  /// `timeout`. A `finish` for a handshake of an earlier connection is `unexpected_message`.
  boost::asio::awaitable<Result<Answer>> begin(ntlm::BeginRequest request);
  boost::asio::awaitable<Result<Answer>> finish(ntlm::FinishRequest request, std::uint64_t connection);
  void cancel(const ntlm::HandshakeId& handshake, std::uint64_t connection);
  [[nodiscard]] bool connected() const;
  void stop();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::http
