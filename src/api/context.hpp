// The handle of one logon: whichever side it is, it takes tokens and gives tokens until it is complete.
#pragma once

#include <memory>
#include <optional>
#include <postern/postern.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/outcome.hpp"
#include "base/bytes.hpp"
#include "ntlm/authority_protocol.hpp"
#include "ntlm/session_security.hpp"

namespace postern::api {

/// What a complete logon was.
struct Completed {
  std::string user{};
  std::string domain{};
  std::string workstation{};
  std::string target_name{};
  std::string sid{};
  std::string event_id{};
  std::vector<std::string> groups{};
  postern_response_version version = POSTERN_VERSION_NTLMV2;
  postern_mic_state mic = POSTERN_MIC_ABSENT;
  postern_binding_state channel_binding = POSTERN_BINDING_ABSENT;
  postern_standing standing = POSTERN_STANDING_PROVED;
  wire::NegotiateFlags negotiated{};
  ntlm::Role role = ntlm::Role::client;
  ntlm::SequenceNumbers first{};
  std::optional<ntlm::ExportedSessionKey> exported_session_key{};  ///< none: not given by the authority, or a guest
};

/// One side of a handshake.
class Handshake {
 public:
  Handshake() = default;
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;
  virtual ~Handshake() = default;

  /// Nothing while the peer's next token is awaited. `output` is for the peer, on an error as well.
  virtual Outcome<std::optional<Completed>> step(ByteView input, Bytes& output) = 0;
};

/// The four texts that a server may give and the two lists that both kinds of server share, checked.
struct AcceptedByServer {
  std::vector<ntlm::ChannelBindingHash> bindings{};
  std::vector<std::string> target_names{};
};
[[nodiscard]] Outcome<AcceptedByServer> read_accepted(const std::uint8_t* bindings, std::size_t binding_count,
                                                      const char* const* target_names, std::size_t target_name_count);

/// The text of a caller; empty for NULL.
[[nodiscard]] inline std::string_view text_of(const char* text) { return text == nullptr ? std::string_view{} : text; }

/// The session bits among POSTERN_REQUIRE_, as flags.
[[nodiscard]] wire::NegotiateFlags required_flags(std::uint32_t require);

/// Refuses bits that are not in `known`.
[[nodiscard]] Outcome<postern_status> check_bits(std::uint32_t bits, std::uint32_t known, std::string_view field);

/// Gives the handle to the caller, who destroys it.
void hand_over(std::unique_ptr<Handshake> handshake, postern_context** context);

}  // namespace postern::api

struct postern_context {
  std::unique_ptr<postern::api::Handshake> handshake{};  ///< none after the end
  std::optional<postern::api::Completed> completed{};
  std::vector<const char*> group_pointers{};  ///< into `completed`
  bool session_is_taken = false;
};

struct postern_session {
  explicit postern_session(postern::ntlm::SessionSecurity taken) noexcept : security{std::move(taken)} {}
  postern::ntlm::SessionSecurity security;
};
