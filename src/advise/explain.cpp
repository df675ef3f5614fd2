#include "advise/explain.hpp"

#include <algorithm>
#include <utility>

#include "event/facts.hpp"
#include "event/reader/parse_event.hpp"
#include "policy/evaluate.hpp"

namespace postern::advise {
namespace {

using Setting = std::pair<std::string_view, std::string_view>;

/// Everything open, so that each step shows alone.
constexpr Setting kOpen[] = {{"LmCompatibilityLevel", "0"},
                             {"AllowAnonymous", "always"},
                             {"RequireMic", "never"},
                             {"ExtendedProtection", "never"},
                             {"TargetNameCheck", "never"},
                             {"PlainHttp", "always"},
                             {"ClockSkew", "off"},
                             {"LegacyCrypto", "allow"},
                             {"NtlmMinServerSec", "0"},
                             {"NtlmMinClientSec", "0"},

                             {"BlockNtlmv1SSO", "0"},
                             {"LdapEnforceChannelBinding", "0"},
                             {"SmbServerNameHardeningLevel", "0"}};

/// In the order in which an administrator takes them: look, then the weak, then proofs, then NTLM itself.
constexpr Setting kSteps[] = {
    {"AuditReceivingNTLMTraffic", "2"},    {"RestrictSendingNTLMTraffic", "1"},  {"LmCompatibilityLevel", "4"},
    {"LmCompatibilityLevel", "5"},         {"NtlmMinServerSec", "0x20080000"},   {"RequireMic", "always"},
    {"TargetNameCheck", "always"},         {"SmbServerNameHardeningLevel", "2"}, {"ExtendedProtection", "when-supported"},
    {"ExtendedProtection", "always"},      {"LdapEnforceChannelBinding", "2"},   {"RestrictReceivingNTLMTraffic", "1"},
    {"RestrictReceivingNTLMTraffic", "2"}, {"RestrictSendingNTLMTraffic", "2"},  {"BlockNTLM", "1"},
    {"RestrictNTLMInDomain", "1"},         {"RestrictNTLMInDomain", "3"},        {"RestrictNTLMInDomain", "5"},
    {"RestrictNTLMInDomain", "7"}};

}  // namespace

Explanation explain(const inventory::Dependency& dependency) {
  Explanation explanation;
  const auto example = event::parse_event(dependency.example);
  event::LogonEvent event = example ? *example : event::LogonEvent{};
  if (dependency.reason) event.reason = dependency.reason->reason;  // of many events the best reason, not the newest event's
  explanation.reasons = reasons_of(event);
  explanation.rule = &rule_of(explanation.reasons.empty() ? event::Reason{} : explanation.reasons.front());
  if (!example || dependency.key.other) return explanation;

  event.outcome = event::Outcome::success;
  policy::Policy open;
  // A setting that this build does not know has no say in any case.
  for (const auto& [setting, value] : kOpen) static_cast<void>(policy::set(open, setting, value));
  const Prediction before = predict(open, event);
  for (const auto& [setting, value] : kSteps) {
    policy::Policy policy = open;
    if (!policy::set(policy, setting, value)) continue;
    Step step{setting, value, predict(policy, event)};
    step.prediction.policy = nullptr;  // it ends here
    if (step.prediction.decisive && step.prediction.decisive == before.decisive) {
      // What is said without the step as well is not the step's doing; what its own setting says beside that is.
      const auto entries =
          policy::evaluate(policy, event::facts_of(event), event::Stage::verified, policy::Points::all()).entries();
      const auto own = std::ranges::find_if(entries, [&](const event::PolicyDecision& entry) {
        return entry.setting == setting && entry.decision != event::Decision::allow;
      });
      if (own != entries.end()) {
        step.prediction.decisive = *own;
      } else {
        step.prediction.effect = Effect::allowed;
        step.prediction.decisive.reset();
      }
    }
    explanation.steps.push_back(std::move(step));
  }
  return explanation;
}

}  // namespace postern::advise
