#include <algorithm>

#include "spnego/der.hpp"
#include "spnego/token.hpp"

namespace postern::spnego {
namespace {

constexpr std::string_view kNtlmSignature{"NTLMSSP\0", 8};
constexpr unsigned kTagNumberMask = 0x1f;

/// The fields of a SEQUENCE of explicit context tags, which come in ascending order and once each.
class Fields {
 public:
  explicit Fields(const der::Element& sequence) : in_{sequence} {}

  [[nodiscard]] bool at_end() const { return in_.at_end(); }

  /// The next field; its number is in `number()`.
  Result<der::Element> next(std::string_view token) {
    const std::size_t start = in_.offset();
    POSTERN_TRY(field, in_.next(token));
    const unsigned number = field.tag & kTagNumberMask;
    if (field.tag != der::context(number)) return fail(ErrorCode::malformed, token, start, "a field without a context tag");
    if (seen_ && number == number_) return fail(ErrorCode::duplicate, token, start, "the same field twice");
    if (seen_ && number < number_) return fail(ErrorCode::malformed, token, start, "fields out of order");
    seen_ = true;
    number_ = number;
    return field;
  }
  [[nodiscard]] unsigned number() const { return number_; }

 private:
  der::Reader in_;
  bool seen_ = false;
  unsigned number_ = 0;
};

Result<ByteView> octets_of(const der::Element& field, std::string_view name) {
  POSTERN_TRY(octets, der::only_child(field, der::kOctetString, name));
  return octets.content;
}

Result<void> parse_mech_types(const der::Element& field, NegTokenInit& init) {
  constexpr std::string_view kName = "NegTokenInit.mechTypes";
  POSTERN_TRY(list, der::only_child(field, der::kSequence, kName));
  if (list.content.empty()) return fail(ErrorCode::malformed, kName, list.content_offset, "no mechanism");
  der::Reader in{list};
  while (!in.at_end()) {
    if (init.mech_types.size() == kMaxMechTypes) return fail(ErrorCode::too_large, kName, in.offset(), "too many mechanisms");
    POSTERN_TRY(element, in.expect(der::kOid, kName));
    POSTERN_TRY(oid, Oid::parse(element.content, element.content_offset));
    init.mech_types.push_back(oid);
  }
  init.mech_types_der = list.whole;
  return {};
}

/// ContextFlags: a BIT STRING, bit 0 the highest. Of 32 bits by RFC 4178; shorter with trailing zeros cut, as DER has it for RFC
/// 2478's.
Result<std::uint32_t> parse_req_flags(const der::Element& field) {
  constexpr std::string_view kName = "NegTokenInit.reqFlags";
  constexpr std::size_t kMaxFlagOctets = 4;
  POSTERN_TRY(bits, der::only_child(field, der::kBitString, kName));
  if (bits.content.empty()) return fail(ErrorCode::malformed, kName, bits.content_offset, "no count of unused bits");
  const unsigned unused = bits.content.front();
  const ByteView octets = bits.content.subspan(1);
  if (octets.size() > kMaxFlagOctets) return fail(ErrorCode::malformed, kName, bits.content_offset, "more than 32 bits");
  if (unused > 7 || (octets.empty() && unused != 0) || (!octets.empty() && (octets.back() & ((1U << unused) - 1)) != 0)) {
    return fail(ErrorCode::malformed, kName, bits.content_offset, "wrong unused bits");
  }
  std::uint32_t flags = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) flags |= static_cast<std::uint32_t>(octets[i]) << (24 - 8 * i);
  return flags;
}

/// NegHints ::= SEQUENCE { hintName [0] GeneralString OPTIONAL, hintAddress [1] OCTET STRING OPTIONAL } (MS-SPNG 2.2.1).
Result<void> parse_neg_hints(const der::Element& field, NegTokenInit& init) {
  POSTERN_TRY(hints, der::only_child(field, der::kSequence, "NegTokenInit2.negHints"));
  Fields fields{hints};
  while (!fields.at_end()) {
    POSTERN_TRY(hint, fields.next("NegTokenInit2.negHints"));
    switch (fields.number()) {
      case 0: {
        POSTERN_TRY(name, der::only_child(hint, der::kGeneralString, "NegTokenInit2.hintName"));
        init.hint_name = name.content;
        break;
      }
      case 1: {
        POSTERN_TRY(address, octets_of(hint, "NegTokenInit2.hintAddress"));
        init.hint_address = address;
        break;
      }
      default: return fail(ErrorCode::malformed, "NegTokenInit2.negHints", hint.content_offset, "a hint that does not exist");
    }
  }
  return {};
}

/// [3] is the mechListMIC of RFC 4178 or the negHints of MS-SPNG: an OCTET STRING or a SEQUENCE, so the tag inside tells.
Result<void> parse_init_field_3(const der::Element& field, NegTokenInit& init) {
  if (!field.content.empty() && field.content.front() == der::kSequence) {
    init.form = InitForm::neg_token_init2;
    return parse_neg_hints(field, init);
  }
  POSTERN_TRY(mic, octets_of(field, "NegTokenInit.mechListMIC"));
  init.mech_list_mic = mic;
  return {};
}

Result<NegTokenInit> parse_init(const der::Element& outer) {
  POSTERN_TRY(sequence, der::only_child(outer, der::kSequence, "NegTokenInit"));
  NegTokenInit init;
  Fields fields{sequence};
  while (!fields.at_end()) {
    POSTERN_TRY(field, fields.next("NegTokenInit"));
    if (init.mech_types.empty() && fields.number() != 0) {
      return fail(ErrorCode::malformed, "NegTokenInit.mechTypes", sequence.content_offset, "missing");
    }
    switch (fields.number()) {
      case 0: POSTERN_CHECK(parse_mech_types(field, init)); break;
      case 1: {
        POSTERN_TRY(flags, parse_req_flags(field));
        init.req_flags = flags;
        break;
      }
      case 2: {
        POSTERN_TRY(token, octets_of(field, "NegTokenInit.mechToken"));
        init.mech_token = token;
        break;
      }
      case 3: POSTERN_CHECK(parse_init_field_3(field, init)); break;
      case 4: {
        if (init.mech_list_mic)
          return fail(ErrorCode::duplicate, "NegTokenInit2.mechListMIC", field.content_offset, "[3] was one too");
        POSTERN_TRY(mic, octets_of(field, "NegTokenInit2.mechListMIC"));
        init.form = InitForm::neg_token_init2;
        init.mech_list_mic = mic;
        break;
      }
      default: break;  // RFC 4178, 4.2.1 ends in "..."
    }
  }
  if (init.mech_types.empty()) return fail(ErrorCode::malformed, "NegTokenInit.mechTypes", sequence.content_offset, "missing");
  return init;
}

Result<NegState> parse_state(const der::Element& field) {
  constexpr std::string_view kName = "NegTokenResp.negState";
  POSTERN_TRY(state, der::only_child(field, der::kEnumerated, kName));
  if (state.content.size() != 1 || state.content.front() > static_cast<std::uint8_t>(NegState::request_mic)) {
    return fail(ErrorCode::malformed, kName, state.content_offset, "not one of the four states");
  }
  return static_cast<NegState>(state.content.front());
}

Result<NegTokenResp> parse_resp(const der::Element& outer) {
  POSTERN_TRY(sequence, der::only_child(outer, der::kSequence, "NegTokenResp"));
  NegTokenResp resp;
  Fields fields{sequence};
  while (!fields.at_end()) {
    POSTERN_TRY(field, fields.next("NegTokenResp"));
    switch (fields.number()) {
      case 0: {
        POSTERN_TRY(state, parse_state(field));
        resp.state = state;
        break;
      }
      case 1: {
        POSTERN_TRY(element, der::only_child(field, der::kOid, "NegTokenResp.supportedMech"));
        POSTERN_TRY(oid, Oid::parse(element.content, element.content_offset));
        resp.supported_mech = oid;
        break;
      }
      case 2: {
        POSTERN_TRY(token, octets_of(field, "NegTokenResp.responseToken"));
        resp.response_token = token;
        break;
      }
      case 3: {
        POSTERN_TRY(mic, octets_of(field, "NegTokenResp.mechListMIC"));
        resp.mech_list_mic = mic;
        break;
      }
      default: break;  // RFC 4178, 4.2.2 ends in "..."
    }
  }
  return resp;
}

Result<Token> parse_framed(const der::Element& frame) {
  der::Reader in{frame};
  POSTERN_TRY(mech, in.expect(der::kOid, "SPNEGO.thisMech"));
  if (!std::ranges::equal(mech.content, kSpnego.der_content())) {
    return fail(ErrorCode::unsupported, "SPNEGO.thisMech", mech.content_offset, "the token of another mechanism");
  }
  POSTERN_TRY(outer, in.expect(der::context(0), "NegTokenInit"));
  POSTERN_CHECK(in.expect_end("SPNEGO"));
  POSTERN_TRY(init, parse_init(outer));
  return init;
}

}  // namespace

