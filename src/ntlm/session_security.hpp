// Session security: what an established session signs and seals (MS-NLMP 3.4).
//
// One object serves both directions. With extended session security the directions share nothing, so one thread may send while
// another receives; without it they share one key stream and one counter, and messages must be handled one at a time, in the order
// in which they travel. No call allocates, except for the text of an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/hmac_md5.hpp"
#include "crypto/rc4.hpp"
#include "ntlm/session_keys.hpp"
#include "wire/flags.hpp"

namespace postern::ntlm {

/// NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9).
inline constexpr std::size_t kSignatureBytes = 16;
using MessageSignature = Public<struct MessageSignatureTag, kSignatureBytes>;

/// Which end of the session this is.
enum class Role : std::uint8_t { client, server };

/// A part of a message: gathered from `in`, written to `out` (same size; the same place or apart). Without an `out` the part is
/// signed and not sealed, as a header is that must stay readable on its way.
struct Segment {
  ByteView in{};
  MutableByteView out{};

  static Segment sealed(ByteView in, MutableByteView out) { return {in, out}; }
  static Segment sealed_in_place(MutableByteView bytes) { return {bytes, bytes}; }
  static Segment signed_only(ByteView in) { return {in, {}}; }
};

/// SeqNum of the next message of each direction.
struct SequenceNumbers {
  std::uint32_t sending = 0;
  std::uint32_t receiving = 0;
};

/// Whether a reset of the key streams starts the counters anew as well.
enum class Counters : bool { keep, restart };

class SessionSecurity {
 public:
  /// The keys of `exported_session_key`, which is not kept. `first`: other than zero if signatures were made before, as SPNEGO's
  /// mechListMIC is.
  SessionSecurity(wire::NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key, Role role,
                  SequenceNumbers first = {});

  SessionSecurity(SessionSecurity&&) noexcept = default;
  SessionSecurity& operator=(SessionSecurity&&) noexcept = default;

  // What a caller may ask of the peer's agreement.
  [[nodiscard]] bool can_sign() const { return negotiated_.has(wire::NegotiateFlag::sign) || can_seal(); }
  [[nodiscard]] bool can_seal() const { return negotiated_.has(wire::NegotiateFlag::seal); }
  /// Connectionless: the caller sets the number of each message, and the key stream starts anew with it.
  [[nodiscard]] bool is_datagram() const { return extended() && negotiated_.has(wire::NegotiateFlag::datagram); }
  [[nodiscard]] wire::NegotiateFlags negotiated() const { return negotiated_; }

  /// SIGN. Errors: `unsupported` if neither SIGN nor SEAL was negotiated; `too_large` when the numbers are used up.
  [[nodiscard]] Result<MessageSignature> sign(ByteView message);
  [[nodiscard]] Result<MessageSignature> sign(std::span<const ByteView> parts);

  /// The other side's check. Errors: `truncated` (a signature of less than 16 bytes, R9), `malformed` (more, or another Version),
  /// `replayed`, `out_of_order`, `signature_wrong`, `unsupported`. A message that is refused leaves everything as it was: the
  /// genuine one can still come.
  [[nodiscard]] Result<void> verify(ByteView message, ByteView signature);
  [[nodiscard]] Result<void> verify(std::span<const ByteView> parts, ByteView signature);

  /// SEAL: writes each segment's `out` and signs all of them in their order. Errors: `unsupported` if SEAL was not negotiated;
  /// `invalid_input` if an `out` has not the size of its `in`; `too_large`.
  [[nodiscard]] Result<MessageSignature> seal(std::span<const Segment> segments);
  [[nodiscard]] Result<MessageSignature> seal(ByteView message, MutableByteView sealed);

  /// UNSEAL. Errors as `verify`. Text that was not authenticated is not given away: on an error what was unsealed in place is
  /// sealed again, and what was to be written elsewhere is zero.
  [[nodiscard]] Result<void> unseal(std::span<const Segment> segments, ByteView signature);
  [[nodiscard]] Result<void> unseal(ByteView sealed, ByteView signature, MutableByteView message);

