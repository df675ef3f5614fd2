// Hosts in target names; what matches what is in tests/policy/target_name_test.cpp.
#include "base/spn.hpp"

#include <gtest/gtest.h>
#include <utility>

namespace postern {
namespace {

TEST(HostOfSpn, IsFoundInEveryForm) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"HTTP/www.example.org", "www.example.org"},
      {"HTTP/www.example.org:8443", "www.example.org"},
      {"HTTP/www.example.org:8443/EXAMPLE", "www.example.org"},
      {"HTTP/[2001:db8::1]:443", "2001:db8::1"},
      {"cifs/2001:db8::1", "2001:db8::1"},
      {"HTTP/[2001", ""},
      {"www.example.org", ""},
      {"", ""},
  };
  for (const auto& [spn, host] : cases) EXPECT_EQ(host_of_spn(spn), host) << spn;
}

}  // namespace
}  // namespace postern
