// What a denial tells the edge's log, and what of it the client may read (R37).
#include "authority/explanation.hpp"

#include "authority_fixture.hpp"
#include "base/text.hpp"

namespace postern::authority {
namespace {

using ntlm::DenialPoint;
using ntlm::DenialStage;
using ntlm::Explanation;

class ExplanationTest : public AuthorityTest {
 protected:
  static std::string setting_of(const std::optional<Explanation>& explanation) {
    return explanation ? explanation->setting + " = " + explanation->value : "nothing";
  }
  void expect_told_nothing(const ntlm::Verdict& verdict, std::string_view what) {
    EXPECT_FALSE(verdict.allowed()) << what;
    EXPECT_EQ(setting_of(verdict.told), "nothing") << what;
  }
  void change_alice(const account::AccountChange& change) {
    ASSERT_TRUE(store_->change(alice_.id, change));
    start(authority_config_);
  }
  void start_with_setting(std::string_view setting, std::string_view value) {
    authority_config_ = config();
    ASSERT_TRUE(policy::set(authority_config_.services[0].policy, setting, value)) << setting;
    start(authority_config_);
  }
  ntlm::Verdict refused_at_begin() {
    const auto client = ntlm::Initiator::start(initiator_config({})).value();
    return verdict_of(begin(begin_of({}, client.negotiate_message())));
  }
  Config authority_config_ = config();
};

TEST_F(ExplanationTest, MissingBindingsAreToldWithSettingValueReasonAndCure) {
  const ntlm::ChannelBindingHash ours{std::array<std::uint8_t, 16>{1}};
  start_with_setting(policy::kExtendedProtection, "always");
  const ntlm::Verdict verdict = log_on({.accepted_bindings = {ours}});
  ASSERT_TRUE(verdict.told);
  EXPECT_EQ(setting_of(verdict.told), "ExtendedProtection = always");
  EXPECT_EQ(verdict.told->point, DenialPoint::server);
  EXPECT_EQ(verdict.told->stage, DenialStage::response);
  EXPECT_EQ(verdict.told->reason, "no channel bindings came");
  EXPECT_NE(verdict.told->cure.find("ExtendedProtection = \"when-supported\""), std::string::npos) << verdict.told->cure;
  EXPECT_EQ(verdict.told, verdict.decided) << "what decided is what is told";

  const ntlm::Verdict twin = log_on({.bindings = ours, .accepted_bindings = {ours}});
  EXPECT_TRUE(twin.allowed());
  EXPECT_FALSE(twin.told || twin.decided);
}

TEST_F(ExplanationTest, R37_WhatIsToldBeforeTheProofIsTheSameForEveryNameAndPassword) {
  start_with_setting(policy::kExtendedProtection, "always");
  const Explanation told = log_on().told.value();
  EXPECT_EQ(log_on({.password = std::string{kWrongPassword}}).told, told);
  EXPECT_EQ(log_on({.user = "nobody"}).told, told);
  EXPECT_EQ(log_on({.domain = "ELSEWHERE"}).told, told);
  ASSERT_TRUE(store_->set_enabled(alice_.id, account::Enabled::no));
  EXPECT_EQ(log_on().told, told);
  EXPECT_EQ(authority_->counters().comparisons, 0U);
}

TEST_F(ExplanationTest, R37_APasswordThatIsWrongAnAccountThatIsUnknownAndALockedOneAreToldNothing) {
  expect_told_nothing(log_on({.user = "nobody"}), "an unknown account");
  for (int i = 0; i < 6; ++i) {
    const ntlm::Verdict wrong = log_on({.password = std::string{kWrongPassword}, .workstation = "W" + std::to_string(i)});
    expect_told_nothing(wrong, "a wrong password");
    EXPECT_FALSE(wrong.decided) << "no setting decided";
  }
  const ntlm::Verdict locked = log_on({.workstation = "W9"});
  EXPECT_EQ(locked.status, NtStatus::account_locked_out);
  expect_told_nothing(locked, "the right password of a locked account");
  EXPECT_EQ(setting_of(locked.decided), "AccountState = STATUS_ACCOUNT_LOCKED_OUT") << "the log is told";
}

TEST_F(ExplanationTest, R37_RestrictionsOfTheAccountAreForTheLogAlone) {
  change_alice({.protected_user = true});
  ntlm::Verdict verdict = log_on();
  expect_told_nothing(verdict, "Protected Users");
  EXPECT_EQ(setting_of(verdict.decided), "ProtectedUsers = true");
  EXPECT_EQ(verdict.decided->stage, DenialStage::verified);
  EXPECT_FALSE(verdict.decided->cure.empty());
  change_alice({.ntlm_allowed = false, .protected_user = false});
  verdict = log_on();
  expect_told_nothing(verdict, "NTLM is off for the account");
  EXPECT_EQ(setting_of(verdict.decided), "AccountNtlm = false");
  change_alice({.networks = std::vector{IpNetwork::parse("203.0.113.0/24").value()}, .ntlm_allowed = true});
  verdict = log_on();
  expect_told_nothing(verdict, "another network");
  EXPECT_EQ(setting_of(verdict.decided), "AccountNetworks = false");
  change_alice({.networks = std::vector<IpNetwork>{}});
  EXPECT_TRUE(log_on().allowed());
  ASSERT_TRUE(store_->set_enabled(alice_.id, account::Enabled::no));
  verdict = log_on();
  expect_told_nothing(verdict, "a disabled account");
  EXPECT_EQ(setting_of(verdict.decided), "AccountState = STATUS_ACCOUNT_DISABLED");
}

TEST_F(ExplanationTest, R37_ASettingThatAsksForTheAccountsKindTellsNothing) {
  for (const auto& [setting, value] :
       {std::pair{policy::kRestrictReceivingNTLMTraffic, "1"}, std::pair{policy::kRestrictNTLMInDomain, "7"}}) {
    start_with_setting(setting, value);
    const ntlm::Verdict there = log_on();
    expect_told_nothing(there, setting);
    EXPECT_EQ(setting_of(there.decided), std::string{setting} + " = " + value);
    expect_told_nothing(log_on({.user = "nobody", .domain = ""}), setting);
  }
}

TEST_F(ExplanationTest, AllNtlmRefusedIsToldAtTheFirstToken) {
  start_with_setting(policy::kRestrictReceivingNTLMTraffic, "2");
  const ntlm::Verdict verdict = refused_at_begin();
  ASSERT_TRUE(verdict.told);
  EXPECT_EQ(setting_of(verdict.told), "RestrictReceivingNTLMTraffic = 2");
  EXPECT_EQ(verdict.told->stage, DenialStage::negotiate);
  EXPECT_FALSE(verdict.event_id.empty());
}

TEST_F(ExplanationTest, NetworksAreNotToldAndAreInTheLog) {
  start_with_setting(policy::kAllowClientNetworks, "198.51.100.0/24");
  const ntlm::Verdict verdict = refused_at_begin();
  ASSERT_TRUE(verdict.told);
  EXPECT_EQ(setting_of(verdict.told), "AllowClientNetworks = ");
  for (const std::string* text : {&verdict.told->reason, &verdict.told->cure})
    EXPECT_EQ(text->find_first_of("0123456789"), std::string::npos);
  EXPECT_EQ(setting_of(verdict.decided), "AllowClientNetworks = 198.51.100.0/24");
  EXPECT_NE(verdict.decided->reason.find("192.0.2.10"), std::string::npos);
}

TEST_F(ExplanationTest, R37_AFindingAndAWrongMicDenyAfterTheProofAndAreForTheLogAlone) {
  const ntlm::Verdict wrong_mic = log_on({.tamper = [](Bytes& token) { token[72] ^= 1; }});
  EXPECT_EQ(wrong_mic.status, NtStatus::invalid_parameter);
  expect_told_nothing(wrong_mic, "a wrong MIC");
  EXPECT_EQ(setting_of(wrong_mic.decided), "RequireMic = never");
  EXPECT_TRUE(wrong_mic.decided->cure.starts_with("No setting lets this in")) << wrong_mic.decided->cure;

  ASSERT_TRUE(store_->change(alice_.id, {.canary = true}));
  start_with_setting(policy::kDenyFindings, "canary");
  const ntlm::Verdict canary = log_on();
  expect_told_nothing(canary, "a canary");
  EXPECT_EQ(setting_of(canary.decided), "DenyFindings = canary");
}

TEST_F(ExplanationTest, R33_WhatCouldNotBeRecordedIsExplainedByNoSetting) {
  start_with_setting(policy::kExtendedProtection, "always");
  store_->fail_commit = true;
  const ntlm::Verdict verdict = log_on();
  EXPECT_EQ(verdict.status, NtStatus::no_logon_servers);
  EXPECT_FALSE(verdict.told || verdict.decided);
}

TEST_F(ExplanationTest, LongTextsAreCutToWhatTheProtocolHasRoomFor) {
  event::PolicyDecision decision{event::Point::account_dc, event::Stage::verified, "DenyFindings", {}, event::Decision::deny, {}};
  decision.value = std::string(5'000, 'v');
  for (int i = 0; i < 1'000; ++i) decision.why += "\xc3\xbc";
  ntlm::Verdict verdict;
  verdict.decided = explanation_of(decision, {});
  EXPECT_EQ(verdict.decided->value.size(), ntlm::kMaxExplanationBytes);
  EXPECT_TRUE(is_utf8(verdict.decided->reason)) << "whole characters";
  EXPECT_TRUE(ntlm::encode({}, ntlm::Reply{std::move(verdict)}));
}

}  // namespace
}  // namespace postern::authority
