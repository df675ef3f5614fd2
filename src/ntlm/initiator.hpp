// The client side of a handshake, one type for each awaited message. Sans-IO: random values and the time are arguments.
//
//   Initiator::start -> AwaitingChallenge -> on_challenge -> ClientEstablished
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "ntlm/authority_protocol.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/lm.hpp"
#include "ntlm/responses.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/messages.hpp"

namespace postern::ntlm {

inline constexpr std::size_t kMaxTargetNameBytes = 1024;  ///< of the SPN, UTF-8

/// What answers a CHALLENGE. Everything but NTLMv2 can be searched for the password in hours, or proves nothing.
enum class ResponseKind : std::uint8_t {
  ntlm_v2,
  anonymous,               ///< nobody logs on: no user, no key (MS-NLMP 3.2.5.1.2)
  danger_lm_v2,            ///< the LMv2 response alone
  danger_ntlm_v1,          ///< with extended session security where that is negotiated; the LM field repeats the response else
  danger_ntlm_v1_with_lm,  ///< both responses; where extended session security is negotiated as danger_ntlm_v1
  danger_lm,               ///< the LM response alone
};

/// Who named the target: a name that came from elsewhere than the caller is marked so (MsvAvFlags 0x4).
enum class TargetNameSource : std::uint8_t { trusted, untrusted };

/// Whether the connection is known to end on this very machine, so that a CHALLENGE with this machine's own names is what it should
/// be: both ends of the connection have the same address, or the caller knows.
enum class LocalCall : std::uint8_t { not_shown, shown };

/// This machine's names. A CHALLENGE that bears one of them comes from its own server side: over a connection that is not shown to
/// be local, somebody reflects the logon to its sender (R24).
struct OwnNames {
  std::string nb_computer{};  ///< UTF-8; empty: not known, and not looked for
  std::string dns_computer{};
};

struct InitiatorConfig {
  Credentials credentials{};
  std::string workstation{};                             ///< UTF-8; may be empty
  std::string target_name{};                             ///< SPN, for example "HTTP/www.example.org"; empty: none is sent
  std::optional<ChannelBindingHash> channel_bindings{};  ///< none: the AV pair is sent as zero (MS-NLMP 3.1.5.1.2)
  wire::NegotiateFlags offered = kDefaultOffer;
  wire::NegotiateFlags required{};  ///< a CHALLENGE without one of these fails (R10)
  CodePage oem_code_page = CodePage::cp850;
  TargetNameSource target_name_source = TargetNameSource::trusted;
  Bytes single_host{};  ///< MsvAvSingleHost (Single_Host_Data, MS-NLMP 2.2.2.2); empty: none is sent
  ResponseKind response = ResponseKind::ntlm_v2;
  OwnNames own_names{};
  /// Whether a server of this very program minted that challenge; empty: not asked. Such a CHALLENGE is refused like one with a
  /// name of our own.
  std::function<bool(const wire::ServerChallenge&)> is_own_challenge{};
  LocalCall local_call = LocalCall::not_shown;
  LmKeys lm_keys = LmKeys::refused;  ///< whether LM_KEY and REQUEST_NON_NT_SESSION_KEY may stand in `offered`

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

  /// Empty in a connectionless handshake.
  [[nodiscard]] ByteView negotiate_message() const { return negotiate_; }

  /// Answers the CHALLENGE. `now` is used where the server sent no time. Errors: the malformed family; `policy` if a
  /// required flag was not chosen, or the CHALLENGE is this machine's own (R24).
  [[nodiscard]] Result<ClientEstablished> on_challenge(ByteView challenge, InitiatorRandom random, FileTime now) &&;

 private:
  friend class Initiator;
  AwaitingChallenge() = default;

  InitiatorConfig config_{};
  Bytes negotiate_{};
};

/// Makes the client send what Windows sends at this LmCompatibilityLevel: 0 LM and NTLMv1; 1 the same, with extended session
/// security where the server takes it; 2 NTLMv1, likewise; 3 to 5 NTLMv2. Below 3 anybody who sees the logon can search for the
/// password. Levels 0 and 1 need `credentials.danger_lm_hash`. Errors: `invalid_input` over 5.
[[nodiscard]] Result<void> danger_send_at_level(InitiatorConfig& config, unsigned lm_compatibility_level);

class Initiator {
 public:
  /// What `start` refuses: `invalid_input` (no user and not anonymous, an offer that `lm_keys` does not allow, a response without
  /// its LM hash), `too_large` (R17), `policy` for a target name with a marshalled suffix (R24).
  [[nodiscard]] static Result<void> check(const InitiatorConfig& config);

  /// Errors: those of `check`.
  [[nodiscard]] static Result<AwaitingChallenge> start(InitiatorConfig config);
  /// A connectionless handshake: no NEGOTIATE goes out, the server speaks first (MS-NLMP 1.3.1.3). DATAGRAM and KEY_EXCH are added
  /// to `offered`.
  [[nodiscard]] static Result<AwaitingChallenge> start_datagram(InitiatorConfig config);
};

}  // namespace postern::ntlm
