// The network that a client's address belongs to: what detection learns of where an account comes from.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::authority::detection {

/// An IP address in 16 bytes; IPv4 as its IPv4-mapped IPv6 form, so that a dual-stack socket's peers are equal.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  /// "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"; nothing for other text, a zone (`%eth0`) included.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] bool is_loopback() const;  ///< 127.0.0.0/8, ::1
  auto operator<=>(const Address&) const = default;
};

/// The /24 of an IPv4 address, the /64 of an IPv6 one: about what one site or one line has.
[[nodiscard]] Address network_of(const Address& address);
/// "192.0.2.0/24", "2001:db8:0:7::/64".
[[nodiscard]] std::string network_text(const Address& network);

}  // namespace postern::authority::detection
