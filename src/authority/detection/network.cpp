#include "authority/detection/network.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <vector>

namespace postern::authority::detection {
namespace {

constexpr std::size_t kV4Offset = 12;  // of the four bytes in the mapped form
constexpr std::array<std::uint8_t, kV4Offset> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kGroups = 8;

std::optional<unsigned> number(std::string_view digits, int base, std::size_t max_digits, unsigned max_value) {
  unsigned value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (digits.empty() || digits.size() > max_digits || error != std::errc{} || stop != end || value > max_value) return std::nullopt;
  return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == bytes.size() - 1)) return std::nullopt;
    const auto value = number(text.substr(0, dot), 10, 3, 255);
    if (!value) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*value);
    if (dot != std::string_view::npos) text.remove_prefix(dot + 1);
  }
  return bytes;
}

/// The groups of one side of `::`, or of the whole; a last group may be an IPv4 address.
std::optional<std::vector<std::uint8_t>> parse_groups(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(group);
      if (!v4) return std::nullopt;
      bytes.insert(bytes.end(), v4->begin(), v4->end());
    } else {
      const auto value = number(group, 16, 4, 0xFFFF);
      if (!value) return std::nullopt;
      bytes.push_back(static_cast<std::uint8_t>(*value >> 8));
      bytes.push_back(static_cast<std::uint8_t>(*value & 0xFF));
    }
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty() || bytes.size() >= 2 * kGroups) return std::nullopt;
  }
  return bytes;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  Address address;
  if (text.find(':') == std::string_view::npos) {
    const auto v4 = parse_v4(text);
    if (!v4) return std::nullopt;
    std::ranges::copy(kMapped, address.bytes.begin());
    std::ranges::copy(*v4, address.bytes.begin() + kV4Offset);
    return address;
  }
  const std::size_t gap = text.find("::");
  const auto front = parse_groups(text.substr(0, gap));
  if (!front) return std::nullopt;
  if (gap == std::string_view::npos) {
    if (front->size() != address.bytes.size()) return std::nullopt;
    std::ranges::copy(*front, address.bytes.begin());
    return address;
  }
  const auto back = parse_groups(text.substr(gap + 2));
  if (!back || front->size() + back->size() > address.bytes.size() - 2) return std::nullopt;
  std::ranges::copy(*front, address.bytes.begin());
  std::ranges::copy(*back, address.bytes.end() - static_cast<std::ptrdiff_t>(back->size()));
  return address;
}

bool Address::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes.begin()); }

bool Address::is_loopback() const {
  if (is_v4()) return bytes[kV4Offset] == 127;
  return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.begin() + 15, [](std::uint8_t byte) { return byte == 0; });
}

Address network_of(const Address& address) {
  Address network = address;
  const std::size_t kept = address.is_v4() ? kV4Offset + 3 : 8;
  std::fill(network.bytes.begin() + static_cast<std::ptrdiff_t>(kept), network.bytes.end(), std::uint8_t{0});
  return network;
}

std::string network_text(const Address& network) {
  std::string text;
  if (network.is_v4()) {
    for (std::size_t i = kV4Offset; i < network.bytes.size(); ++i) {
      text += (text.empty() ? "" : ".") + std::to_string(network.bytes[i]);
    }
    return text + "/24";
  }
  for (std::size_t i = 0; i < 8; i += 2) {
    std::array<char, 4> digits{};
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), (network.bytes[i] << 8) | network.bytes[i + 1], 16);
    text.append(digits.data(), end);
    text += ':';
  }
  return text + ":/64";
}

}  // namespace postern::authority::detection
