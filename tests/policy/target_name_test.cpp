#include "policy/target_name.hpp"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

using event::SpnCheck;

struct Case {
  std::string accepted;
  std::string sent;
  std::string refused;  // the twin, one thing away
};

// Forms that clients send: peers put the port in (Chromium), leave it out (gss-ntlmssp), use the address that was typed.
TEST(SpnMatches, R23_TakesTheFormsThatClientsSendAndRefusesTheirNeighbours) {
  const Case cases[] = {
      {"HTTP/www.example.org", "HTTP/www.example.org", "HTTP/www.example.com"},
      {"HTTP/www.example.org", "http/WWW.Example.ORG", "HTTP/www.example.org.evil.test"},
      {"HTTP/www.example.org", "HTTP/www.example.org:8443", "HTTP/www.example.org:"},
      {"HTTP/www.example.org", "HTTP/www.example.org.", "HTTP/www.example.org.."},
      {"HTTP/www.example.org", "HTTP/www.example.org/EXAMPLE.ORG", "HTTP/www.example.org/EXAMPLE.ORG/x"},
      {"HTTP/www.example.org", "HTTP/www.example.org:80/example.org", "HTTP/www.example.org/"},
      {"HTTP/www.example.org", "HTTP/www.example.org:65535", "HTTP/www.example.org:655350"},
      {"HTTP/www.example.org", "HTTP/www.example.org:8443", "HTTP/www.example.org:8443@evil"},
      {"HTTP/www.example.org", "HTTP/www.example.org", "cifs/www.example.org"},
      {"HTTP/www.example.org", "HTTP/www.example.org", "www.example.org"},
      {"HTTP/www.example.org", "HTTP/www.example.org", "HTTP/"},
      {"HTTP/www.example.org", "HTTP/www.example.org", "/www.example.org"},
      {"HTTP/www.example.org", "HTTP/www.example.org", " HTTP/www.example.org"},
      {"HTTP/www.example.org", "HTTP/www.example.org", std::string{"HTTP/www.example.org\0", 21}},
      {"HTTP/www.example.org:8443", "HTTP/www.example.org:8443", "HTTP/www.example.org:443"},
      {"HTTP/www.example.org:8443", "http/www.example.org:8443", "HTTP/www.example.org"},
      {"HTTP/www.example.org/LAB", "HTTP/www.example.org/lab", "HTTP/www.example.org/other"},
      {"HTTP/127.0.0.1", "HTTP/127.0.0.1:18091", "HTTP/127.0.0.11"},
      {"HTTP/[2001:db8::1]", "HTTP/[2001:DB8::1]:8443", "HTTP/[2001:db8::1]8443"},
      {"HTTP/[2001:db8::1]", "HTTP/2001:db8::1", "HTTP/2001:db8::1:8443"},
      {"HTTP/2001:db8::1", "HTTP/[2001:db8::1]", "HTTP/[2001:db8::1"},
      {"ldap/dc1.lab.test", "ldap/dc1.lab.test/lab.test", "ldap/lab.test/dc1.lab.test"},
  };
  for (const Case& each : cases) {
    EXPECT_TRUE(spn_matches({each.accepted}, each.sent)) << each.accepted << " <- " << each.sent;
    EXPECT_FALSE(spn_matches({each.accepted}, each.refused)) << each.accepted << " <- " << each.refused;
  }
}

TEST(SpnMatches, LooksAtEachAcceptedName) {
  const std::vector<std::string> accepted{"HTTP/a.test", "HTTP/b.test"};
  EXPECT_TRUE(spn_matches(accepted, "HTTP/b.test"));
  EXPECT_FALSE(spn_matches(accepted, "HTTP/c.test"));
  EXPECT_FALSE(spn_matches({}, "HTTP/a.test"));
}

// The suffix of CVE-2025-33073, also where somebody configured it as an accepted name.
TEST(SpnMatches, R24_NeverTakesAMarshalledSuffix) {
  const std::string marshalled = "cifs/srv11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA";
  EXPECT_FALSE(spn_matches({"cifs/srv1"}, marshalled));
  EXPECT_FALSE(spn_matches({marshalled}, marshalled));
  EXPECT_TRUE(spn_matches({"cifs/srv1"}, "cifs/srv1"));
}

TEST(SpnMatches, HoldsItsLimit) {
  const std::string longest = "HTTP/" + std::string(kMaxSpnBytes - 5, 'a');
  EXPECT_TRUE(spn_matches({longest}, longest));
  EXPECT_FALSE(spn_matches({longest + "a"}, longest + "a"));
}

TEST(CheckTargetName, R23_SaysWhatTheEventCarries) {
  const std::vector<std::string> accepted{"HTTP/a.test"};
  EXPECT_EQ(check_target_name({}, "HTTP/a.test", SpnSource::trusted), std::nullopt);
  EXPECT_EQ(check_target_name({}, std::nullopt, SpnSource::trusted), std::nullopt);
  EXPECT_EQ(check_target_name(accepted, std::nullopt, SpnSource::trusted), SpnCheck::absent);
  EXPECT_EQ(check_target_name(accepted, "", SpnSource::trusted), SpnCheck::absent);
  EXPECT_EQ(check_target_name(accepted, "HTTP/a.test", SpnSource::trusted), SpnCheck::accepted);
  EXPECT_EQ(check_target_name(accepted, "HTTP/a.test", SpnSource::untrusted), SpnCheck::untrusted);
  EXPECT_EQ(check_target_name(accepted, "HTTP/b.test", SpnSource::trusted), SpnCheck::refused);
  EXPECT_EQ(check_target_name(accepted, "HTTP/b.test", SpnSource::untrusted), SpnCheck::refused);
}

}  // namespace
}  // namespace postern::policy
