// Any bytes as a SPNEGO token (R19): what parses is written again and must then say the same.
#include <cstdlib>

#include "spnego/token.hpp"

namespace {

using namespace postern;
using namespace postern::spnego;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_same(const std::optional<ByteView>& a, const std::optional<ByteView>& b) {
  require(a.has_value() == b.has_value());
  if (a) require(as_text(*a) == as_text(*b));
}

void require_same(const NegTokenInit& a, const NegTokenInit& b) {
  require(a.mech_types == b.mech_types && a.req_flags == b.req_flags);
  require_same(a.mech_token, b.mech_token);
  require_same(a.mech_list_mic, b.mech_list_mic);
  require_same(a.hint_name, b.hint_name);
  require_same(a.hint_address, b.hint_address);
}

void require_same(const NegTokenResp& a, const NegTokenResp& b) {
  require(a.state == b.state && a.supported_mech == b.supported_mech);
  require_same(a.response_token, b.response_token);
  require_same(a.mech_list_mic, b.mech_list_mic);
}

template <typename Message>
void round_trip(const Message& token) {
  const auto written = write(token);
  // Our frame can make a bare NegTokenInit of the largest size too large; nothing else may stand in the way of writing what was
  // read.
  if (!written) {
    require(written.error().code == ErrorCode::invalid_input);
    return;
  }
  const auto again = parse(*written);
  require(again.has_value() && std::holds_alternative<Message>(*again));
  require_same(token, std::get<Message>(*again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  const TokenKind kind = recognise(input);
  const auto token = parse(input);
  if (!token) {
    require(token.error().offset <= size);
    return 0;
  }
  if (const auto* init = std::get_if<NegTokenInit>(&*token)) {
    require(kind == TokenKind::spnego_init);
    require(!init->mech_types.empty() && init->mech_types.size() <= kMaxMechTypes);
    for (const Oid& oid : init->mech_types) require(!oid.to_dotted().empty());
    round_trip(*init);
  } else {
    require(kind == TokenKind::spnego_resp);
    round_trip(std::get<NegTokenResp>(*token));
  }
  return 0;
}
