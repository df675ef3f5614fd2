// One frame of the authority protocol, a request: what is accepted means exactly the bytes that came.
#include <algorithm>
#include <cstdlib>

#include "ntlm/authority_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const ByteView frame{data, size};
  static_cast<void>(ntlm::frame_length(frame));
  const auto decoded = ntlm::decode_request(frame);
  if (!decoded) return 0;
  const auto encoded = ntlm::encode(decoded->nonce, decoded->request, decoded->version);
  constexpr std::size_t kLengthBytes = 4;
  if (!encoded || !std::ranges::equal(ByteView{*encoded}.subspan(kLengthBytes), frame)) std::abort();
  return 0;
}
