// Files of accounts: both forms, what is wrong with one by line and field, and all or nothing.
#include "account/import.hpp"

#include "account/password.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

constexpr std::string_view kHash = "8846F7EAEE8FB117AD06BDD830B7586C";
constexpr std::string_view kNoLm = "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";

std::string samba_line(std::string_view name, std::string_view flags = "[U          ]", std::string_view nt = kHash) {
  return std::string{name} + ":1001:" + std::string{kNoLm} + ":" + std::string{nt} + ":" + std::string{flags} + ":LCT-65A0F3B1:\n";
}
std::string error_of(std::string_view text) {
  const auto rows = parse_import(text);
  return rows ? "taken" : rows.error().message;
}
bool begins(std::string_view text, std::string_view start) { return error_of(text).starts_with(start); }

TEST(Import, ReadsCsvByTheNamesOfItsColumns) {
  const auto rows = parse_import(
      "name,Password,groups,kind,must_change,enabled,expires\r\n"
      "DEMO\\alice,Correct.Horse.1,staff;admins,domain,yes,,2027-01-31T00:00:00Z\r\n"
      "\r\n"
      "\"bob\",\"with \"\"quotes\"\", commas\nand a line\",,local,no,no,\r\n"
      "HOST$,Machine.Password.1,,machine,,,\r\n");
  ASSERT_TRUE(rows) << line_of(rows);
  ASSERT_EQ(rows->size(), 3U);
  const ImportedAccount& alice = (*rows)[0];
  EXPECT_EQ(alice.line, 2U);
  EXPECT_EQ(alice.account, "DEMO\\alice");
  EXPECT_EQ(alice.fields.password.reveal_text(), "Correct.Horse.1");
  EXPECT_EQ(alice.fields.groups, (std::vector<std::string>{"staff", "admins"}));
  EXPECT_EQ(alice.fields.must_change, MustChange::yes);
  EXPECT_EQ(alice.fields.enabled, Enabled::yes);
  EXPECT_EQ(alice.fields.expires_at, FileTime::from_rfc3339("2027-01-31T00:00:00Z"));
  const ImportedAccount& bob = (*rows)[1];
  EXPECT_EQ(bob.line, 4U);
  EXPECT_EQ(bob.account, "bob");
  EXPECT_EQ(bob.fields.password.reveal_text(), "with \"quotes\", commas\nand a line");
  EXPECT_EQ(bob.fields.kind, AccountKind::local);
  EXPECT_EQ(bob.fields.enabled, Enabled::no);
  EXPECT_EQ((*rows)[2].line, 6U) << "a quoted line feed counts";
  EXPECT_EQ((*rows)[2].fields.kind, AccountKind::machine);
}

TEST(Import, ReadsANtHashInsteadOfAPassword) {
  const auto rows = parse_import("nt_hash,name\n" + std::string{kHash} + ",alice\n");
  ASSERT_TRUE(rows) << line_of(rows);
  ASSERT_TRUE((*rows)[0].fields.nt_hash);
  EXPECT_EQ(to_hex((*rows)[0].fields.nt_hash->reveal()), "8846f7eaee8fb117ad06bdd830b7586c");
  EXPECT_TRUE((*rows)[0].fields.password.empty());
}

TEST(Import, ReadsWhatPdbeditWrites) {
  const auto rows =
      parse_import("# comment\n" + samba_line("alice") + samba_line("HOST$", "[W          ]") + samba_line("bob", "[DU         ]") +
                   "new:1:" + std::string{kNoLm} + ":" + std::string{kHash} + ":[U          ]:LCT-00000000:\n");
  ASSERT_TRUE(rows) << line_of(rows);
  ASSERT_EQ(rows->size(), 4U);
  EXPECT_EQ((*rows)[0].line, 2U);
  EXPECT_EQ((*rows)[0].fields.password_set_at, FileTime::from_unix_microseconds(0x65A0F3B1LL * 1'000'000));
  EXPECT_EQ((*rows)[1].fields.kind, AccountKind::machine);
  EXPECT_EQ((*rows)[2].fields.enabled, Enabled::no);
  EXPECT_EQ((*rows)[3].fields.must_change, MustChange::yes) << "never set";
  for (const ImportedAccount& row : *rows) EXPECT_TRUE(row.fields.nt_hash) << row.account;
}

