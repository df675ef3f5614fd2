// What the times in CHALLENGE and response say: a clock that is wrong, and a time that was used before (windows.md 4.3, signal 15).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"
#include "observe/logons/bounded_table.hpp"
#include "observe/logons/exchange.hpp"

namespace postern::observe {

class Clocks {
 public:
  static constexpr std::size_t kMaxClocks = 8'192;
  static constexpr std::size_t kMaxBytes = std::size_t{2} << 20;
  static constexpr std::uint64_t kSkewSeconds = 300;  ///< what Kerberos takes as well (RFC 4120, 3.1.3)
  /// Windows' clock stands still for up to 16 ms, so equal times of logons that follow at once say nothing.
  static constexpr std::uint64_t kSameSeconds = 2;

  /// Findings of an exchange that has ended, which is learned from as well.
  void judge(const Exchange& exchange, std::vector<event::Finding>& findings);

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  enum class Whose : std::uint8_t { server, client };
  /// The time that a machine said last.
  struct Said {
    FileTime time{};
    Moment moment{};
    std::optional<KeyedDigest> value{};  ///< of the challenge or proof beside it
  };

  void judge_reuse(const Address& address, Whose whose, const Said& now, std::vector<event::Finding>& findings);

  BoundedTable<std::pair<Address, Whose>, Said> clocks_{kMaxClocks, kMaxBytes};
};

}  // namespace postern::observe
