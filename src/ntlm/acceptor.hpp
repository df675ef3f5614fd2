// The server side of a handshake, one type for each awaited message (DESIGN: "The handshake is typed").
//
//   Acceptor::on_negotiate -> AwaitingAuthenticate -> on_authenticate -> PendingVerification -> verify, then establish ->
//   Established
//
// Sans-IO: the challenge, the time and the names are arguments. `Established` is built from proof tokens only; "not required" is a
// token as well, made from a policy decision that the caller names, so that absence is a decision that shows in the log.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "ntlm/authority_protocol.hpp"
#include "ntlm/lm.hpp"
#include "ntlm/session_keys.hpp"
#include "ntlm/verification.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::ntlm {

/// Who the server says it is, in TargetName and target info (MS-NLMP 2.2.2.1). UTF-8; at most kMaxServerNameBytes each.
inline constexpr std::size_t kMaxServerNameBytes = 1024;
struct ServerNames {
  std::string nb_computer{};
  std::string nb_domain{};
  std::string dns_computer{};  ///< may be empty, as may the two below: then the pair is left out
  std::string dns_domain{};
  std::string dns_tree{};
};

/// TARGET_TYPE of the CHALLENGE.
enum class TargetType : std::uint8_t { domain, server };

struct AcceptorConfig {
  ServerNames names{};
  TargetType target_type = TargetType::domain;
  wire::NegotiateFlags required{};  ///< among SIGN, SEAL, 128, ESS: a handshake that lacks one fails (R10)
  CodePage oem_code_page = CodePage::cp850;
  LmKeys lm_keys = LmKeys::refused;
};

// ---- proof tokens ------------------------------------------------------------------------------------------------------------

/// The decision that lets a proof be absent: which setting, and its value. It is what a "not required" token is made from.
struct Waiver {
  std::string_view setting{};  ///< static text, for example "RequireMic"
  std::string_view value{};    ///< static text, for example "never"
};

class MicVerified {
  explicit MicVerified(ExportedSessionKey key) : exported_session_key_{std::move(key)} {}
  friend class PendingVerification;

  ExportedSessionKey exported_session_key_;  ///< what the MIC was made with: `establish` need not compute it again
};
class MicNotRequired {
 public:
  explicit MicNotRequired(Waiver waiver) : waiver_{waiver} {}
  [[nodiscard]] const Waiver& waiver() const { return waiver_; }

 private:
  Waiver waiver_;
};
using MicProof = std::variant<MicVerified, MicNotRequired>;

class BindingsVerified {
  BindingsVerified() = default;
  friend class PendingVerification;
};
class BindingsNotRequired {
 public:
  explicit BindingsNotRequired(Waiver waiver) : waiver_{waiver} {}
  [[nodiscard]] const Waiver& waiver() const { return waiver_; }

 private:
  Waiver waiver_;
};
using BindingsProof = std::variant<BindingsVerified, BindingsNotRequired>;

/// Made by who compared the name (the matching rules are policy's).
class TargetNameVerified {
 public:
  explicit TargetNameVerified(std::string accepted) : accepted_{std::move(accepted)} {}
  [[nodiscard]] const std::string& accepted() const { return accepted_; }

 private:
  std::string accepted_;
};
class TargetNameNotRequired {
 public:
  explicit TargetNameNotRequired(Waiver waiver) : waiver_{waiver} {}

 private:
  Waiver waiver_;
};
using TargetNameProof = std::variant<TargetNameVerified, TargetNameNotRequired>;

/// Account state and policy have said yes. The authority makes it; a program with its own password source makes its own.
class LogonAllowed {
 public:
  /// `by`: who decided, for the log.
  explicit LogonAllowed(std::string_view by) : by_{by} {}

 private:
  std::string by_;
};

// ---- what can be seen of a message -------------------------------------------------------------------------------------------

/// LogonEvent's ntlm.mic before and after verification.
enum class MicState : std::uint8_t { not_applicable, absent, zero, announced_missing, present, verified, wrong };
[[nodiscard]] std::string_view name_of(MicState state);

/// LogonEvent's ntlm.channel_binding.
enum class BindingState : std::uint8_t { not_applicable, absent, zero, present, matched, mismatched };
[[nodiscard]] std::string_view name_of(BindingState state);

/// What the AUTHENTICATE claims: nothing here is proved before `verify`.
struct Claims {
  std::string user{};  ///< UTF-8
  std::string domain{};
  std::string workstation{};
  wire::ResponseVersion version = wire::ResponseVersion::anonymous;
  MicState mic = MicState::not_applicable;  ///< absent | zero | announced_missing | present | not_applicable
  std::optional<ChannelBindingHash> channel_binding{};
  std::optional<std::string> spn{};  ///< MsvAvTargetName
  bool untrusted_spn = false;
  std::optional<FileTime> client_time{};
  std::optional<Bytes> machine_id{};  ///< MsvAvSingleHost's MachineID, 32 bytes
};

