// Any event in any form is one line of JSON in ASCII, and so is what is left of it without names; what posternd tells as its status
// always makes metrics.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "edge/forward/messages.hpp"
#include "edge/forward/metrics.hpp"
#include "event/export/forms.hpp"
#include "event/export/pseudonyms.hpp"
#include "event/reader/parse_event.hpp"
#include "invariant.hpp"

namespace {

using namespace postern;

void check(const event::LogonEvent& event) {
  for (const event::Form form : {event::Form::samba, event::Form::ecs}) {
    const std::string line = event::to_form(event, form);
    POSTERN_INVARIANT(nlohmann::json::accept(line));
    POSTERN_INVARIANT(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
  const std::string message = forward::syslog_message(event, "{}", 10);
  POSTERN_INVARIANT(!message.contains('\n'));
  POSTERN_INVARIANT(forward::journal_entry(event, "{}").starts_with("MESSAGE"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  POSTERN_INVARIANT(forward::metrics_text({}, text).ends_with('\n'));
  const auto event = event::parse_event(text);
  if (!event) return 0;
  check(*event);
  const event::Pseudonymiser pseudonyms{DigestKey{}};
  const event::LogonEvent hidden = pseudonyms.apply(*event);
  check(hidden);
  POSTERN_INVARIANT(hidden.id == event->id && hidden.outcome == event->outcome);
  return 0;
}
