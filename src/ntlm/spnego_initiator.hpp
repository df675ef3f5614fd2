// NTLM inside SPNEGO, from the side that begins (RFC 4178, MS-SPNG 3.1). NTLM is all that is offered.
//
//   SpnegoInitiator::start -> on_challenge -> SpnegoAwaitingResult -> on_result
#pragma once

#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/result.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/session_security.hpp"

namespace postern::ntlm {

/// What the server's mechListMIC shows; without a session that signs there is no key to check one with.
enum class MechListMic : std::uint8_t { absent, not_checked, verified };

struct SpnegoResult {
  MechListMic mech_list_mic = MechListMic::absent;
  SequenceNumbers first{};  ///< of the session's messages
};

/// The AUTHENTICATE is on its way; the server's last token tells how it went.
class SpnegoAwaitingResult {
 public:
  SpnegoAwaitingResult(SpnegoAwaitingResult&&) noexcept = default;
  SpnegoAwaitingResult& operator=(SpnegoAwaitingResult&&) noexcept = default;

  /// NegTokenResp with the AUTHENTICATE, and with a mechListMIC where the session signs.
  [[nodiscard]] ByteView token() const { return token_; }
  [[nodiscard]] const ClientEstablished& done() const { return done_; }

  /// Errors: the malformed family; `denied` for a reject; `mic_wrong` if the server's
  /// mechListMIC does not prove that it knows the key; `unexpected_message` for an answer that ends nothing.
  [[nodiscard]] Result<SpnegoResult> on_result(ByteView token) const;

 private:
  friend class SpnegoInitiator;
  SpnegoAwaitingResult(ClientEstablished done, Bytes mech_types) : done_{std::move(done)}, mech_types_{std::move(mech_types)} {}
  [[nodiscard]] bool signs() const;

  ClientEstablished done_;
  Bytes mech_types_;
  Bytes token_{};
};

class SpnegoInitiator {
 public:
  SpnegoInitiator(SpnegoInitiator&&) noexcept = default;
  SpnegoInitiator& operator=(SpnegoInitiator&&) noexcept = default;

  /// Errors as Initiator::start.
  [[nodiscard]] static Result<SpnegoInitiator> start(InitiatorConfig config);
  /// NegTokenInit with the NEGOTIATE.
  [[nodiscard]] ByteView token() const { return token_; }
  [[nodiscard]] ByteView negotiate_message() const { return ntlm_.negotiate_message(); }
  /// Errors as AwaitingChallenge::on_challenge, and those of on_result.
  [[nodiscard]] Result<SpnegoAwaitingResult> on_challenge(ByteView token, InitiatorRandom random, FileTime now) &&;

 private:
  explicit SpnegoInitiator(AwaitingChallenge ntlm) : ntlm_{std::move(ntlm)} {}

  AwaitingChallenge ntlm_;
  Bytes mech_types_{};
  Bytes token_{};
};

}  // namespace postern::ntlm
