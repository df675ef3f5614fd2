// Any text as a sink's cursor: refused, or the numbers that write it again.
#include "edge/forward/cursor.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto cursor = forward::parse_cursor(as_text({data, size}));
  if (cursor) {
    const auto again = forward::parse_cursor(forward::text_of(*cursor));
    POSTERN_INVARIANT(again && *again == *cursor);
  } else {
    POSTERN_INVARIANT(cursor.error().code == ErrorCode::malformed);
  }
  return 0;
}
