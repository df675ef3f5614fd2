// What an account's state and its old passwords do to a logon, and what of it shows to whom.
#include <algorithm>
#include <atomic>
#include <thread>

#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

constexpr std::string_view kNewest = "Correct.Horse.9";
constexpr std::string_view kNewer = "Correct.Horse.8";

class AccountStateTest : public AuthorityTest {
 protected:
  static Config with_grace() {
    Config changed = config();
    changed.old_password.allowed = std::chrono::minutes{60};
    return changed;
  }
  void set_password(std::string_view password, const account::PasswordTerms& terms = account::MustChange::no) {
    const auto done = sqlite_->set_password(alice_.id, SecretBytes{password}, terms, environment_.now());
    ASSERT_TRUE(done) << account::line_of(done);
  }
  void change(const account::AccountChange& change) {
    const auto done = sqlite_->change(alice_.id, change);
    ASSERT_TRUE(done) << account::line_of(done);
  }
  /// From a workstation that was never seen: the back-off holds nobody up.
  NtStatus with(std::string_view password) {
    return status_of_logon({.password = std::string{password}, .workstation = "N" + std::to_string(++last_)});
  }

  bool last_has_finding(std::string_view id) {
    const auto findings = last_event().findings;
    return std::ranges::any_of(findings, [&](const event::Finding& finding) { return finding.id == id; });
  }

 private:
  int last_ = 0;
};

TEST_F(AccountStateTest, OldPasswordsTwoBackAreRefusedAndNeverCounted) {
  set_password(kNewer);
  set_password(kNewest);
  EXPECT_EQ(with(kWrongPassword), NtStatus::wrong_password);
  const account::BadPasswordState counted = shown().bad_passwords;
  EXPECT_EQ(counted.count, 1);
  environment_.pass(30);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(with(kPassword), NtStatus::wrong_password) << "two back";
    EXPECT_EQ(with(kNewer), NtStatus::wrong_password) << "one back";
  }
  EXPECT_EQ(shown().bad_passwords, counted) << "neither counter nor time";
  EXPECT_EQ(with(kNewest), NtStatus::success);
}

TEST_F(AccountStateTest, AnOldPasswordThreeBackIsAGuess) {
  set_password("between");
  set_password(kNewer);
  set_password(kNewest);
  EXPECT_EQ(with(kPassword), NtStatus::wrong_password);
  EXPECT_EQ(shown().bad_passwords.count, 1);
}

TEST_F(AccountStateTest, AnOldPasswordIsAFindingOfItsEvent) {
  set_password(kNewest);
  EXPECT_EQ(with(kPassword), NtStatus::wrong_password);
  EXPECT_TRUE(last_has_finding("old-password"));
  EXPECT_EQ(with(kWrongPassword), NtStatus::wrong_password);
  EXPECT_FALSE(last_has_finding("old-password"));
}

TEST_F(AccountStateTest, ThePreviousPasswordLogsOnUntilTheGraceEnds) {
  start(with_grace());
  set_password(kNewer);
  set_password(kNewest);
  EXPECT_EQ(with(kNewer), NtStatus::success);
  EXPECT_TRUE(last_has_finding("old-password"));
  EXPECT_EQ(with(kPassword), NtStatus::wrong_password) << "two back: no grace";
  EXPECT_EQ(with(kNewest), NtStatus::success);
  environment_.pass(3'599);
  EXPECT_EQ(with(kNewer), NtStatus::success);
  environment_.pass(1);
  EXPECT_EQ(with(kNewer), NtStatus::wrong_password);
  EXPECT_EQ(shown().bad_passwords.count, 0) << "and it is no guess either";
}

TEST_F(AccountStateTest, TheGraceEndsForARevokedPasswordAndIsNotForOthersThanDomainAccounts) {
  start(with_grace());
  account::PasswordTerms revoked{account::MustChange::no};
  revoked.old_password = account::OldPassword::revoked;
  set_password(kNewest, revoked);
  EXPECT_EQ(with(kPassword), NtStatus::wrong_password);
  EXPECT_EQ(with(kNewest), NtStatus::success);
  const auto local = sqlite_->add_account(
      {.domain = domain_.id, .name = "bob", .kind = account::AccountKind::local, .password = SecretBytes{kPassword}},
      environment_.now());
  ASSERT_TRUE(local);
  ASSERT_TRUE(sqlite_->set_password(local->id, SecretBytes{kNewest}, account::MustChange::no, environment_.now()));
  EXPECT_EQ(status_of_logon({.user = "bob"}), NtStatus::wrong_password);
  EXPECT_EQ(status_of_logon({.user = "bob", .password = std::string{kNewest}}), NtStatus::success);
}

TEST_F(AccountStateTest, TheGraceGetsNobodyPastALockOrADisabledAccount) {
  start(with_grace());
  set_password(kNewest);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(with(kWrongPassword), NtStatus::wrong_password);
  EXPECT_EQ(with(kPassword), NtStatus::account_locked_out);
  ASSERT_TRUE(sqlite_->unlock(alice_.id));
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  EXPECT_EQ(with(kPassword), NtStatus::account_disabled);
}

TEST_F(AccountStateTest, R39_ManyGuessesAtOnceWithOldPasswordsAmongThemCountTheGuessesOnly) {
  set_password(kNewer);
  set_password(kNewest);
  constexpr std::size_t kTries = 45;
  std::vector<Begun> handshakes;
  for (std::size_t i = 0; i < kTries; ++i) {
    const std::string_view password = i % 3 == 0 ? kWrongPassword : i % 3 == 1 ? kPassword : kNewer;
    handshakes.push_back(begun({.password = std::string{password}, .workstation = "W" + std::to_string(i)}));
  }
  std::atomic<int> unlocked{0};
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < kTries; i = next++) {
          const NtStatus status = verdict_of(finish(std::move(handshakes[i].finish))).status;
          if (i % 3 == 0 && status == NtStatus::wrong_password) ++unlocked;
        }
      });
    }
  }
  EXPECT_EQ(unlocked, 5) << "guesses that were compared before the lock";
  EXPECT_EQ(shown().bad_passwords.count, 5) << "old passwords took none of their charges with them";
  EXPECT_EQ(with(kNewest), NtStatus::account_locked_out);
}

