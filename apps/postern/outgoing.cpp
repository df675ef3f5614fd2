#include "postern/outgoing.hpp"

#include <utility>

#include "base/spn.hpp"
#include "policy/evaluate.hpp"

namespace postern::cli {
namespace {

std::unexpected<Error> refused(std::string_view field, const Url& target, std::string why, std::string hint) {
  return std::unexpected{Error{ErrorCode::policy, field, Error::kNoOffset,
                               "no NTLM goes to " + target.host() + ": " + std::move(why), std::move(hint)}};
}

std::string change_for(const policy::PolicyDecision& decision, const std::string& host) {
  if (decision.setting == policy::kRestrictSendingNTLMTraffic) {
    return "name " + host + " in ClientAllowedNTLMServers, or set RestrictSendingNTLMTraffic to 1, which records and lets it go";
  }
  if (decision.setting == policy::kOutgoingHosts) {
    return "add " + host + " to OutgoingHosts if it may have this account's response, or type its address yourself";
  }
  return "see docs/policy.md on " + decision.setting;
}

}  // namespace

Result<OutgoingAnswer> check_outgoing(const policy::Policy& policy, const Url& typed, const Url& target) {
  if (has_marshalled_suffix(target.host())) {
    return refused("URL", target, "the name carries a marshalled target (CVE-2025-33073)", {});
  }
  policy::Policy asked = policy;
  const bool is_typed = target.same_origin(typed);
  if (is_typed) {
    auto rule = policy::HostPatterns::of({target.host()});
    if (!rule) return refused("URL", target, "that is no host's name", {});
    asked.outgoing_hosts = std::move(*rule);
  } else if (!target.is_tls() && !target.is_loopback()) {
    return refused("URL", target, "it was not typed and has no TLS", "type its address yourself if it is meant");
  }
  event::Facts facts;  // no source: our own client asks
  facts.package = event::Package::ntlm;
  facts.server.name = target.host();
  facts.server.service = event::Service::http;
  facts.transport.tls = target.is_tls();
  const policy::Decisions decisions = policy::evaluate(asked, facts, policy::Stage::negotiate, policy::Points::client());
  if (!decisions.allowed()) {
    const policy::PolicyDecision first = decisions.entries().front();
    return refused("policy", target, first.setting + " = " + first.value + ": " + first.why, change_for(first, target.host()));
  }
  OutgoingAnswer answer;
  for (const policy::PolicyDecision& each : decisions.entries()) {
    if (each.decision == event::Decision::audit) answer.note = each.setting + " = " + each.value + ": " + each.why;
  }
  return answer;
}

}  // namespace postern::cli
