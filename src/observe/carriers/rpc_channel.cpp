#include "observe/carriers/rpc_channel.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/reader.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

// C706 12.6.4: PDU types.
constexpr std::uint8_t kRequest = 0;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kFault = 3;
constexpr std::uint8_t kBind = 11;
constexpr std::uint8_t kBindAck = 12;
constexpr std::uint8_t kBindNak = 13;
constexpr std::uint8_t kAlter = 14;
constexpr std::uint8_t kAlterResponse = 15;
constexpr std::uint8_t kAuth3 = 16;
constexpr std::uint8_t kLastType = 21;

// MS-RPCE 2.2.1.1.7: authentication types.
constexpr std::uint8_t kAuthSpnego = 9;
constexpr std::uint8_t kAuthNtlm = 10;
constexpr std::uint8_t kAuthKerberos = 16;

constexpr std::size_t kAuthTrailerBytes = 8;
constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kSyntaxBytes = 20;
constexpr std::size_t kContextsOffset = 28;  ///< of the first presentation context in a bind
constexpr std::uint32_t kFaultAccessDenied = 5;
constexpr std::uint32_t kFaultSecurityPackage = 0x721;

/// Interfaces with calls that make a machine log on to a host that the caller names.
struct Coercion {
  std::string_view name;
  std::array<std::uint8_t, kUuidBytes> uuid;  ///< as on the wire, little-endian
  std::array<std::uint16_t, 12> calls;        ///< operation numbers, ended by kNoCall
};
constexpr std::uint16_t kNoCall = 0xffff;
constexpr std::array kCoercions{
    // MS-EFSR 3.1.4.2, at both of its interfaces: EfsRpcOpenFileRaw and the others that take a path
    Coercion{"MS-EFSR",
             {0x88, 0xd4, 0x81, 0xc6, 0x50, 0xd8, 0xd0, 0x11, 0x8c, 0x52, 0x00, 0xc0, 0x4f, 0xd9, 0x0f, 0x7e},
             {0, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, kNoCall}},
    Coercion{"MS-EFSR",
             {0xc5, 0x41, 0x19, 0xdf, 0x89, 0xfe, 0x79, 0x4e, 0xbf, 0x10, 0x46, 0x36, 0x57, 0xac, 0xf4, 0x4d},
             {0, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, kNoCall}},
    // MS-RPRN 3.1.4.10: RpcRemoteFindFirstPrinterChangeNotification and its Ex form
    Coercion{"MS-RPRN",
             {0x78, 0x56, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab},
             {62, 65, kNoCall}},
    // MS-DFSNM 3.1.4: NetrDfsAddStdRoot, NetrDfsRemoveStdRoot, NetrDfsAddStdRootForced
    Coercion{"MS-DFSNM",
             {0xe0, 0x42, 0xc7, 0x4f, 0x10, 0x4a, 0xcf, 0x11, 0x82, 0x73, 0x00, 0xaa, 0x00, 0x4a, 0xe6, 0x73},
             {12, 13, 15, kNoCall}},
    // MS-FSRVP 3.1.4: IsPathSupported, IsPathShadowCopied
    Coercion{"MS-FSRVP",
             {0x3c, 0x65, 0xe0, 0xa8, 0x44, 0x27, 0x89, 0x43, 0xa6, 0x1d, 0x73, 0x73, 0xdf, 0x8b, 0x22, 0x92},
             {8, 9, kNoCall}},
    // MS-EVEN 3.1.4: ElfrOpenBELW
    Coercion{
        "MS-EVEN", {0xdc, 0x3f, 0x27, 0x82, 0x2a, 0xe3, 0xc3, 0x18, 0x3f, 0x78, 0x82, 0x79, 0x29, 0xdc, 0x23, 0xea}, {9, kNoCall}},
};

/// Integers in the byte order that the header names.
struct Order {
  bool little = true;
  [[nodiscard]] std::uint16_t u16(ByteView pdu, std::size_t at) const {
    const auto value = load_le<std::uint16_t>(pdu.data() + at);
    return little ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
  }
  [[nodiscard]] std::uint32_t u32(ByteView pdu, std::size_t at) const {
    const auto value = load_le<std::uint32_t>(pdu.data() + at);
    return little ? value : __builtin_bswap32(value);
  }
};
Order order_of(ByteView pdu) { return {(pdu[4] & 0xf0) == 0x10}; }

bool carries_tokens(std::uint8_t type) { return type >= kBind && type <= kAuth3; }

constexpr std::uint8_t kFirstFragment = 0x01;
constexpr std::uint8_t kLastFragment = 0x02;

}  // namespace

