// Why NTLM, from what an event carries; each with a twin of which nothing is said.
#include "advise/reasons.hpp"

#include <set>

#include "advise/addresses.hpp"
#include "advise/explain.hpp"
#include "advise_support.hpp"

namespace postern::advise {
namespace {

std::string first_reason(const event::LogonEvent& event) {
  const auto reasons = reasons_of(event);
  return reasons.empty() ? "" : reasons.front().name.value_or("?");
}

/// A logon that shows no reason at all.
event::LogonEvent silent() {
  event::LogonEvent event = logon("alice", "web.demo.example.org");
  event.ntlm.spn = "HTTP/web.demo.example.org";
  event.ntlm.server_names.nb_computer = "WEB";
  event.ntlm.server_names.nb_domain = "DEMO";
  return event;
}

TEST(Reasons, EachIsSeenInAnEventAndNotInItsTwin) {
  EXPECT_EQ(first_reason(silent()), "");
  const auto with = [](auto change) {
    event::LogonEvent event = silent();
    change(event);
    return first_reason(event);
  };
  EXPECT_EQ(with([](auto& e) { e.ntlm.spn = "cifs/192.0.2.7"; }), "ip-address");
  EXPECT_EQ(with([](auto& e) { e.ntlm.spn = "cifs/[2001:db8::7]:445"; }), "ip-address");
  EXPECT_EQ(with([](auto& e) { e.ntlm.spn = "cifs/192.0.2.example"; }), "");
  EXPECT_EQ(with([](auto& e) { e.server.name = "192.0.2.7"; }), "ip-address");
  EXPECT_EQ(with([](auto& e) { e.account.kind = event::AccountKind::local; }), "local-account");
  EXPECT_EQ(with([](auto& e) { e.account.domain = "."; }), "local-account");
  EXPECT_EQ(with([](auto& e) { e.account.domain = "web"; }), "local-account");
  EXPECT_EQ(with([](auto& e) { e.account.domain = "other"; }), "");
  EXPECT_EQ(with([](auto& e) { e.ntlm.version = event::NtlmVersion::anonymous; }), "null-session");
  EXPECT_EQ(with([](auto& e) { e.client.address = "127.0.0.1"; }), "loopback");
  EXPECT_EQ(with([](auto& e) { e.ntlm.spn.reset(); }), "no-target-name");
  EXPECT_EQ(with([](auto& e) { e.source.kind = event::SourceKind::capture; }), "application-chose-ntlm");
  EXPECT_EQ(with([](auto& e) {
              e.source.kind = event::SourceKind::capture;
              e.package = event::Package::negotiate;
            }),
            "");
  EXPECT_EQ(with([](auto& e) {
              e.package = event::Package::kerberos;
              e.ntlm.spn = "cifs/192.0.2.7";
            }),
            "");
}

TEST(Reasons, WhatTheSensorSaysHasARuleWithItsCure) {
  struct Case {
    std::optional<std::uint32_t> id;
    std::string said, rule;
  };
  for (const Case& c :
       {Case{1, "application asked for NTLM directly", "application-chose-ntlm"}, Case{2, "local account", "local-account"},
        Case{5, "target name missing", "no-target-name"}, Case{6, "target name not resolvable by Kerberos", "spn-unknown"},
        Case{7, "target is an IP address", "ip-address"}, Case{8, "target name duplicated in the directory", "spn-duplicate"},
        Case{9, "no line of sight to a domain controller", "no-path-to-kdc"}, Case{11, "null session", "null-session"},
        Case{{}, "no common encryption type", "encryption-type"},
        Case{{}, "account revoked or expired for Kerberos", "account-revoked"}, Case{{}, "clock skew", "clock-skew"},
        Case{{}, "realm of the target unknown", "cross-forest"}, Case{{}, "target name on another account", "spn-wrong-account"},
        Case{{}, "Kerberos was offered and refused", "kerberos-refused"}, Case{{}, "the KDC gave no ticket", "ticket-refused"},
        Case{{}, "no ticket requested", "no-ticket-asked"}, Case{{}, "server offers no Kerberos", "server-without-kerberos"}}) {
    event::Reason reason;
    reason.id = c.id;
    reason.name = c.said;
    EXPECT_EQ(rule_of(reason).name, c.rule) << c.said;
    EXPECT_FALSE(rule_of(reason).cure.empty()) << c.said;
  }
  event::Reason other;
  other.name = "something else";
  EXPECT_EQ(rule_of(other).name, "unknown");
}

TEST(Reasons, AControllersDomainIsNotALocalAccount) {
  event::LogonEvent event = silent();
  event.ntlm.server_names.nb_computer = "DEMO";
  EXPECT_EQ(first_reason(event), "") << "computer and domain of one name: nothing is said";
}

TEST(Reasons, WhatTheObserverSaidIsFirstAmongEquals) {
  event::LogonEvent event = silent();
  event.ntlm.spn = "cifs/192.0.2.7";
  event.reason.name = "spn-unknown";
  event.reason.id = 6;
  event.reason.confidence = event::Confidence::proved;
  event.reason.evidence = "frame 12: KRB-ERROR 7";
  const auto reasons = reasons_of(event);
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(reasons[0].evidence, "frame 12: KRB-ERROR 7");
  EXPECT_EQ(reasons[1].id, 7U);
  event.reason.confidence = event::Confidence::guess;
  EXPECT_EQ(first_reason(event), "ip-address");
}

TEST(Reasons, RulesHaveNamesOfTheirOwnAndACure) {
  std::set<std::string_view> names;
  for (const ReasonRule& rule : reason_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_FALSE(rule.cure.empty()) << rule.name;
    event::Reason reason;
    reason.name = std::string{rule.name};
    EXPECT_EQ(rule_of(reason).name, rule.name);
  }
  event::Reason by_id;
  by_id.id = 9;
  EXPECT_EQ(rule_of(by_id).name, "no-path-to-kdc");
  by_id.name = "in words that we do not know";
  EXPECT_EQ(rule_of(by_id).name, "no-path-to-kdc");
  EXPECT_EQ(rule_of({}).name, "unknown");
  event::Reason seen;
  seen.name = "clock skew";
  EXPECT_EQ(rule_of(seen).name, "clock-skew") << "as the sensor says it";
}

TEST(Explain, SaysWhatEachStepWouldDoToTheNewestLogon) {
  event::LogonEvent event = silent();
  event.outcome = event::Outcome::blocked;
  event.ntlm.version = event::NtlmVersion::ntlm_v1;
  event.ntlm.mic = event::Mic::not_applicable;
  event.ntlm.channel_binding = event::ChannelBinding::not_applicable;
  event.account.kind = event::AccountKind::local;
  const Explanation explanation = explain(inventory::dependency_of(event));
  EXPECT_EQ(explanation.rule->name, "local-account");
  const auto step = [&](std::string_view setting, std::string_view value) {
    for (const Step& one : explanation.steps) {
      if (one.setting == setting && one.value == value) return one.prediction.effect;
    }
    ADD_FAILURE() << setting;
    return Effect::not_ntlm;
  };
  EXPECT_EQ(step("SmbServerNameHardeningLevel", "2"), Effect::allowed) << "the service is no SMB";
  EXPECT_EQ(step("LmCompatibilityLevel", "4"), Effect::newly_blocked) << "such a client sends NTLMv2";
  EXPECT_EQ(step("LmCompatibilityLevel", "5"), Effect::newly_blocked);
  EXPECT_EQ(step("ExtendedProtection", "when-supported"), Effect::audited);
  EXPECT_EQ(step("ExtendedProtection", "always"), Effect::newly_blocked);
}

TEST(Explain, TheBucketHasNoStory) {
  const Explanation explanation = explain(inventory::other_bucket());
  EXPECT_EQ(explanation.rule->name, "unknown");
  EXPECT_TRUE(explanation.steps.empty());
}

TEST(Addresses, LiteralsAreToldFromNames) {
  for (const char* address :
       {"192.0.2.1", "0.0.0.0", "255.255.255.255", "::1", "2001:db8::7", "[2001:db8::7]", "::ffff:192.0.2.1"}) {
    EXPECT_TRUE(is_ip_literal(address)) << address;
  }
  for (const char* name : {"", "192.0.2", "192.0.2.1.5", "192.0.2.256", "192.0.2.x", "web", "web:80", "fe80", "1.2.3.4 ", "[]"}) {
    EXPECT_FALSE(is_ip_literal(name)) << name;
  }
  EXPECT_EQ(networks_of("192.0.2.77"), (std::vector<std::string>{"192.0.2.77/32", "192.0.2.0/24", "192.0.0.0/16"}));
}

}  // namespace
}  // namespace postern::advise
