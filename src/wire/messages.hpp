// The three NTLM messages (MS-NLMP 2.2.1), read and written. No keys, no policy.
//
// A parsed message is a set of views: the bytes that were parsed must outlive it, and a MIC is computed over those bytes, never
// over a re-written message. Lengths, offsets and the optional parts follow what real peers send (docs/peers.md).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "wire/anomalies.hpp"
#include "wire/flags.hpp"

namespace postern::wire {

enum class MessageType : std::uint32_t { negotiate = 1, challenge = 2, authenticate = 3 };

inline constexpr std::size_t kMicBytes = 16;
inline constexpr std::size_t kMaxMessageBytes = 64 * 1024;  ///< longer than any message we read or write (R26)

using ServerChallenge = Public<struct ServerChallengeTag, 8>;
using Mic = Public<struct MicTag, kMicBytes>;

/// VERSION (MS-NLMP 2.2.2.10): for people only, never for a decision.
struct Version {
  static constexpr std::size_t kBytes = 8;
  static constexpr std::uint8_t kNtlmRevisionCurrent = 15;

  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint16_t build = 0;
  std::uint8_t revision = kNtlmRevisionCurrent;
  bool operator==(const Version&) const = default;
};

/// True if `token` starts like an NTLM message.
[[nodiscard]] bool has_signature(ByteView token);
/// The type of an NTLM message; an error if there is no signature or the type is none of the three.
[[nodiscard]] Result<MessageType> type_of(ByteView token);

/// MS-NLMP 2.2.1.1. 16 bytes and up: clients leave fields at the end away (peers.md S1).
struct NegotiateMessage {
  static constexpr MessageType kType = MessageType::negotiate;

  NegotiateFlags flags{};
  ByteView domain_name{};  ///< OEM text, whatever the flags say
  ByteView workstation{};  ///< OEM text
  std::optional<Version> version{};

  static Result<NegotiateMessage> parse(ByteView message, Anomalies* anomalies = nullptr);
  [[nodiscard]] Result<Bytes> write() const;
};

/// MS-NLMP 2.2.1.2. 32 bytes and up: the oldest servers end after the challenge.
struct ChallengeMessage {
  static constexpr MessageType kType = MessageType::challenge;

  NegotiateFlags flags{};
  ByteView target_name{};  ///< in the charset of `flags`
  ServerChallenge server_challenge{};
  ByteView target_info{};  ///< the AV list's bytes; parsed where its meaning is needed
  std::size_t target_info_offset = 0;
  std::optional<Version> version{};

  static Result<ChallengeMessage> parse(ByteView message, Anomalies* anomalies = nullptr);
  [[nodiscard]] Result<Bytes> write() const;
};

/// MS-NLMP 2.2.1.3.
struct AuthenticateMessage {
  static constexpr MessageType kType = MessageType::authenticate;
  static constexpr std::size_t kMicOffset = 72;
  static constexpr std::size_t kSessionKeyBytes = 16;

  NegotiateFlags flags{};
  ByteView lm_response{};
  ByteView nt_response{};
  std::size_t nt_response_offset = 0;
  ByteView domain_name{};
  ByteView user_name{};
  ByteView workstation{};
  ByteView encrypted_random_session_key{};  ///< empty or 16 bytes
  std::optional<Version> version{};
  std::optional<Mic> mic{};  ///< what stands at offset 72 if there is room for it; AvFlags says whether it means anything (S2)
  Charset charset = Charset::unicode;

  /// `negotiated`: the flags of the CHALLENGE, which decide the charset (S3: AUTHENTICATE's own flags lie). Without them, the
  /// message's own.
  static Result<AuthenticateMessage> parse(ByteView message, std::optional<NegotiateFlags> negotiated = std::nullopt,
                                           Anomalies* anomalies = nullptr);
  /// Writes with VERSION, and 16 zero bytes for the MIC if `mic` is set (whatever its value): the MIC covers the finished message.
  [[nodiscard]] Result<Bytes> write() const;
};

template <typename T>
concept WireMessage = requires(const T& message) {
  { T::kType } -> std::convertible_to<MessageType>;
  { T::parse(ByteView{}) } -> std::same_as<Result<T>>;
  { message.write() } -> std::same_as<Result<Bytes>>;
};
static_assert(WireMessage<NegotiateMessage> && WireMessage<ChallengeMessage> && WireMessage<AuthenticateMessage>);

}  // namespace postern::wire
