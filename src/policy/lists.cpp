#include "policy/lists.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace postern::policy {
namespace {

constexpr char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxEntryBytes || name == kEmptyList || !is_utf8(name)) return false;
  return std::ranges::none_of(name, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || byte == ',' || byte == '"';
  });
}

/// `*` for any text, `?` for one character if `question_is_wild`; without recursion: the last star is gone back to.
enum class Question : bool { itself, wild };
bool glob(std::string_view pattern, std::string_view text, Question question) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && (lower(pattern[p]) == lower(text[t]) || (pattern[p] == '?' && question == Question::wild))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::optional<unsigned> decimal(std::string_view digits, unsigned max) {
  unsigned number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  // A leading zero is octal to some readers: 0127.0.0.1 is not 127.0.0.1.
  if (digits.empty() || error != std::errc{} || stop != end || number > max || (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  return number;
}

bool parse_v4(std::string_view text, std::uint8_t* out) {
  for (std::size_t part = 0; part < 4; ++part) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return false;
    const auto number = decimal(text.substr(0, dot), 255);
    if (!number) return false;
    out[part] = static_cast<std::uint8_t>(*number);
    if (part < 3) text.remove_prefix(dot + 1);
  }
  return true;
}

/// The bytes of groups that are separated by single colons; the last group of an address may be an IPv4 address.
enum class Groups : bool { of_the_start, to_the_end };
std::optional<std::vector<std::uint8_t>> parse_groups(std::string_view text, Groups which) {
  std::vector<std::uint8_t> bytes;
  if (text.empty()) return bytes;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && which == Groups::to_the_end && group.contains('.')) {
      std::array<std::uint8_t, 4> v4{};
      if (!parse_v4(group, v4.data())) return std::nullopt;
      bytes.insert(bytes.end(), v4.begin(), v4.end());
    } else {
      unsigned number = 0;
      const char* const end = group.data() + group.size();
      const auto [stop, error] = std::from_chars(group.data(), end, number, 16);
      if (group.empty() || group.size() > 4 || error != std::errc{} || stop != end) return std::nullopt;
      bytes.push_back(static_cast<std::uint8_t>(number >> 8));
      bytes.push_back(static_cast<std::uint8_t>(number));
    }
    if (bytes.size() > 16) return std::nullopt;
    if (colon == std::string_view::npos) return bytes;
    text.remove_prefix(colon + 1);
  }
}

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 holds IPv4
constexpr std::size_t kMaxAddressText = 45;

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  text = trim(text);
  if (text.empty() || text == kEmptyList) return parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::string join_list(const std::vector<std::string>& parts) {
  if (parts.empty()) return std::string{kEmptyList};
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

bool equal_without_case(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

Match match_name(std::string_view entry, std::string_view name, Wildcard wildcard) {
  const auto stars = std::ranges::count(entry, '*');
  const bool documented = stars <= (wildcard == Wildcard::one_star ? 1 : 0);
  if (documented && glob(entry, name, Question::itself)) return Match::yes;
  return glob(entry, name, Question::wild) ? Match::undocumented : Match::no;
}

std::optional<NameList> NameList::of(std::vector<std::string> names) {
  if (names.size() > kMaxListEntries || !std::ranges::all_of(names, is_name)) return std::nullopt;
  NameList list;
  list.names_ = std::move(names);
  return list;
}

NameList::Hit NameList::find(std::string_view name, Wildcard wildcard) const {
  Hit best;
  for (const std::string& entry : names_) {
    const Match match = match_name(entry, name, wildcard);
    if (match == Match::yes) return {match, entry};
    if (match > best.match) best = {match, entry};
  }
  return best;
}

std::optional<HostPatterns> HostPatterns::of(std::vector<std::string> patterns) {
  const auto is_host = [](const std::string& pattern) {
    return std::ranges::count(pattern, '*') <= 1 && pattern.find_first_of("?/@") == std::string::npos;
  };
  if (!std::ranges::all_of(patterns, is_host)) return std::nullopt;
  auto list = NameList::of(std::move(patterns));
  if (!list) return std::nullopt;
  HostPatterns hosts;
  hosts.list_ = std::move(*list);
  return hosts;
}

std::optional<std::string_view> HostPatterns::find(std::string_view host) const {
  const auto hit = list_.find(host, Wildcard::one_star);
  if (hit.match != Match::yes) return std::nullopt;
  return hit.entry;
}

std::optional<Address> Address::parse(std::string_view text) {
  if (const std::size_t zone = text.find('%'); zone != std::string_view::npos && text.contains(':')) text = text.substr(0, zone);
  if (text.empty() || text.size() > kMaxAddressText) return std::nullopt;
  Address address;
  if (!text.contains(':')) {
    address.v4 = true;
    address.bytes[10] = address.bytes[11] = 0xff;
    if (!parse_v4(text, address.bytes.data() + 12)) return std::nullopt;
    return address;
  }
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const auto head = parse_groups(text.substr(0, gap), has_gap ? Groups::of_the_start : Groups::to_the_end);
  const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : std::string_view{}, Groups::to_the_end);
  if (!head || !tail) return std::nullopt;
  if (has_gap ? head->size() + tail->size() > 14 : head->size() != 16) return std::nullopt;
  std::ranges::copy(*head, address.bytes.begin());
  std::ranges::copy(*tail, address.bytes.end() - static_cast<std::ptrdiff_t>(tail->size()));
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  address.v4 = std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
  return address;
}

bool Address::is_loopback() const {
  if (v4) return bytes[12] == 127;
  Address one;
  one.bytes[15] = 1;
  return *this == one;
}

std::optional<NetworkList> NetworkList::of(const std::vector<std::string>& networks) {
  if (networks.size() > kMaxListEntries) return std::nullopt;
  NetworkList list;
  for (const std::string& text : networks) {
    const std::size_t slash = text.find('/');
    const auto first = Address::parse(std::string_view{text}.substr(0, slash));
    if (!first || text.contains('%')) return std::nullopt;
    Network network{*first, 128, text};
    if (slash != std::string::npos) {
      const bool is_v4 = !text.contains(':');
      const auto bits = decimal(std::string_view{text}.substr(slash + 1), is_v4 ? 32 : 128);
      if (!bits) return std::nullopt;
      network.bits = *bits + (is_v4 ? kMappedBits : 0);
    }
    for (unsigned i = network.bits; i < 128; ++i) {
      if (((first->bytes[i / 8] >> (7 - i % 8)) & 1) != 0) return std::nullopt;  // 192.0.2.1/24: the whole network, or that host?
    }
    list.networks_.push_back(std::move(network));
  }
  return list;
}

std::vector<std::string> NetworkList::names() const {
  std::vector<std::string> names;
  for (const Network& network : networks_) names.push_back(network.text);
  return names;
}

bool NetworkList::contains(const Address& address) const {
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const auto whole = static_cast<std::ptrdiff_t>(network.bits / 8);
    if (!std::equal(network.first.bytes.begin(), network.first.bytes.begin() + whole, address.bytes.begin())) return false;
    const unsigned rest = network.bits % 8;
    if (rest == 0) return true;
    const auto at = static_cast<std::size_t>(whole);
    return ((network.first.bytes[at] ^ address.bytes[at]) >> (8 - rest)) == 0;
  });
}

std::optional<FindingList> FindingList::of(std::vector<std::string> ids) {
  const auto is_id = [](const std::string& id) {
    return !id.empty() && id.size() <= kMaxEntryBytes && id != kEmptyList &&
           id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  };
  if (ids.size() > kMaxListEntries || !std::ranges::all_of(ids, is_id)) return std::nullopt;
  FindingList list;
  list.ids_ = std::move(ids);
  return list;
}

bool FindingList::contains(std::string_view id) const { return std::ranges::find(ids_, id) != ids_.end(); }

}  // namespace postern::policy
