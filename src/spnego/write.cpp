#include <array>

#include "spnego/der.hpp"
#include "spnego/token.hpp"

namespace postern::spnego {
namespace {

using Flags = std::array<std::uint8_t, 5>;

/// The size of an explicit context tag around an element with that much content; nothing for a field that is absent.
std::size_t field_bytes(const std::optional<ByteView>& content) {
  return content ? der::element_bytes(der::element_bytes(content->size())) : 0;
}

void write_field(Writer& out, unsigned number, std::uint8_t tag, const std::optional<ByteView>& content) {
  if (!content) return;
  der::write_header(out, der::context(number), der::element_bytes(content->size()));
  der::write_element(out, tag, *content);
}

/// Each part is checked by itself before sizes are added, so that no sum can wrap (R17).
bool all_fit(std::initializer_list<const std::optional<ByteView>*> parts) {
  for (const auto* part : parts) {
    if (*part && (*part)->size() > kMaxTokenBytes) return false;
  }
  return true;
}

std::unexpected<Error> over_the_limit(std::string_view field) {
  return fail(ErrorCode::invalid_input, field, Error::kNoOffset, "longer than any token we write");
}

Result<std::size_t> mech_list_content_bytes(std::span<const Oid> mech_types) {
  if (mech_types.empty() || mech_types.size() > kMaxMechTypes) {
    return fail(ErrorCode::invalid_input, "NegTokenInit.mechTypes", Error::kNoOffset, "1 to 32 mechanisms are needed");
  }
  std::size_t bytes = 0;
  for (const Oid& oid : mech_types) bytes += der::element_bytes(oid.der_content().size());
  return bytes;
}

void write_mech_list(Writer& out, std::span<const Oid> mech_types, std::size_t content_bytes) {
  der::write_header(out, der::kSequence, content_bytes);
  for (const Oid& oid : mech_types) der::write_element(out, der::kOid, oid.der_content());
}

/// All 32 bits, none unused: RFC 4178 fixes the size of ContextFlags.
Flags flag_bits(std::uint32_t flags) {
  return {0, static_cast<std::uint8_t>(flags >> 24), static_cast<std::uint8_t>(flags >> 16), static_cast<std::uint8_t>(flags >> 8),
          static_cast<std::uint8_t>(flags)};
}

}  // namespace

Result<Bytes> write_mech_type_list(std::span<const Oid> mech_types) {
  POSTERN_TRY(content_bytes, mech_list_content_bytes(mech_types));
  Writer out{der::element_bytes(content_bytes)};
  write_mech_list(out, mech_types, content_bytes);
  return std::move(out).take();
}

Result<Bytes> write(const NegTokenInit& token) {
  const bool has_hints = token.hint_name || token.hint_address;
  if (has_hints && token.form != InitForm::neg_token_init2) {
    return fail(ErrorCode::invalid_input, "NegTokenInit", Error::kNoOffset, "RFC 4178's form has no room for hints");
  }
  if (!all_fit({&token.mech_token, &token.mech_list_mic, &token.hint_name, &token.hint_address}))
    return over_the_limit("NegTokenInit");
  POSTERN_TRY(list_bytes, mech_list_content_bytes(token.mech_types));
  const Flags bits = flag_bits(token.req_flags.value_or(0));
  const std::optional<ByteView> flags = token.req_flags ? std::optional<ByteView>{bits} : std::nullopt;

  const std::size_t hints_bytes = field_bytes(token.hint_name) + field_bytes(token.hint_address);
  const std::size_t hints_field_bytes = has_hints ? der::element_bytes(der::element_bytes(hints_bytes)) : 0;
  const std::size_t sequence_bytes = der::element_bytes(der::element_bytes(list_bytes)) + field_bytes(flags) +
                                     field_bytes(token.mech_token) + hints_field_bytes + field_bytes(token.mech_list_mic);
  const std::size_t init_bytes = der::element_bytes(sequence_bytes);
  const std::size_t frame_bytes = der::element_bytes(kSpnego.der_content().size()) + der::element_bytes(init_bytes);
  const std::size_t total_bytes = der::element_bytes(frame_bytes);
  if (total_bytes > kMaxTokenBytes) return over_the_limit("NegTokenInit");

  Writer out{total_bytes};
  der::write_header(out, der::kApplication0, frame_bytes);
  der::write_element(out, der::kOid, kSpnego.der_content());
  der::write_header(out, der::context(0), init_bytes);
  der::write_header(out, der::kSequence, sequence_bytes);
  der::write_header(out, der::context(0), der::element_bytes(list_bytes));
  write_mech_list(out, token.mech_types, list_bytes);
  write_field(out, 1, der::kBitString, flags);
  write_field(out, 2, der::kOctetString, token.mech_token);
  if (has_hints) {
    der::write_header(out, der::context(3), der::element_bytes(hints_bytes));
    der::write_header(out, der::kSequence, hints_bytes);
    write_field(out, 0, der::kGeneralString, token.hint_name);
    write_field(out, 1, der::kOctetString, token.hint_address);
  }
  write_field(out, token.form == InitForm::neg_token_init2 ? 4 : 3, der::kOctetString, token.mech_list_mic);
  return std::move(out).take();
}

Result<Bytes> write(const NegTokenResp& token) {
  if (!all_fit({&token.response_token, &token.mech_list_mic})) return over_the_limit("NegTokenResp");
  const auto state_byte = static_cast<std::uint8_t>(token.state.value_or(NegState::reject));
  const std::optional<ByteView> state = token.state ? std::optional<ByteView>{ByteView{&state_byte, 1}} : std::nullopt;
  const std::optional<ByteView> mech =
      token.supported_mech ? std::optional<ByteView>{token.supported_mech->der_content()} : std::nullopt;

  const std::size_t sequence_bytes =
      field_bytes(state) + field_bytes(mech) + field_bytes(token.response_token) + field_bytes(token.mech_list_mic);
  const std::size_t total_bytes = der::element_bytes(der::element_bytes(sequence_bytes));
  if (total_bytes > kMaxTokenBytes) return over_the_limit("NegTokenResp");

  Writer out{total_bytes};
  der::write_header(out, der::context(1), der::element_bytes(sequence_bytes));
  der::write_header(out, der::kSequence, sequence_bytes);
  write_field(out, 0, der::kEnumerated, state);
  write_field(out, 1, der::kOid, mech);
  write_field(out, 2, der::kOctetString, token.response_token);
  write_field(out, 3, der::kOctetString, token.mech_list_mic);
  return std::move(out).take();
}

}  // namespace postern::spnego
