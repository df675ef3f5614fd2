// Addresses and networks as texts.
#include "base/ip_network.hpp"

#include <gtest/gtest.h>

namespace postern {
namespace {

std::string shown(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_text() : "none";
}
std::string network(std::string_view text) {
  const auto parsed = IpNetwork::parse(text);
  return parsed ? parsed->to_text() : "none";
}
bool contains(std::string_view net, std::string_view address) {
  return IpNetwork::parse(net).value().contains(IpAddress::parse(address).value());
}

TEST(IpAddress, ReadsBothKindsAndWritesThemTheShortWay) {
  EXPECT_EQ(shown("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(shown("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(shown("::FFFF:c000:207"), "192.0.2.7");
  EXPECT_EQ(shown("2001:DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  EXPECT_EQ(shown("::"), "::");
  EXPECT_EQ(shown("::1"), "::1");
  EXPECT_EQ(shown("1::"), "1::");
  EXPECT_EQ(shown("fe80::1%eth0"), "fe80::1");
  EXPECT_EQ(shown("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7") << "one group of zeros is no run";
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* text :
       {"",         "1.2.3",     "1.2.3.4.5", "1.2.3.256",     "01.2.3.4",          "1.2.3.",           ".1.2.3",  "1.2.3.4 ",
        "-1.2.3.4", ":",         ":::",       "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::12345", "::g",
        "1::2::3",  "1.2.3.4::", "::1.2.3",   "example.org",   "0x7f.0.0.1"}) {
    EXPECT_EQ(shown(text), "none") << text;
  }
}

TEST(IpNetwork, ContainsWhatBeginsWithItsBitsAndNothingElse) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.255"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "::ffff:1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(contains("::/0", "192.0.2.7"));
}

TEST(IpNetwork, RefusesBitsPastThePrefixAndWritesWhatItReads) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7", "2001:db8::/32", "::/0", "::1"}) EXPECT_EQ(network(text), text);
  EXPECT_EQ(network("192.0.2.7/32"), "192.0.2.7");
  EXPECT_EQ(network("::ffff:10.0.0.0/104"), "10.0.0.0/8");
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "2001:db8::1/32", "::/129", "/8",
                           "fe80::%eth0/64", "10.0.0.0/8/8"}) {
    EXPECT_EQ(network(text), "none") << text;
  }
}

struct AddressRow {
  std::string text;
  std::string same;  // another way to write it; empty if the first is no address
};

TEST(IpAddress, ReadsBothFamiliesAndRefusesTheirNeighbours) {
  const AddressRow rows[] = {
      {"192.0.2.1", "::ffff:192.0.2.1"},
      {"::1", "0:0:0:0:0:0:0:1"},
      {"::", "0::0"},
      {"2001:DB8::4", "2001:db8:0::0:4"},
      {"fe80::1%eth0", "fe80::1"},
      {"1::", "1:0:0:0:0:0:0:0"},
      {"::2:3", "0:0::2:3"},
      {"192.0.2", ""},
      {"192.0.2.256", ""},
      {"192.0.02.1", ""},
      {"192.0.2.1.4", ""},
      {"192.0.2.1%eth0", ""},
      {"", ""},
      {":", ""},
      {":::", ""},
      {"1::2::3", ""},
      {"1:2:3:4:5:6:7", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"1:2:3:4::5:6:7:8", ""},
      {"12345::", ""},
      {"::g", ""},
      {"[::1]", ""},
      {"::1 ", ""},
      {"::192.0.2", ""},
      {"192.0.2.1::", ""},
  };
  for (const AddressRow& row : rows) {
    const auto address = IpAddress::parse(row.text);
    EXPECT_EQ(address.has_value(), !row.same.empty()) << row.text;
    if (address) {
      EXPECT_EQ(address, IpAddress::parse(row.same)) << row.text;
    }
  }
}

TEST(IsLoopback, KnowsItsOwnAddressesAndNoOthers) {
  for (const char* address :
       {"127.0.0.1", "127.255.255.255", "127.0.0.0", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::FFFF:127.9.9.9"}) {
    EXPECT_TRUE(is_loopback(address)) << address;
  }
  for (const char* address :
       {"",           "128.0.0.1",       "126.0.0.1", "192.0.2.1",    "127.0.0",     "127.0.0.1.5", "127.0.0.256", "127.0.0.1 ",
        "127.0.0.01", "0127.0.0.1",      "127..0.1",  "127.0.0.",     "1270.0.1",    "::",          "::2",         "::1:1",
        "[::1]",      "::ffff:10.0.0.1", "localhost", "127.0.0.1:80", "2001:db8::1", "127.0.0.+1",  "::ffff:::1"}) {
    EXPECT_FALSE(is_loopback(address)) << address;
  }
}

TEST(IpNetwork, AroundAnAddressDropsTheBitsPastThePrefix) {
  EXPECT_EQ(IpNetwork::around(*IpAddress::parse("192.0.2.17"), 24), IpNetwork::parse("192.0.2.0/24"));
  EXPECT_EQ(IpNetwork::around(*IpAddress::parse("192.0.2.17"), 30), IpNetwork::parse("192.0.2.16/30"));
  EXPECT_EQ(IpNetwork::around(*IpAddress::parse("192.0.2.17"), 33), IpNetwork::parse("192.0.2.17"));
  EXPECT_EQ(IpNetwork::around(*IpAddress::parse("2001:db8::17"), 64), IpNetwork::parse("2001:db8::/64"));
  EXPECT_NE(IpNetwork::around(*IpAddress::parse("2001:db8::17"), 64), IpNetwork::parse("2001:db8::/63"));
}

TEST(AnyContains, IsTrueForAnAddressInOneOfTheNetworksAlone) {
  const std::vector<IpNetwork> networks{*IpNetwork::parse("10.1.0.0/16"), *IpNetwork::parse("2001:db8::/32")};
  EXPECT_TRUE(any_contains(networks, "10.1.255.1"));
  EXPECT_TRUE(any_contains(networks, "::ffff:10.1.0.1"));
  EXPECT_TRUE(any_contains(networks, "2001:db8::1"));
  EXPECT_FALSE(any_contains(networks, "10.2.0.1"));
  EXPECT_FALSE(any_contains(networks, "nonsense"));
  EXPECT_FALSE(any_contains({}, "10.1.0.1"));
}

}  // namespace
}  // namespace postern
