#include "ntlm/outgoing.hpp"

#include <gtest/gtest.h>

#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;

TEST(OutgoingRules, R25_WithoutARuleNoHostIsAdmitted) {
  const auto refused = OutgoingRules{}.judge("www.example.org");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::policy);
  EXPECT_NE(refused.error().message.find("www.example.org"), std::string::npos) << "the reason names the host";
  EXPECT_NE(refused.error().hint.find("OutgoingHosts"), std::string::npos) << "and what to change";
}

TEST(OutgoingRules, R25_ARuleAdmitsWhatItSaysAndNotItsNeighbours) {
  struct Case {
    std::string pattern;
    std::string admitted;
    std::string refused;
  };
  const Case cases[] = {
      {"fileserver", "FILESERVER", "fileserver2"},
      {"www.example.org", "www.example.org", "www.example.org.evil.test"},
      {"*.example.org", "www.example.org", "example.org"},
      {"*.example.org", "a.b.EXAMPLE.org", "wwwexample.org"},
      {"web*", "web17", "theweb"},
      {"web*.example.org", "web1.example.org", "web.example.com"},
      {"10.0.0.*", "10.0.0.7", "10.0.1.7"},
      {"2001:db8::1", "2001:DB8::1", "2001:db8::2"},
      {"*", "anything", "any thing"},
  };
  for (const Case& each : cases) {
    const auto rules = OutgoingRules::of({"other", each.pattern}).value();
    const auto admitted = rules.judge(each.admitted);
    ASSERT_TRUE(admitted) << each.pattern << " " << each.admitted;
    EXPECT_EQ(admitted->rule(), each.pattern);
    EXPECT_FALSE(rules.judge(each.refused)) << each.pattern << " " << each.refused;
  }
  EXPECT_FALSE(OutgoingRules::of({"ab*ba"}).value().judge("aba")) << "head and tail do not share letters";
}

TEST(OutgoingRules, R25_ATypedHostIsARuleForThatHostAlone) {
  const auto rules = OutgoingRules::for_typed_host("intranet").value();
  EXPECT_TRUE(rules.judge("INTRANET"));
  EXPECT_FALSE(rules.judge("intranet.evil.test"));
  EXPECT_FALSE(OutgoingRules::for_typed_host("*")) << "nobody types a pattern";
  EXPECT_FALSE(OutgoingRules::for_typed_host(""));
}

TEST(OutgoingRules, RefusesPatternsThatSayMoreThanCanBeReadOffThem) {
  for (const char* pattern : {"", "a*b*c", "**", "host?", "http://host", "user@host", "a b", "a,b", "a\nb"}) {
    EXPECT_FALSE(OutgoingRules::of({pattern})) << pattern;
  }
  EXPECT_FALSE(OutgoingRules::of({std::string(kMaxHostBytes + 2, 'a')}));
  EXPECT_FALSE(OutgoingRules::of(std::vector<std::string>(kMaxOutgoingRules + 1, "a")));
}

TEST(OutgoingRules, R24_AMarshalledNameIsRefusedWhateverTheRules) {
  const auto everything = OutgoingRules::of({"*"}).value();
  EXPECT_TRUE(everything.judge("srv1"));
  EXPECT_FALSE(everything.judge("srv11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA"));
}

// ---- not to oneself

InitiatorConfig client_config() {
  InitiatorConfig config;
  config.credentials = {std::string{kUser}, std::string{kDomain}, hash_of(kPassword)};
  return config;
}
std::string answered(InitiatorConfig config) {
  auto client = Initiator::start(std::move(config));
  if (!client) return code_of(client);
  auto server = Acceptor::on_negotiate(client->negotiate_message(), server_config(), server_challenge(), kNow).value();
  return code_of(std::move(*client).on_challenge(server.challenge_message(), {}, kNow));
}