TEST_F(AccountStateTest, R39_OldPasswordsAloneAtOnceLockNobody) {
  set_password(kNewest);
  std::vector<Begun> handshakes;
  for (std::size_t i = 0; i < 40; ++i) {
    handshakes.push_back(begun({.password = std::string{kPassword}, .workstation = "W" + std::to_string(i)}));
  }
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < handshakes.size(); i = next++)
          EXPECT_EQ(verdict_of(finish(std::move(handshakes[i].finish))).status, NtStatus::wrong_password);
      });
    }
  }
  EXPECT_EQ(shown().bad_passwords, account::BadPasswordState{});
  EXPECT_EQ(with(kNewest), NtStatus::success);
}

TEST_F(AccountStateTest, LogonHoursAndWorkstationsDenyTheRightPasswordWithTheirStatus) {
  change({.workstations = std::vector<std::string>{"WS7"}});
  EXPECT_EQ(status_of_logon({.workstation = "WS7"}), NtStatus::success);
  EXPECT_EQ(status_of_logon({.workstation = "WS8"}), NtStatus::invalid_workstation);
  EXPECT_EQ(last_event().account.state, "STATUS_INVALID_WORKSTATION");
  change({.logon_hours = account::LogonHours::parse("never").value()});
  EXPECT_EQ(status_of_logon({.workstation = "WS7"}), NtStatus::invalid_logon_hours);
  EXPECT_EQ(last_event().account.state, "STATUS_INVALID_LOGON_HOURS");
  change({.logon_hours = account::LogonHours{}, .workstations = std::vector<std::string>{}});
  EXPECT_EQ(status_of_logon({.workstation = "WS8"}), NtStatus::success);
}

TEST_F(AccountStateTest, TheFactsOfAnAccountAreInTheEventOnceItsPasswordWasProved) {
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  event::Account facts = last_event().account;
  EXPECT_EQ(facts.state, "STATUS_SUCCESS");
  EXPECT_EQ(facts.protected_user, false);
  EXPECT_EQ(facts.ntlm_allowed, true);
  EXPECT_EQ(facts.network_allowed, true);
  change({.networks = std::vector{IpNetwork::parse("10.0.0.0/8").value()}, .ntlm_allowed = false, .protected_user = true});
  log_on();
  facts = last_event().account;
  EXPECT_EQ(facts.protected_user, true);
  EXPECT_EQ(facts.ntlm_allowed, false);
  EXPECT_EQ(facts.network_allowed, false);
  log_on({.address = "10.9.8.7"});
  EXPECT_EQ(last_event().account.network_allowed, true);
  wrong_logon();
  facts = last_event().account;
  EXPECT_FALSE(facts.protected_user || facts.ntlm_allowed || facts.network_allowed || facts.state) << "before the proof, nothing";
}

