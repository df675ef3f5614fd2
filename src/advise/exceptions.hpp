// Exceptions: the smallest lists that keep chosen logons alive under a policy that would block them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "advise/what_if.hpp"

namespace postern::advise {

inline constexpr std::size_t kMaxClasses = 20'000;  ///< logons that differ in what a list can read; more are counted and left out
inline constexpr std::size_t kMinLettersBesideWildcard = 3;  ///< `*` alone is no exception but the policy switched off
inline constexpr std::size_t kMaxNamesShown = 5;

enum class Wildcards : std::uint8_t {
  harmless,  ///< only where nothing on record is let through that was to be blocked
  offered,
};
enum class Keep : bool { no, yes };

struct ListEntry {
  std::string entry{};
  bool wildcard = false;                     ///< a `*`, or a network of more than one address
  std::uint64_t keeps = 0;                   ///< logons that were to be kept and that it lets through
  std::uint64_t besides = 0;                 ///< logons on record that it lets through and that were not to be kept
  std::vector<std::string> besides_names{};  ///< of the servers, for a network of the clients, of those; the first kMaxNamesShown
};

struct ExceptionList {
  std::string setting{};  ///< `ClientAllowedNTLMServers`
  std::vector<ListEntry> entries{};
  bool smallest = false;  ///< proved; else `at_least` entries are needed in any case
  std::size_t at_least = 0;
  std::uint64_t not_kept = 0;  ///< logons that no entry of this list can keep
};

struct Exceptions {
  std::vector<ExceptionList> lists{};  ///< those that have something to except
  Policies policies{};                 ///< with the lists
  std::uint64_t kept = 0;              ///< logons to be kept that pass with the lists, and would not without
  std::uint64_t uncertain = 0;         ///< logons to be kept of which the record, or Windows' text, does not say whether they are
  std::uint64_t lost = 0;              ///< logons to be kept that stay blocked
  std::vector<Cause> lost_to{};        ///< by what, those that are uncertain included
  std::uint64_t left_out = 0;          ///< over kMaxClasses
};

class ExceptionFinder {
 public:
  explicit ExceptionFinder(Policies policies) : policies_{std::move(policies)} {}
  /// Counts a recorded logon. Only what succeeded, or may have, can be kept.
  void add(const event::LogonEvent& event, Keep keep);
  [[nodiscard]] Exceptions find(Wildcards wildcards) const;

 private:
  /// Logons that are one to every list: by their names, addresses and kinds.
  struct Class {
    event::LogonEvent example{};
    Keep keep = Keep::no;
    std::uint64_t events = 0;
  };
  Policies policies_;
  std::map<std::string, Class, std::less<>> classes_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace postern::advise
