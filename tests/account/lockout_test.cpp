#include "account/lockout.hpp"

#include <gtest/gtest.h>

#include "account/model.hpp"

namespace postern::account {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kStart = 133'800'000'000'000'000;  // some day in 2024

FileTime at(std::int64_t seconds_later) {
  return FileTime{kStart + static_cast<std::uint64_t>(seconds_later) * FileTime::kTicksPerSecond};
}

BadPasswordState after_mistakes(int mistakes, const LockoutPolicy& policy, FileTime now) {
  BadPasswordState state;
  for (int i = 0; i < mistakes; ++i) state = charge(state, policy, now).after;
  return state;
}

TEST(Lockout, LocksAtTheThresholdAndNotOneMistakeBefore) {
  const LockoutPolicy policy{.threshold = 3};
  const BadPasswordState two = after_mistakes(2, policy, at(0));
  EXPECT_EQ(two.count, 2);
  EXPECT_FALSE(is_locked(two, policy, at(0)));
  const BadPasswordState three = after_mistakes(3, policy, at(0));
  EXPECT_EQ(three.locked_at, at(0));
  EXPECT_TRUE(is_locked(three, policy, at(0)));
}

TEST(Lockout, CountsFromOneOnlyWhenTheLastMistakeIsLongerAgoThanTheWindow) {
  const LockoutPolicy policy{.threshold = 10, .window = minutes{10}};
  const BadPasswordState five = after_mistakes(5, policy, at(0));
  EXPECT_EQ(charge(five, policy, at(600)).after.count, 6) << "exactly the window is not longer than it";
  EXPECT_EQ(charge(five, policy, FileTime{at(600).ticks() + 1}).after.count, 1);
}

TEST(Lockout, HoldsUntilTheDurationHasPassed) {
  const LockoutPolicy policy{.threshold = 1, .duration = minutes{10}};
  const BadPasswordState locked = after_mistakes(1, policy, at(0));
  EXPECT_TRUE(is_locked(locked, policy, at(600)));
  EXPECT_FALSE(is_locked(locked, policy, FileTime{at(600).ticks() + 1}));
  EXPECT_TRUE(is_locked(locked, policy, FileTime{kStart - 1})) << "a clock that went back unlocks nobody";
}

TEST(Lockout, HoldsForEverWithADurationOfZero) {
  const LockoutPolicy policy{.threshold = 1, .duration = seconds{0}};
  const BadPasswordState locked = after_mistakes(1, policy, at(0));
  EXPECT_TRUE(is_locked(locked, policy, FileTime{~0ULL}));
  const LockoutPolicy short_lock{.threshold = 1, .duration = seconds{1}};
  EXPECT_FALSE(is_locked(locked, short_lock, FileTime{~0ULL}));
}

TEST(Lockout, NeverLocksWithAThresholdOfZero) {
  const BadPasswordState state = after_mistakes(70'000, LockoutPolicy{.threshold = 0}, at(0));
  EXPECT_EQ(state.count, 65'535) << "the count saturates";
  EXPECT_FALSE(state.locked_at);
}

TEST(Lockout, ChangesNothingWhileLocked) {
  const LockoutPolicy policy{.threshold = 2};
  const BadPasswordState locked = after_mistakes(2, policy, at(0));
  const Charge refused = charge(locked, policy, at(5));
  EXPECT_EQ(refused.after, locked) << "guesses at a locked account do not prolong the lock";
  EXPECT_EQ(take_back(locked, refused, policy), locked);
}

TEST(Lockout, StartsAnewAfterALockHasRunOut) {
  const LockoutPolicy policy{.threshold = 2, .window = minutes{60}, .duration = minutes{1}};
  const BadPasswordState locked = after_mistakes(2, policy, at(0));
  const BadPasswordState later = charge(locked, policy, at(61)).after;
  EXPECT_EQ(later.count, 1);
  EXPECT_FALSE(later.locked_at);
}

TEST(Lockout, ClearsCountAndLockOnARightPassword) {
  const LockoutPolicy policy{.threshold = 2};
  const BadPasswordState cleared = clear(after_mistakes(2, policy, at(7)));
  EXPECT_EQ(cleared.count, 0);
  EXPECT_FALSE(cleared.locked_at);
  EXPECT_EQ(cleared.last_bad, at(7));
}

TEST(Lockout, R39_TakingAChargeBackRestoresWhatWasThere) {
  const LockoutPolicy policy{.threshold = 3};
  const BadPasswordState two = after_mistakes(2, policy, at(0));
  const Charge third = charge(two, policy, at(9));
  ASSERT_TRUE(is_locked(third.after, policy, at(9)));
  EXPECT_EQ(take_back(third.after, third, policy), two);
}

TEST(Lockout, R39_TakesBackOneOfSeveralChargesInFlight) {
  const LockoutPolicy policy{.threshold = 3};
  const Charge first = charge({}, policy, at(0));
  const Charge second = charge(first.after, policy, at(1));
  const Charge third = charge(second.after, policy, at(2));
  const BadPasswordState two_left = take_back(third.after, first, policy);
  EXPECT_EQ(two_left.count, 2);
  EXPECT_TRUE(two_left.locked_at) << "the lock is the third charge's, and its guess may still be wrong";
  const BadPasswordState one_left = take_back(two_left, third, policy);
  EXPECT_EQ(one_left.count, 1);
  EXPECT_FALSE(one_left.locked_at);
}

TEST(Lockout, R39_TakesNothingBackThatASuccessHasForgotten) {
  const LockoutPolicy policy{.threshold = 5};
  const Charge old = charge({}, policy, at(0));
  const BadPasswordState cleared = clear(charge(old.after, policy, at(1)).after);
  const BadPasswordState one = charge(cleared, policy, at(2)).after;
  EXPECT_EQ(take_back(one, old, policy), one) << "else a guess after the success would be free";
}

// Which status wins, and that each condition alone decides (MS-APDS 3.1.5).
struct StateCase {
  const char* name;
  void (*spoil)(Account&);
  std::optional<NtStatus> expected;
};

class AccountState : public testing::TestWithParam<StateCase> {};

TEST_P(AccountState, IsTheFirstThatApplies) {
  Account account{.password_set_at = at(0)};
  GetParam().spoil(account);
  const auto state = account_state(account, account.bad_passwords, at(1000), LockoutPolicy{.duration = minutes{60}},
                                   PasswordAgePolicy{.max_age = seconds{2000}});
  EXPECT_EQ(state, GetParam().expected);
}

void lock(Account& account) { account.bad_passwords = {.count = 10, .last_bad = at(1000), .locked_at = at(1000)}; }

INSTANTIATE_TEST_SUITE_P(
    Table, AccountState,
    testing::Values(StateCase{"Good", [](Account&) {}, std::nullopt},
                    StateCase{"Disabled", [](Account& a) { a.enabled = false; }, NtStatus::account_disabled},
                    StateCase{"Expired", [](Account& a) { a.expires_at = at(1000); }, NtStatus::account_expired},
                    StateCase{"ExpiresLater", [](Account& a) { a.expires_at = at(1001); }, std::nullopt},
                    StateCase{"Locked", [](Account& a) { lock(a); }, NtStatus::account_locked_out},
                    StateCase{"MustChange", [](Account& a) { a.password_must_change = true; }, NtStatus::password_must_change},
                    StateCase{"OldPassword", [](Account& a) { a.password_set_at = at(-1000); }, NtStatus::password_expired},
                    StateCase{"AlmostOldPassword", [](Account& a) { a.password_set_at = at(-999); }, std::nullopt},
                    StateCase{"OldPasswordOfAMachine",
                              [](Account& a) {
                                a.password_set_at = at(-1000);
                                a.kind = AccountKind::machine;
                              },
                              std::nullopt},
                    StateCase{"DisabledBeforeExpired",
                              [](Account& a) {
                                a.enabled = false;
                                a.expires_at = at(0);
                              },
                              NtStatus::account_disabled},
                    StateCase{"ExpiredBeforeLocked",
                              [](Account& a) {
                                a.expires_at = at(0);
                                lock(a);
                              },
                              NtStatus::account_expired},
                    StateCase{"LockedBeforeMustChange",
                              [](Account& a) {
                                lock(a);
                                a.password_must_change = true;
                              },
                              NtStatus::account_locked_out},
                    StateCase{"MustChangeBeforeOldPassword",
                              [](Account& a) {
                                a.password_must_change = true;
                                a.password_set_at = at(-5000);
                              },
                              NtStatus::password_must_change}),
    [](const auto& state) { return state.param.name; });

TEST(AccountStateAlone, LetsPasswordsStayForEverWithAMaximumAgeOfZero) {
  const Account account{.password_set_at = FileTime{1}};
  EXPECT_EQ(account_state(account, {}, FileTime{~0ULL}, {}, PasswordAgePolicy{}), std::nullopt);
  EXPECT_EQ(account_state(account, {}, FileTime{~0ULL}, {}, PasswordAgePolicy{.max_age = seconds{1}}), NtStatus::password_expired);
}

}  // namespace
}  // namespace postern::account
