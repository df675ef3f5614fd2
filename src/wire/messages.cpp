#include "wire/messages.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <initializer_list>
#include <limits>
#include <string>

#include "base/reader.hpp"

namespace postern::wire {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature{'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};
constexpr std::size_t kTypeBytes = 4;
constexpr std::size_t kFieldBytes = 8;  // Len, MaxLen, BufferOffset

constexpr std::size_t kNegotiateFlagsOffset = 12;
constexpr std::size_t kNegotiateDomainOffset = 16;
constexpr std::size_t kNegotiateWorkstationOffset = 24;
constexpr std::size_t kNegotiateVersionOffset = 32;
constexpr std::size_t kNegotiateHeaderBytes = 40;

constexpr std::size_t kChallengeTargetInfoOffset = 40;
constexpr std::size_t kChallengeVersionOffset = 48;
constexpr std::size_t kChallengeHeaderBytes = 56;

constexpr std::size_t kAuthenticateFixedBytes = 64;
constexpr std::size_t kAuthenticateVersionOffset = 64;
constexpr std::size_t kAuthenticateHeaderBytes = AuthenticateMessage::kMicOffset + kMicBytes;

/// The fields of one message: header by position, payload by checked length and offset.
class FieldReader {
 public:
  explicit FieldReader(ByteView message) : message_{message}, header_{message}, lowest_payload_{message.size()} {}

  Result<void> expect_header(MessageType expected) {
    POSTERN_TRY(type, type_of(message_));
    if (type != expected) {
      return fail(ErrorCode::unexpected_message, "MessageType", kSignature.size(),
                  "message type " + std::to_string(static_cast<std::uint32_t>(type)) + " where " +
                      std::to_string(static_cast<std::uint32_t>(expected)) + " was awaited");
    }
    POSTERN_TRY(skipped, header_.take(kSignature.size() + kTypeBytes, "MessageType"));
    static_cast<void>(skipped);
    return {};
  }

  Reader& header() { return header_; }

  /// A payload field. MaxLen means nothing on receipt; the offset of an empty field neither (MS-NLMP 2.2.1).
  Result<ByteView> payload(std::string_view field) {
    const std::size_t at = header_.position();
    POSTERN_TRY(length, header_.u16(field));
    POSTERN_TRY(max_length, header_.u16(field));
    POSTERN_TRY(offset, header_.u32(field));
    static_cast<void>(max_length);
    if (length == 0) return ByteView{};
    if (offset > message_.size() || length > message_.size() - offset) {
      return fail(ErrorCode::out_of_bounds, field, at,
                  "length " + std::to_string(length) + " at offset " + std::to_string(offset) + " in a message of " +
                      std::to_string(message_.size()) + " bytes");
    }
    lowest_payload_ = std::min(lowest_payload_, std::size_t{offset});
    return message_.subspan(offset, length);
  }

  /// Where a field that `payload` returned starts.
  [[nodiscard]] std::size_t offset_of(ByteView field) const {
    return field.empty() ? 0 : static_cast<std::size_t>(field.data() - message_.data());
  }

  /// True if `count` header bytes can stand at `offset`: inside the message and before all payload (S2).
  [[nodiscard]] bool has_room(std::size_t offset, std::size_t count) const {
    return message_.size() >= offset + count && lowest_payload_ >= offset + count;
  }

  /// The VERSION field if the flag announces it and there is room for it: some clients set the flag and leave the field away.
  [[nodiscard]] std::optional<Version> version(NegotiateFlags flags, std::size_t offset) const {
    if (!flags.has(NegotiateFlag::version) || !has_room(offset, Version::kBytes)) return std::nullopt;
    const std::uint8_t* bytes = &message_[offset];
    return Version{bytes[0], bytes[1], load_le<std::uint16_t>(bytes + 2), bytes[7]};
  }