TEST_F(AccountStateTest, R28_AWrongPasswordTellsThePeerNothingOfTheAccountsState) {
  const auto face = [&](const Attempt& attempt) {
    ntlm::Verdict verdict = log_on(attempt);
    EXPECT_FALSE(verdict.allowed());
    return std::tuple{verdict.token, verdict.identity.kind, verdict.identity.sid, verdict.groups, verdict.session_key.has_value()};
  };
  const auto plain = face({.password = std::string{kWrongPassword}});
  set_password(kNewest);
  EXPECT_EQ(face({.password = std::string{kPassword}, .workstation = "A"}), plain) << "an old password";
  change({.logon_hours = account::LogonHours::parse("never").value(), .ntlm_allowed = false, .protected_user = true});
  EXPECT_EQ(face({.password = std::string{kWrongPassword}, .workstation = "B"}), plain);
  EXPECT_EQ(face({.password = std::string{kNewest}, .workstation = "C"}), plain) << "nor does the right one";
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  EXPECT_EQ(face({.password = std::string{kWrongPassword}, .workstation = "D"}), plain);
  EXPECT_EQ(face({.password = std::string{kNewest}, .workstation = "E"}), plain);
}

TEST_F(AccountStateTest, R28_EachCauseHasAStatusOfItsOwn) {
  std::vector<NtStatus> statuses;
  statuses.push_back(with(kWrongPassword));
  change({.logon_hours = account::LogonHours::parse("never").value()});
  statuses.push_back(with(kPassword));
  change({.logon_hours = account::LogonHours{}, .workstations = std::vector<std::string>{"ELSEWHERE"}});
  statuses.push_back(with(kPassword));
  change({.workstations = std::vector<std::string>{}, .must_change = account::MustChange::yes});
  statuses.push_back(with(kPassword));
  EXPECT_EQ(statuses, (std::vector{NtStatus::wrong_password, NtStatus::invalid_logon_hours, NtStatus::invalid_workstation,
                                   NtStatus::password_must_change}));
}

TEST_F(AccountStateTest, R44_CachedOldHashesGoWithThePasswordThatTheyBelongTo) {
  start(with_grace());
  set_password(kNewer);
  EXPECT_EQ(with(kPassword), NtStatus::success) << "in its grace, and cached now";
  set_password(kNewest);
  EXPECT_EQ(with(kPassword), NtStatus::wrong_password) << "two back";
  EXPECT_EQ(with(kNewer), NtStatus::success);
  ASSERT_TRUE(sqlite_->remove_account(alice_.id));
  EXPECT_EQ(with(kNewer), NtStatus::no_such_user);
  add_account_in(domain_.id, "alice", "another");
  EXPECT_EQ(with(kNewer), NtStatus::wrong_password) << "the new account has no history of the old one";
  EXPECT_EQ(shown().bad_passwords.count, 1);
}

TEST_F(AccountStateTest, R37_WithAndWithoutHistoryAndUnknownAsManyHashesAreCompared) {
  add_account("fresh");
  set_password(kNewer);
  set_password(kNewest);
  struct Work {
    std::uint64_t hashes, comparisons;
    account::StoreCounters store;
    bool operator==(const Work&) const = default;
  };
  const auto counted = [&] {
    return Work{authority_->counters().hashes_compared, authority_->counters().comparisons, sqlite_->counters()};
  };
  const auto work_of = [&](const Attempt& attempt, NtStatus expected) {
    const Work before = counted();
    EXPECT_EQ(status_of_logon(attempt), expected) << attempt.user << attempt.password;
    const Work after = counted();
    return Work{after.hashes - before.hashes,
                after.comparisons - before.comparisons,
                {after.store.reads - before.store.reads, after.store.writes - before.store.writes,
                 after.store.transactions - before.store.transactions, after.store.blobs_opened - before.store.blobs_opened}};
  };
  const std::string wrong{kWrongPassword};
  for (const char* cache : {"cold", "warm"}) {
    const Work unknown = work_of({.user = "nobody", .password = wrong}, NtStatus::no_such_user);
    EXPECT_EQ(unknown.hashes, AccountSlot::kCandidates);
    EXPECT_EQ(work_of({.user = "fresh", .password = wrong}, NtStatus::wrong_password), unknown) << cache;
    EXPECT_EQ(work_of({.password = wrong}, NtStatus::wrong_password), unknown) << cache;
  }
  const Work warm = work_of({.password = wrong, .workstation = "X"}, NtStatus::wrong_password);
  EXPECT_EQ(work_of({.password = std::string{kNewer}, .workstation = "Y"}, NtStatus::wrong_password), warm) << "an old password";
  EXPECT_EQ(work_of({.password = std::string{kPassword}, .workstation = "Z"}, NtStatus::wrong_password), warm) << "an older one";
  change({.logon_hours = account::LogonHours::parse("never").value(), .ntlm_allowed = false});
  log_on({.password = wrong, .workstation = "V"});  // what was changed is read
  const Work denied_wrong = work_of({.password = wrong, .workstation = "V2"}, NtStatus::wrong_password);
  EXPECT_EQ(denied_wrong, warm);
}

}  // namespace
}  // namespace postern::authority