// ---- states ------------------------------------------------------------------------------------------------------------------

/// A handshake whose every proof is there.
class Established {
 public:
  Established(Established&&) noexcept = default;
  Established& operator=(Established&&) noexcept = default;

  [[nodiscard]] const Claims& claims() const { return claims_; }  ///< proved now
  [[nodiscard]] wire::ResponseVersion version() const { return version_; }
  /// Of the exchange; of a guest's session without SIGN, SEAL and KEY_EXCH, because it has no key.
  [[nodiscard]] wire::NegotiateFlags negotiated() const { return negotiated_; }
  /// `danger_anonymous` and `danger_guest`: the claims are nobody's, and nobody proved them.
  [[nodiscard]] Standing standing() const { return standing_; }
  [[nodiscard]] const ExportedSessionKey& exported_session_key() const& { return exported_session_key_; }

 private:
  friend class PendingVerification;
  Established(Claims claims, const ResponseVerified& verified, wire::NegotiateFlags negotiated, ExportedSessionKey key)
      : claims_{std::move(claims)},
        version_{verified.version()},
        standing_{verified.standing()},
        negotiated_{negotiated},
        exported_session_key_{std::move(key)} {}

  Claims claims_;
  wire::ResponseVersion version_;
  Standing standing_;
  wire::NegotiateFlags negotiated_;
  ExportedSessionKey exported_session_key_;
};

struct MicItem;

/// The AUTHENTICATE is parsed, nothing is proved. `request()` can be verified here, or sent to where the key is.
class PendingVerification {
 public:
  PendingVerification(PendingVerification&&) noexcept = default;
  PendingVerification& operator=(PendingVerification&&) noexcept = default;

  [[nodiscard]] const VerificationRequest& request() const { return request_; }
  [[nodiscard]] const Claims& claims() const { return claims_; }
  [[nodiscard]] wire::NegotiateFlags negotiated() const { return negotiated_; }
  /// NTProofStr of an NTLMv2 response, for keyed digests; empty otherwise.
  [[nodiscard]] ByteView proof() const;
  /// The client's two messages, for who looks at their form. Views; the NEGOTIATE is empty if there was none.
  [[nodiscard]] ByteView negotiate() const { return negotiate_; }
  [[nodiscard]] const wire::AuthenticateMessage& authenticate() const { return message_; }

  /// The client's hash against those that the connection accepts (R43). None given: nothing to compare with.
  [[nodiscard]] BindingState binding_state(std::span<const ChannelBindingHash> accepted) const;

  /// False for a recorded exchange of which a message is missing. A connectionless one has no NEGOTIATE.
  [[nodiscard]] bool can_check_mic() const {
    return !challenge_.empty() && (!negotiate_.empty() || negotiated_.has(wire::NegotiateFlag::datagram));
  }
  /// As verify_response() of request(), with the MIC beside it if there is one to check. `response_key`: as there, or null.
  [[nodiscard]] Result<ResponseVerified> verify(const NtHash& nt_hash, VersionSet allowed,
                                                const ResponseKeyNt* response_key = nullptr) const;
  /// Verifies the MIC that AvFlags announces, or takes the waiver if none is announced (R20). An announced MIC that is wrong, zero
  /// or missing is `mic_wrong` whatever the waiver.
  [[nodiscard]] Result<MicProof> prove_mic(const ResponseVerified& verified, std::optional<Waiver> waiver) const;
  /// A token if one of `accepted` is the client's; else the waiver, or `bindings_wrong`.
  [[nodiscard]] Result<BindingsProof> prove_bindings(std::span<const ChannelBindingHash> accepted,
                                                     std::optional<Waiver> waiver) const;

  /// The key both sides share, once the response is verified: for SPNEGO's mechListMIC, which must be checked before a verdict.
  [[nodiscard]] ExportedSessionKey exported_session_key(const ResponseVerified& verified) const;

  /// Aborts if `verified` was made for another handshake: that is a fault of the program, and going on would let somebody in.
  [[nodiscard]] Established establish(ResponseVerified verified, MicProof mic, BindingsProof bindings, TargetNameProof target_name,
                                      LogonAllowed allowed) &&;

 private:
  friend class AwaitingAuthenticate;
  friend std::vector<Result<MicProof>> prove_mics(std::span<const MicItem>);
  PendingVerification() = default;

  [[nodiscard]] bool has_mic_to_check(const ResponseVerified& verified) const {
    return claims_.mic == MicState::present && can_check_mic() && verified.standing() != Standing::danger_guest;
  }
  /// What `verified` knows of the MIC already, if it was made for this handshake; else null.
  [[nodiscard]] const ResponseVerified::Mic* known_mic(const ResponseVerified& verified) const {
    return verified.mic() && verified.is_of(request_) ? &*verified.mic() : nullptr;
  }
  [[nodiscard]] Result<MicProof> judge_mic(const wire::Mic& expected, ExportedSessionKey key) const;

