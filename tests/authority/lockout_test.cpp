// Guesses, locks, and what an admin changes while logons run.
#include <atomic>
#include <thread>

#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

TEST_F(AuthorityTest, R39_AfterTheThresholdTheRightPasswordIsRefusedUntilTheLockEnds) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password) << i;
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::account_locked_out);
  EXPECT_EQ(shown().bad_passwords.count, 5);
  environment_.pass(599);
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
  environment_.pass(2);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(shown().bad_passwords.count, 0);
}

TEST_F(AuthorityTest, R39_OneGuessUnderTheThresholdLocksNobodyAndSuccessResets) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
    EXPECT_EQ(status_of_logon(), NtStatus::success);
    EXPECT_EQ(shown().bad_passwords.count, 0);
  }
}

TEST_F(AuthorityTest, R39_ManyGuessesAtOnceGetNoMoreComparisonsThatCountThanTheThreshold) {
  constexpr std::size_t kGuesses = 40;
  std::vector<Begun> handshakes;
  for (std::size_t i = 0; i < kGuesses; ++i) {
    handshakes.push_back(begun({.password = std::string{kWrongPassword}, .workstation = "W" + std::to_string(i)}));
  }
  std::atomic<int> wrong{0};
  std::atomic<int> locked{0};
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < kGuesses; i = next++) {
          const NtStatus status = verdict_of(finish(std::move(handshakes[i].finish))).status;
          if (status == NtStatus::wrong_password) ++wrong;
          if (status == NtStatus::account_locked_out) ++locked;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 5) << "each of these would have been a logon with the right password";
  EXPECT_EQ(locked, static_cast<int>(kGuesses) - 5);
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
  EXPECT_EQ(shown().bad_passwords.count, 5);
}

TEST_F(AuthorityTest, R39_RightLogonsInParallelAreAllAcceptedAboveTheThreshold) {
  std::atomic<int> accepted{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) {
          if (log_on({.workstation = "W" + std::to_string(t)}, static_cast<PeerConnection>(t)).allowed()) ++accepted;
        }
      });
    }
  }
  EXPECT_EQ(accepted, 40);
  EXPECT_EQ(shown().bad_passwords.count, 0);
}

TEST_F(AuthorityTest, R39_WrongMicBindingsAndDenialByPolicyNeitherChargeNorRefund) {
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  const ntlm::ChannelBindingHash ours{std::array<std::uint8_t, 16>{1}};
  const ntlm::ChannelBindingHash other{std::array<std::uint8_t, 16>{2}};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(status_of_logon({.tamper = [](Bytes& token) { token[80] ^= 1; }}), NtStatus::invalid_parameter);
    EXPECT_EQ(status_of_logon({.bindings = other, .accepted_bindings = {ours}}), NtStatus::bad_bindings);
    EXPECT_EQ(status_of_logon({.spn = "HTTP/elsewhere", .accepted_names = {"HTTP/here"}}), NtStatus::access_denied);
    EXPECT_EQ(shown().bad_passwords.count, 2) << "after round " << i;
  }
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  EXPECT_EQ(shown().bad_passwords.count, 3) << "memory and store count on from where they were";
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AuthorityTest, R39_CountersSurviveARestartOfTheAuthority) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  start(config());
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
}

TEST_F(AuthorityTest, R44_AnAdminsUnlockTakesEffectAtOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password);
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
  ASSERT_TRUE(sqlite_->unlock(alice_.id));
  EXPECT_EQ(wrong_logon_from_anew(), NtStatus::wrong_password) << "the count started anew";
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AuthorityTest, R44_CachedKeysAreDroppedAtEveryChangeOfTheAccount) {
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  ASSERT_TRUE(sqlite_->set_password(alice_.id, SecretBytes{kWrongPassword}, account::MustChange::no, environment_.now()));
  EXPECT_EQ(status_of_logon(), NtStatus::wrong_password) << "the old password";
  EXPECT_EQ(status_of_logon({.password = std::string{kWrongPassword}}), NtStatus::success) << "the new one";
  ASSERT_TRUE(sqlite_->set_password(alice_.id, SecretBytes{kPassword}, account::MustChange::yes, environment_.now()));
  EXPECT_EQ(status_of_logon(), NtStatus::password_must_change);
  ASSERT_TRUE(sqlite_->set_must_change(alice_.id, account::MustChange::no));
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  EXPECT_EQ(status_of_logon(), NtStatus::account_disabled);
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::yes));
  ASSERT_TRUE(sqlite_->set_expiry(alice_.id, environment_.now()));
  environment_.pass(1);
  EXPECT_EQ(status_of_logon(), NtStatus::account_expired);
  ASSERT_TRUE(sqlite_->set_expiry(alice_.id, std::nullopt));
  ASSERT_TRUE(sqlite_->set_groups(alice_.id, {"admins"}));
  EXPECT_EQ(log_on().groups, std::vector<std::string>{"admins"});
  ASSERT_TRUE(sqlite_->remove_account(alice_.id));
  EXPECT_EQ(status_of_logon(), NtStatus::no_such_user);
  add_account_in(domain_.id, "alice", kWrongPassword);
  EXPECT_EQ(status_of_logon(), NtStatus::wrong_password) << "the new account has nothing of the old one";
  EXPECT_EQ(status_of_logon({.password = std::string{kWrongPassword}}), NtStatus::success);
}

