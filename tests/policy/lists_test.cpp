#include "policy/lists.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace postern::policy {
namespace {

TEST(SplitList, KeepsEmptyPartsForWhoeverRefusesThem) {
  EXPECT_EQ(split_list(" a,b , c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(split_list(""), std::vector<std::string>{});
  EXPECT_EQ(split_list("none"), std::vector<std::string>{});
  EXPECT_EQ(split_list("a,"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(join_list({"a", "b"}), "a, b");
  EXPECT_EQ(join_list({}), "none");
}

struct NameRow {
  std::string entry;
  std::string name;
  Match one_star;
  Match none;
};

TEST(MatchName, OneStarIsDocumentedMoreAreNot) {
  const NameRow rows[] = {
      {"fs1", "FS1", Match::yes, Match::yes},
      {"fs1", "fs10", Match::no, Match::no},
      {"fs1", "fs1.corp.example", Match::no, Match::no},
      {"fs*", "FS1", Match::yes, Match::undocumented},
      {"*.corp.example", "fs1.corp.example", Match::yes, Match::undocumented},
      {"*.corp.example", "corp.example", Match::no, Match::no},
      {"f*1", "fs1", Match::yes, Match::undocumented},
      {"f*1", "fs2", Match::no, Match::no},
      {"f*1", "f", Match::no, Match::no},
      {"*", "anything", Match::yes, Match::undocumented},
      {"*fs*", "xfs1", Match::undocumented, Match::undocumented},
      {"*fs*", "xft1", Match::no, Match::no},
      {"fs?", "fs1", Match::undocumented, Match::undocumented},
      {"fs?", "fs12", Match::no, Match::no},
      {"a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Match::no, Match::no},
  };
  for (const NameRow& row : rows) {
    EXPECT_EQ(match_name(row.entry, row.name, Wildcard::one_star), row.one_star) << row.entry << ' ' << row.name;
    EXPECT_EQ(match_name(row.entry, row.name, Wildcard::none), row.none) << row.entry << ' ' << row.name;
  }
}

TEST(NameList, PrefersTheEntryThatMatchesForCertain) {
  const auto list = NameList::of({"*f*1", "fs1"});
  ASSERT_TRUE(list);
  const auto hit = list->find("fs1", Wildcard::one_star);
  EXPECT_EQ(hit.match, Match::yes);
  EXPECT_EQ(hit.entry, "fs1");
  EXPECT_EQ(list->find("ff1", Wildcard::one_star).match, Match::undocumented);
  EXPECT_EQ(list->find("fs2", Wildcard::one_star).match, Match::no);
}

TEST(NameList, RefusesWhatIsNoName) {
  EXPECT_TRUE(NameList::of({"fs1"}));
  EXPECT_TRUE(NameList::of({std::string(kMaxEntryBytes, 'a')}));
  for (const std::string& name : {std::string{}, std::string{"a b"}, std::string{"a,b"}, std::string{"a\nb"}, std::string{"\xff"},
                                  std::string{"none"}, std::string(kMaxEntryBytes + 1, 'a')}) {
    EXPECT_FALSE(NameList::of({name})) << name;
  }
  EXPECT_TRUE(NameList::of(std::vector<std::string>(kMaxListEntries, "a")));
  EXPECT_FALSE(NameList::of(std::vector<std::string>(kMaxListEntries + 1, "a")));
}

TEST(NetworkList, HoldsTheAddressesOfItsNetworksAndNoOthers) {
  const auto list = NetworkList::of({"192.0.2.128/25", "2001:db8::/32", "198.51.100.7"});
  ASSERT_TRUE(list);
  const auto holds = [&](std::string_view text) { return list->contains(*IpAddress::parse(text)); };
  EXPECT_TRUE(holds("192.0.2.128"));
  EXPECT_FALSE(holds("192.0.2.127"));
  EXPECT_TRUE(holds("::ffff:192.0.2.255"));
  EXPECT_TRUE(holds("2001:db8:ffff::1"));
  EXPECT_FALSE(holds("2001:db9::1"));
  EXPECT_TRUE(holds("198.51.100.7"));
  EXPECT_FALSE(holds("198.51.100.6"));
  EXPECT_TRUE(NetworkList::of({"0.0.0.0/0"})->contains(*IpAddress::parse("203.0.113.9")));
  EXPECT_FALSE(NetworkList::of({"0.0.0.0/0"})->contains(*IpAddress::parse("2001:db8::1")));
  for (const char* wrong : {"192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129", "2001:db8::1/32", "192.0.2.0/", "192.0.2.0/024",
                            "fe80::%eth0/10", "net", ""}) {
    EXPECT_FALSE(NetworkList::of({wrong})) << wrong;
  }
}

TEST(HostPatterns, AreHostsWithOneStarAtMost) {
  const auto hosts = HostPatterns::of({"fs1", "*.corp.example"});
  ASSERT_TRUE(hosts);
  EXPECT_EQ(hosts->find("FS1"), "fs1");
  EXPECT_EQ(hosts->find("a.corp.example"), "*.corp.example");
  EXPECT_EQ(hosts->find("fs1.example"), std::nullopt);
  for (const char* wrong : {"*a*", "f?1", "http/fs1", "user@fs1"}) EXPECT_FALSE(HostPatterns::of({wrong})) << wrong;
}

}  // namespace
}  // namespace postern::policy
