#include "edge/http/address_range.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <string>

namespace postern::http {
namespace {

constexpr unsigned kMappedBits = 96;  ///< ::ffff:0:0/96 holds IPv4

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string terminated{text.substr(0, text.find('%'))};  // a zone (fe80::1%eth0) says where, not who
  Address address;
  std::array<std::uint8_t, 4> v4{};
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) {
    address.v4 = true;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::copy(v4.begin(), v4.end(), address.bytes.begin() + 12);
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool bit(const std::array<std::uint8_t, 16>& bytes, unsigned index) { return ((bytes[index / 8] >> (7 - index % 8)) & 1) != 0; }

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  AddressRange range;
  range.network_ = address->bytes;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > (address->v4 ? 32U : 128U)) return std::nullopt;
    range.prefix_bits_ = bits + (address->v4 ? kMappedBits : 0);
  }
  for (unsigned i = range.prefix_bits_; i < 128; ++i) {
    if (bit(range.network_, i)) return std::nullopt;
  }
  return range;
}

bool AddressRange::contains(std::string_view address) const {
  const auto parsed = parse_address(address);
  if (!parsed) return false;
  for (unsigned i = 0; i < prefix_bits_; ++i) {
    if (bit(parsed->bytes, i) != bit(network_, i)) return false;
  }
  return true;
}

bool contains(const std::vector<AddressRange>& ranges, std::string_view address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const AddressRange& range) { return range.contains(address); });
}

bool is_loopback(std::string_view address) {
  static const std::vector<AddressRange> kLoopback{*AddressRange::parse("127.0.0.0/8"), *AddressRange::parse("::1")};
  return contains(kLoopback, address);
}

}  // namespace postern::http