bool is_rpc_header(ByteView bytes) {
  if (bytes[0] != 5 || bytes[1] > 1 || bytes[2] > kLastType) return false;
  if ((bytes[4] != 0x10 && bytes[4] != 0x00) || bytes[6] != 0 || bytes[7] != 0) return false;
  return rpc_fragment_bytes(bytes) >= kRpcHeaderBytes;
}

std::size_t rpc_fragment_bytes(ByteView bytes) { return order_of(bytes).u16(bytes, 8); }

bool rpc_wants_whole(ByteView bytes) { return carries_tokens(bytes[2]); }

void RpcChannel::on_pdu(const RpcScene& scene, const RpcPdu& pdu) {
  if (pdu.bytes.size() < kRpcHeaderBytes) return;
  const std::uint8_t type = pdu.bytes[2];
  if ((type == kBind || type == kAlter) && (pdu.bytes[3] & kFirstFragment) != 0) learn_interfaces(pdu.bytes);
  if (type == kBindNak) return on_bind_nak(scene, pdu);
  if (carries_tokens(type)) on_fragment(scene, pdu);
  if (type == kRequest) on_request(scene, pdu);
  if (type == kResponse || type == kFault) on_answer(scene, pdu);
}

void RpcChannel::on_lost(Side from) {
  tokens_[from == Side::client ? 0 : 1] = {};
  if (from == Side::server) return;
  for (AuthContext& context : auth_contexts_) context.slot.clear();
}

std::optional<RpcChannel::Token> RpcChannel::token_of(ByteView pdu) {
  const Order order = order_of(pdu);
  const std::size_t length = order.u16(pdu, 10);
  if (length == 0 || kRpcHeaderBytes + kAuthTrailerBytes + length > pdu.size()) return std::nullopt;
  const std::size_t at = pdu.size() - length - kAuthTrailerBytes;
  return Token{pdu[at], pdu[at + 1], order.u32(pdu, at + 4), pdu.subspan(at + kAuthTrailerBytes)};
}

void RpcChannel::on_fragment(const RpcScene& scene, const RpcPdu& pdu) {
  Parts& parts = tokens_[pdu.from == Side::client ? 0 : 1];
  const std::uint8_t type = pdu.bytes[2];
  const std::uint32_t call = order_of(pdu.bytes).u32(pdu.bytes, 12);
  const bool first = (pdu.bytes[3] & kFirstFragment) != 0;
  const bool last = (pdu.bytes[3] & kLastFragment) != 0;
  std::optional<Token> token = token_of(pdu.bytes);
  if (first && last) {
    parts = {};
    if (token) on_token(scene, pdu, *token);
    return;
  }
  if (first) {
    parts = {true, type, call, {}};
  } else if (!parts.open || parts.type != type || parts.call != call) {
    parts = {};  // its beginning was not seen
    return;
  }
  if (token) {
    if (token->bytes.size() > scene.room) {
      parts = {};
      return;
    }
    parts.bytes.insert(parts.bytes.end(), token->bytes.begin(), token->bytes.end());
  }
  if (!last) return;
  const Bytes whole = std::exchange(parts, {}).bytes;
  if (!token || whole.empty()) return;  // the last one says of which kind and context it is
  token->bytes = whole;
  on_token(scene, pdu, *token);
}

void RpcChannel::on_bind_nak(const RpcScene& scene, const RpcPdu& pdu) {
  for (AuthContext& context : auth_contexts_) {
    if (std::exchange(context.unproved, false)) report(scene, pdu, context.slot.current(), false, "bind_nak");
  }
}

RpcChannel::AuthContext& RpcChannel::auth_context(std::uint32_t id) {
  for (AuthContext& context : auth_contexts_) {
    if (context.id == id) return context;
  }
  if (auth_contexts_.size() == kMaxAuthContexts) auth_contexts_.erase(auth_contexts_.begin());
  auth_contexts_.push_back({id, {}, false});
  return auth_contexts_.back();
}

