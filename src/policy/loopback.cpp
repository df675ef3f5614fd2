#include "policy/loopback.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>

namespace postern::policy {
namespace {

bool is_loopback_v4(std::string_view address) {
  for (std::size_t part = 0; part < 4; ++part) {
    constexpr std::size_t kMaxDigits = 3;
    const std::size_t dot = address.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return false;
    const std::string_view digits = address.substr(0, dot);
    std::uint32_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    // A leading zero is octal to some readers: 0127.0.0.1 is not ours.
    if (digits.size() > kMaxDigits || error != std::errc{} || stop != end || number > 255) return false;
    if (digits.size() > 1 && digits.front() == '0') return false;
    if (part == 0 && number != 127) return false;
    if (part < 3) address.remove_prefix(dot + 1);
  }
  return true;
}

}  // namespace

bool is_loopback(std::string_view address) {
  if (address == "::1" || address == "0:0:0:0:0:0:0:1") return true;
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) || address.starts_with("::FFFF:")) address.remove_prefix(kMapped.size());
  return is_loopback_v4(address);
}

}  // namespace postern::policy