  /// One token: the signature, then the sealed message (GSS_WrapEx of MS-NLMP 3.4.6). `token` has kSignatureBytes more than
  /// `message`; they may share their storage only if `message` is the end of `token`.
  [[nodiscard]] Result<void> wrap(ByteView message, MutableByteView token);
  /// `message` has kSignatureBytes less than `token`, and may be its end.
  [[nodiscard]] Result<void> unwrap(ByteView token, MutableByteView message);

  /// Starts the key stream of one direction anew, as SPNEGO does after its mechListMIC (MS-SPNG 3.3.5.1). Without extended session
  /// security there is one stream, and either call starts it.
  void reset_sending(Counters counters);
  void reset_receiving(Counters counters);

  /// Connectionless only (else `invalid_input`): the numbers of the next messages.
  [[nodiscard]] Result<void> set_sequence_numbers(SequenceNumbers numbers);
  [[nodiscard]] SequenceNumbers sequence_numbers() const { return {streams_[kSending].next, streams_[receiving_index()].next}; }

 private:
  friend class SessionCodec;  // a session handed to another process

  struct Stream {
    std::optional<crypto::HmacMd5Key> signing_key{};  // with extended session security
    std::uint8_t sealing_key_bytes = 0;
    Secret<struct SealingKeyTag, 16> sealing_key{};
    std::optional<crypto::Rc4> handle{};  // made when first used: a session that never seals needs none
    std::uint32_t next = 0;               // SeqNum
    bool used_up = false;

    crypto::Rc4& stream();
    [[nodiscard]] std::array<std::uint8_t, sizeof(std::uint32_t)> sequence_number() const;  ///< as it is signed
  };
  class Mac;

  static constexpr std::size_t kSending = 0;
  static constexpr std::size_t kReceiving = 1;

  SessionSecurity() = default;
  [[nodiscard]] bool extended() const { return negotiated_.has(wire::NegotiateFlag::extended_session_security); }
  [[nodiscard]] std::size_t receiving_index() const { return extended() ? kReceiving : kSending; }
  [[nodiscard]] Stream& sender() { return streams_[kSending]; }
  [[nodiscard]] Stream& receiver() { return streams_[receiving_index()]; }

  [[nodiscard]] Result<void> check_sendable(const Stream& stream, bool asked_for_is_negotiated) const;
  [[nodiscard]] Result<void> check_receivable(const Stream& stream, bool asked_for_is_negotiated, ByteView signature) const;
  void count(Stream& stream) const;
  [[nodiscard]] static crypto::Digest checksum_of(const Stream& stream, std::span<const ByteView> parts);
  [[nodiscard]] MessageSignature close_sending(Stream& stream, const crypto::Digest& checksum) const;
  /// `pad`: the key stream that the checksum is encrypted with, or zeros.
  using Pad = std::array<std::uint8_t, 8>;
  [[nodiscard]] MessageSignature close_sending(Stream& stream, const crypto::Digest& checksum, const Pad& pad) const;
  /// Whether the checksum is encrypted, with the stream that the message was sealed with.
  [[nodiscard]] bool encrypts_checksum_in_turn() const {
    return extended() && !is_datagram() && negotiated_.has(wire::NegotiateFlag::key_exchange);
  }
  [[nodiscard]] Result<void> close_receiving(Stream& stream, crypto::Digest expected, ByteView signature) const;
  [[nodiscard]] crypto::Rc4 datagram_stream(const Stream& stream) const;
  void reset(Stream& stream, Counters counters) const;

  wire::NegotiateFlags negotiated_{};
  Stream streams_[2];
};

/// The signature of the first message of a direction (SeqNum 0), whether SIGN was negotiated or not, as SPNEGO's mechListMIC needs
/// it (RFC 4178, 5). The key stream starts anew afterwards (MS-SPNG 3.3.5.1), so nothing is kept.
[[nodiscard]] MessageSignature first_signature(wire::NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key,
                                               Direction direction, ByteView message);

}  // namespace postern::ntlm
