// Any bytes as an event: refused, or an event that comes back unchanged from what we write of it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "event/json.hpp"
#include "event/reader/parse_event.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto event = event::parse_event(as_text({data, size}));
  if (!event) return 0;
  const auto again = event::parse_event(event::to_json(*event));
  if (!again || *again != *event) std::abort();
  return 0;
}
