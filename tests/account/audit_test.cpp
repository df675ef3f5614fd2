// The audit: which accounts it names, and that it names nothing else.
#include "account/audit.hpp"

#include "account/password.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

using Names = std::vector<std::string>;

TEST_F(StoreTest, AuditGroupsAccountsThatShareAPasswordOverAllDomains) {
  const auto second = store_->add_domain({.netbios_name = "ASIDE", .dns_name = "aside.test", .sid_random = {7}}, kNow);
  ASSERT_TRUE(second);
  for (const char* name : {"a", "b", "c"}) add(name, "shared one");
  add("d", "alone");
  add("e", "shared two");
  ASSERT_TRUE(
      store_->add_account({.domain = second->id, .name = "z", .password = SecretBytes{std::string_view{"shared two"}}}, kNow));
  const auto found = audit(*store_, {.now = kNow});
  ASSERT_TRUE(found) << line_of(found);
  EXPECT_EQ(found->accounts, 6U);
  EXPECT_EQ(found->shared_passwords, (std::vector<Names>{{"ASIDE\\z", "DEMO\\e"}, {"DEMO\\a", "DEMO\\b", "DEMO\\c"}}));
  EXPECT_FALSE(found->breached_checked);
}

TEST_F(StoreTest, AuditNamesEachStateAndNobodyWithoutIt) {
  const FileTime later{kNow.ticks() + 400ULL * 86'400 * FileTime::kTicksPerSecond};
  const auto id = [&](const char* name) { return add(name, std::string{"password of "} + name).id; };
  const AccountId used = id("used"), locked = id("locked"), disabled = id("disabled"), expired = id("expired");
  const AccountId changing = id("changing"), hidden = id("hidden"), decoy = id("decoy");
  add("HOST$", "machine", AccountKind::machine);
  NewAccount imported{.domain = domain_.id, .name = "imported"};
  imported.nt_hash.emplace();
  imported.nt_hash->reveal_for_writing()[0] = 1;
  ASSERT_TRUE(store_->add_accounts({&imported, 1}, later));
  LogonCommit logon{.event = event_of("1")};
  logon.counters = CounterUpdate{.account = used, .last_logon = kNow};
  LogonCommit wrong{.event = event_of("2")};
  wrong.counters = CounterUpdate{.account = locked, .bad_passwords = {.count = 10, .last_bad = later, .locked_at = later}};
  const LogonCommit commits[] = {logon, wrong};
  ASSERT_TRUE(store_->commit_logons(commits));
  ASSERT_TRUE(store_->set_enabled(disabled, Enabled::no));
  ASSERT_TRUE(store_->set_expiry(expired, kNow));
  ASSERT_TRUE(store_->set_password(changing, SecretBytes{std::string_view{"fresh"}}, MustChange::yes, later));
  ASSERT_TRUE(store_->change(hidden, {.protected_user = true}));
  ASSERT_TRUE(store_->change(decoy, {.canary = true}));
  const auto found = audit(*store_, {.now = later});
  ASSERT_TRUE(found) << line_of(found);
  EXPECT_TRUE(found->shared_passwords.empty());
  EXPECT_EQ(found->ntlm_only, Names{"DEMO\\used"});
  EXPECT_EQ(found->never_used.size(), 8U);
  EXPECT_EQ(found->without_aes_keys, Names{"DEMO\\imported"});
  EXPECT_EQ(found->old_passwords,
            (Names{"DEMO\\decoy", "DEMO\\disabled", "DEMO\\expired", "DEMO\\hidden", "DEMO\\locked", "DEMO\\used"}))
      << "neither a machine's nor a fresh one";
  EXPECT_EQ(found->must_change, Names{"DEMO\\changing"});
  EXPECT_EQ(found->disabled, Names{"DEMO\\disabled"});
  EXPECT_EQ(found->expired, Names{"DEMO\\expired"});
  EXPECT_EQ(found->locked, Names{"DEMO\\locked"});
  EXPECT_EQ(found->protected_users, Names{"DEMO\\hidden"});
  EXPECT_EQ(found->canaries, Names{"DEMO\\decoy"});
}

TEST_F(StoreTest, AuditNamesBreachedPasswordsOfTheListAndFailsWhenItCannotBeRead) {
  add("alice", "Password");
  add("bob", "something else");
  std::string digits = to_hex(account::nt_hash_of(SecretBytes{std::string_view{"Password"}})->reveal());
  for (char& digit : digits) digit = static_cast<char>(digit >= 'a' ? digit - 32 : digit);
  const std::filesystem::path path = directory_.path() / "list";
  std::ofstream{path} << digits << ":5\n";
  const auto list = BreachedHashes::open(path);
  ASSERT_TRUE(list) << line_of(list);
  const auto found = audit(*store_, {.now = kNow, .breached = &*list});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->breached_checked);
  EXPECT_EQ(found->breached, Names{"DEMO\\alice"});
  std::filesystem::resize_file(path, 3);
  EXPECT_EQ(audit(*store_, {.now = kNow, .breached = &*list}).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace postern::account
