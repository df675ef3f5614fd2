#include "postern/outgoing.hpp"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

Url url(const std::string& text) { return Url::parse(text).value(); }

policy::Policy with(std::initializer_list<std::pair<std::string_view, std::string_view>> settings) {
  policy::Policy policy;
  for (const auto& [name, value] : settings) EXPECT_TRUE(policy::set(policy, name, value)) << name;
  return policy;
}

const Url kTyped = url("https://intranet.example.org/");

TEST(Outgoing, R25_TheTypedAddressIsARuleForItsOwnOriginAlone) {
  EXPECT_TRUE(check_outgoing({}, kTyped, kTyped));
  for (const char* other :
       {"https://other.example.org/", "https://intranet.example.org:8443/", "https://intranet.example.org.evil.test/"}) {
    const auto refused = check_outgoing({}, kTyped, url(other));
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code, ErrorCode::policy);
    EXPECT_NE(refused.error().message.find(url(other).host()), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().message.find("OutgoingHosts = none"), std::string::npos) << refused.error().message;
    EXPECT_NE(refused.error().hint.find("OutgoingHosts"), std::string::npos) << "what to change";
  }
}

TEST(Outgoing, R25_AnotherHostNeedsARuleAndTls) {
  const auto policy = with({{"OutgoingHosts", "*.example.org"}});
  EXPECT_TRUE(check_outgoing(policy, kTyped, url("https://other.example.org/")));
  EXPECT_FALSE(check_outgoing(policy, kTyped, url("https://other.example.com/")));
  EXPECT_FALSE(check_outgoing(policy, kTyped, url("http://other.example.org/"))) << "no TLS";
  EXPECT_TRUE(check_outgoing(with({{"OutgoingHosts", "127.0.0.1"}}), kTyped, url("http://127.0.0.1:8080/")));
}

TEST(Outgoing, R25_RestrictSendingBindsTheTypedAddressToo) {
  const auto refused = check_outgoing(with({{"RestrictSendingNTLMTraffic", "2"}}), kTyped, kTyped);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("RestrictSendingNTLMTraffic = 2"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().hint.find("ClientAllowedNTLMServers"), std::string::npos);
  const auto excepted = with({{"RestrictSendingNTLMTraffic", "2"}, {"ClientAllowedNTLMServers", "intranet.*"}});
  EXPECT_TRUE(check_outgoing(excepted, kTyped, kTyped));
  const auto audited = check_outgoing(with({{"RestrictSendingNTLMTraffic", "1"}}), kTyped, kTyped);
  ASSERT_TRUE(audited);
  EXPECT_NE(audited->note.find("RestrictSendingNTLMTraffic = 1"), std::string::npos) << "let through, and said";
  EXPECT_EQ(check_outgoing({}, kTyped, kTyped)->note, "");
}

TEST(Outgoing, R24_AMarshalledNameIsRefusedEvenIfItWasTyped) {
  const Url marshalled = url("https://srv11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA/");
  const bool kept_case = marshalled.host().find("1UWhRC") != std::string::npos;
  EXPECT_EQ(check_outgoing({}, marshalled, marshalled).has_value(), !kept_case);
  EXPECT_TRUE(kept_case) << "a URL's host keeps its case here, or the suffix could not be seen";
}

}  // namespace
}  // namespace postern::cli
