// Domains and accounts: what is written is read back, and every refusal has its accepted twin.
#include "account/store.hpp"

#include "account/names.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

// source: MS-NLMP 4.2.2.1.2, NTOWFv1("Password")
constexpr std::string_view kPasswordHash = "a4f49c406510bdcab6824ee7c30fd852";

TEST_F(StoreTest, FindsADomainByEitherNameInAnyCase) {
  EXPECT_EQ(domain_.realm, "DEMO.EXAMPLE.ORG");
  EXPECT_EQ(domain_.sid.to_text(), "S-1-5-21-1-2-3");
  for (const char* name : {"DEMO", "demo", "demo.example.org", "Demo.Example.ORG"}) {
    const auto found = store_->find_domain(name);
    ASSERT_TRUE(found);
    ASSERT_TRUE(*found) << name;
    EXPECT_EQ(**found, domain_);
  }
  for (const char* name : {"DEM", "example.org", "", "\xFF"}) {
    const auto found = store_->find_domain(name);
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found) << name;
  }
}

TEST_F(StoreTest, RefusesADomainWhoseNameIsTakenInAnyCaseOrAsTheOtherName) {
  const auto add = [&](std::string netbios, std::string dns, std::uint8_t sid) {
    return store_->add_domain({.netbios_name = std::move(netbios), .dns_name = std::move(dns), .sid_random = {sid, 9}}, kNow);
  };
  EXPECT_EQ(add("demo", "other.org", 1).error().code, ErrorCode::conflict);
  EXPECT_EQ(add("OTHER", "DEMO.example.org", 1).error().code, ErrorCode::conflict);
  EXPECT_EQ(add("OTHER", "demo", 1).error().code, ErrorCode::conflict);
  EXPECT_TRUE(add("OTHER", "other.org", 1));
  EXPECT_EQ(add("THIRD", "third.org", 1).error().code, ErrorCode::conflict) << "the same SID";
  EXPECT_EQ(store_->list_domains()->size(), 2U);
}

TEST_F(StoreTest, RefusesADomainWithNamesThatAreNone) {
  const auto add = [&](std::string netbios, std::string dns, std::string realm) {
    return store_->add_domain(
        {.netbios_name = std::move(netbios), .dns_name = std::move(dns), .realm = std::move(realm), .sid_random = {7}}, kNow);
  };
  EXPECT_EQ(add("A\\B", "other.org", "").error().field, "domain.netbios_name");
  EXPECT_EQ(add("OTHER", "other..org", "").error().field, "domain.dns_name");
  EXPECT_EQ(add("OTHER", "other.org", "A B").error().field, "domain.realm");
  const auto added = add("OTHER", "other.org", "Mixed.Realm");
  ASSERT_TRUE(added);
  EXPECT_EQ(added->realm, "Mixed.Realm");
}

TEST_F(StoreTest, ReadsBackAnAccountAfterReopening) {
  const Account added = add("Alice", "Password", AccountKind::local, {"Staff", "admins", "STAFF"});
  EXPECT_EQ(added.rid, kFirstRid);
  EXPECT_EQ(added.sid, "S-1-5-21-1-2-3-1000");
  EXPECT_EQ(added.groups, (std::vector<std::string>{"admins", "Staff"}));
  reopen();
  const auto found = store_->find_account(domain_.id, "aLICE");
  ASSERT_TRUE(found) << line_of(found);
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->account, added);
  EXPECT_EQ(show("ALICE"), added);
  const AccountSecrets& secrets = (*found)->secrets;
  EXPECT_EQ(to_hex(secrets.nt_hash.reveal()), kPasswordHash);
  EXPECT_EQ(secrets.salt, "DEMO.EXAMPLE.ORGAlice");
  EXPECT_FALSE(constant_time_is_zero(secrets.aes256.reveal()));
  EXPECT_FALSE(constant_time_is_zero(secrets.aes128.reveal()));
}

TEST_F(StoreTest, RefusesAnAccountNameThatIsTakenInAnyCase) {
  add("Müller");
  NewAccount twin{.domain = domain_.id, .name = "MÜLLER", .password = SecretBytes{"x"}};
  EXPECT_EQ(store_->add_account(twin, kNow).error().code, ErrorCode::conflict);
  twin.name = "Muller";
  EXPECT_TRUE(store_->add_account(twin, kNow));
}