TEST(NotToItself, R24_AChallengeThatNamesThisMachineIsNotAnsweredUnlessTheCallIsShownToBeLocal) {
  EXPECT_EQ(answered(client_config()), "accepted");
  for (const OwnNames& own : {OwnNames{"web1", ""}, OwnNames{"", "WEB1.example.org"}, OwnNames{"WEB1", "web1.example.org"}}) {
    InitiatorConfig config = client_config();
    config.own_names = own;
    EXPECT_EQ(answered(std::move(config)), "policy") << own.nb_computer << own.dns_computer;
    config = client_config();
    config.own_names = own;
    config.local_call = LocalCall::shown;
    EXPECT_EQ(answered(std::move(config)), "accepted");
  }
  InitiatorConfig other = client_config();
  other.own_names = {"WEB2", "web2.example.org"};
  EXPECT_EQ(answered(std::move(other)), "accepted");
}

TEST(NotToItself, R24_AChallengeThatThisProgramMintedIsNotAnswered) {
  for (const bool own : {true, false}) {
    InitiatorConfig config = client_config();
    config.is_own_challenge = [own](const wire::ServerChallenge& challenge) { return own && challenge == server_challenge(); };
    EXPECT_EQ(answered(std::move(config)), own ? "policy" : "accepted");
  }
}

TEST(NotToItself, R24_AMarshalledTargetNameStopsTheClientBeforeAnythingGoesOut) {
  InitiatorConfig config = client_config();
  config.target_name = "cifs/srv11UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA";
  EXPECT_EQ(code_of(Initiator::start(std::move(config))), "policy");
  config = client_config();
  config.target_name = "cifs/srv1";
  EXPECT_EQ(code_of(Initiator::start(std::move(config))), "accepted");
}

// ---- what is sent at each LmCompatibilityLevel

TEST(LevelOfTheClient, SendsWhatWindowsSends) {
  struct Case {
    unsigned level;
    bool server_takes_ess;
    wire::ResponseVersion sent;
    bool with_lm;
  };
  using enum wire::ResponseVersion;
  const Case cases[] = {
      {0, true, ntlm_v1, true},      {0, false, ntlm_v1, true},  {1, true, ntlm_v1_ess, false}, {1, false, ntlm_v1, true},
      {2, true, ntlm_v1_ess, false}, {2, false, ntlm_v1, false}, {3, true, ntlm_v2, false},     {3, false, ntlm_v2, false},
      {4, true, ntlm_v2, false},     {5, true, ntlm_v2, false},
  };
  for (const Case& each : cases) {
    InitiatorConfig config = client_config();
    config.credentials.danger_lm_hash =
        danger_lm_hash_of_password(SecretBytes{std::string_view{"Short.1"}}, CodePage::cp850).value();
    ASSERT_TRUE(danger_send_at_level(config, each.level));
    if (!each.server_takes_ess) config.offered = config.offered.without(NegotiateFlag::extended_session_security);
    auto client = Initiator::start(std::move(config)).value();
    auto server = Acceptor::on_negotiate(client.negotiate_message(), server_config(), server_challenge(), kNow).value();
    const Bytes challenge = to_bytes(server.challenge_message());
    InitiatorRandom random;
    random.client_challenge = client_challenge();
    const auto done = std::move(client).on_challenge(challenge, std::move(random), kNow).value();
    const auto message = wire::AuthenticateMessage::parse(done.authenticate_message()).value();
    EXPECT_EQ(wire::response_version(message).value(), each.sent) << each.level << each.server_takes_ess;
    const bool lm_is_its_own = each.sent == ntlm_v1 && !std::ranges::equal(message.lm_response, message.nt_response);
    EXPECT_EQ(lm_is_its_own, each.with_lm) << each.level << each.server_takes_ess;
  }
  InitiatorConfig config = client_config();
  EXPECT_FALSE(danger_send_at_level(config, 6));
}

}  // namespace
}  // namespace postern::ntlm
