// AddressRange: an IP network such as 10.0.0.0/8, for lists of trusted peers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace postern::http {

/// An IPv4 address is held as its IPv4-mapped IPv6 form, so that a dual-stack socket's peers compare equal.
class AddressRange {
 public:
  /// "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"; nothing for other text, or if bits outside the prefix are set.
  [[nodiscard]] static std::optional<AddressRange> parse(std::string_view text);
  /// False for text that is no address.
  [[nodiscard]] bool contains(std::string_view address) const;

 private:
  std::array<std::uint8_t, 16> network_{};
  unsigned prefix_bits_ = 128;
};

[[nodiscard]] bool contains(const std::vector<AddressRange>& ranges, std::string_view address);
/// 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104.
[[nodiscard]] bool is_loopback(std::string_view address);

}  // namespace postern::http
