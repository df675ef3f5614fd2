// What an account may: stored and read back, and the order in which a domain controller says no (MS-APDS 3.1.5).
#include "store_fixture.hpp"

namespace postern::account {
namespace {

constexpr LockoutPolicy kLockout{.threshold = 3};
constexpr PasswordAgePolicy kOneDay{.max_age = std::chrono::hours{24}};

IpNetwork network(std::string_view text) { return IpNetwork::parse(text).value(); }

TEST_F(StoreTest, RestrictionsAreStoredAndWhatIsNotNamedStays) {
  const Account alice = add("alice", "Password", AccountKind::domain, {"staff"});
  EXPECT_TRUE(alice.logon_hours.allow_every_hour());
  EXPECT_TRUE(alice.ntlm_allowed);
  EXPECT_FALSE(alice.canary);
  EXPECT_TRUE(alice.aes_keys);
  const LogonHours hours = LogonHours::parse("Mon-Fri 08-18").value();
  AccountChange change;
  change.logon_hours = hours;
  change.workstations = {"WS1", "ws2.example.org"};
  change.networks = {network("10.0.0.0/8"), network("2001:db8::/32")};
  change.ntlm_allowed = false;
  change.canary = true;
  change.protected_user = true;
  change.expires_at = std::optional{FileTime{kNow.ticks() + 1}};
  change.must_change = MustChange::yes;
  ASSERT_TRUE(store_->change(alice.id, change));
  reopen();
  Account shown = show("alice");
  EXPECT_EQ(shown.logon_hours, hours);
  EXPECT_EQ(shown.workstations, (std::vector<std::string>{"WS1", "ws2.example.org"}));
  EXPECT_EQ(shown.networks, (std::vector<IpNetwork>{network("10.0.0.0/8"), network("2001:db8::/32")}));
  EXPECT_FALSE(shown.ntlm_allowed);
  EXPECT_TRUE(shown.canary);
  EXPECT_TRUE(is_protected_user(shown));
  EXPECT_EQ(shown.groups, (std::vector<std::string>{"Protected Users", "staff"}));
  EXPECT_EQ(shown.expires_at, FileTime{kNow.ticks() + 1});
  EXPECT_TRUE(shown.password_must_change);
  ASSERT_TRUE(store_->change(alice.id, {.canary = false}));
  EXPECT_EQ(show("alice").workstations, shown.workstations);
  EXPECT_FALSE(show("alice").canary);
  const std::optional<FileTime> never{};
  ASSERT_TRUE(store_->change(alice.id, {.logon_hours = LogonHours{},
                                        .workstations = std::vector<std::string>{},
                                        .networks = std::vector<IpNetwork>{},
                                        .ntlm_allowed = true,
                                        .protected_user = false,
                                        .expires_at = never,
                                        .must_change = MustChange::no}));
  shown = show("alice");
  EXPECT_EQ(shown, [&] {
    Account as_added = alice;
    return as_added;
  }()) << "all restrictions are gone";
}

TEST_F(StoreTest, RefusesRestrictionsThatAreNoneAndLeavesTheAccountAsItWas) {
  const Account alice = add("alice");
  const auto refused = [&](const AccountChange& change) {
    const auto done = store_->change(alice.id, change);
    return !done && done.error().code == ErrorCode::invalid_input;
  };
  EXPECT_TRUE(refused({.workstations = std::vector<std::string>{"A,B"}}));
  EXPECT_TRUE(refused({.workstations = std::vector<std::string>{""}}));
  EXPECT_TRUE(refused({.workstations = std::vector<std::string>{"a b"}}));
  EXPECT_TRUE(refused({.workstations = std::vector<std::string>(kMaxWorkstations + 1, "WS")}));
  EXPECT_TRUE(refused({.networks = std::vector<IpNetwork>(kMaxNetworks + 1, network("10.0.0.0/8")), .canary = true}));
  EXPECT_EQ(show("alice"), alice);
  EXPECT_EQ(store_->change(AccountId{4711}, {.canary = true}).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, R44_AnyChangeOfRestrictionsMovesTheStamp) {
  const Account alice = add("alice");
  std::uint64_t stamp = store_->change_stamp(domain_.id, "alice");
  for (const AccountChange& change : {AccountChange{.logon_hours = LogonHours{}}, AccountChange{.ntlm_allowed = false},
                                      AccountChange{.canary = true}, AccountChange{.protected_user = true}}) {
    ASSERT_TRUE(store_->change(alice.id, change));
    EXPECT_NE(store_->change_stamp(domain_.id, "alice"), stamp);
    stamp = store_->change_stamp(domain_.id, "alice");
  }
}

TEST_F(StoreTest, ADatabaseOfTheFirstSchemaOpensWithoutRestrictions) {
  const Account alice = add("alice");
  const std::string hash = nt_hash_of("alice");
  store_.reset();
  for (const char* column :
       {"logon_hours", "workstations", "networks", "ntlm_allowed", "canary", "aes_keys", "old_password_revoked"}) {
    sql(database(), std::string{"ALTER TABLE account DROP COLUMN "} + column);
  }
  for (const char* later : {"DROP TABLE event_tag", "DROP INDEX event_by_client", "DROP INDEX event_by_server",
                            "ALTER TABLE event DROP COLUMN client"}) {
    sql(database(), later);
  }
  sql(database(), "PRAGMA user_version = 1");
  reopen();
  EXPECT_EQ(show("alice"), alice);
  EXPECT_EQ(nt_hash_of("alice"), hash);
}

TEST_F(StoreTest, ANetworkThatCannotBeReadFreesNobody) {
  add("alice");
  sql(database(), "UPDATE account SET networks = 'everywhere'");
  EXPECT_EQ(network_allowed(show("alice"), "192.0.2.1"), false);
}

TEST(AccountState, SaysTheFirstOfSeveralReasonsInTheOrderOfAController) {
  Account account;
  account.enabled = false;
  account.expires_at = kNow;
  const BadPasswordState locked{.count = 3, .last_bad = kNow, .locked_at = kNow};
  account.logon_hours = LogonHours::parse("never").value();
  account.workstations = {"WS1"};
  account.password_must_change = true;
  account.password_set_at = FileTime{kNow.ticks() - 2 * 86'400 * FileTime::kTicksPerSecond};
  const auto state = [&](const BadPasswordState& bad) { return account_state(account, bad, kNow, kLockout, kOneDay, "WS2"); };
  EXPECT_EQ(state(locked), NtStatus::account_disabled);
  account.enabled = true;
  EXPECT_EQ(state(locked), NtStatus::account_expired);
  account.expires_at.reset();
  EXPECT_EQ(state(locked), NtStatus::account_locked_out);
  EXPECT_EQ(state({}), NtStatus::invalid_logon_hours);
  account.logon_hours = LogonHours{};
  EXPECT_EQ(state({}), NtStatus::invalid_workstation);
  account.workstations = {"WS1", "ws2"};
  EXPECT_EQ(state({}), NtStatus::password_must_change);
  account.password_must_change = false;
  EXPECT_EQ(state({}), NtStatus::password_expired);
  account.password_set_at = kNow;
  EXPECT_EQ(state({}), std::nullopt);
}

TEST(AccountState, AWorkstationIsComparedInAnyCaseAndNoneIsNotOnTheList) {
  Account account;
  account.workstations = {"WS1"};
  const auto allowed = [&](std::string_view claimed) { return !account_state(account, {}, kNow, kLockout, {}, claimed); };
  EXPECT_TRUE(allowed("ws1"));
  EXPECT_TRUE(allowed("\\\\WS1"));
  EXPECT_FALSE(allowed("WS10"));
  EXPECT_FALSE(allowed(""));
  EXPECT_FALSE(allowed("\\\\"));
  account.workstations.clear();
  EXPECT_TRUE(allowed(""));
}

TEST(ProtectedUsers, AreThoseOfTheGroupOfThatNameInAnyCaseAndDomain) {
  Account account;
  EXPECT_FALSE(is_protected_user(account));
  for (const char* group : {"Protected Users", "protected users", "DEMO\\PROTECTED USERS"}) {
    account.groups = {"staff", group};
    EXPECT_TRUE(is_protected_user(account)) << group;
  }
  for (const char* group : {"Protected", "Protected Users 2", "Protected Users\\staff", "NotProtected Users"}) {
    account.groups = {group};
    EXPECT_FALSE(is_protected_user(account)) << group;
  }
}

TEST(Networks, ABoundAccountFromAnUnknownAddressIsNeitherAllowedNorDenied) {
  Account account;
  EXPECT_EQ(network_allowed(account, ""), true) << "bound to none";
  account.networks = {network("10.0.0.0/8")};
  EXPECT_EQ(network_allowed(account, "10.1.2.3"), true);
  EXPECT_EQ(network_allowed(account, "::ffff:10.1.2.3"), true);
  EXPECT_EQ(network_allowed(account, "192.0.2.1"), false);
  EXPECT_EQ(network_allowed(account, ""), std::nullopt);
  EXPECT_EQ(network_allowed(account, "host.example.org"), std::nullopt);
}

TEST(OldPasswordGrace, IsForDomainAccountsAndEndsWithTheSecond) {
  Account account;
  account.password_set_at = kNow;
  const OldPasswordPolicy policy{.allowed = std::chrono::minutes{60}};
  const auto after = [](std::uint64_t seconds) { return FileTime{kNow.ticks() + seconds * FileTime::kTicksPerSecond}; };
  EXPECT_TRUE(old_password_is_accepted(account, kNow, policy));
  EXPECT_TRUE(old_password_is_accepted(account, after(3599), policy));
  EXPECT_FALSE(old_password_is_accepted(account, after(3600), policy));
  EXPECT_FALSE(old_password_is_accepted(account, FileTime{kNow.ticks() - 1}, policy)) << "the clock went back";
  EXPECT_FALSE(old_password_is_accepted(account, kNow, {}));
  account.kind = AccountKind::local;
  EXPECT_FALSE(old_password_is_accepted(account, kNow, policy));
  account.kind = AccountKind::machine;
  EXPECT_FALSE(old_password_is_accepted(account, kNow, policy));
  account.kind = AccountKind::domain;
  account.old_password_revoked = true;
  EXPECT_FALSE(old_password_is_accepted(account, kNow, policy));
}

}  // namespace
}  // namespace postern::account
