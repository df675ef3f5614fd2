// Lockout: how many wrong passwords an account may see, as pure functions over plain values (MS-SAMR 3.1.5.14.6, 3.1.5.13.7.1).
//
// The authority charges before it compares (R39), so each function says what it does to a charge that is in flight:
//   auto charged = charge(state, policy, now);   state = charged.after;   // under the account's lock, before the comparison
//   wrong password              -> the charge stands
//   every proof has passed      -> state = clear(state)
//   wrong MIC, bindings, policy -> state = take_back(state, charged, policy)
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/file_time.hpp"

namespace postern::account {

/// Effective-LockoutThreshold, -ObservationWindow and -Duration (MS-SAMR 3.1.1.5). The defaults are those of a Windows 11 machine.
struct LockoutPolicy {
  std::uint16_t threshold = 10;                              ///< wrong passwords that lock; 0 = never lock
  std::chrono::seconds window = std::chrono::minutes{10};    ///< a wrong password older than this is forgotten
  std::chrono::seconds duration = std::chrono::minutes{10};  ///< how long a lock holds; 0 = until an admin unlocks
  bool operator==(const LockoutPolicy&) const = default;
};

/// badPwdCount, badPasswordTime and lockoutTime.
struct BadPasswordState {
  std::uint16_t count = 0;  ///< saturates
  std::optional<FileTime> last_bad{};
  std::optional<FileTime> locked_at{};
  /// Counts the times that `count` started anew, so that a charge from before is not taken back from what came after. Lives in
  /// memory only: a state that was read from the store starts at 0.
  std::uint32_t generation = 0;
  bool operator==(const BadPasswordState&) const = default;
};

/// A charge that may be taken back.
struct Charge {
  BadPasswordState before{};
  BadPasswordState after{};
};

/// True until `duration` has passed since the lock. A clock that went back leaves the lock in force. A threshold of 0 locks nobody
/// anew, and lets a lock that is there run out.
[[nodiscard]] bool is_locked(const BadPasswordState& state, const LockoutPolicy& policy, FileTime now);

/// Counts one wrong password: from 1 if the last one is longer ago than `window` (or a lock has run out), else one more; locks when
/// the threshold is reached. While the account is locked nothing changes.
[[nodiscard]] Charge charge(const BadPasswordState& state, const LockoutPolicy& policy, FileTime now);

/// What a logon with the right password leaves: no count and no lock; `last_bad` stays as information.
[[nodiscard]] BadPasswordState clear(const BadPasswordState& state);

/// Undoes `charge` on `current`, which other charges may have moved on: one less, and the lock goes if this charge set it and the
/// rest is under the threshold. Does nothing if the charge counted nothing or is forgotten already.
[[nodiscard]] BadPasswordState take_back(const BadPasswordState& current, const Charge& charge, const LockoutPolicy& policy);

}  // namespace postern::account
