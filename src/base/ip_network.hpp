// IP addresses and networks as texts, without a resolver: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

/// An IPv4 address is held in its IPv4-mapped IPv6 form, so that a peer of a dual-stack socket equals the same peer of another.
class IpAddress {
 public:
  /// Textual IPv4 or IPv6 (RFC 4291 2.2), with or without a zone ("fe80::1%eth0": the zone says where, not who, and is cut).
  /// Nothing for other text, also for parts with a leading zero, which some readers take as octal.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] bool is_v4() const;
  /// IPv4 in dots; IPv6 as RFC 5952 writes it.
  [[nodiscard]] std::string to_text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// The addresses that begin with the same bits; the one address "::" unless parsed.
class IpNetwork {
 public:
  /// An address alone, or with `/` and a number of bits. Nothing for other text, or where bits past the prefix are set.
  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const;
  /// "10.0.0.0/8"; an address alone without `/`.
  [[nodiscard]] std::string to_text() const;
  bool operator==(const IpNetwork&) const = default;

 private:
  IpAddress first_{};
  std::uint8_t prefix_bits_ = 128;  ///< of the 128 of the mapped form
};

}  // namespace postern
