// The client side of a handshake, one type for each awaited message. Sans-IO: random values and the time are arguments.
//
//   Initiator::start -> AwaitingChallenge -> on_challenge -> ClientEstablished
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "ntlm/authority_protocol.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/responses.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/messages.hpp"

namespace postern::ntlm {

inline constexpr std::size_t kMaxTargetNameBytes = 1024;  ///< of the SPN, UTF-8

struct InitiatorConfig {
  Credentials credentials{};
  std::string workstation{};                             ///< UTF-8; may be empty
  std::string target_name{};                             ///< SPN, for example "HTTP/www.example.org"; empty: none is sent
  std::optional<ChannelBindingHash> channel_bindings{};  ///< none: the AV pair is sent as zero (MS-NLMP 3.1.5.1.2)
  wire::NegotiateFlags offered = kDefaultOffer;
  wire::NegotiateFlags required{};  ///< a CHALLENGE without one of these fails (R10)
  CodePage oem_code_page = CodePage::cp850;

  /// 56, KEY_EXCH, 128, VERSION, TARGET_INFO, ESS, ALWAYS_SIGN, NTLM, SIGN, REQUEST_TARGET, OEM, UNICODE.
  static constexpr wire::NegotiateFlags kDefaultOffer{0xe288'8217};
};

/// The random values of one handshake; each is used once.
struct InitiatorRandom {
  ClientChallenge client_challenge{};
  ExportedSessionKey random_session_key{};  ///< used if the server chooses KEY_EXCH
};

/// The client has done its part. Whether the server agrees is known when it answers.
class ClientEstablished {
 public:
  ClientEstablished(ClientEstablished&&) noexcept = default;
  ClientEstablished& operator=(ClientEstablished&&) noexcept = default;

  [[nodiscard]] ByteView authenticate_message() const { return authenticate_; }
  [[nodiscard]] wire::NegotiateFlags negotiated() const { return negotiated_; }
  [[nodiscard]] const ExportedSessionKey& exported_session_key() const& { return exported_session_key_; }
  /// True if the server sent its time, so that a MIC went out (MS-NLMP 3.1.5.1.2).
  [[nodiscard]] bool sent_mic() const { return sent_mic_; }

 private:
  friend class AwaitingChallenge;
  ClientEstablished() = default;

  Bytes authenticate_{};
  wire::NegotiateFlags negotiated_{};
  ExportedSessionKey exported_session_key_{};
  bool sent_mic_ = false;
};

class AwaitingChallenge {
 public:
  AwaitingChallenge(AwaitingChallenge&&) noexcept = default;
  AwaitingChallenge& operator=(AwaitingChallenge&&) noexcept = default;

  [[nodiscard]] ByteView negotiate_message() const { return negotiate_; }

  /// Answers the CHALLENGE with NTLMv2. `now` is used where the server sent no time. Errors: the malformed family; `policy` if a
  /// required flag was not chosen.
  [[nodiscard]] Result<ClientEstablished> on_challenge(ByteView challenge, InitiatorRandom random, FileTime now) &&;

 private:
  friend class Initiator;
  AwaitingChallenge() = default;

  InitiatorConfig config_{};
  Bytes negotiate_{};
};

class Initiator {
 public:
  [[nodiscard]] static Result<AwaitingChallenge> start(InitiatorConfig config);
};

}  // namespace postern::ntlm
