// Frames from the authority's side, as an edge reads them: length, then answer. What decodes must encode to the same bytes.
#include <cstdlib>

#include "ntlm/authority_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const ByteView input{data, size};
  const auto length = ntlm::frame_length(input);
  if (!length || !*length || **length > size - 4) return 0;
  const ByteView frame = input.subspan(4, **length);
  auto reply = ntlm::decode_reply(frame);
  if (!reply) return 0;
  const auto again = ntlm::encode(reply->nonce, reply->reply, reply->version);
  if (!again) std::abort();
  const ByteView body = ByteView{*again}.subspan(4);
  if (body.size() != frame.size() || !std::equal(body.begin(), body.end(), frame.begin())) std::abort();
  return 0;
}
