// The back-off: a client that keeps sending one wrong password costs its user at most three on the counter.
#include "authority/backoff.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

TEST_F(AuthorityTest, TwentyTriesInARowWithTheSameWrongPasswordCostAtMostThree) {
  for (int i = 0; i < 20; ++i) EXPECT_NE(wrong_logon(), NtStatus::success);
  EXPECT_EQ(shown().bad_passwords.count, 3);
  EXPECT_EQ(authority_->counters().comparisons, 3U);
  EXPECT_EQ(authority_->counters().backed_off, 17U);
  EXPECT_EQ(last_event().findings.at(0).id, "backed-off");
  EXPECT_EQ(last_event().status->name, "STATUS_LOGON_FAILURE");
}

TEST_F(AuthorityTest, TwentyTriesAtOnceCostAtMostThree) {
  std::vector<Begun> handshakes;
  for (int i = 0; i < 20; ++i) handshakes.push_back(begun({.password = std::string{kWrongPassword}}));
  {
    std::vector<std::jthread> threads;
    for (Begun& handshake : handshakes) {
      threads.emplace_back([&] { EXPECT_FALSE(verdict_of(finish(std::move(handshake.finish))).allowed()); });
    }
  }
  EXPECT_EQ(shown().bad_passwords.count, 3);
}

TEST_F(AuthorityTest, AnotherClientOfTheAccountGetsInWhileOneIsHeldOff) {
  for (int i = 0; i < 6; ++i) wrong_logon();
  EXPECT_EQ(status_of_logon(), NtStatus::logon_failure) << "the same client has not paused";
  EXPECT_EQ(status_of_logon({.address = "192.0.2.11"}), NtStatus::success) << "another address";
  for (int i = 0; i < 6; ++i) wrong_logon();
  const wire::NegotiateFlags other_flags{ntlm::InitiatorConfig::kDefaultOffer.wire() & ~0x8000'0000U};
  EXPECT_EQ(status_of_logon({.offered = other_flags}), NtStatus::success) << "another program on the same machine";
}

TEST_F(AuthorityTest, AfterAPauseTheRightPasswordGetsInAndClearsTheBackOff) {
  for (int i = 0; i < 6; ++i) wrong_logon();
  environment_.pass(2);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(wrong_logon(), NtStatus::wrong_password);
  EXPECT_EQ(status_of_logon(), NtStatus::success) << "one slip after it holds nobody off";
}

TEST_F(AuthorityTest, WrongAgainAfterThePauseMeansTheLongerPause) {
  for (int i = 0; i < 4; ++i) wrong_logon();
  environment_.pass(3);
  EXPECT_EQ(wrong_logon(), NtStatus::wrong_password);
  environment_.pass(29);
  EXPECT_EQ(status_of_logon(), NtStatus::logon_failure);
  environment_.pass(30);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

constexpr std::uint64_t kStart = 1'000 * kSecond;

TEST(Backoff, RefusesAfterTheTriesAndEachTryStartsThePauseAnew) {
  Backoff backoff{BackoffLimits{}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backoff.ask("jdk", kStart), Backoff::Answer::compare);
    backoff.failed("jdk", kStart);
  }
  EXPECT_EQ(backoff.ask("jdk", kStart + kSecond), Backoff::Answer::refuse);
  EXPECT_EQ(backoff.ask("jdk", kStart + 2 * kSecond), Backoff::Answer::refuse) << "two seconds after the third, one after the last";
  EXPECT_EQ(backoff.ask("other", kStart + 2 * kSecond), Backoff::Answer::compare);
  EXPECT_EQ(backoff.ask("jdk", kStart + 4 * kSecond), Backoff::Answer::compare);
}

TEST(Backoff, ThirtyRefusalsWithoutAPauseMeanTheLongerOne) {
  Backoff backoff{BackoffLimits{}};
  for (int i = 0; i < 3; ++i) backoff.failed("jdk", kStart);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(backoff.ask("jdk", kStart), Backoff::Answer::refuse);
  EXPECT_EQ(backoff.ask("jdk", kStart + 29 * kSecond), Backoff::Answer::refuse);
  EXPECT_EQ(backoff.ask("jdk", kStart + 59 * kSecond), Backoff::Answer::compare);
}

TEST(Backoff, SlowMistakesOfAPersonAreNotHeldOff) {
  Backoff backoff{BackoffLimits{}};
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(backoff.ask("person", kStart + i * 11 * kSecond), Backoff::Answer::compare) << i;
    backoff.failed("person", kStart + i * 11 * kSecond);
  }
}

TEST(Backoff, AClockReadBeforeAnotherThreadsIsNoPause) {
  Backoff backoff{BackoffLimits{}};
  for (int i = 0; i < 3; ++i) backoff.failed("jdk", kStart);
  EXPECT_EQ(backoff.ask("jdk", kStart - 1), Backoff::Answer::refuse);
}

TEST(Backoff, SuccessAndALongAbsenceAreForgiven) {
  Backoff backoff{BackoffLimits{}};
  for (int i = 0; i < 3; ++i) backoff.failed("jdk", kStart);
  backoff.succeeded("jdk");
  EXPECT_EQ(backoff.size(), 0U);
  EXPECT_EQ(backoff.ask("jdk", kStart), Backoff::Answer::compare);
  for (int i = 0; i < 4; ++i) backoff.failed("jdk", kStart);
  EXPECT_EQ(backoff.ask("jdk", kStart + 600 * kSecond), Backoff::Answer::compare);
  backoff.failed("jdk", kStart + 600 * kSecond);
  EXPECT_EQ(backoff.ask("jdk", kStart + 600 * kSecond), Backoff::Answer::compare) << "a new client";
}

TEST(Backoff, TheTableIsBoundedAndForgetsWhoWasUnseenForLongest) {
  BackoffLimits limits;
  limits.max_clients = 10;
  Backoff backoff{limits};
  for (int i = 0; i < 3; ++i) backoff.failed("first", kStart);
  for (int i = 0; i < 3; ++i) backoff.failed("second", kStart);
  for (int i = 0; i < 8; ++i) backoff.failed("client " + std::to_string(i), kStart);
  EXPECT_EQ(backoff.ask("first", kStart), Backoff::Answer::refuse);
  backoff.failed("one more", kStart);
  EXPECT_EQ(backoff.size(), 10U);
  EXPECT_EQ(backoff.ask("first", kStart), Backoff::Answer::refuse);
  EXPECT_EQ(backoff.ask("second", kStart), Backoff::Answer::compare);
}

TEST(Backoff, ClientsOfManyThreadsAtOnceAreEachCounted) {
  constexpr int kThreads = 4;
  constexpr int kClients = 500;
  Backoff backoff{BackoffLimits{}};
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&backoff, &refused, thread] {
        for (int i = 0; i < kClients; ++i) {
          const std::string who = std::to_string(thread) + " " + std::to_string(i);
          for (int mistake = 0; mistake < 3; ++mistake) backoff.failed(who, kStart);
          if (backoff.ask(who, kStart) == Backoff::Answer::refuse) ++refused;
          if (i % 2 == 0) backoff.succeeded(who);
        }
      });
    }
  }
  EXPECT_EQ(refused, kThreads * kClients);
  EXPECT_EQ(backoff.size(), std::size_t{kThreads} * kClients / 2);
}

}  // namespace
}  // namespace postern::authority
