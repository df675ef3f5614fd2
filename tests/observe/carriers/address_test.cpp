#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "observe/stream.hpp"

namespace postern::observe {
namespace {

std::string v6(std::string_view hex) {
  Address address;
  const Bytes bytes = from_hex(hex).value();
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address.text();
}

TEST(Address, WritesIpv4AsFourNumbers) {
  EXPECT_EQ(v6("00000000000000000000ffffc0000201"), "192.0.2.1");
  EXPECT_EQ(v6("00000000000000000000ffff00000000"), "0.0.0.0");
}

TEST(Address, WritesIpv6AsRfc5952Does) {
  EXPECT_EQ(v6("20010db8000000000000000000000001"), "2001:db8::1");
  EXPECT_EQ(v6("20010db8000000010001000100010001"), "2001:db8:0:1:1:1:1:1") << "a single zero group is no run";
  EXPECT_EQ(v6("20010000000000010000000000000001"), "2001:0:0:1::1") << "the longest run";
  EXPECT_EQ(v6("20010db8000000000001000000000001"), "2001:db8::1:0:0:1") << "the first of equal runs";
  EXPECT_EQ(v6("00000000000000000000000000000000"), "::");
  EXPECT_EQ(v6("00000000000000000000000000000001"), "::1");
  EXPECT_EQ(v6("fe800000000000000000000000000000"), "fe80::");
}

TEST(Endpoint, PutsBracketsAroundIpv6Alone) {
  Endpoint endpoint;
  endpoint.port = 445;
  EXPECT_EQ(endpoint.text(), "[::]:445");
  endpoint.address.bytes[10] = endpoint.address.bytes[11] = 0xff;
  EXPECT_EQ(endpoint.text(), "0.0.0.0:445");
}

}  // namespace
}  // namespace postern::observe
