#include "policy/lists.hpp"

#include <algorithm>

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

std::optional<NetworkList> NetworkList::of(const std::vector<std::string>& networks) {
  if (networks.size() > kMaxListEntries) return std::nullopt;
  NetworkList list;
  for (const std::string& text : networks) {
    const auto network = IpNetwork::parse(text);
    if (!network) return std::nullopt;
    list.networks_.push_back(*network);
    list.names_.push_back(text);
  }
  return list;
}

bool NetworkList::contains(const IpAddress& address) const {
  return std::ranges::any_of(networks_, [&](const IpNetwork& network) { return network.contains(address); });
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
