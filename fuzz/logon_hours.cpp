// Any text as logon hours: refused inside the text, or hours whose own text says the same hours; and any 21 bytes have a text.
#include "account/logon_hours.hpp"

#include "base/bytes.hpp"
#include "invariant.hpp"

namespace {

using postern::account::LogonHours;

bool text_says_the_same(const LogonHours& hours) {
  const auto again = LogonHours::parse(hours.to_text());
  return again && *again == hours;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto hours = LogonHours::parse(as_text({data, size}));
  if (hours) {
    POSTERN_INVARIANT(text_says_the_same(*hours));
  } else {
    POSTERN_INVARIANT(hours.error().offset <= size);
  }
  if (size == LogonHours::kBytes) {
    POSTERN_INVARIANT(text_says_the_same(LogonHours{std::span<const std::uint8_t, LogonHours::kBytes>{data, size}}));
  }
  return 0;
}
