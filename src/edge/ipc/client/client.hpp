// Client: a blocking client of the authority's socket for programs and plug-ins that do one logon at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/result.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::ipc {

inline constexpr std::uint32_t kDefaultDeadlineMs = 10'000;

/// 16 bytes of the system (entropy::from_system).
[[nodiscard]] ntlm::RequestNonce random_nonce();

/// One connection, one request at a time, from one thread. A handshake lives on the connection that began it, so any failure closes
/// the connection and with it what was half open; the caller connects anew. Never used across fork().
class Client {
 public:
  struct Options {
    std::string socket_path{};                       ///< see authority_socket_path()
    std::optional<uid_t> authority_uid{};            ///< the user that the authority runs as; none: root or our own
    std::uint32_t deadline_ms = kDefaultDeadlineMs;  ///< for each call as a whole
  };

  /// Errors: `no_authority` if nobody answers there, `denied` if the wrong one does (R31), `timeout`.
  [[nodiscard]] static Result<Client> connect(Options options);

  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Errors: `no_authority`, `timeout`, and the malformed family for an answer that is none (or carries another request's nonce).
  [[nodiscard]] Result<ntlm::Reply> begin(ntlm::BeginRequest request);
  [[nodiscard]] Result<ntlm::Reply> finish(ntlm::FinishRequest request);
  [[nodiscard]] Result<void> cancel(const ntlm::HandshakeId& handshake);

  [[nodiscard]] bool connected() const { return fd_ >= 0; }

 private:
  Client(int fd, Options options);
  Result<ntlm::Reply> ask(const ntlm::Request& request);
  Result<ntlm::Reply> exchange(const ntlm::Request& request);
  void close();

  int fd_ = -1;
  pid_t owner_process_ = 0;
  Options options_{};
};

}  // namespace postern::ipc