  Bytes negotiate_{};
  Bytes challenge_{};
  Bytes authenticate_{};  ///< the views below point into it; moving a vector keeps its storage
  Bytes wide_names_{};    ///< user and domain of a message in OEM, which the request wants in UTF-16
  wire::AuthenticateMessage message_{};
  wire::NegotiateFlags negotiated_{};
  VerificationRequest request_{};
  Claims claims_{};
};

/// One of many MICs that wait to be judged. All of it outlives the call.
struct MicItem {
  const PendingVerification* pending = nullptr;
  const ResponseVerified* verified = nullptr;
  std::optional<Waiver> waiver{};
};

/// As `prove_mic` for each of `items`, in their order: key exchanges four at a time, MICs in the lanes of MD5.
[[nodiscard]] std::vector<Result<MicProof>> prove_mics(std::span<const MicItem> items);

/// What is left of an exchange that has been. Views; copied by danger_await_recorded.
struct RecordedExchange {
  wire::ServerChallenge server_challenge{};  ///< taken from the CHALLENGE if that is there
  ByteView negotiate{};
  ByteView challenge{};
  CodePage oem_code_page = CodePage::cp850;
};

/// The CHALLENGE is written, the AUTHENTICATE is awaited.
class AwaitingAuthenticate {
 public:
  AwaitingAuthenticate(AwaitingAuthenticate&&) noexcept = default;
  AwaitingAuthenticate& operator=(AwaitingAuthenticate&&) noexcept = default;

  [[nodiscard]] ByteView challenge_message() const { return challenge_; }
  [[nodiscard]] const wire::ServerChallenge& server_challenge() const { return server_challenge_; }

  /// Takes the AUTHENTICATE as received. Errors: the malformed family; `policy` if a required flag was not negotiated (R10).
  [[nodiscard]] Result<PendingVerification> on_authenticate(ByteView message) &&;

 private:
  friend class Acceptor;
  friend Result<AwaitingAuthenticate> danger_await_recorded(const RecordedExchange&);
  AwaitingAuthenticate() = default;

  Bytes negotiate_{};
  Bytes challenge_{};
  wire::ServerChallenge server_challenge_{};
  /// Unknown for a recorded exchange without its CHALLENGE. Of a connectionless handshake it is what the server offers, and the
  /// AUTHENTICATE says what the client took.
  std::optional<wire::NegotiateFlags> negotiated_{};
  wire::NegotiateFlags required_{};
  CodePage oem_code_page_ = CodePage::cp850;
};

class Acceptor {
 public:
  /// Reads a NEGOTIATE and writes the CHALLENGE: the flags are those of the client's offer that we take, never more (S3); target
  /// info always comes, with a timestamp. `server_challenge` is random and fresh, `now` the clock's time.
  [[nodiscard]] static Result<AwaitingAuthenticate> on_negotiate(ByteView negotiate, const AcceptorConfig& config,
                                                                 const wire::ServerChallenge& server_challenge, FileTime now);

  /// A connectionless handshake: the server speaks first (MS-NLMP 1.3.1.3), and KEY_EXCH is part of it.
  [[nodiscard]] static Result<AwaitingAuthenticate> start_datagram(const AcceptorConfig& config,
                                                                   const wire::ServerChallenge& server_challenge, FileTime now);

 private:
  static Result<AwaitingAuthenticate> challenge(ByteView negotiate, wire::NegotiateFlags flags, const AcceptorConfig& config,
                                                const wire::ServerChallenge& server_challenge, FileTime now);
};

/// The state after a CHALLENGE that somebody else wrote: a verifier of recorded exchanges starts here (`token verify`). Dangerous
/// in a server: the challenge is not ours and proves nothing about freshness (R40). Either message may be missing (empty): then a
/// MIC cannot be checked, and without the CHALLENGE the flags are those of the AUTHENTICATE. Where that server agreed to LM_KEY,
/// the session key of NTLMv1 hangs on the LM hash, and `exported_session_key` is not the one that the two peers had.
[[nodiscard]] Result<AwaitingAuthenticate> danger_await_recorded(const RecordedExchange& exchange);

/// Flags of a CHALLENGE that answers an offer (S3, S4): no bit among KEY_EXCH, SIGN, SEAL, 56, 128, ESS that was not offered, never
/// DATAGRAM, and LM_KEY and REQUEST_NON_NT_SESSION_KEY only where `lm_keys` says so and ESS was not offered (MS-NLMP 2.2.2.5).
[[nodiscard]] wire::NegotiateFlags choose_flags(wire::NegotiateFlags offered, TargetType target_type,
                                                LmKeys lm_keys = LmKeys::refused);

}  // namespace postern::ntlm
