// Any bytes as JSON lines, in two cuts: the same events and the same number of bad lines.
#include "event/reader/event_lines.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/bytes.hpp"
#include "event/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text = as_text({data, size});
  std::vector<std::string> at_once;
  event::EventLines whole{[&](const event::LogonEvent& event, std::string_view) { at_once.push_back(event::to_json(event)); }};
  whole.feed(text);
  whole.finish();
  std::vector<std::string> in_pieces;
  event::EventLines cut{[&](const event::LogonEvent& event, std::string_view) { in_pieces.push_back(event::to_json(event)); }};
  const std::size_t step = size == 0 ? 1 : 1 + data[0] % 7;
  for (std::size_t at = 0; at < size; at += step) cut.feed(text.substr(at, step));
  cut.finish();
  if (at_once != in_pieces || whole.bad_lines() != cut.bad_lines() || whole.events() != at_once.size()) std::abort();
  return 0;
}