TEST_F(AuthorityTest, R44_APasswordSetBetweenComparisonAndCommitTakesTheLogonBackOnRecordToo) {
  std::atomic<bool> once{false};
  store_->before_commit = [&] {
    if (once.exchange(true)) return;
    EXPECT_TRUE(sqlite_->set_password(alice_.id, SecretBytes{kWrongPassword}, account::MustChange::no, environment_.now()));
  };
  const ntlm::Verdict verdict = log_on({.wants_session_key = true});
  EXPECT_EQ(verdict.status, NtStatus::request_not_accepted) << verdict.why;
  EXPECT_FALSE(verdict.session_key);
  EXPECT_TRUE(verdict.groups.empty());
  ASSERT_EQ(stored().size(), 2U);
  const event::LogonEvent last = last_event();
  EXPECT_EQ(last.id->text(), verdict.event_id);
  EXPECT_EQ(last.outcome, event::Outcome::failure);
  ASSERT_EQ(last.findings.size(), 1U);
  EXPECT_EQ(last.findings[0].id, "account-changed");
  EXPECT_EQ(last.findings[0].evidence, stored()[0].event.id);
  EXPECT_EQ(status_of_logon({.password = std::string{kWrongPassword}}), NtStatus::success);
}

struct Work {
  account::StoreCounters store;
  std::uint64_t comparisons;
  bool operator==(const Work&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Work& work) {
  return out << work.store.reads << " reads " << work.store.writes << " writes " << work.store.transactions << " transactions "
             << work.store.blobs_opened << " blobs " << work.comparisons << " comparisons";
}

class WorkTest : public AuthorityTest {
 protected:
  template <typename Do>
  Work work_of(Do&& act) {
    const Work before{sqlite_->counters(), authority_->counters().comparisons};
    act();
    const Work after{sqlite_->counters(), authority_->counters().comparisons};
    return {{after.store.reads - before.store.reads, after.store.writes - before.store.writes,
             after.store.transactions - before.store.transactions, after.store.blobs_opened - before.store.blobs_opened},
            after.comparisons - before.comparisons};
  }
};

TEST_F(WorkTest, R37_UnknownAccountUnknownDomainAndWrongPasswordDoTheSameWork) {
  for (const char* cache : {"cold", "warm"}) {
    const Work wrong = work_of([&] { EXPECT_EQ(wrong_logon(), NtStatus::wrong_password); });
    const Work account = work_of([&] { EXPECT_EQ(wrong_logon({.user = "nobody"}), NtStatus::no_such_user); });
    const Work domain = work_of([&] { EXPECT_EQ(wrong_logon({.domain = "NOWHERE"}), NtStatus::no_such_user); });
    const Work too_long = work_of([&] { EXPECT_EQ(wrong_logon({.user = std::string(1000, 'x')}), NtStatus::no_such_user); });
    EXPECT_EQ(wrong.comparisons, 1U);
    EXPECT_EQ(wrong.store.transactions, 1U);
    EXPECT_EQ(account, wrong) << cache;
    EXPECT_EQ(domain, wrong) << cache;
    EXPECT_EQ(too_long, wrong) << cache;
  }
}

TEST_F(WorkTest, R37_ADisabledAccountDoesTheSameWorkForTheRightAndTheWrongPassword) {
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  EXPECT_EQ(wrong_logon(), NtStatus::wrong_password);
  const Work wrong = work_of([&] { EXPECT_EQ(wrong_logon(), NtStatus::wrong_password); });
  const Work right = work_of([&] { EXPECT_EQ(status_of_logon(), NtStatus::account_disabled); });
  EXPECT_EQ(right, wrong);
}

TEST_F(WorkTest, R37_AnUnknownAccountIsBackedOffLikeAKnownOne) {
  std::vector<NtStatus> known, unknown;
  for (int i = 0; i < 6; ++i) {
    known.push_back(wrong_logon());
    unknown.push_back(wrong_logon({.user = "nobody"}));
  }
  for (std::size_t i = 0; i < known.size(); ++i)
    EXPECT_EQ(known[i] == NtStatus::logon_failure, unknown[i] == NtStatus::logon_failure) << i;
  EXPECT_EQ(known.back(), NtStatus::logon_failure);
}

}  // namespace
}  // namespace postern::authority