TEST(Import, NamesLineAndFieldOfWhatIsWrong) {
  EXPECT_TRUE(begins("name,password\nalice,x\nbob\n", "line 3: columns: "));
  EXPECT_TRUE(begins("name,password\n,x\n", "line 2: name: "));
  EXPECT_TRUE(begins("name,password\nalice,\n", "line 2: password: ")) << "R8";
  EXPECT_TRUE(begins("name,password,kind\nalice,x,god\n", "line 2: kind: "));
  EXPECT_TRUE(begins("name,password,must_change\nalice,x,maybe\n", "line 2: must_change: "));
  EXPECT_TRUE(begins("name,password,expires\nalice,x,tomorrow\n", "line 2: expires: "));
  EXPECT_TRUE(begins("name,password,groups\nalice,x,a;b/c\n", "line 2: groups: "));
  EXPECT_TRUE(begins("name,nt_hash\nalice,1234\n", "line 2: nt_hash: "));
  EXPECT_TRUE(begins("name,nt_hash,password\nalice," + std::string{kHash} + ",x\n", "line 2: nt_hash: "));
  EXPECT_TRUE(begins("name,password\nalice,\"x\n", "line 2: quotes: "));
  EXPECT_TRUE(begins("name,password\nalice,x\"y\n", "line 2: quotes: "));
  EXPECT_TRUE(begins("name,colour\n", "line 1: header: "));
  EXPECT_TRUE(begins("name\nalice\n", "line 1: header: "));
  EXPECT_TRUE(begins("name,password,name\n", "line 1: name: "));
  EXPECT_TRUE(begins("alice,x\n", "line 1: line: ")) << "no header";
  EXPECT_TRUE(begins(samba_line("alice") + "bob:x\n", "line 2: line: "));
  EXPECT_TRUE(begins(samba_line("alice", "[U          ]", kNoLm), "line 1: nt_hash: "));
  EXPECT_TRUE(begins(samba_line("alice", "[NU         ]"), "line 1: flags: "));
  EXPECT_TRUE(begins(samba_line("alice", "[I          ]"), "line 1: flags: "));
  EXPECT_TRUE(begins(samba_line("alice", "[?]"), "line 1: flags: "));
  EXPECT_TRUE(begins("a:x:" + std::string{kNoLm} + ":" + std::string{kHash} + ":[U]:LCT-65A0F3B1:\n", "line 1: uid: "));
  EXPECT_TRUE(begins("a:1:" + std::string{kNoLm} + ":" + std::string{kHash} + ":[U]:LCT-:\n", "line 1: changed: "));
  EXPECT_EQ(error_of("name,password\n"), "the file names no account");
  EXPECT_EQ(error_of(""), "the file names no account");
  EXPECT_EQ(error_of("name,password\n\xFF,x\n"), "the file is not UTF-8");
}

TEST(Import, R29_NoErrorShowsAPasswordOrAHash) {
  const std::string secret = "Correct.Horse.Battery";
  for (const std::string& text :
       {"name,password\nalice," + secret + "\"\n", "name,password\nalice,\"" + secret, "name,password\nalice,b," + secret + "\n",
        "alice," + secret + "\n", "name,kind,password\nalice," + secret + ",x\n", "name,nt_hash\nalice," + secret + "\n",
        "name," + secret + "\n", samba_line("alice", "[" + secret + "]"), samba_line("alice", "[U]", secret)}) {
    EXPECT_EQ(error_of(text).find(secret.substr(0, 8)), std::string::npos) << error_of(text);
    EXPECT_NE(error_of(text), "taken");
  }
}

TEST_F(StoreTest, ManyAccountsAreAddedTogetherOrNotAtAll) {
  add("bob");
  const auto account = [&](std::string name) {
    return NewAccount{.domain = domain_.id, .name = std::move(name), .password = SecretBytes{std::string_view{"Password"}}};
  };
  std::vector<NewAccount> accounts;
  for (const char* name : {"u1", "u2", "BOB", "u3"}) accounts.push_back(account(name));
  const auto refused = store_->add_accounts(accounts, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().offset, 2U) << "which one";
  EXPECT_EQ(sql(database(), "SELECT count(*) FROM account"), "1");
  accounts[2].name = "";
  EXPECT_EQ(store_->add_accounts(accounts, kNow).error().offset, 2U);
  accounts[2] = account("machine");
  accounts[2].kind = AccountKind::machine;
  EXPECT_EQ(store_->add_accounts(accounts, kNow).error().offset, 2U);
  EXPECT_EQ(sql(database(), "SELECT count(*) FROM account"), "1");
  accounts[2] = account("u4");
  accounts[2].must_change = MustChange::yes;
  accounts[2].enabled = Enabled::no;
  ASSERT_TRUE(store_->add_accounts(accounts, kNow));
  EXPECT_EQ(sql(database(), "SELECT count(*) FROM account"), "5");
  EXPECT_TRUE(show("u4").password_must_change);
  EXPECT_FALSE(show("u4").enabled);
}

TEST_F(StoreTest, AnAccountOfAHashHasNoAesKeysUntilItsNextPassword) {
  NewAccount imported{.domain = domain_.id, .name = "alice"};
  const auto known = account::nt_hash_of(SecretBytes{std::string_view{"Password"}});
  ASSERT_TRUE(known);
  imported.nt_hash.emplace(known->duplicate());
  imported.password_set_at = FileTime{kNow.ticks() - 1};
  ASSERT_TRUE(store_->add_accounts({&imported, 1}, kNow));
  EXPECT_FALSE(show("alice").aes_keys);
  EXPECT_EQ(show("alice").password_set_at, FileTime{kNow.ticks() - 1});
  auto found = store_->find_account(domain_.id, "alice");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->secrets.aes_keys, AesKeys::missing);
  EXPECT_EQ(StoreTest::nt_hash_of("alice"), to_hex(known->reveal()));
  ASSERT_TRUE(store_->set_password(show("alice").id, SecretBytes{std::string_view{"Next"}}, MustChange::no, kNow));
  EXPECT_TRUE(show("alice").aes_keys);
  found = store_->find_account(domain_.id, "alice");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->secrets.aes_keys, AesKeys::present);
  EXPECT_EQ((*found)->secrets.history.size(), 1U);
}

}  // namespace
}  // namespace postern::account