void RpcChannel::on_token(const RpcScene& scene, const RpcPdu& pdu, const Token& token) {
  if (token.type != kAuthNtlm && token.type != kAuthSpnego && token.type != kAuthKerberos) return;
  const std::uint8_t type = pdu.bytes[2];
  const TokenContent content = peek_token(token.bytes);
  AuthContext& context = auth_context(token.context);
  Place place{scene.connection, context.slot.key_for(content.ntlm, scene.numbers), pdu.end, pdu.from};
  place.carrier = Carrier::dcerpc;
  place.target = scene.target;
  if (type == kBind || type == kAlter || type == kAuth3) {
    NoteSeen note;
    note.kind = NoteSeen::Kind::rpc_level;
    note.exchange = place.exchange;
    note.moment = place.moment;
    note.carrier = Carrier::dcerpc;
    note.from = pdu.from;
    note.number = token.level;
    scene.witness.on_note(scene.connection, note);
  }
  report_token(place, token.bytes, scene.witness);
  if (content.ntlm == wire::MessageType::authenticate) context.unproved = true;
  // An answer that says how the negotiation ended: only SPNEGO's does.
  const bool answer = type == kBindAck || type == kAlterResponse;
  if (answer && context.unproved && content.state && *content.state != spnego::NegState::accept_incomplete) {
    context.unproved = false;
    const bool success = *content.state == spnego::NegState::accept_completed;
    report(scene, pdu, context.slot.current(), success, success ? "accept-completed" : "reject");
  }
}

void RpcChannel::on_request(const RpcScene& scene, const RpcPdu& pdu) {
  if (pdu.bytes.size() < kRpcCallBytes - 4) return;
  const Order order = order_of(pdu.bytes);
  const std::uint16_t presentation = order.u16(pdu.bytes, 20);
  const std::uint16_t opnum = order.u16(pdu.bytes, 22);
  const bool first = (pdu.bytes[3] & kFirstFragment) != 0;  // a call in several fragments is one call
  for (const Interface& known : interfaces_) {
    if (!first || known.context != presentation) continue;
    const Coercion& coercion = kCoercions[known.index];
    const auto last = std::ranges::find(coercion.calls, kNoCall);
    if (std::find(coercion.calls.begin(), last, opnum) == last) continue;
    NoteSeen note;
    note.kind = NoteSeen::Kind::rpc_call;
    note.moment = pdu.begin;
    note.carrier = Carrier::dcerpc;
    note.from = pdu.from;
    note.number = opnum;
    note.detail = coercion.name;
    if (!auth_contexts_.empty()) note.exchange = auth_contexts_.back().slot.current();
    scene.witness.on_note(scene.connection, note);
  }
  if (order.u16(pdu.bytes, 10) == 0) return;
  for (AuthContext& context : auth_contexts_) {
    if (!context.unproved) continue;
    context.unproved = false;
    if (calls_.size() == kMaxCalls) calls_.erase(calls_.begin());
    calls_.push_back({order.u32(pdu.bytes, 12), context.slot.current()});
    break;
  }
}

void RpcChannel::on_answer(const RpcScene& scene, const RpcPdu& pdu) {
  const Order order = order_of(pdu.bytes);
  const std::uint32_t id = order.u32(pdu.bytes, 12);
  const auto call = std::ranges::find(calls_, id, &Call::id);
  if (call == calls_.end()) return;
  const ExchangeKey exchange = call->exchange;
  calls_.erase(call);
  if (pdu.bytes[2] == kResponse) return report(scene, pdu, exchange, true, "response");
  if (pdu.bytes.size() < kRpcCallBytes) return;
  const std::uint32_t status = order.u32(pdu.bytes, 24);
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "fault 0x%08x", status);
  report(scene, pdu, exchange, status != kFaultAccessDenied && status != kFaultSecurityPackage, text.data());
}

void RpcChannel::learn_interfaces(ByteView pdu) {
  const Order order = order_of(pdu);
  std::size_t at = kContextsOffset;
  if (pdu.size() < at) return;
  const std::uint8_t count = pdu[24];
  for (std::uint8_t i = 0; i < count && at + 4 + kSyntaxBytes <= pdu.size(); ++i) {
    const std::uint16_t context = order.u16(pdu, at);
    const ByteView uuid = pdu.subspan(at + 4, kUuidBytes);
    for (std::size_t index = 0; index < kCoercions.size(); ++index) {
      if (!std::ranges::equal(kCoercions[index].uuid, uuid)) continue;
      if (interfaces_.size() == kMaxInterfaces) interfaces_.erase(interfaces_.begin());
      interfaces_.push_back({context, index});
    }
    at += 4 + kSyntaxBytes * (1 + static_cast<std::size_t>(pdu[at + 2]));
  }
}

void RpcChannel::report(const RpcScene& scene, const RpcPdu& pdu, ExchangeKey exchange, bool success, std::string text) {
  OutcomeSeen seen;
  seen.exchange = exchange;
  seen.moment = pdu.begin;
  seen.carrier = Carrier::dcerpc;
  seen.result = success ? OutcomeSeen::Result::success : OutcomeSeen::Result::failure;
  seen.text = std::move(text);
  scene.witness.on_outcome(scene.connection, seen);
}

}  // namespace postern::observe
