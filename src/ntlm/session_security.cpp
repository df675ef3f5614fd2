#include "ntlm/session_security.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <ranges>
#include <utility>

#include "base/reader.hpp"
#include "crypto/crc32.hpp"
#include "crypto/md5.hpp"
#include "crypto/seal_kernel.hpp"

namespace postern::ntlm {
namespace {

using wire::NegotiateFlag;
using wire::NegotiateFlags;

// NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9): Version, then Checksum and SeqNum, or RandomPad, Checksum and SeqNum.
constexpr std::uint32_t kSignatureVersion = 1;
constexpr std::size_t kChecksumOffset = 4;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kCrcOffset = 8;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kSeqNumOffset = 12;
constexpr std::string_view kSignatureField = "MessageSignature";

using SignatureBytes = std::array<std::uint8_t, kSignatureBytes>;

std::unexpected<Error> not_negotiated(std::string_view what) {
  return fail(ErrorCode::unsupported, "NegotiateFlags", Error::kNoOffset, std::string{what} + " was not negotiated");
}

Result<void> check_order(std::uint32_t sent, std::uint32_t awaited) {
  if (sent == awaited) return {};
  const std::string numbers = "number " + std::to_string(sent) + " where " + std::to_string(awaited) + " is awaited";
  // Serial arithmetic: what lies behind is nearer backwards.
  if (static_cast<std::int32_t>(sent - awaited) < 0) return fail(ErrorCode::replayed, kSignatureField, kSeqNumOffset, numbers);
  return fail(ErrorCode::out_of_order, kSignatureField, kSeqNumOffset, numbers);
}

std::unexpected<Error> signature_wrong() {
  return fail(ErrorCode::signature_wrong, kSignatureField, kChecksumOffset, "the message is not what was signed");
}

}  // namespace

crypto::Rc4& SessionSecurity::Stream::stream() {
  if (!handle) handle.emplace(sealing_key.reveal().first(sealing_key_bytes));
  return *handle;
}

std::array<std::uint8_t, sizeof(std::uint32_t)> SessionSecurity::Stream::sequence_number() const {
  std::array<std::uint8_t, sizeof next> bytes{};
  store_le(bytes.data(), next);
  return bytes;
}

/// The checksum of one message under way: HMAC-MD5 over SeqNum and message, or CRC-32 over the message.
class SessionSecurity::Mac {
 public:
  explicit Mac(const Stream& stream) {
    if (!stream.signing_key) return;
    hmac_.emplace(*stream.signing_key);
    hmac_->update(stream.sequence_number());
  }
  void update(ByteView bytes) {
    if (hmac_) {
      hmac_->update(bytes);
    } else {
      crc_.update(bytes);
    }
  }
  /// Seals what `in` holds into `out` and takes it in.
  void update_and_seal(crypto::Rc4& stream, ByteView in, MutableByteView out) {
    if (hmac_) return crypto::mac_and_encrypt(*hmac_, stream, in, out);
    crc_.update(in);
    stream.apply(in, out);
  }
  /// Unseals what `in` holds into `out` and takes that in.
  void unseal_and_update(crypto::Rc4& stream, ByteView in, MutableByteView out) {
    if (hmac_) return crypto::decrypt_and_mac(*hmac_, stream, in, out);
    stream.apply(in, out);
    crc_.update(out);
  }

  /// The HMAC, or the CRC in the first bytes.
  [[nodiscard]] crypto::Digest checksum() {
    if (hmac_) return hmac_->finish();
    crypto::Digest bytes{};
    store_le(bytes.data(), crc_.value());
    return bytes;
  }

