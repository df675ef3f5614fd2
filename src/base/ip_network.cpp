#include "base/ip_network.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace postern {
namespace {

constexpr std::size_t kGroups = 8;           // of 16 bits
constexpr unsigned kMappedBits = 96;         // ::ffff:0:0/96 holds IPv4
constexpr std::size_t kMaxAddressText = 64;  // longer than any address with its zone cut
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::optional<unsigned> number_of(std::string_view digits, unsigned base, std::size_t max_digits, unsigned max) {
  unsigned value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, static_cast<int>(base));
  if (digits.empty() || digits.size() > max_digits || error != std::errc{} || stop != end || value > max) return std::nullopt;
  if (base == 10 && digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return value;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t part = 0; part < bytes.size(); ++part) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (part + 1 == bytes.size())) return std::nullopt;
    const auto value = number_of(text.substr(0, dot), 10, 3, 255);
    if (!value) return std::nullopt;
    bytes[part] = static_cast<std::uint8_t>(*value);
    if (dot != std::string_view::npos) text.remove_prefix(dot + 1);
  }
  return bytes;
}

/// Groups of `text`, which holds no "::", into `groups` from `count` on; the last may be an IPv4 address. False if it is none.
bool read_groups(std::string_view text, std::array<std::uint16_t, kGroups>& groups, std::size_t& count) {
  if (text.empty()) return true;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(part);
      if (!v4 || count + 2 > kGroups) return false;
      groups[count++] = static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]);
      groups[count++] = static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]);
      return true;
    }
    const auto value = number_of(part, 16, 4, 0xFFFF);
    if (!value || count == kGroups) return false;
    groups[count++] = static_cast<std::uint16_t>(*value);
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::array<std::uint16_t, kGroups>> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  std::array<std::uint16_t, kGroups> groups{};
  std::size_t before = 0;
  if (!read_groups(text.substr(0, gap), groups, before)) return std::nullopt;
  if (gap == std::string_view::npos) return before == kGroups ? std::optional{groups} : std::nullopt;
  const std::string_view rest = text.substr(gap + 2);
  std::array<std::uint16_t, kGroups> tail{};
  std::size_t after = 0;
  // The part before the gap must be hexadecimal: an IPv4 address stands at the end.
  if (text.substr(0, gap).find('.') != std::string_view::npos || !read_groups(rest, tail, after)) return std::nullopt;
  if (before + after >= kGroups) return std::nullopt;
  std::copy_n(tail.begin(), after, groups.end() - static_cast<std::ptrdiff_t>(after));
  return groups;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) text = text.substr(0, text.find('%'));
  if (text.size() > kMaxAddressText) return std::nullopt;
  IpAddress address;
  if (const auto v4 = parse_v4(text)) {
    std::ranges::copy(kMapped, address.bytes_.begin());
    std::ranges::copy(*v4, address.bytes_.begin() + kMapped.size());
    return address;
  }
  const auto groups = parse_v6(text);
  if (!groups) return std::nullopt;
  for (std::size_t i = 0; i < kGroups; ++i) {
    address.bytes_[2 * i] = static_cast<std::uint8_t>((*groups)[i] >> 8);
    address.bytes_[2 * i + 1] = static_cast<std::uint8_t>((*groups)[i]);
  }
  return address;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[kMapped.size()] == 127;
  return bytes_.back() == 1 && std::ranges::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::string IpAddress::to_text() const {
  std::array<char, 40> text{};
  if (is_v4()) {
    std::snprintf(text.data(), text.size(), "%u.%u.%u.%u", bytes_[12], bytes_[13], bytes_[14], bytes_[15]);
    return text.data();
  }
  const auto group = [&](std::size_t i) { return static_cast<unsigned>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]); };
  // The longest run of zero groups, of two at least, becomes "::"; of two equally long the first (RFC 5952 4.2).
  std::size_t gap = kGroups;
  std::size_t gap_size = 1;
  for (std::size_t i = 0; i < kGroups; ++i) {
    std::size_t size = 0;
    while (i + size < kGroups && group(i + size) == 0) ++size;
    if (size > gap_size) {
      gap = i;
      gap_size = size;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < kGroups;) {
    if (i == gap) {
      out += "::";
      i += gap_size;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    std::snprintf(text.data(), text.size(), "%x", group(i));
    out += text.data();
    ++i;
  }
  return out;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address || text.substr(0, slash).find('%') != std::string_view::npos) return std::nullopt;
  IpNetwork network;
  network.first_ = *address;
  const unsigned offset = text.find(':') == std::string_view::npos ? kMappedBits : 0;
  if (slash != std::string_view::npos) {
    const auto bits = number_of(text.substr(slash + 1), 10, 3, 128 - offset);
    if (!bits) return std::nullopt;
    network.prefix_bits_ = static_cast<std::uint8_t>(*bits + offset);
  }
  for (unsigned bit = network.prefix_bits_; bit < 128; ++bit) {
    if ((address->bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return network;
}

IpNetwork IpNetwork::around(const IpAddress& address, unsigned prefix_bits) {
  const unsigned offset = address.is_v4() ? kMappedBits : 0;
  IpNetwork network;
  network.first_ = address;
  network.prefix_bits_ = static_cast<std::uint8_t>(std::min(prefix_bits, 128 - offset) + offset);
  for (unsigned bit = network.prefix_bits_; bit < 128; ++bit) {
    std::uint8_t& byte = network.first_.bytes_[bit / 8];
    byte = static_cast<std::uint8_t>(byte & ~(1U << (7 - bit % 8)));
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  const auto& ours = first_.bytes();
  const auto& theirs = address.bytes();
  const std::size_t whole = prefix_bits_ / 8U;
  if (!std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(whole), theirs.begin())) return false;
  const unsigned rest = prefix_bits_ % 8U;
  return rest == 0 || (ours[whole] ^ theirs[whole]) >> (8 - rest) == 0;
}

std::string IpNetwork::to_text() const {
  if (prefix_bits_ == 128) return first_.to_text();
  const unsigned offset = first_.is_v4() ? kMappedBits : 0;
  return first_.to_text() + "/" + std::to_string(prefix_bits_ - offset);
}

bool any_contains(std::span<const IpNetwork> networks, std::string_view address) {
  const auto parsed = IpAddress::parse(address);
  return parsed && std::ranges::any_of(networks, [&](const IpNetwork& network) { return network.contains(*parsed); });
}

bool is_loopback(std::string_view address) {
  const auto parsed = IpAddress::parse(address);
  return parsed && parsed->is_loopback();
}

}  // namespace postern
