// The lists that settings hold: server names with wildcards, networks, sets of enumerators, ids of findings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_network.hpp"
#include "event/named_enum.hpp"

namespace postern::policy {

inline constexpr std::size_t kMaxListEntries = 4096;
inline constexpr std::size_t kMaxEntryBytes = 255;
/// What an empty list is written as.
inline constexpr std::string_view kEmptyList = "none";

/// The parts of `a, b`, without the blanks around them. Nothing for the empty text and for `none`; an empty part stays empty, so
/// that the reader of the parts refuses it.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);
/// `a, b`; `none` for no parts.
[[nodiscard]] std::string join_list(const std::vector<std::string>& parts);

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool equal_without_case(std::string_view a, std::string_view b);

/// Whether `entry` names `name`. `undocumented`: it would if Windows took a form that no document of its own describes.
enum class Match : std::uint8_t { no, undocumented, yes };
/// Which forms are documented. `one_star`: one `*` anywhere stands for any text; `none`: only whole names.
enum class Wildcard : std::uint8_t { none, one_star };

/// ASCII case does not count. `?` and each `*` beyond what `wildcard` documents give `undocumented` at best.
[[nodiscard]] Match match_name(std::string_view entry, std::string_view name, Wildcard wildcard);

/// Server names as an administrator lists them: NetBIOS names, FQDNs, addresses, with wildcards as the setting's text says.
class NameList {
 public:
  /// Nothing if a name is empty, over kMaxEntryBytes, no UTF-8, or has a blank, comma or control character, or if there are more
  /// than kMaxListEntries.
  [[nodiscard]] static std::optional<NameList> of(std::vector<std::string> names);

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  struct Hit {
    Match match = Match::no;
    std::string_view entry{};  ///< of this list
  };
  /// The first entry that matches for certain, else the first that may.
  [[nodiscard]] Hit find(std::string_view name, Wildcard wildcard) const;
  bool operator==(const NameList&) const = default;

 private:
  std::vector<std::string> names_{};
};

/// OutgoingHosts: names or addresses of hosts, each with at most one `*`, so that what a rule admits can be read off it.
class HostPatterns {
 public:
  /// As NameList::of, and nothing for an entry with two `*`, a `?`, a `/` or an `@`.
  [[nodiscard]] static std::optional<HostPatterns> of(std::vector<std::string> patterns);
  [[nodiscard]] const std::vector<std::string>& names() const { return list_.names(); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  /// The rule that admits this host; nothing if none does.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view host) const;
  bool operator==(const HostPatterns&) const = default;

 private:
  NameList list_{};
};

/// Networks in CIDR form, IPv4 and IPv6; an address alone is a network of one.
class NetworkList {
 public:
  /// Nothing for a text that is no network, bits set beyond the prefix, and for more than kMaxListEntries.
  [[nodiscard]] static std::optional<NetworkList> of(const std::vector<std::string>& networks);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }  ///< as they were written
  [[nodiscard]] bool empty() const { return networks_.empty(); }
  [[nodiscard]] bool contains(const IpAddress& address) const;
  bool operator==(const NetworkList&) const = default;

 private:
  std::vector<IpNetwork> networks_{};
  std::vector<std::string> names_{};
};

/// A set of enumerators that have names.
template <event::NamedEnum E>
class EnumSet {
 public:
  /// Nothing if a name is none of E's.
  [[nodiscard]] static std::optional<EnumSet> of(const std::vector<std::string>& names) {
    EnumSet set;
    for (const std::string& name : names) {
      const auto value = event::from_name<E>(name);
      if (!value) return std::nullopt;
      set.bits_ |= bit(*value);
    }
    return set;
  }
  [[nodiscard]] std::vector<std::string> names() const {  // in the order of the enumerators
    std::vector<std::string> names;
    for (std::size_t i = 0; i < event::kNames<E>.size(); ++i) {
      if (contains(static_cast<E>(i))) names.emplace_back(event::kNames<E>[i]);
    }
    return names;
  }
  [[nodiscard]] constexpr bool contains(E value) const { return (bits_ & bit(value)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const EnumSet&) const = default;

 private:
  static constexpr std::uint32_t bit(E value) { return std::uint32_t{1} << static_cast<unsigned>(value); }
  static_assert(event::kNames<E>.size() <= 32);
  std::uint32_t bits_ = 0;
};

/// Ids of findings (docs/events.md): small letters, digits and `-`.
class FindingList {
 public:
  [[nodiscard]] static std::optional<FindingList> of(std::vector<std::string> ids);
  [[nodiscard]] const std::vector<std::string>& names() const { return ids_; }
  [[nodiscard]] bool empty() const { return ids_.empty(); }
  [[nodiscard]] bool contains(std::string_view id) const;
  bool operator==(const FindingList&) const = default;

 private:
  std::vector<std::string> ids_{};
};

}  // namespace postern::policy