 private:
  std::optional<crypto::HmacMd5> hmac_{};
  crypto::Crc32 crc_{};
};

SessionSecurity::SessionSecurity(NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key, Role role,
                                 SequenceNumbers first)
    : negotiated_{negotiated} {
  const auto give_keys = [&](Stream& stream, Direction direction) {
    const SecretBytes key = sealing_key(negotiated, exported_session_key, direction);
    stream.sealing_key_bytes = static_cast<std::uint8_t>(key.size());
    std::ranges::copy(key.reveal(), stream.sealing_key.reveal_for_writing().begin());
    if (!extended()) return;
    const SigningKey signing = signing_key(exported_session_key, direction);
    stream.signing_key.emplace(signing.reveal());
  };
  const bool is_client = role == Role::client;
  give_keys(streams_[kSending], is_client ? Direction::client_to_server : Direction::server_to_client);
  if (extended()) give_keys(streams_[kReceiving], is_client ? Direction::server_to_client : Direction::client_to_server);
  streams_[kReceiving].next = first.receiving;
  streams_[kSending].next = first.sending;
}

Result<void> SessionSecurity::check_sendable(const Stream& stream, bool asked_for_is_negotiated) const {
  if (!asked_for_is_negotiated) return not_negotiated(can_sign() ? "SEAL" : "SIGN");
  if (stream.used_up) {
    return fail(ErrorCode::too_large, "SeqNum", Error::kNoOffset, "all numbers of this session are used: log on anew");
  }
  return {};
}

Result<void> SessionSecurity::check_receivable(const Stream& stream, bool asked_for_is_negotiated, ByteView signature) const {
  POSTERN_CHECK(check_sendable(stream, asked_for_is_negotiated));
  if (signature.size() < kSignatureBytes) {
    return fail(ErrorCode::truncated, kSignatureField, signature.size(), "a signature has 16 bytes");
  }
  if (signature.size() > kSignatureBytes) {
    return fail(ErrorCode::malformed, kSignatureField, kSignatureBytes, "a signature has 16 bytes");
  }
  if (load_le<std::uint32_t>(signature.data()) != kSignatureVersion) {
    return fail(ErrorCode::malformed, kSignatureField, 0, "Version is not 1");
  }
  if (extended()) return check_order(load_le<std::uint32_t>(signature.data() + kSeqNumOffset), stream.next);
  return {};
}

/// Connectionless: the caller counts.
void SessionSecurity::count(Stream& stream) const {
  if (is_datagram()) return;
  if (stream.next == std::numeric_limits<std::uint32_t>::max()) {
    stream.used_up = true;
  } else {
    ++stream.next;
  }
}

/// Connectionless: the stream starts anew for each signature, from MD5(SealingKey, SeqNum) (MS-NLMP 3.4.4.2). The message itself
/// is sealed before that, with the stream that the message before has left: the specification's order of steps, and that of
/// gss-ntlmssp.
crypto::Rc4 SessionSecurity::datagram_stream(const Stream& stream) const {
  crypto::Md5 md5;
  md5.update(stream.sealing_key.reveal().first(stream.sealing_key_bytes));
  md5.update(stream.sequence_number());
  auto key = md5.finish();
  crypto::Rc4 rekeyed{key};
  wipe(key);
  return rekeyed;
}

MessageSignature SessionSecurity::close_sending(Stream& stream, const crypto::Digest& checksum) const {
  Pad pad{};
  if (encrypts_checksum_in_turn()) stream.stream().apply(pad);
  return close_sending(stream, checksum, pad);
}

MessageSignature SessionSecurity::close_sending(Stream& stream, const crypto::Digest& checksum, const Pad& pad) const {
  SignatureBytes signature{};
  store_le(signature.data(), kSignatureVersion);
  if (extended()) {
    for (std::size_t i = 0; i < kChecksumBytes; ++i) signature[kChecksumOffset + i] = checksum[i] ^ pad[i];
    if (is_datagram()) {
      stream.handle = datagram_stream(stream);
      if (negotiated_.has(NegotiateFlag::key_exchange)) {
        stream.handle->apply(MutableByteView{signature}.subspan(kChecksumOffset, kChecksumBytes));
      }
    }
    store_le(signature.data() + kSeqNumOffset, stream.next);
  } else {
    // MS-NLMP 3.4.4.1: RandomPad, CRC-32 and SeqNum run through RC4; then the pad is zero on the wire.
    std::copy_n(checksum.begin(), kCrcBytes, signature.begin() + kCrcOffset);
    store_le(signature.data() + kSeqNumOffset, stream.next);
    stream.stream().apply(MutableByteView{signature}.subspan(kChecksumOffset));
    store_le(signature.data() + kChecksumOffset, std::uint32_t{0});
  }
  count(stream);
  return MessageSignature{signature};
}

/// Leaves the stream where it was before the signature if that is refused.
Result<void> SessionSecurity::close_receiving(Stream& stream, crypto::Digest expected, ByteView signature) const {
  if (extended()) {
    const MutableByteView checksum = MutableByteView{expected}.first(kChecksumBytes);
    const bool encrypted = negotiated_.has(NegotiateFlag::key_exchange);
    std::optional<crypto::Rc4> rekeyed;
    if (is_datagram()) rekeyed.emplace(datagram_stream(stream));
    if (encrypted) (rekeyed ? *rekeyed : stream.stream()).apply(checksum);
    if (!constant_time_equal(checksum, signature.subspan(kChecksumOffset, kChecksumBytes))) {
      if (encrypted && !rekeyed) stream.handle->rewind(kChecksumBytes);
      return signature_wrong();
    }
    if (rekeyed) stream.handle = std::move(rekeyed);
    count(stream);
    return {};
  }
  // The number is encrypted, and only the pad's part of the stream is not needed.
  SignatureBytes opened{};
  std::ranges::copy(signature, opened.begin());
  const MutableByteView encrypted = MutableByteView{opened}.subspan(kChecksumOffset);
  stream.stream().apply(encrypted);
  Result<void> verdict;
  if (!constant_time_equal(ByteView{expected}.first(kCrcBytes), ByteView{opened}.subspan(kCrcOffset, kCrcBytes))) {
    verdict = signature_wrong();
  } else {
    verdict = check_order(load_le<std::uint32_t>(opened.data() + kSeqNumOffset), stream.next);
  }
  if (!verdict) {
    stream.handle->rewind(encrypted.size());
    return verdict;
  }
  count(stream);
  return {};
}

crypto::Digest SessionSecurity::checksum_of(const Stream& stream, std::span<const ByteView> parts) {
  if (stream.signing_key && parts.size() == 1) {
    return crypto::hmac_md5(*stream.signing_key, {stream.sequence_number(), parts.front()});
  }
  Mac mac{stream};
  for (const ByteView part : parts) mac.update(part);
  return mac.checksum();
}

Result<MessageSignature> SessionSecurity::sign(std::span<const ByteView> parts) {
  Stream& stream = sender();
  POSTERN_CHECK(check_sendable(stream, can_sign()));
  if (!stream.signing_key || parts.size() != 1 || !encrypts_checksum_in_turn()) {
    return close_sending(stream, checksum_of(stream, parts));
  }
  Pad pad{};
  const auto sequence_number = stream.sequence_number();
  const std::array whole{ByteView{sequence_number}, parts.front()};
  const auto checksum = crypto::mac_and_stream(*stream.signing_key, whole, stream.stream(), pad);
  return close_sending(stream, checksum, pad);
}

Result<MessageSignature> SessionSecurity::sign(ByteView message) { return sign({&message, 1}); }

Result<void> SessionSecurity::verify(std::span<const ByteView> parts, ByteView signature) {
  Stream& stream = receiver();
  POSTERN_CHECK(check_receivable(stream, can_sign(), signature));
  return close_receiving(stream, checksum_of(stream, parts), signature);
}

Result<void> SessionSecurity::verify(ByteView message, ByteView signature) { return verify({&message, 1}, signature); }

namespace {

std::unexpected<Error> wrong_size() {
  return fail(ErrorCode::invalid_input, "out", Error::kNoOffset, "what is written has the size of what is read");
}

Result<void> check_sizes(std::span<const Segment> segments) {
  for (const Segment& segment : segments) {
    if (segment.out.data() != nullptr && segment.out.size() != segment.in.size()) return wrong_size();
  }
  return {};
}

bool is_sealed(const Segment& segment) { return !segment.out.empty(); }

}  // namespace

Result<MessageSignature> SessionSecurity::seal(std::span<const Segment> segments) {
  Stream& stream = sender();
  POSTERN_CHECK(check_sendable(stream, can_seal()));
  POSTERN_CHECK(check_sizes(segments));
  if (stream.signing_key && segments.size() == 1 && is_sealed(segments.front())) {
    const Segment& whole = segments.front();
    Pad pad{};
    const auto checksum =
        crypto::mac_and_encrypt(*stream.signing_key, stream.sequence_number(), stream.stream(), whole.in, whole.out,
                                encrypts_checksum_in_turn() ? MutableByteView{pad} : MutableByteView{});
    return close_sending(stream, checksum, pad);
  }
  Mac mac{stream};
  for (const Segment& segment : segments) {
    if (is_sealed(segment)) {
      mac.update_and_seal(stream.stream(), segment.in, segment.out);
    } else {
      mac.update(segment.in);
    }
  }
  return close_sending(stream, mac.checksum());
}

Result<MessageSignature> SessionSecurity::seal(ByteView message, MutableByteView sealed) {
  if (sealed.size() != message.size()) return wrong_size();
  const Segment segment = Segment::sealed(message, sealed);
  return seal({&segment, 1});
}

Result<void> SessionSecurity::unseal(std::span<const Segment> segments, ByteView signature) {
  Stream& stream = receiver();
  POSTERN_CHECK(check_receivable(stream, can_seal(), signature));
  POSTERN_CHECK(check_sizes(segments));
  Mac mac{stream};
  for (const Segment& segment : segments) {
    if (is_sealed(segment)) {
      mac.unseal_and_update(stream.stream(), segment.in, segment.out);
    } else {
      mac.update(segment.in);
    }
  }
  auto verdict = close_receiving(stream, mac.checksum(), signature);
  if (verdict) return verdict;
  for (const Segment& segment : std::views::reverse(segments)) {
    if (!is_sealed(segment)) continue;
    stream.stream().rewind(segment.out.size());
    if (segment.in.data() == segment.out.data()) {
      stream.stream().apply(segment.out);
      stream.stream().rewind(segment.out.size());
    } else {
      wipe(segment.out);
    }
  }
  return verdict;
}

Result<void> SessionSecurity::unseal(ByteView sealed, ByteView signature, MutableByteView message) {
  if (message.size() != sealed.size()) return wrong_size();
  const Segment segment = Segment::sealed(sealed, message);
  return unseal({&segment, 1}, signature);
}

Result<void> SessionSecurity::wrap(ByteView message, MutableByteView token) {
  if (token.size() != message.size() + kSignatureBytes) {
    return fail(ErrorCode::invalid_input, "token", Error::kNoOffset, "a token has 16 bytes more than its message");
  }
  POSTERN_TRY(signature, seal(message, token.subspan(kSignatureBytes)));
  std::ranges::copy(signature.bytes(), token.begin());
  return {};
}

Result<void> SessionSecurity::unwrap(ByteView token, MutableByteView message) {
  if (token.size() < kSignatureBytes) {
    return fail(ErrorCode::truncated, kSignatureField, token.size(), "a token has 16 bytes and more");
  }
  return unseal(token.subspan(kSignatureBytes), token.first(kSignatureBytes), message);
}

void SessionSecurity::reset(Stream& stream, Counters counters) const {
  stream.handle.reset();
  if (counters == Counters::restart) {
    stream.next = 0;
    stream.used_up = false;
  }
}

void SessionSecurity::reset_sending(Counters counters) { reset(sender(), counters); }
void SessionSecurity::reset_receiving(Counters counters) { reset(receiver(), counters); }

Result<void> SessionSecurity::set_sequence_numbers(SequenceNumbers numbers) {
  if (!is_datagram()) {
    return fail(ErrorCode::invalid_input, "SeqNum", Error::kNoOffset, "only a connectionless session is counted by its caller");
  }
  streams_[kSending].next = numbers.sending;
  streams_[kReceiving].next = numbers.receiving;
  return {};
}

MessageSignature first_signature(NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key, Direction direction,
                                 ByteView message) {
  const Role sender = direction == Direction::client_to_server ? Role::client : Role::server;
  SessionSecurity session{negotiated.with(NegotiateFlag::sign), exported_session_key, sender};
  return *session.sign(message);  // a session that signs has its first number left
}

}  // namespace postern::ntlm