 private:
  ByteView message_;
  Reader header_;
  std::size_t lowest_payload_;
};

Result<void> check_text(ByteView text, Charset charset, std::string_view field, std::size_t offset, Anomalies* anomalies) {
  if (charset == Charset::unicode && text.size() % 2 != 0) {
    return tolerate(anomalies, Error{ErrorCode::malformed, field, offset, "UTF-16 text of odd length", {}});
  }
  return {};
}

Result<void> check_charset(NegotiateFlags flags, std::string_view field, std::size_t offset, Anomalies* anomalies) {
  if (!names_a_charset(flags)) {
    return tolerate(anomalies, Error{ErrorCode::malformed, field, offset, "neither UNICODE nor OEM", {}});
  }
  return {};
}

/// Writes a header with its payload behind it. The size is computed first and refused if a length field could not carry it (R16,
/// R17).
class FieldWriter {
 public:
  static Result<FieldWriter> create(MessageType type, std::size_t header_bytes, std::initializer_list<ByteView> payload) {
    std::size_t total = header_bytes;
    for (const ByteView field : payload) {
      if (field.size() > std::numeric_limits<std::uint16_t>::max() || field.size() > kMaxMessageBytes - total) {
        return fail(ErrorCode::too_large, "message", Error::kNoOffset, "more than a message can carry");
      }
      total += field.size();
    }
    FieldWriter writer{header_bytes, total};
    writer.bytes(kSignature);
    writer.u32(static_cast<std::uint32_t>(type));
    return writer;
  }

