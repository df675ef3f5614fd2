// Many readers and writers at once see whole changes only.
#include <atomic>
#include <thread>

#include "account/password.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

TEST_F(StoreTest, ReadersBesideAWriterSeeWholeChangesOnly) {
  const Account alice = add("alice", "p1", AccountKind::domain, {"g1"});
  constexpr std::uint32_t kVersions = 20;
  std::vector<std::string> hashes(kVersions + 1);
  for (std::uint32_t i = 1; i <= kVersions; ++i) {
    hashes[i] = to_hex(derive_secrets(SecretBytes{"p" + std::to_string(i)}, "")->nt_hash.reveal());
  }
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto found = store_->find_account(domain_.id, "alice");
        const bool whole = found && *found && (*found)->account.key_version <= kVersions &&
                           to_hex((*found)->secrets.nt_hash.reveal()) == hashes[(*found)->account.key_version];
        if (!whole) ++wrong;
        ++reads;
      }
    });
  }
  std::jthread committer{[&] {
    for (int i = 0; !done; ++i) {
      const LogonCommit logon{.event = event_of(std::to_string(i)), .counters = CounterUpdate{.account = std::nullopt}};
      if (!store_->commit_logons({&logon, 1})) ++wrong;
    }
  }};
  for (std::uint32_t i = 2; i <= kVersions; ++i) {
    EXPECT_TRUE(store_->set_password(alice.id, SecretBytes{"p" + std::to_string(i)}, MustChange::no, kNow));
  }
  EXPECT_TRUE(store_->rotate_key());
  done = true;
  readers.clear();
  committer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(reads, 0);
  EXPECT_EQ(show("alice").key_version, kVersions);
}

TEST_F(StoreTest, R44_AStampNeverVouchesForKeysThatAFinishedChangeReplaced) {
  const Account alice = add("alice", "p1");
  std::atomic<std::uint32_t> finished{1};
  std::atomic<bool> done{false};
  std::atomic<int> stale{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto found = store_->find_account(domain_.id, "alice");
        if (!found || !*found) continue;
        const std::uint32_t known_finished = finished;
        const bool vouched = store_->change_stamp(domain_.id, "alice") == (*found)->change_stamp;
        if (vouched && (*found)->account.key_version < known_finished) ++stale;
      }
    });
  }
  for (std::uint32_t version = 2; version <= 20; ++version) {
    ASSERT_TRUE(store_->set_password(alice.id, SecretBytes{"x"}, MustChange::no, kNow));
    finished = version;
  }
  done = true;
  readers.clear();
  EXPECT_EQ(stale, 0);
}

}  // namespace
}  // namespace postern::account
