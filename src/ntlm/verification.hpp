// The comparison: does a response prove the key? (MS-NLMP 3.3.1, 3.3.2, server side.)
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/lm.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::ntlm {

/// The kinds of response that a verifier may accept. Policy chooses; the default of a fresh Postern is NTLMv2 alone.
class VersionSet {
 public:
  constexpr VersionSet(std::initializer_list<wire::ResponseVersion> versions) {
    for (const wire::ResponseVersion version : versions) bits_ |= bit(version);
  }
  [[nodiscard]] constexpr VersionSet with(wire::ResponseVersion version) const {
    VersionSet more = *this;
    more.bits_ |= bit(version);
    return more;
  }
  [[nodiscard]] constexpr bool has(wire::ResponseVersion version) const { return (bits_ & bit(version)) != 0; }

 private:
  static constexpr std::uint32_t bit(wire::ResponseVersion version) { return 1u << static_cast<unsigned>(version); }
  std::uint32_t bits_ = 0;
};
inline constexpr VersionSet kNtlmv2Only{wire::ResponseVersion::ntlm_v2};

/// What the comparison needs beside the key: plain data that can be sent to where the key is. Views into the messages of the
/// handshake, which outlive it; the texts are UTF-16LE exactly as NTOWFv2 takes them.
struct VerificationRequest {
  wire::ResponseVersion version = wire::ResponseVersion::anonymous;  ///< by shape
  wire::ServerChallenge server_challenge{};
  wire::NegotiateFlags negotiated{};
  ByteView user_utf16{};
  ByteView domain_utf16{};
  ByteView nt_response{};
  ByteView lm_response{};
};

/// What a logon that was let in without a proof is; the two are dangerous, and nothing but the calls named so makes one.
enum class Standing : std::uint8_t { proved, danger_anonymous, danger_guest };

/// The three messages as they travelled, and the key that came encrypted with them if one did: what a MIC is made of beside the
/// proof. Views.
struct MicRequest {
  ByteView negotiate{};
  ByteView challenge{};
  ByteView authenticate{};
  ByteView encrypted_random_session_key{};  ///< 16 bytes, or empty: then the key of the exchange is the session's
};

/// Proof that a response was compared with what the key yields and was equal. Made by `verify_response` and its dangerous
/// neighbours alone, so that no path to a logon can leave the comparison out (R7).
class ResponseVerified {
 public:
  ResponseVerified(ResponseVerified&&) noexcept = default;
  ResponseVerified& operator=(ResponseVerified&&) noexcept = default;

  /// What the response turned out to be: `lm` by shape can be `lm_v2`.
  [[nodiscard]] wire::ResponseVersion version() const { return version_; }
  [[nodiscard]] Standing standing() const { return standing_; }
  [[nodiscard]] const KeyExchangeKey& key_exchange_key() const& { return key_exchange_key_; }
  /// The MIC that the messages should bear and the key that it was made with, if verify_response_and_mic() made this token.
  struct Mic {
    ExportedSessionKey exported_session_key{};
    wire::Mic expected{};
  };
  [[nodiscard]] const std::optional<Mic>& mic() const& { return mic_; }
  /// True if this token was made for that very request: a proof cannot be carried over to another handshake.
  [[nodiscard]] bool is_of(const VerificationRequest& request) const;

 private:
  ResponseVerified(const VerificationRequest& request, wire::ResponseVersion version, KeyExchangeKey key, Standing standing);
  friend class Verifier;

  using Fingerprint = std::array<std::uint8_t, 32>;  // the challenge and the start of the response
  static Fingerprint fingerprint_of(const VerificationRequest& request);

  wire::ResponseVersion version_;
  Standing standing_;
  Fingerprint fingerprint_;
  KeyExchangeKey key_exchange_key_;
  std::optional<Mic> mic_{};
};

/// Recomputes the response with `nt_hash` and compares in constant time. Errors: `wrong_password`; `policy` if the response is of a
/// kind outside `allowed` (nothing is compared then, R12); `malformed` for a shape that proves nothing (R7).
/// The hash of the empty password, and a zero hash, refuse everything (R8).
/// An LM response of the oldest kind cannot be verified: no LM hash is stored. For the same reason the key of a session with LM_KEY
/// or REQUEST_NON_NT_SESSION_KEY is not the one that its peers have; our acceptor agrees to neither by itself.
[[nodiscard]] Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash,
                                                       VersionSet allowed);

/// The same with ResponseKeyNT at hand, made of `nt_hash` and of the user and domain of this very request: an account that logs on
/// again is spared a fifth of the work, and no memory is asked for.
[[nodiscard]] Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash,
                                                       VersionSet allowed, const ResponseKeyNt& response_key);

/// The same, and the MIC that the messages should bear is computed beside the proof, in whose shadow it costs little;
/// PendingVerification judges it. For NTLMv2: any other response is verified as by `verify_response`. `response_key` may be null.
[[nodiscard]] Result<ResponseVerified> verify_response_and_mic(const VerificationRequest& request, const MicRequest& mic,
                                                               const NtHash& nt_hash, VersionSet allowed,
                                                               const ResponseKeyNt* response_key = nullptr);

/// As `verify_response`, with an LM hash at hand, for recorded exchanges and peers of the last century: LM responses are compared
/// as well
/// (`allowed` must have `lm`), and LM_KEY and REQUEST_NON_NT_SESSION_KEY give their session keys.
[[nodiscard]] Result<ResponseVerified> danger_verify_response_with_lm(const VerificationRequest& request, const NtHash& nt_hash,
                                                                      const LmHash& lm_hash, VersionSet allowed);

/// One of many requests that wait. Both outlive the call.
struct VerificationItem {
  const VerificationRequest* request = nullptr;
  const NtHash* nt_hash = nullptr;
};

/// As `verify_response` for each of `items`, in their order: NTLMv2 many at a time, in the lanes of MD5, everything else one by
/// one. For requests that wait already: nothing is gained by waiting for more.
[[nodiscard]] std::vector<Result<ResponseVerified>> verify_responses(std::span<const VerificationItem> items, VersionSet allowed);

/// Lets an anonymous logon in: nobody proved anything, and the session key is known to everybody (MS-NLMP 3.2.5.1.2). `malformed`
/// if the request is not anonymous.
[[nodiscard]] Result<ResponseVerified> danger_accept_anonymous(const VerificationRequest& request);

/// Lets somebody in whose response proves nothing, as a guest. The session has no key, so it neither signs nor seals.
[[nodiscard]] ResponseVerified danger_accept_guest(const VerificationRequest& request);

}  // namespace postern::ntlm