  void u32(std::uint32_t value) { little_endian(value); }
  void bytes(ByteView bytes) {
    std::ranges::copy(bytes, out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += bytes.size();
  }
  /// They are there: the buffer starts as zeros.
  void zeros(std::size_t count) { at_ += count; }
  /// Reserves the next place in the payload.
  std::size_t place(ByteView bytes) {
    const std::size_t at = next_offset_;
    next_offset_ += bytes.size();
    return at;
  }
  void field(ByteView bytes, std::size_t offset) {
    little_endian(static_cast<std::uint16_t>(bytes.size()));
    little_endian(static_cast<std::uint16_t>(bytes.size()));
    little_endian(static_cast<std::uint32_t>(offset));
  }
  void field(ByteView bytes) { field(bytes, place(bytes)); }
  void version(const std::optional<Version>& version) {
    const Version value = version.value_or(Version{0, 0, 0, 0});
    little_endian(value.major);
    little_endian(value.minor);
    little_endian(value.build);
    zeros(3);
    little_endian(value.revision);
  }
  /// The rest of the message, which has the size that was computed.
  Bytes finish(std::initializer_list<ByteView> payload) && {
    for (const ByteView field : payload) bytes(field);
    assert(at_ == out_.size());
    return std::move(out_);
  }

 private:
  FieldWriter(std::size_t header_bytes, std::size_t total) : out_(total), next_offset_{header_bytes} {}
  template <typename Integer>
  void little_endian(Integer value) {
    store_le(&out_[at_], value);
    at_ += sizeof value;
  }

  Bytes out_;
  std::size_t at_ = 0;
  std::size_t next_offset_;
};

}  // namespace

bool has_signature(ByteView token) {
  return token.size() >= kSignature.size() && std::ranges::equal(token.first(kSignature.size()), kSignature);
}

Result<MessageType> type_of(ByteView token) {
  if (token.size() > kMaxMessageBytes) return fail(ErrorCode::too_large, "message", 0, "longer than any NTLM message");
  if (token.size() < kSignature.size() + kTypeBytes) {
    return fail(ErrorCode::truncated, "Signature", token.size(), "the input ends before the message type");
  }
  if (!has_signature(token)) return fail(ErrorCode::malformed, "Signature", 0, "does not start with NTLMSSP and a zero byte");
  const auto type = load_le<std::uint32_t>(&token[kSignature.size()]);
  if (type < 1 || type > 3) {
    return fail(ErrorCode::malformed, "MessageType", kSignature.size(), "unknown message type " + std::to_string(type));
  }
  return static_cast<MessageType>(type);
}

Result<NegotiateMessage> NegotiateMessage::parse(ByteView message, Anomalies* anomalies) {
  FieldReader in{message};
  POSTERN_CHECK(in.expect_header(kType));
  NegotiateMessage parsed;
  POSTERN_TRY(flags, in.header().u32("NEGOTIATE.NegotiateFlags"));
  parsed.flags = NegotiateFlags{flags};
  POSTERN_CHECK(check_charset(parsed.flags, "NEGOTIATE.NegotiateFlags", kNegotiateFlagsOffset, anomalies));
  // A client may end anywhere behind the flags; a field that is not there whole is not there (S1).
  if (message.size() >= kNegotiateDomainOffset + kFieldBytes) {
    POSTERN_TRY(domain_name, in.payload("NEGOTIATE.DomainName"));
    parsed.domain_name = domain_name;
  }
  if (message.size() >= kNegotiateWorkstationOffset + kFieldBytes) {
    POSTERN_TRY(workstation, in.payload("NEGOTIATE.Workstation"));
    parsed.workstation = workstation;
  }
  parsed.version = in.version(parsed.flags, kNegotiateVersionOffset);
  return parsed;
}

Result<Bytes> NegotiateMessage::write() const {
  POSTERN_TRY(out, FieldWriter::create(kType, kNegotiateHeaderBytes, {domain_name, workstation}));
  out.u32(flags.with_if(version.has_value(), NegotiateFlag::version).wire());
  out.field(domain_name);
  out.field(workstation);
  out.version(version);
  return std::move(out).finish({domain_name, workstation});
}

Result<ChallengeMessage> ChallengeMessage::parse(ByteView message, Anomalies* anomalies) {
  FieldReader in{message};
  POSTERN_CHECK(in.expect_header(kType));
  ChallengeMessage parsed;
  POSTERN_TRY(target_name, in.payload("CHALLENGE.TargetName"));
  const std::size_t flags_offset = in.header().position();
  POSTERN_TRY(flags, in.header().u32("CHALLENGE.NegotiateFlags"));
  POSTERN_TRY(challenge, in.header().take(ServerChallenge::kSize, "CHALLENGE.ServerChallenge"));
  parsed.flags = NegotiateFlags{flags};
  parsed.target_name = target_name;
  parsed.server_challenge = ServerChallenge{challenge.first<ServerChallenge::kSize>()};
  POSTERN_CHECK(check_charset(parsed.flags, "CHALLENGE.NegotiateFlags", flags_offset, anomalies));
  POSTERN_CHECK(check_text(target_name, charset_of(parsed.flags), "CHALLENGE.TargetName", in.offset_of(target_name), anomalies));
  // The oldest servers write no Reserved and no TargetInfoFields: then the payload starts where they would stand.
  if (in.has_room(kChallengeTargetInfoOffset, kFieldBytes)) {
    POSTERN_TRY(reserved, in.header().take(8, "CHALLENGE.Reserved"));
    static_cast<void>(reserved);
    POSTERN_TRY(target_info, in.payload("CHALLENGE.TargetInfo"));
    parsed.target_info = target_info;
    parsed.target_info_offset = in.offset_of(target_info);
    parsed.version = in.version(parsed.flags, kChallengeVersionOffset);
  }
  return parsed;
}

Result<Bytes> ChallengeMessage::write() const {
  POSTERN_TRY(out, FieldWriter::create(kType, kChallengeHeaderBytes, {target_name, target_info}));
  out.field(target_name);
  out.u32(flags.with_if(version.has_value(), NegotiateFlag::version).wire());
  out.bytes(server_challenge.bytes());
  out.zeros(8);
  out.field(target_info);
  out.version(version);
  return std::move(out).finish({target_name, target_info});
}

Result<AuthenticateMessage> AuthenticateMessage::parse(ByteView message, std::optional<NegotiateFlags> negotiated,
                                                       Anomalies* anomalies) {
  FieldReader in{message};
  POSTERN_CHECK(in.expect_header(kType));
  if (message.size() < kAuthenticateFixedBytes) {
    return fail(ErrorCode::truncated, "AUTHENTICATE", message.size(), "the input ends inside the fixed fields");
  }
  AuthenticateMessage parsed;
  POSTERN_TRY(lm_response, in.payload("AUTHENTICATE.LmChallengeResponse"));
  POSTERN_TRY(nt_response, in.payload("AUTHENTICATE.NtChallengeResponse"));
  POSTERN_TRY(domain_name, in.payload("AUTHENTICATE.DomainName"));
  POSTERN_TRY(user_name, in.payload("AUTHENTICATE.UserName"));
  POSTERN_TRY(workstation, in.payload("AUTHENTICATE.Workstation"));
  const std::size_t session_key_field = in.header().position();
  POSTERN_TRY(session_key, in.payload("AUTHENTICATE.EncryptedRandomSessionKey"));
  POSTERN_TRY(flags, in.header().u32("AUTHENTICATE.NegotiateFlags"));
  if (!session_key.empty() && session_key.size() != kSessionKeyBytes) {
    return fail(ErrorCode::malformed, "AUTHENTICATE.EncryptedRandomSessionKey", session_key_field,
                "a session key of " + std::to_string(session_key.size()) + " bytes");
  }
  parsed.flags = NegotiateFlags{flags};
  parsed.charset = charset_of(negotiated.value_or(parsed.flags));
  const auto text = [&](ByteView bytes, std::string_view field) {
    return check_text(bytes, parsed.charset, field, in.offset_of(bytes), anomalies);
  };
  POSTERN_CHECK(text(domain_name, "AUTHENTICATE.DomainName"));
  POSTERN_CHECK(text(user_name, "AUTHENTICATE.UserName"));
  POSTERN_CHECK(text(workstation, "AUTHENTICATE.Workstation"));
  parsed.lm_response = lm_response;
  parsed.nt_response = nt_response;
  parsed.nt_response_offset = in.offset_of(nt_response);
  parsed.domain_name = domain_name;
  parsed.user_name = user_name;
  parsed.workstation = workstation;
  parsed.encrypted_random_session_key = session_key;
  parsed.version = in.version(parsed.flags, kAuthenticateVersionOffset);
  if (in.has_room(kMicOffset, kMicBytes)) parsed.mic.emplace(message.subspan<kMicOffset, kMicBytes>());
  return parsed;
}

Result<Bytes> AuthenticateMessage::write() const {
  const std::size_t header_bytes = mic ? kAuthenticateHeaderBytes : kMicOffset;
  POSTERN_TRY(out,
              FieldWriter::create(kType, header_bytes,
                                  {domain_name, user_name, workstation, lm_response, nt_response, encrypted_random_session_key}));
  // The order of the payload is the one that Windows writes; the order of the header's fields is fixed.
  const std::size_t domain_at = out.place(domain_name);
  const std::size_t user_at = out.place(user_name);
  const std::size_t workstation_at = out.place(workstation);
  const std::size_t lm_at = out.place(lm_response);
  const std::size_t nt_at = out.place(nt_response);
  const std::size_t key_at = out.place(encrypted_random_session_key);
  out.field(lm_response, lm_at);
  out.field(nt_response, nt_at);
  out.field(domain_name, domain_at);
  out.field(user_name, user_at);
  out.field(workstation, workstation_at);
  out.field(encrypted_random_session_key, key_at);
  out.u32(flags.with_if(version.has_value(), NegotiateFlag::version).wire());
  out.version(version);
  if (mic) out.zeros(kMicBytes);
  return std::move(out).finish({domain_name, user_name, workstation, lm_response, nt_response, encrypted_random_session_key});
}

}  // namespace postern::wire
