#include "ntlm/authority_protocol.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "base/writer.hpp"

namespace postern::ntlm {
namespace {

enum class Kind : std::uint8_t { begin = 1, finish = 2, cancel = 3, proceed = 65, verdict = 66 };

constexpr std::uint8_t kMaxCarrier = static_cast<std::uint8_t>(Carrier::negotiate);
constexpr std::uint8_t kMaxAccountKind = static_cast<std::uint8_t>(AccountKind::guest);
constexpr std::uint8_t kMaxPoint = static_cast<std::uint8_t>(DenialPoint::account_dc);
constexpr std::uint8_t kMaxStage = static_cast<std::uint8_t>(DenialStage::verified);
constexpr std::uint8_t kMaxStageTold = static_cast<std::uint8_t>(DenialStage::response);
constexpr std::uint8_t kFirstVersionWithExplanations = 2;

/// Writes fields and remembers the first that is over its limit, so that no over-long frame is ever sent.
class FrameWriter {
 public:
  FrameWriter(Kind kind, const RequestNonce& nonce, std::uint8_t version) : version_{version} {
    out_.u32(0);  // the length, known at the end
    out_.u8(version);
    out_.u8(static_cast<std::uint8_t>(kind));
    out_.bytes(nonce.bytes());
  }
  Writer& raw() { return out_; }
  [[nodiscard]] std::uint8_t version() const { return version_; }
  void flag(bool value) { out_.u8(value ? 1 : 0); }
  void blob(ByteView bytes, std::size_t limit, std::string_view field) {
    if (bytes.size() > limit) refuse(field);
    out_.u32(static_cast<std::uint32_t>(std::min(bytes.size(), limit)));
    out_.bytes(bytes.first(std::min(bytes.size(), limit)));
  }
  void text(std::string_view text, std::string_view field) { blob(as_bytes(text), kMaxNameBytes, field); }
  void count(std::size_t count, std::size_t limit, std::string_view field) {
    if (count > limit) refuse(field);
    out_.u32(static_cast<std::uint32_t>(count));
  }
  Result<Bytes> take() && {
    if (!refused_.empty()) return fail(ErrorCode::too_large, refused_, Error::kNoOffset, "longer than the protocol allows");
    Bytes frame = std::move(out_).take();
    const std::size_t length = frame.size() - sizeof(std::uint32_t);
    if (length > kMaxFrameBytes) {
      return fail(ErrorCode::too_large, "frame", Error::kNoOffset, "longer than the protocol allows");
    }
    store_le(frame.data(), static_cast<std::uint32_t>(length));
    return frame;
  }

 private:
  void refuse(std::string_view field) {
    if (refused_.empty()) refused_ = field;
  }
  Writer out_;
  std::uint8_t version_;
  std::string_view refused_{};
};

class FrameReader {
 public:
  explicit FrameReader(ByteView frame) : in_{frame} {}

  Result<std::uint8_t> u8_up_to(std::uint8_t limit, std::string_view field) {
    const std::size_t offset = in_.position();
    POSTERN_TRY(value, in_.u8(field));
    if (value > limit) return fail(ErrorCode::malformed, field, offset, "a value outside its range");
    return value;
  }
  Result<bool> flag(std::string_view field) {
    POSTERN_TRY(value, u8_up_to(1, field));
    return value == 1;
  }
  Result<Bytes> blob(std::size_t limit, std::string_view field) {
    POSTERN_TRY(size, count(limit, field));
    POSTERN_TRY(bytes, in_.take(size, field));
    return to_bytes(bytes);
  }
  Result<std::string> text(std::string_view field, std::size_t limit = kMaxNameBytes) {
    const std::size_t offset = in_.position();
    POSTERN_TRY(bytes, blob(limit, field));
    if (!is_utf8(as_text(bytes))) return fail(ErrorCode::malformed, field, offset, "not UTF-8");
    return std::string{as_text(bytes)};
  }
  Result<std::size_t> count(std::size_t limit, std::string_view field) {
    const std::size_t offset = in_.position();
    POSTERN_TRY(value, in_.u32(field));
    if (value > limit) return fail(ErrorCode::too_large, field, offset, "over the protocol's limit");
    return std::size_t{value};
  }
  template <typename Fixed>
  Result<Fixed> fixed(std::string_view field) {
    POSTERN_TRY(bytes, in_.take(Fixed::kSize, field));
    return Fixed{bytes.template first<Fixed::kSize>()};
  }
  Reader& raw() { return in_; }

