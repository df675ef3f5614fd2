#include "policy/evaluate.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "policy/loopback.hpp"

namespace postern::policy {
namespace {

using event::ChannelBinding;
using event::Facts;
using event::Mic;
using event::NtlmVersion;
using event::Point;
using event::Service;
using event::SpnCheck;

/// What one setting says, before it gets its name and value.
struct Finding {
  Decision decision = Decision::allow;
  std::string why{};
  Requirement requirement = Requirement::required;  // of the proof, where the setting is about one
};

Finding allow(std::string why, Requirement requirement) { return {Decision::allow, std::move(why), requirement}; }
Finding audit(std::string why, Requirement requirement) { return {Decision::audit, std::move(why), requirement}; }
Finding allow(std::string why) { return allow(std::move(why), Requirement::required); }
Finding deny(std::string why) { return {Decision::deny, std::move(why), Requirement::required}; }
Finding depends(std::string why) { return {Decision::depends, std::move(why), Requirement::required}; }

std::string quoted(NtlmVersion version) { return std::string{name_of(version)}; }

// Negotiate: what is known before the client said who it is.

Finding judge_legacy_crypto(const Policy& policy) {
  if (policy.legacy_crypto == LegacyCrypto::refuse) return deny("NTLM is made of MD4, MD5 and RC4, which are switched off");
  return allow("the old primitives are allowed");
}

/// Nothing where the service is no HTTP.
std::optional<Finding> judge_plain_http(const Policy& policy, const Facts& facts) {
  const auto& service = facts.server.service;
  if (service && *service != Service::http && *service != Service::http_proxy) return std::nullopt;
  if (facts.transport.tls == true) return allow("the connection has TLS");
  if (policy.plain_http == PlainHttp::always) return allow("plain HTTP is allowed");
  if (!service) return depends("whether the service is HTTP is unknown");
  if (!facts.transport.tls) return depends("whether the connection has TLS is unknown");
  if (policy.plain_http == PlainHttp::never) return deny("the connection has no TLS");
  if (!facts.client.address) return depends("the client's address is unknown");
  if (is_loopback(*facts.client.address)) return allow("no TLS, but the client is on this machine");
  return deny("the connection has no TLS and the client is not on this machine");
}

// Response: what the AUTHENTICATE message shows.

Finding judge_anonymous(const Policy& policy) {
  if (policy.allow_anonymous == AllowAnonymous::always) return audit("an anonymous logon, which is allowed", Requirement::required);
  return deny("an anonymous logon");
}

/// The table of MS-NLMP's LmCompatibilityLevel "as the domain controller accepts", one row a version. LMv2 alone is taken as what a
/// client before NTLMv2 responses sends, so that "NTLMv2 only" means what it says (R22).
constexpr unsigned highest_level_that_accepts(NtlmVersion version) {
  switch (version) {
    case NtlmVersion::lm: return 3;
    case NtlmVersion::ntlm_v1:
    case NtlmVersion::ntlm_v1_ess:
    case NtlmVersion::lm_v2: return 4;
    case NtlmVersion::ntlm_v2:
    case NtlmVersion::anonymous: break;  // an anonymous logon has no response: AllowAnonymous decides
  }
  return LmCompatibilityLevel::kHighest;
}

bool level_accepts(const Policy& policy, NtlmVersion version) {
  return policy.lm_compatibility_level.number() <= highest_level_that_accepts(version);
}

/// A lone LM field is LM by its shape and may be LMv2; only comparing tells, which has not happened yet, or never does in a
/// capture.
bool may_be_lm_v2(const Facts& facts, NtlmVersion version, Stage stage) {
  return version == NtlmVersion::lm && (stage < Stage::verified || facts.source_kind == event::SourceKind::capture);
}

Finding judge_version(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  if (level_accepts(policy, version)) return allow("a response of " + quoted(version) + " is accepted");
  if (may_be_lm_v2(facts, version, stage) && level_accepts(policy, NtlmVersion::lm_v2)) {
    return depends("the LM field may hold LMv2, which only verification shows");
  }
  return deny("a response of " + quoted(version) + " is not accepted");
}

/// The three settings that ask for something which only an NTLMv2 response can carry, seen from a response that cannot. LMv2 alone
/// is refused unless the setting is `never`: its client can send NTLMv2, and somebody in between may have cut that off
/// (CVE-2019-1338, R22).
std::optional<Finding> judge_incapable(Level level, const Facts& facts, NtlmVersion version, Stage stage, std::string_view what) {
  if (version == NtlmVersion::ntlm_v2) return std::nullopt;
  const std::string missing = "a response of " + quoted(version) + " cannot carry " + std::string{what};
  if (level == Level::never) return allow("not asked for", Requirement::not_required);
  if (level == Level::always || version == NtlmVersion::lm_v2) return deny(missing);
  if (may_be_lm_v2(facts, version, stage)) return depends(missing + ", and if it is LMv2 it is refused");
  return audit(missing, Requirement::not_required);
}

Finding judge_mic(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  const Level level = policy.require_mic;
  const auto& ntlm = facts.ntlm;
  // The handshake refuses these two whatever the policy; saying so here keeps what-if honest.
  if (ntlm.mic == Mic::wrong) return deny("the MIC is wrong, which no level allows");
  if (ntlm.mic == Mic::announced_missing) return deny("the client announced an MIC and none came, which no level allows");
  if (auto finding = judge_incapable(level, facts, version, stage, "an MIC")) return *finding;
  if (ntlm.mic == Mic::verified) return allow("the MIC is right");
  if (ntlm.mic == Mic::present) {
    if (stage < Stage::verified) return allow("an MIC came and is verified before the logon counts");
    return depends("an MIC came, and nobody could verify it");
  }
  if (level == Level::never) return allow("not asked for", Requirement::not_required);
  if (!ntlm.mic) return depends("whether an MIC came is unknown");
  if (level == Level::always) return deny("no MIC came");
  // The client supports an MIC if it copied the server's time (MS-NLMP 3.1.5.1.2: then it SHOULD send one). Clients that keep their
  // own clock send none.
  if (ntlm.timestamp_offered == false) return allow("no time was offered, so no MIC is due", Requirement::not_required);
  if (!ntlm.timestamp_offered || !ntlm.client_time || !ntlm.server_time)
    return depends("whether the client copied our time is unknown");
  if (*ntlm.client_time == *ntlm.server_time) return deny("the client copied our time and sent no MIC");
  return allow("the client keeps its own time, so no MIC is due", Requirement::not_required);
}

Finding judge_bindings(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  const Level level = policy.extended_protection;
  if (auto finding = judge_incapable(level, facts, version, stage, "channel bindings")) return *finding;
  if (level == Level::never) return allow("not asked for", Requirement::not_required);
  if (!facts.ntlm.channel_binding) return depends("the channel bindings are unknown");
  switch (*facts.ntlm.channel_binding) {
    case ChannelBinding::matched: return allow("the bindings are those of this connection");
    case ChannelBinding::mismatched: return deny("the bindings are those of another connection");
    case ChannelBinding::present:
      // As Windows at "Allow": a server that has no bindings of its own ignores the client's (MS-NLMP 3.2.5.1.2 compares only if
      // ServerChannelBindingsUnhashed is given). It is audited, because the client believed to be inside TLS.
      if (level == Level::when_supported) {
        return audit("the client bound itself to a TLS channel, and this connection has none to compare",
                     Requirement::not_required);
      }
      return deny("the client's bindings cannot be compared on this connection");
    case ChannelBinding::zero:
    case ChannelBinding::absent:
    case ChannelBinding::not_applicable: break;
  }
  if (level == Level::always) return deny("no channel bindings came");
  return allow("no channel bindings came, and the client need not send any", Requirement::not_required);
}

Finding judge_target_name(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  const Level level = policy.target_name_check;
  if (level == Level::never) return allow("not asked for", Requirement::not_required);
  if (!facts.ntlm.spn_check) {
    if (facts.source_kind != event::SourceKind::authority) return depends("whether the service accepts that name is unknown");
    return allow("the service names no target names", Requirement::not_required);
  }
  if (auto finding = judge_incapable(level, facts, version, stage, "a target name")) return *finding;
  switch (*facts.ntlm.spn_check) {
    case SpnCheck::accepted: return allow("the client meant this service");
    case SpnCheck::refused: return deny("the client meant another service");
    case SpnCheck::untrusted:
      if (level == Level::always) return deny("the client had the target name from an untrusted source");
      return audit("the client had the target name from an untrusted source, so it proves nothing", Requirement::not_required);
    case SpnCheck::absent: break;
  }
  if (level == Level::always) return deny("no target name came");
  return allow("no target name came, and the client need not send one", Requirement::not_required);
}

Finding judge_clock(const Policy& policy, const Facts& facts, NtlmVersion version) {
  const auto seconds_max = policy.clock_skew.seconds();
  if (!seconds_max) return allow("any time is accepted");
  if (version != NtlmVersion::ntlm_v2) return allow("a response of " + quoted(version) + " has no time");
  if (!facts.ntlm.client_time) return depends("the client's time is unknown");
  if (!facts.time) return depends("the authority's time is unknown");
  const std::uint64_t distance = facts.time->file_time().distance_ticks(facts.ntlm.client_time->file_time());
  if (distance <= std::uint64_t{*seconds_max} * FileTime::kTicksPerSecond) return allow("the client's time is near enough");
  const bool ahead = *facts.ntlm.client_time > *facts.time;
  return deny("the client's time is " + std::to_string(distance / FileTime::kTicksPerSecond) + " s " +
              (ahead ? "ahead" : "behind"));
}

int rank(const PolicyDecision& entry) {
  switch (entry.decision) {
    case Decision::deny: return 0;
    case Decision::depends: return 1;
    case Decision::audit: return 2;
    case Decision::allow: break;
  }
  return 3;
}

}  // namespace

Decisions evaluate(const Policy& policy, const Facts& facts, Stage stage) {
  Decisions decisions;
  if (facts.package == event::Package::kerberos) {
    decisions.mic_ = decisions.bindings_ = decisions.target_name_ = Requirement::not_required;
    return decisions;
  }

  const auto add = [&](Point point, Stage at, std::string_view setting, Finding finding) {
    PolicyDecision entry{point, at, std::string{setting}, value_of(policy, setting), finding.decision, std::move(finding.why)};
    auto& entries = decisions.entries_;  // kept sorted; equal ranks stay in the order in which they came
    entries.insert(std::ranges::upper_bound(entries, rank(entry), {}, rank), std::move(entry));
    return finding.requirement;
  };

  add(Point::server, Stage::negotiate, kLegacyCrypto, judge_legacy_crypto(policy));
  if (auto finding = judge_plain_http(policy, facts)) add(Point::server, Stage::negotiate, kPlainHttp, std::move(*finding));

  if (stage >= Stage::response) {
    const auto& version = facts.ntlm.version;
    if (!version) {
      // Without the response nothing below can be decided (R12): not by flags, and not by what else is known.
      add(Point::account_dc, Stage::response, kLmCompatibilityLevel, depends("the kind of response is unknown"));
    } else {
      if (*version == NtlmVersion::anonymous) {
        add(Point::account_dc, Stage::response, kAllowAnonymous, judge_anonymous(policy));
      } else {
        add(Point::account_dc, Stage::response, kLmCompatibilityLevel, judge_version(policy, facts, *version, stage));
      }
      const bool mic_compared = facts.ntlm.mic == Mic::verified || facts.ntlm.mic == Mic::wrong;
      const Stage mic_stage = mic_compared ? stage : Stage::response;
      decisions.mic_ = add(Point::server, mic_stage, kRequireMic, judge_mic(policy, facts, *version, stage));
      decisions.bindings_ =
          add(Point::server, Stage::response, kExtendedProtection, judge_bindings(policy, facts, *version, stage));
      decisions.target_name_ =
          add(Point::server, Stage::response, kTargetNameCheck, judge_target_name(policy, facts, *version, stage));
      add(Point::account_dc, Stage::response, kClockSkew, judge_clock(policy, facts, *version));
    }
  }

  return decisions;
}

bool may_verify(const Policy& policy, NtlmVersion version) {
  if (policy.legacy_crypto == LegacyCrypto::refuse) return false;
  if (version == NtlmVersion::anonymous) return policy.allow_anonymous == AllowAnonymous::always;
  return level_accepts(policy, version);
}

NtStatus status_for(const PolicyDecision& decision) {
  if (decision.decision != Decision::deny) return NtStatus::success;
  // What Windows and Samba answer in the same case, as docs/policy.md lists it.
  static constexpr std::array<std::pair<std::string_view, NtStatus>, 8> kStatuses{{
      {kLegacyCrypto, NtStatus::not_supported},
      {kPlainHttp, NtStatus::access_denied},
      {kAllowAnonymous, NtStatus::access_denied},
      {kLmCompatibilityLevel, NtStatus::logon_failure},
      {kRequireMic, NtStatus::invalid_parameter},
      {kExtendedProtection, NtStatus::bad_bindings},
      {kTargetNameCheck, NtStatus::access_denied},
      {kClockSkew, NtStatus::time_difference_at_dc},
  }};
  const auto found =
      std::ranges::find(kStatuses, std::string_view{decision.setting}, &std::pair<std::string_view, NtStatus>::first);
  return found == kStatuses.end() ? NtStatus::access_denied : found->second;
}

NtStatus status_for(const Decisions& decisions) {
  return decisions.entries().empty() ? NtStatus::success : status_for(decisions.entries().front());
}

}  // namespace postern::policy
