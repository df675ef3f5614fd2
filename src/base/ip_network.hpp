// IP addresses and networks as texts, without a resolver: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
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
  [[nodiscard]] bool is_loopback() const;  ///< 127.0.0.0/8, ::1
  /// IPv4 in dots; IPv6 as RFC 5952 writes it.
  [[nodiscard]] std::string to_text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  friend class IpNetwork;
  std::array<std::uint8_t, 16> bytes_{};
};

/// The addresses that begin with the same bits; the one address "::" unless parsed.
class IpNetwork {
 public:
  /// An address alone, or with `/` and a number of bits. Nothing for other text, or where bits past the prefix are set.
  [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text);

  /// The network of that many bits that `address` is in; the bits past them are dropped. At most 32 bits for IPv4, 128 for IPv6:
  /// more are taken as these.
  [[nodiscard]] static IpNetwork around(const IpAddress& address, unsigned prefix_bits);

  /// Its first address.
  [[nodiscard]] const IpAddress& first() const { return first_; }
  [[nodiscard]] bool contains(const IpAddress& address) const;
  /// "10.0.0.0/8"; an address alone without `/`.
  [[nodiscard]] std::string to_text() const;
  bool operator==(const IpNetwork&) const = default;

 private:
  IpAddress first_{};
  std::uint8_t prefix_bits_ = 128;  ///< of the 128 of the mapped form
};

/// Whether one of the networks has the address; false for text that is no address.
[[nodiscard]] bool any_contains(std::span<const IpNetwork> networks, std::string_view address);
/// Whether the text is a loopback address; false for what is no address.
[[nodiscard]] bool is_loopback(std::string_view address);

}  // namespace postern