 private:
  Reader in_;
};

void write_endpoint(FrameWriter& out, const Endpoint& endpoint, std::string_view field) {
  out.text(endpoint.address, field);
  out.raw().u16(endpoint.port);
}

Result<Endpoint> read_endpoint(FrameReader& in, std::string_view field) {
  POSTERN_TRY(address, in.text(field));
  POSTERN_TRY(port, in.raw().u16(field));
  return Endpoint{std::move(address), port};
}

void write_body(FrameWriter& out, const BeginRequest& request) {
  out.text(request.service, "begin.service");
  out.raw().u8(static_cast<std::uint8_t>(request.carrier));
  write_endpoint(out, request.connection.client, "begin.client");
  write_endpoint(out, request.connection.server, "begin.server");
  out.flag(request.connection.tls);
  out.blob(request.token, kMaxTokenBytes, "begin.token");
}

Result<BeginRequest> read_begin(FrameReader& in) {
  BeginRequest request;
  POSTERN_TRY(service, in.text("begin.service"));
  POSTERN_TRY(carrier, in.u8_up_to(kMaxCarrier, "begin.carrier"));
  POSTERN_TRY(client, read_endpoint(in, "begin.client"));
  POSTERN_TRY(server, read_endpoint(in, "begin.server"));
  POSTERN_TRY(tls, in.flag("begin.tls"));
  POSTERN_TRY(token, in.blob(kMaxTokenBytes, "begin.token"));
  request.service = std::move(service);
  request.carrier = static_cast<Carrier>(carrier);
  request.connection = {std::move(client), std::move(server), tls};
  request.token = std::move(token);
  return request;
}

void write_body(FrameWriter& out, const FinishRequest& request) {
  out.raw().bytes(request.handshake.bytes());
  out.blob(request.token, kMaxTokenBytes, "finish.token");
  out.count(request.channel_bindings.size(), kMaxBindings, "finish.channel_bindings");
  for (const ChannelBindingHash& hash : request.channel_bindings) out.raw().bytes(hash.bytes());
  out.count(request.target_names.size(), kMaxTargetNames, "finish.target_names");
  for (const std::string& name : request.target_names) out.text(name, "finish.target_names");
  out.flag(request.wants_session_key);
}

Result<FinishRequest> read_finish(FrameReader& in) {
  FinishRequest request;
  POSTERN_TRY(handshake, in.fixed<HandshakeId>("finish.handshake"));
  POSTERN_TRY(token, in.blob(kMaxTokenBytes, "finish.token"));
  POSTERN_TRY(bindings, in.count(kMaxBindings, "finish.channel_bindings"));
  for (std::size_t i = 0; i < bindings; ++i) {
    POSTERN_TRY(hash, in.fixed<ChannelBindingHash>("finish.channel_bindings"));
    request.channel_bindings.push_back(hash);
  }
  POSTERN_TRY(names, in.count(kMaxTargetNames, "finish.target_names"));
  for (std::size_t i = 0; i < names; ++i) {
    POSTERN_TRY(name, in.text("finish.target_names"));
    request.target_names.push_back(std::move(name));
  }
  POSTERN_TRY(wants_session_key, in.flag("finish.wants_session_key"));
  request.handshake = handshake;
  request.token = std::move(token);
  request.wants_session_key = wants_session_key;
  return request;
}

void write_body(FrameWriter& out, const CancelRequest& request) { out.raw().bytes(request.handshake.bytes()); }

void write_body(FrameWriter& out, const Continue& reply) {
  out.raw().bytes(reply.handshake.bytes());
  out.blob(reply.token, kMaxTokenBytes, "continue.token");
}

Result<Continue> read_continue(FrameReader& in) {
  POSTERN_TRY(handshake, in.fixed<HandshakeId>("continue.handshake"));
  POSTERN_TRY(token, in.blob(kMaxTokenBytes, "continue.token"));
  return Continue{handshake, std::move(token)};
}

/// The texts of a verdict in their order on the wire: one list for both directions.
template <typename Text>
struct TextField {
  std::string_view field;
  Text* text;
};
template <typename AnyVerdict>
auto texts_of(AnyVerdict& verdict) {
  using Field = TextField<std::remove_reference_t<decltype((verdict.why))>>;
  return std::array{Field{"verdict.domain", &verdict.identity.domain},
                    Field{"verdict.name", &verdict.identity.name},
                    Field{"verdict.sid", &verdict.identity.sid},
                    Field{"verdict.package", &verdict.facts.package},
                    Field{"verdict.version", &verdict.facts.version},
                    Field{"verdict.mic", &verdict.facts.mic},
                    Field{"verdict.channel_binding", &verdict.facts.channel_binding},
                    Field{"verdict.spn", &verdict.facts.spn},
                    Field{"verdict.spn_check", &verdict.facts.spn_check},
                    Field{"verdict.workstation", &verdict.facts.workstation},
                    Field{"verdict.event_id", &verdict.event_id},
                    Field{"verdict.why", &verdict.why}};
}

void write_explanation(FrameWriter& out, const std::optional<Explanation>& explanation, std::string_view field) {
  out.flag(explanation.has_value());
  if (!explanation) return;
  out.raw().u8(static_cast<std::uint8_t>(explanation->point));
  out.raw().u8(static_cast<std::uint8_t>(explanation->stage));
  for (const std::string* text : {&explanation->setting, &explanation->value, &explanation->reason, &explanation->cure}) {
    out.blob(as_bytes(*text), kMaxExplanationBytes, field);
  }
}

Result<std::optional<Explanation>> read_explanation(FrameReader& in, std::uint8_t stage_max, std::string_view field) {
  POSTERN_TRY(present, in.flag(field));
  if (!present) return std::optional<Explanation>{};
  Explanation explanation;
  POSTERN_TRY(point, in.u8_up_to(kMaxPoint, field));
  POSTERN_TRY(stage, in.u8_up_to(stage_max, field));
  explanation.point = static_cast<DenialPoint>(point);
  explanation.stage = static_cast<DenialStage>(stage);
  for (std::string* text : {&explanation.setting, &explanation.value, &explanation.reason, &explanation.cure}) {
    POSTERN_TRY(read, in.text(field, kMaxExplanationBytes));
    *text = std::move(read);
  }
  return std::optional{std::move(explanation)};
}

void write_body(FrameWriter& out, const Verdict& verdict) {
  out.raw().u32(static_cast<std::uint32_t>(verdict.status));
  out.blob(verdict.token, kMaxTokenBytes, "verdict.token");
  out.raw().u8(static_cast<std::uint8_t>(verdict.identity.kind));
  for (const auto& item : texts_of(verdict)) out.text(*item.text, item.field);
  if (out.version() >= kFirstVersionWithExplanations) {
    write_explanation(out, verdict.decided, "verdict.decided");
    write_explanation(out, verdict.told, "verdict.told");
  }
  out.count(verdict.groups.size(), kMaxGroups, "verdict.groups");
  for (const std::string& group : verdict.groups) out.text(group, "verdict.groups");
  out.flag(verdict.session_key.has_value());
  if (verdict.session_key) out.raw().bytes(verdict.session_key->reveal());
}

Result<Verdict> read_verdict(FrameReader& in, std::uint8_t version) {
  Verdict verdict;
  POSTERN_TRY(status, in.raw().u32("verdict.status"));
  POSTERN_TRY(token, in.blob(kMaxTokenBytes, "verdict.token"));
  POSTERN_TRY(kind, in.u8_up_to(kMaxAccountKind, "verdict.kind"));
  for (const auto& item : texts_of(verdict)) {
    POSTERN_TRY(text, in.text(item.field));
    *item.text = std::move(text);
  }
  if (version >= kFirstVersionWithExplanations) {
    const std::size_t offset = in.raw().position();
    POSTERN_TRY(decided, read_explanation(in, kMaxStage, "verdict.decided"));
    POSTERN_TRY(told, read_explanation(in, kMaxStageTold, "verdict.told"));
    if ((decided || told) && static_cast<NtStatus>(status) == NtStatus::success) {
      return fail(ErrorCode::malformed, "verdict.decided", offset, "an explanation of a denial that is none");
    }
    verdict.decided = std::move(decided);
    verdict.told = std::move(told);
  }
  POSTERN_TRY(groups, in.count(kMaxGroups, "verdict.groups"));
  for (std::size_t i = 0; i < groups; ++i) {
    POSTERN_TRY(group, in.text("verdict.groups"));
    verdict.groups.push_back(std::move(group));
  }
  POSTERN_TRY(has_session_key, in.flag("verdict.session_key"));
  if (has_session_key) {
    POSTERN_TRY(key, in.raw().take(ExportedSessionKey::kSize, "verdict.session_key"));
    verdict.session_key.emplace(key.first<ExportedSessionKey::kSize>());
  }
  verdict.status = static_cast<NtStatus>(status);
  verdict.token = std::move(token);
  verdict.identity.kind = static_cast<AccountKind>(kind);
  return verdict;
}

constexpr Kind kind_of(const BeginRequest&) { return Kind::begin; }
constexpr Kind kind_of(const FinishRequest&) { return Kind::finish; }
constexpr Kind kind_of(const CancelRequest&) { return Kind::cancel; }
constexpr Kind kind_of(const Continue&) { return Kind::proceed; }
constexpr Kind kind_of(const Verdict&) { return Kind::verdict; }

constexpr bool is_spoken(std::uint8_t version) { return version >= kOldestProtocolVersion && version <= kProtocolVersion; }

std::unexpected<Error> unknown_version() {
  return fail(ErrorCode::unsupported, "frame.version", 0,
              "a version that is not spoken here: the authority is upgraded before its edges");
}

template <typename Message>
Result<Bytes> encode_any(const RequestNonce& nonce, const Message& message, std::uint8_t version) {
  if (!is_spoken(version)) return unknown_version();
  return std::visit(
      [&nonce, version](const auto& body) {
        FrameWriter out{kind_of(body), nonce, version};
        write_body(out, body);
        return std::move(out).take();
      },
      message);
}

struct Header {
  std::uint8_t version;
  Kind kind;
  RequestNonce nonce;
};
Result<Header> read_header(FrameReader& in) {
  POSTERN_TRY(version, in.raw().u8("frame.version"));
  if (!is_spoken(version)) return unknown_version();
  POSTERN_TRY(kind, in.raw().u8("frame.kind"));
  POSTERN_TRY(nonce, in.fixed<RequestNonce>("frame.nonce"));
  return Header{version, static_cast<Kind>(kind), nonce};
}

std::unexpected<Error> unknown_kind() {
  return fail(ErrorCode::malformed, "frame.kind", 1, "a kind that is not of this direction");
}

}  // namespace

Result<Bytes> encode(const RequestNonce& nonce, const Request& request, std::uint8_t version) {
  return encode_any(nonce, request, version);
}
Result<Bytes> encode(const RequestNonce& nonce, const Reply& reply, std::uint8_t version) {
  return encode_any(nonce, reply, version);
}

Result<FramedRequest> decode_request(ByteView frame) {
  FrameReader in{frame};
  POSTERN_TRY(header, read_header(in));
  FramedRequest framed{header.nonce, {}, header.version};
  switch (header.kind) {
    case Kind::begin: {
      POSTERN_TRY(body, read_begin(in));
      framed.request = std::move(body);
      break;
    }
    case Kind::finish: {
      POSTERN_TRY(body, read_finish(in));
      framed.request = std::move(body);
      break;
    }
    case Kind::cancel: {
      POSTERN_TRY(handshake, in.fixed<HandshakeId>("cancel.handshake"));
      framed.request = CancelRequest{handshake};
      break;
    }
    default: return unknown_kind();
  }
  POSTERN_CHECK(in.raw().expect_end("frame"));
  return framed;
}

Result<FramedReply> decode_reply(ByteView frame) {
  FrameReader in{frame};
  POSTERN_TRY(header, read_header(in));
  FramedReply framed{header.nonce, {}, header.version};
  switch (header.kind) {
    case Kind::proceed: {
      POSTERN_TRY(body, read_continue(in));
      framed.reply = std::move(body);
      break;
    }
    case Kind::verdict: {
      POSTERN_TRY(body, read_verdict(in, header.version));
      framed.reply = std::move(body);
      break;
    }
    default: return unknown_kind();
  }
  POSTERN_CHECK(in.raw().expect_end("frame"));
  return framed;
}

Result<std::optional<std::size_t>> frame_length(ByteView buffer) {
  if (buffer.size() < sizeof(std::uint32_t)) return std::optional<std::size_t>{};
  const std::size_t length = load_le<std::uint32_t>(buffer.data());
  if (length > kMaxFrameBytes) return fail(ErrorCode::too_large, "frame.length", 0, "over the protocol's limit");
  return std::optional<std::size_t>{length};
}

}  // namespace postern::ntlm
