// Any text as logon hours: refused inside the text, or hours whose own text says the same hours; and any 21 bytes have a text.
#include "account/logon_hours.hpp"

#include "base/bytes.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using account::LogonHours;
  const auto hours = LogonHours::parse(as_text({data, size}));
  if (hours) {
    const auto again = LogonHours::parse(hours->to_text());
    POSTERN_INVARIANT(again && *again == *hours);
  } else {
    POSTERN_INVARIANT(hours.error().offset <= size);
  }
  if (size == LogonHours::kBytes) {
    const LogonHours bits{std::span<const std::uint8_t, LogonHours::kBytes>{data, size}};
    const auto again = LogonHours::parse(bits.to_text());
    POSTERN_INVARIANT(again && *again == bits);
  }
  return 0;
}
