#include "account/lockout.hpp"

#include <limits>

namespace postern::account {
namespace {

/// True if more than `span` lies between `since` and a later `now`.
bool more_than(std::chrono::seconds span, FileTime since, FileTime now) {
  if (now <= since) return false;
  if (span.count() <= 0) return true;
  constexpr std::uint64_t kMaxSeconds = std::numeric_limits<std::uint64_t>::max() / FileTime::kTicksPerSecond;
  const auto seconds = static_cast<std::uint64_t>(span.count());
  return seconds < kMaxSeconds && now.ticks() - since.ticks() > seconds * FileTime::kTicksPerSecond;
}

}  // namespace

bool is_locked(const BadPasswordState& state, const LockoutPolicy& policy, FileTime now) {
  if (!state.locked_at) return false;
  if (policy.duration.count() == 0) return true;
  //= MS-SAMR 3.1.5.13.7.1
  // # If the current time is less than or equal to LockoutTime plus DomainLockoutDuration.
  return !more_than(policy.duration, *state.locked_at, now);
}

Charge charge(const BadPasswordState& state, const LockoutPolicy& policy, FileTime now) {
  if (is_locked(state, policy, now)) return {state, state};
  BadPasswordState after = state;
  after.locked_at.reset();
  //= MS-SAMR 3.1.5.14.6
  // # If the time period between U's badPwdTime attribute value and the current time is greater than … the server MUST set U's
  // badPwdCount to one.
  // A lock that has run out starts anew too: it can end before the window does, and one more mistake must not lock again.
  const bool starts_anew = !state.last_bad || state.locked_at || more_than(policy.window, *state.last_bad, now);
  if (starts_anew) {
    after.count = 1;
    ++after.generation;
  } else if (after.count < std::numeric_limits<std::uint16_t>::max()) {
    ++after.count;
  }
  after.last_bad = now;
  if (policy.threshold > 0 && after.count >= policy.threshold) after.locked_at = now;
  return {state, after};
}

BadPasswordState clear(const BadPasswordState& state) {
  return {.count = 0, .last_bad = state.last_bad, .locked_at = std::nullopt, .generation = state.generation + 1};
}

BadPasswordState take_back(const BadPasswordState& current, const Charge& charge, const LockoutPolicy& policy) {
  if (charge.before == charge.after) return current;  // the account was locked: nothing was counted
  if (current == charge.after) return charge.before;
  if (current.generation != charge.after.generation || current.count == 0) return current;
  BadPasswordState less = current;
  --less.count;
  const bool own_lock = charge.after.locked_at && current.locked_at == charge.after.locked_at;
  if (own_lock && (policy.threshold == 0 || less.count < policy.threshold)) less.locked_at.reset();
  return less;
}

}  // namespace postern::account
