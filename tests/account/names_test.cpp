#include "account/names.hpp"

#include <gtest/gtest.h>

namespace postern::account {
namespace {

template <typename Check>
void expect_refused(Check check, std::string_view name, std::size_t offset) {
  const auto result = check(name);
  ASSERT_FALSE(result) << name;
  EXPECT_EQ(result.error().code, ErrorCode::invalid_input) << name;
  EXPECT_EQ(result.error().offset, offset) << name;
}

TEST(NetbiosName, TakesFifteenCharactersAndRefusesSixteen) {
  EXPECT_TRUE(check_netbios_name("ABCDEFGHIJKLMNO"));
  EXPECT_TRUE(check_netbios_name("ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ")) << "characters are counted, not bytes";
  expect_refused(check_netbios_name, "ABCDEFGHIJKLMNOP", 0);
  expect_refused(check_netbios_name, "", 0);
}

TEST(NetbiosName, RefusesEachForbiddenCharacter) {
  EXPECT_TRUE(check_netbios_name("A-_!#$%B"));
  for (const char forbidden : std::string_view{"\\/:*?\"<>|@\n\x7F"}) {
    expect_refused(check_netbios_name, std::string{"AB"} + forbidden + "C", 2);
  }
  expect_refused(check_netbios_name, std::string_view{"A\0B", 3}, 1);
  EXPECT_TRUE(check_netbios_name("A.B"));
  expect_refused(check_netbios_name, ".AB", 0);
  EXPECT_TRUE(check_netbios_name("A B"));
  expect_refused(check_netbios_name, " AB", 0);
  expect_refused(check_netbios_name, "AB ", 2);
  EXPECT_FALSE(check_netbios_name("A\xFF")) << "not UTF-8";
}

TEST(DnsName, ChecksEachLabel) {
  EXPECT_TRUE(check_dns_name("demo.example.org"));
  EXPECT_TRUE(check_dns_name("a-b._x.1"));
  expect_refused(check_dns_name, "", 0);
  expect_refused(check_dns_name, "demo..org", 5);
  expect_refused(check_dns_name, "demo.org.", 9);
  expect_refused(check_dns_name, "demo.-x", 5);
  expect_refused(check_dns_name, "demo-.x", 4);
  expect_refused(check_dns_name, "demo.ex ample", 7);
  expect_refused(check_dns_name, "démo", 1);
  EXPECT_TRUE(check_dns_name(std::string(63, 'a') + ".org"));
  expect_refused(check_dns_name, std::string(64, 'a') + ".org", 0);
  const std::string label = std::string(62, 'a') + ".";
  EXPECT_TRUE(check_dns_name(label + label + label + label + "a"));
  expect_refused(check_dns_name, label + label + label + label + "aa", 253);
}

TEST(Realm, IsPrintableAsciiWithoutSeparators) {
  EXPECT_TRUE(check_realm("EXAMPLE.ORG"));
  for (const char forbidden : std::string_view{"/@:\\ \n\x7F"}) expect_refused(check_realm, std::string{"AB"} + forbidden, 2);
  expect_refused(check_realm, "", 0);
  EXPECT_TRUE(check_realm(std::string(255, 'A')));
  expect_refused(check_realm, std::string(256, 'A'), 255);
}

TEST(AccountName, TakesWhatWindowsTakes) {
  for (const char* name : {"alice", "Alice Smith", "o'neil", "müller", "ali.ce", "web$", "a#b!c(d)", "用户"}) {
    EXPECT_TRUE(check_account_name(name)) << name;
  }
  EXPECT_TRUE(check_account_name(std::string(256, 'a')));
}

TEST(AccountName, RefusesWhatWindowsRefuses) {
  for (const char forbidden : std::string_view{"\"/\\[]:;|=,+*?<>@\t\x7F"}) {
    expect_refused(check_account_name, std::string{"al"} + forbidden + "ice", 2);
  }
  expect_refused(check_account_name, "", 0);
  expect_refused(check_account_name, std::string(257, 'a'), 0);
  expect_refused(check_account_name, "alice.", 5);
  expect_refused(check_account_name, " . ", 0);
  EXPECT_FALSE(check_account_name("al\xC0\x80"));
}

TEST(GroupName, MayBeADistinguishedNameOrASid) {
  EXPECT_TRUE(check_group_name("CN=Staff,DC=example,DC=org"));
  EXPECT_TRUE(check_group_name("DEMO\\Staff"));
  EXPECT_TRUE(check_group_name("S-1-5-21-1-2-3-513"));
  expect_refused(check_group_name, "a\x1F", 1);
  expect_refused(check_group_name, "", 0);
  EXPECT_TRUE(check_group_name(std::string(256, 'g')));
  expect_refused(check_group_name, std::string(257, 'g'), 0);
}

TEST(NameKey, FoldsCaseAsWindowsDoes) {
  EXPECT_EQ(name_key("Müller"), name_key("MÜLLER"));
  EXPECT_NE(name_key("Muller"), name_key("Müller"));
}

}  // namespace
}  // namespace postern::account
