// NTLM inside Negotiate, from the accepting side: raw, or wrapped in SPNEGO (RFC 4178, MS-SPNG 3.2).
//
//   NegotiatedLogon::begin -> (on_negotiate, if the client first bet on another mechanism) -> on_authenticate -> Answered
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::ntlm {

/// What SPNEGO still has to say once the AUTHENTICATE is there.
class SpnegoEnd {
 public:
  /// NTLM without SPNEGO around it: no MIC of a list, no last token.
  SpnegoEnd() = default;

  /// Verifies the client's mechListMIC, which is mandatory if its first choice was another mechanism (RFC 4178 section 5), so that
  /// nobody on the way can have removed the better one. Error: mic_wrong. Gives the last token: accept-completed, with our
  /// mechListMIC if the client sent one.
  [[nodiscard]] Result<Bytes> accept(wire::NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key) const;
  /// The last token of a refusal; empty for raw NTLM.
  [[nodiscard]] Bytes reject() const;
  [[nodiscard]] bool is_spnego() const { return spnego_; }
  /// True if a client whose logon was accepted sent a mechListMIC, so that accept() has answered with one: each direction has then
  /// used SeqNum 0 (MS-SPNG 3.3.5.1).
  [[nodiscard]] bool exchanges_mics() const { return mech_list_mic_.has_value(); }

 private:
  friend class NegotiatedLogon;
  bool spnego_ = false;
  bool mic_is_mandatory_ = false;
  bool mechanism_is_named_ = false;  ///< in the first answer, and in no later one (RFC 4178 section 4.2.2)
  Bytes mech_types_der_{};
  std::optional<Bytes> mech_list_mic_{};
};

/// The longest NEGOTIATE that is kept for the MIC. It carries flags, a version and two names; real ones have 32 to 100 bytes.
inline constexpr std::size_t kMaxNegotiateBytes = 4096;

class NegotiatedLogon {
 public:
  NegotiatedLogon(NegotiatedLogon&&) noexcept = default;
  NegotiatedLogon& operator=(NegotiatedLogon&&) noexcept = default;

  /// The new state and the token for the client.
  using Begun = std::pair<NegotiatedLogon, Bytes>;
  /// Takes the first token. Errors: the malformed family; `unsupported` if the client does not offer NTLM.
  [[nodiscard]] static Result<Begun> begin(Carrier carrier, ByteView token, const AcceptorConfig& config,
                                           const wire::ServerChallenge& server_challenge, FileTime now);

  /// True after a token of another mechanism was turned down: the client's NEGOTIATE comes next.
  [[nodiscard]] bool awaits_negotiate() const { return !ntlm_.has_value(); }
  [[nodiscard]] Result<Begun> on_negotiate(ByteView token, const AcceptorConfig& config,
                                           const wire::ServerChallenge& server_challenge, FileTime now) &&;

  struct Answered {
    PendingVerification pending;
    SpnegoEnd end;
  };
  [[nodiscard]] Result<Answered> on_authenticate(ByteView token) &&;

  /// Only while the AUTHENTICATE is awaited.
  [[nodiscard]] const wire::ServerChallenge& server_challenge() const { return ntlm_->server_challenge(); }

 private:
  NegotiatedLogon() = default;
  Result<Begun> challenge(ByteView negotiate, const AcceptorConfig& config, const wire::ServerChallenge& server_challenge,
                          FileTime now) &&;

  SpnegoEnd end_{};
  std::optional<AwaitingAuthenticate> ntlm_{};
};

/// The token that turns a Negotiate client away before anything has begun: SPNEGO's reject if its token was SPNEGO, else nothing.
[[nodiscard]] Bytes reject_token(Carrier carrier, ByteView token);

}  // namespace postern::ntlm
