// Windows' restrictions, and ours that are lists, as the running authority enforces them: each with its refusing twin.
#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

class RestrictTest : public AuthorityTest {
 protected:
  using Settings = std::vector<std::pair<std::string_view, std::string_view>>;
  void start_with_all(const Settings& settings) {
    Config changed = config();
    for (const auto& [name, value] : settings) EXPECT_TRUE(policy::set(changed.services[0].policy, name, value)) << name;
    start(std::move(changed));
  }
  /// The decisive entry of the last event.
  std::string decisive() {
    const auto& policy = last_event().policy;
    if (policy.empty()) return "none";
    return std::string{name_of(policy.front().decision)} + " " + policy.front().setting + " = " + policy.front().value;
  }
  /// Nothing was compared or charged for a logon that the policy ended (R39).
  void expect_nothing_compared() {
    EXPECT_EQ(authority_->counters().comparisons, 0U);
    EXPECT_EQ(shown().bad_passwords.count, 0);
    EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
  }
};

TEST_F(RestrictTest, ReceivingTwoEndsTheLogonAtItsNegotiateWithNotSupported) {
  start_with(policy::kRestrictReceivingNTLMTraffic, "2");
  const auto client = ntlm::Initiator::start(initiator_config({})).value();
  EXPECT_EQ(verdict_of(begin(begin_of({}, client.negotiate_message()))).status, NtStatus::not_supported);
  EXPECT_EQ(decisive(), "deny RestrictReceivingNTLMTraffic = 2");
  EXPECT_EQ(last_event().policy.front().stage, event::Stage::negotiate);
  expect_nothing_compared();
  start_with(policy::kRestrictReceivingNTLMTraffic, "0");
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(RestrictTest, ReceivingOneBlocksDomainAccountsBeforeAnythingIsComparedAndLetsLocalOnesIn) {
  auto local = sqlite_->add_account({.domain = domain_.id,
                                     .name = "carol",
                                     .kind = account::AccountKind::local,
                                     .password = SecretBytes{kPassword},
                                     .groups = {}},
                                    environment_.now());
  ASSERT_TRUE(local) << account::line_of(local);
  start_with(policy::kRestrictReceivingNTLMTraffic, "1");
  EXPECT_EQ(status_of_logon(), NtStatus::ntlm_blocked);
  EXPECT_EQ(decisive(), "deny RestrictReceivingNTLMTraffic = 1");
  expect_nothing_compared();
  EXPECT_EQ(wrong_logon(), NtStatus::ntlm_blocked) << "a wrong password is neither noticed nor counted";
  expect_nothing_compared();
  EXPECT_EQ(status_of_logon({.user = "carol"}), NtStatus::success);
}

TEST_F(RestrictTest, ADomainThatTakesNoNtlmDoesExceptForTheServersThatItsExceptionsName) {
  for (const char* scope : {"1", "3", "5", "7"}) {
    start_with(policy::kRestrictNTLMInDomain, scope);
    EXPECT_EQ(status_of_logon(), NtStatus::ntlm_blocked) << scope;
    EXPECT_EQ(decisive(), std::string{"deny RestrictNTLMInDomain = "} + scope);
    expect_nothing_compared();
    start_with_all({{policy::kRestrictNTLMInDomain, scope}, {policy::kDCAllowedNTLMServers, "srv*"}});
    EXPECT_EQ(status_of_logon(), NtStatus::success) << scope;
    start_with_all({{policy::kRestrictNTLMInDomain, scope}, {policy::kDCAllowedNTLMServers, "web*"}});
    EXPECT_EQ(status_of_logon(), NtStatus::ntlm_blocked) << scope;
  }
}

TEST_F(RestrictTest, AuditLetsThroughAndRecordsWhatWouldBeDenied) {
  start_with_all({{policy::kAuditReceivingNTLMTraffic, "1"}, {policy::kAuditNTLMInDomain, "7"}});
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(decisive(), "audit AuditReceivingNTLMTraffic = 1");
  EXPECT_EQ(std::ranges::count(last_event().policy, event::Decision::audit, &event::PolicyDecision::decision), 3)
      << "the server, its domain controller and the account's";
  start(config());
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(std::ranges::count(last_event().policy, event::Decision::audit, &event::PolicyDecision::decision), 0);
}

TEST_F(RestrictTest, R10_MissingSessionSecurityIsUnsupportedAndThereIsNoLogon) {
  start_with(policy::kNtlmMinServerSec, "0x20080000");
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  const wire::NegotiateFlags without = initiator_config({}).offered.without(wire::NegotiateFlag::key_128);
  EXPECT_EQ(status_of_logon({.offered = without}), NtStatus::sec_unsupported_function);
  EXPECT_EQ(decisive(), "deny NtlmMinServerSec = 0x20080000");
  EXPECT_EQ(authority_->counters().comparisons, 1U) << "of the logon that was let in";
}

TEST_F(RestrictTest, ListsOfNetworksVersionsAndServicesEndTheLogon) {
  start_with(policy::kDenyVersions, "NTLMv2");
  EXPECT_EQ(status_of_logon(), NtStatus::ntlm_blocked);
  expect_nothing_compared();
  start_with(policy::kDenyVersions, "NTLMv1");
  EXPECT_EQ(status_of_logon(), NtStatus::success);

  const auto client = ntlm::Initiator::start(initiator_config({})).value();
  const auto begins = [&](const Attempt& attempt) {
    return std::holds_alternative<ntlm::Continue>(begin(begin_of(attempt, client.negotiate_message())));
  };
  start_with(policy::kAllowClientNetworks, "192.0.2.0/24");
  EXPECT_TRUE(begins({.address = "192.0.2.9"}));
  EXPECT_FALSE(begins({.address = "203.0.113.9"}));
  EXPECT_EQ(decisive(), "deny AllowClientNetworks = 192.0.2.0/24");
  start_with(policy::kDenyClientNetworks, "203.0.113.0/24");
  EXPECT_TRUE(begins({.address = "192.0.2.9"}));
  EXPECT_FALSE(begins({.address = "203.0.113.9"}));
  start_with(policy::kDenyServices, "http");
  EXPECT_FALSE(begins({}));
  start_with(policy::kDenyServices, "smb");
  EXPECT_TRUE(begins({}));
}

TEST_F(RestrictTest, ANewPolicyReachesALogonThatHasBegun) {
  Begun half = begun({});
  std::vector<Service> services = authority_->services();
  ASSERT_EQ(services.size(), 2U);
  ASSERT_TRUE(policy::set(services[0].policy, policy::kRestrictNTLMInDomain, "7"));
  services.push_back({"stranger", event::Service::smb, {}});
  authority_->set_policies(services);
  EXPECT_EQ(authority_->services().size(), 2U) << "policies change, services do not";
  EXPECT_EQ(verdict_of(finish(std::move(half.finish))).status, NtStatus::ntlm_blocked);
  authority_->set_policies(config().services);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

}  // namespace
}  // namespace postern::authority
