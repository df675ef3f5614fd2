// A request as the gateway reads it: head, then body. What is taken for a head must be written out as one that reads the same.
#include <cstdlib>

#include "edge/http/authorization.hpp"
#include "edge/http/body.hpp"
#include "edge/http/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::http;
  ByteView input{data, size};
  std::size_t scanned = 0;
  const auto end = find_head_end(input, scanned, {});
  if (!end || !*end) return 0;
  const auto head = parse_request_head(input.first(**end), {});
  if (!head) return 0;
  const std::string text = serialize(*head);
  const auto again = parse_request_head(as_bytes(text), {});
  if (!again || again->target != head->target || again->headers.size() != head->headers.size() ||
      again->framing.kind != head->framing.kind || again->framing.length != head->framing.length) {
    std::abort();
  }
  (void)parse_authorization(head->headers, {});
  (void)origin_form(*head);
  input = input.subspan(**end);
  BodyDecoder decoder{head->framing};
  while (!decoder.done()) {
    const auto piece = decoder.decode(input);
    if (!piece || piece->consumed == 0) break;
    if (piece->consumed > input.size() || piece->data.size() > piece->consumed) std::abort();
    input = input.subspan(piece->consumed);
  }
  return 0;
}