TEST_F(StoreTest, R8_RefusesAnAccountWithAnEmptyPassword) {
  NewAccount account{.domain = domain_.id, .name = "alice"};
  EXPECT_EQ(store_->add_account(account, kNow).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(nt_hash_of("alice"), "unknown");
  account.password = SecretBytes{"x"};
  const auto added = store_->add_account(account, kNow);
  ASSERT_TRUE(added);
  EXPECT_EQ(store_->set_password(added->id, SecretBytes{}, MustChange::no, kNow).error().code, ErrorCode::invalid_input);
  EXPECT_TRUE(store_->set_password(added->id, SecretBytes{"y"}, MustChange::no, kNow));
}

TEST_F(StoreTest, RefusesAccountsOfNoDomainWithBadNamesOrBadGroups) {
  const auto add_with = [&](DomainId domain, std::string name, AccountKind kind, std::vector<std::string> groups) {
    return store_->add_account(
        {.domain = domain, .name = std::move(name), .kind = kind, .password = SecretBytes{"x"}, .groups = std::move(groups)}, kNow);
  };
  EXPECT_EQ(add_with(DomainId{99}, "a", AccountKind::domain, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(add_with(domain_.id, "a:b", AccountKind::domain, {}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(add_with(domain_.id, "web01", AccountKind::machine, {}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(add_with(domain_.id, "a", AccountKind::domain, {"g\n"}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(add_with(domain_.id, "a", AccountKind::domain, std::vector<std::string>(kMaxGroupsPerAccount + 1, "g")).error().code,
            ErrorCode::invalid_input);
  EXPECT_TRUE(add_with(domain_.id, "a", AccountKind::domain, std::vector<std::string>(kMaxGroupsPerAccount, "g")));
  EXPECT_TRUE(add_with(domain_.id, "web01$", AccountKind::machine, {}));
}

TEST_F(StoreTest, SetPasswordChangesTheKeysAndCountsTheVersionUp) {
  const Account added = add("alice", "first");
  const std::string first = nt_hash_of("alice");
  const FileTime later{kNow.ticks() + 1};
  ASSERT_TRUE(store_->set_password(added.id, SecretBytes{"Password"}, MustChange::yes, later));
  EXPECT_NE(first, kPasswordHash);
  EXPECT_EQ(nt_hash_of("alice"), kPasswordHash);
  const Account after = show("alice");
  EXPECT_EQ(after.key_version, 2U);
  EXPECT_TRUE(after.password_must_change);
  EXPECT_EQ(after.password_set_at, later);
  EXPECT_EQ(store_->set_password(AccountId{99}, SecretBytes{"x"}, MustChange::no, kNow).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, EachCommandChangesItsOwnFieldAndNothingElse) {
  Account expected = add("alice", "Password", AccountKind::domain, {"old"});
  const AccountId id = expected.id;
  ASSERT_TRUE(store_->set_enabled(id, Enabled::no));
  expected.enabled = false;
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_enabled(id, Enabled::yes));
  expected.enabled = true;
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_expiry(id, FileTime{kNow.ticks() + 5}));
  expected.expires_at = FileTime{kNow.ticks() + 5};
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_expiry(id, std::nullopt));
  expected.expires_at.reset();
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_must_change(id, MustChange::yes));
  expected.password_must_change = true;
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_groups(id, {"b", "a"}));
  expected.groups = {"a", "b"};
  EXPECT_EQ(show("alice"), expected);
  ASSERT_TRUE(store_->set_groups(id, {}));
  expected.groups.clear();
  EXPECT_EQ(show("alice"), expected);
  EXPECT_EQ(nt_hash_of("alice"), kPasswordHash);
}

TEST_F(StoreTest, CommandsOnNoAccountAreNotFound) {
  const AccountId nobody{99};
  EXPECT_EQ(store_->set_enabled(nobody, Enabled::no).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->unlock(nobody).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->remove_account(nobody).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->set_expiry(nobody, kNow).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->set_must_change(nobody, MustChange::yes).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->set_groups(nobody, {"g"}).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, NeverGivesTheIdOrRidOfARemovedAccountToAnother) {
  const Account first = add("alice");
  ASSERT_TRUE(store_->remove_account(first.id));
  EXPECT_EQ(nt_hash_of("alice"), "unknown");
  const Account second = add("alice");
  EXPECT_NE(second.id, first.id);
  EXPECT_NE(second.rid, first.rid);
  EXPECT_EQ(sql(database(), "SELECT count(*) FROM account_secret"), "1") << "the removed account's secrets stayed";
}

TEST_F(StoreTest, ListsAccountsPageByPage) {
  for (const char* name : {"dave", "Alice", "bob", "Carol"}) add(name, "x");
  const auto names_of = [](const Result<std::vector<Account>>& page) {
    std::vector<std::string> names;
    for (const Account& account : *page) names.push_back(account.name);
    return names;
  };
  EXPECT_EQ(names_of(store_->list_accounts(domain_.id, "", 3)), (std::vector<std::string>{"Alice", "bob", "Carol"}));
  EXPECT_EQ(names_of(store_->list_accounts(domain_.id, "carol", 3)), (std::vector<std::string>{"dave"}));
  EXPECT_EQ(names_of(store_->list_accounts(DomainId{99}, "", 3)), std::vector<std::string>{});
}

TEST_F(StoreTest, R44_AStampChangesWithEachCommandOnTheAccountAndWithNoOther) {
  const Account alice = add("alice");
  const AccountId id = alice.id;
  std::uint64_t stamp = (*store_->find_account(domain_.id, "ALICE"))->change_stamp;
  const auto changed = [&] {
    const std::uint64_t before = std::exchange(stamp, store_->change_stamp(domain_.id, "Alice"));
    return before != stamp;
  };
  EXPECT_FALSE(changed());
  EXPECT_TRUE(store_->set_password(id, SecretBytes{"x"}, MustChange::no, kNow) && changed());
  EXPECT_TRUE(store_->set_enabled(id, Enabled::no) && changed());
  EXPECT_TRUE(store_->unlock(id) && changed());
  EXPECT_TRUE(store_->set_expiry(id, kNow) && changed());
  EXPECT_TRUE(store_->set_must_change(id, MustChange::no) && changed());
  EXPECT_TRUE(store_->set_groups(id, {"g"}) && changed());
  add("bob");
  EXPECT_FALSE(changed());
  const LogonCommit logon{.event = event_of("1"), .counters = CounterUpdate{.account = id, .counters_version = 2}};
  EXPECT_TRUE(store_->commit_logons({&logon, 1}));
  EXPECT_FALSE(changed()) << "logons are no change of the account";
  EXPECT_TRUE(store_->remove_account(id) && changed());
}

}  // namespace
}  // namespace postern::account
