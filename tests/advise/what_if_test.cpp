// What a policy would have said to logons on record.
#include "advise/what_if.hpp"

#include "advise/predict_at.hpp"
#include "advise_support.hpp"

namespace postern::advise {
namespace {

using event::Outcome;

TEST(WhatIf, ALogonThatSucceededAndWouldBeDeniedIsNewlyBlockedWithPointStageAndStatus) {
  event::LogonEvent event = logon();
  event.ntlm.channel_binding = event::ChannelBinding::absent;
  EXPECT_EQ(predict({}, event).effect, Effect::allowed);
  const policy::Policy strict = policy_with({{"ExtendedProtection", "always"}});
  const Prediction prediction = predict(strict, event);
  EXPECT_EQ(prediction.effect, Effect::newly_blocked);
  EXPECT_EQ(prediction.status, NtStatus::bad_bindings);
  ASSERT_TRUE(prediction.decisive);
  EXPECT_EQ(prediction.decisive->setting, "ExtendedProtection");
  EXPECT_EQ(prediction.decisive->stage, event::Stage::response);
  EXPECT_EQ(prediction.decisive->point, event::Point::server);
  event.ntlm.channel_binding = event::ChannelBinding::matched;
  EXPECT_EQ(predict(strict, event).effect, Effect::allowed);
}

TEST(WhatIf, TheFirstStageThatDeniesIsTheOneThatIsNamed) {
  event::LogonEvent event = logon();
  event.transport.tls = false;
  event.ntlm.version = event::NtlmVersion::ntlm_v1;
  const policy::Policy never = policy_with({{"PlainHttp", "never"}});
  const Prediction prediction = predict(never, event);
  EXPECT_EQ(prediction.decisive->setting, "PlainHttp") << "LmCompatibilityLevel denies later";
  EXPECT_EQ(prediction.decisive->stage, event::Stage::negotiate);
}

TEST(WhatIf, WhatWasBlockedStaysBlockedOrIsReleased) {
  event::LogonEvent event = logon();
  event.ntlm.version = event::NtlmVersion::ntlm_v1;
  event.ntlm.mic = event::Mic::not_applicable;
  event.outcome = Outcome::blocked;
  EXPECT_EQ(predict({}, event).effect, Effect::still_blocked);
  const policy::Policy open = policy_with({{"LmCompatibilityLevel", "2"}, {"ExtendedProtection", "never"}});
  EXPECT_EQ(predict(open, event).effect, Effect::released);
}

TEST(WhatIf, AFailureStaysOneAndIsDeniedEarlierWhereThePolicyComesFirst) {
  event::LogonEvent event = logon();
  event.outcome = Outcome::failure;
  event.status = event::Status::of(NtStatus::wrong_password);
  EXPECT_EQ(predict({}, event).effect, Effect::failed_anyway);
  EXPECT_FALSE(predict({}, event).decisive);
  event.ntlm.channel_binding = event::ChannelBinding::zero;
  const policy::Policy strict = policy_with({{"ExtendedProtection", "always"}});
  EXPECT_EQ(predict(strict, event).effect, Effect::failed_anyway);
  EXPECT_EQ(predict(strict, event).status, NtStatus::bad_bindings);
}

TEST(WhatIf, WhatTheRecordDoesNotSayIsUndecidedAndSaysOnWhat) {
  event::LogonEvent event = logon();
  event.ntlm.channel_binding.reset();
  const policy::Policy strict = policy_with({{"ExtendedProtection", "always"}});
  const Prediction prediction = predict(strict, event);
  EXPECT_EQ(prediction.effect, Effect::undecided);
  EXPECT_EQ(prediction.decisive->why, "the channel bindings are unknown");
}

TEST(WhatIf, ALoneLmFieldThatNobodyComparedMayBeLmV2) {
  event::LogonEvent event = logon();
  event.outcome = Outcome::blocked;
  event.ntlm.version = event::NtlmVersion::lm;
  event.ntlm.mic = event::Mic::not_applicable;
  event.ntlm.channel_binding = event::ChannelBinding::not_applicable;
  const policy::Policy four = policy_with({{"LmCompatibilityLevel", "4"}, {"ExtendedProtection", "never"}});
  EXPECT_EQ(predict_at(policy::Points::authority(), four, event).effect, Effect::undecided);
  EXPECT_EQ(predict_at(policy::Points::authority(), {}, event).effect, Effect::still_blocked) << "level 5 takes neither";
  event.account.sid = "S-1-5-21-1-2-3-1000";
  EXPECT_EQ(predict_at(policy::Points::authority(), four, event).effect, Effect::still_blocked) << "compared, and LM";
}

TEST(WhatIf, AnUnknownOutcomeCountsAsASuccessAndKerberosAsNothing) {
  event::LogonEvent event = logon();
  event.outcome = Outcome::unknown;
  event.ntlm.version = event::NtlmVersion::lm;
  event.ntlm.mic = event::Mic::not_applicable;
  EXPECT_EQ(predict({}, event).effect, Effect::newly_blocked);
  event.package = event::Package::kerberos;
  EXPECT_EQ(predict({}, event).effect, Effect::not_ntlm);
}

TEST(WhatIf, EachServiceIsAskedByItsOwnPolicy) {
  Policies policies;
  policies.by_service["web"] = policy_with({{"RequireMic", "always"}});
  event::LogonEvent event = logon();
  event.ntlm.mic = event::Mic::absent;
  EXPECT_EQ(predict(policies.of(event), event).effect, Effect::newly_blocked);
  event.server.name = "other";
  EXPECT_EQ(predict(policies.of(event), event).effect, Effect::allowed);
}

TEST(WhatIf, CountsByClientAccountAndServerWithExamples) {
  std::vector<event::LogonEvent> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back(logon("alice"));
    events.back().ntlm.channel_binding = event::ChannelBinding::absent;
  }
  events.push_back(logon("Alice"));
  events.push_back(logon("bob", "mail"));
  const Report report = what_if({policy_with({{"ExtendedProtection", "always"}}), {}}, events);
  EXPECT_EQ(report.all.events(), 7U);
  EXPECT_EQ(report.all.count(Effect::newly_blocked), 5U);
  ASSERT_EQ(report.accounts.size(), 2U);
  EXPECT_EQ(report.accounts[0].name, "DEMO\\alice") << "who is hurt comes first, and Alice is alice";
  EXPECT_EQ(report.accounts[0].events(), 6U);
  ASSERT_EQ(report.all.causes.size(), 1U);
  EXPECT_EQ(report.all.causes[0].events, 5U);
  ASSERT_EQ(report.all.causes[0].examples.size(), kMaxExamples);
  EXPECT_EQ(report.all.causes[0].examples[0], events[0].id->text());
  EXPECT_EQ(report.servers.size(), 2U);
  EXPECT_EQ(report.clients.size(), 1U);
}

TEST(WhatIf, MoreGroupsThanTheLimitAreCountedTogether) {
  WhatIf run{{}, 2};
  for (const char* user : {"a", "b", "c", "d", "a"}) run.add(logon(user));
  const Report report = run.report();
  ASSERT_EQ(report.accounts.size(), 3U);
  EXPECT_TRUE(report.accounts.back().other);
  EXPECT_EQ(report.accounts.back().events(), 2U);
  EXPECT_EQ(report.grouped_as_other, 2U);
  EXPECT_EQ(run.events(), 5U);
}

}  // namespace
}  // namespace postern::advise
