// Any text as posternd's answer to an observer, after the event whose number the first byte says: refused without an exception, or
// events in order.
#include "edge/forward/replies.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  if (size == 0) return 0;
  const std::uint64_t after = data[0];
  const std::string_view reply = as_text({data + 1, size - 1});
  if (const auto batch = forward::parse_events_reply(reply, after)) {
    std::uint64_t last = after;
    for (const forward::ReadEvent& event : batch->events) {
      POSTERN_INVARIANT(event.sequence > last);
      last = event.sequence;
    }
  } else {
    POSTERN_INVARIANT(batch.error().code == ErrorCode::malformed || batch.error().code == ErrorCode::denied);
  }
  if (const auto status = forward::parse_status_reply(reply)) POSTERN_INVARIANT(status->starts_with('{'));
  return 0;
}