Result<Token> parse(ByteView token) {
  if (token.size() > kMaxTokenBytes) return fail(ErrorCode::too_large, "SPNEGO", 0, "longer than any token we take");
  der::Reader in{token};
  POSTERN_TRY(outer, in.next("SPNEGO"));
  POSTERN_CHECK(in.expect_end("SPNEGO"));
  if (outer.tag == der::kApplication0) return parse_framed(outer);
  if (outer.tag == der::context(0)) {
    POSTERN_TRY(init, parse_init(outer));
    return init;
  }
  if (outer.tag == der::context(1)) {
    POSTERN_TRY(resp, parse_resp(outer));
    return resp;
  }
  return fail(ErrorCode::malformed, "SPNEGO", 0, "neither NegTokenInit nor NegTokenResp");
}

TokenKind recognise(ByteView token) {
  if (as_text(token).starts_with(kNtlmSignature)) return TokenKind::ntlmssp_raw;
  der::Reader in{token};
  const auto outer = in.next("SPNEGO");
  if (!outer || outer->content.empty()) return TokenKind::unknown;
  der::Reader inside{*outer};
  switch (outer->tag) {
    case der::kApplication0: {
      const auto mech = inside.expect(der::kOid, "SPNEGO.thisMech");
      if (!mech) return TokenKind::unknown;
      if (std::ranges::equal(mech->content, kSpnego.der_content())) return TokenKind::spnego_init;
      return Oid::parse(mech->content) ? TokenKind::gss_other_mech : TokenKind::unknown;
    }
    case der::context(0): return inside.next_tag() == der::kSequence ? TokenKind::spnego_init : TokenKind::unknown;
    case der::context(1): return inside.next_tag() == der::kSequence ? TokenKind::spnego_resp : TokenKind::unknown;
    default: return TokenKind::unknown;
  }
}

}  // namespace postern::spnego
