// Stage::response: what the AUTHENTICATE message and the flags of the exchange show.
#include <array>
#include <utility>

#include "base/spn.hpp"
#include "policy/judge.hpp"

namespace postern::policy {
namespace {

using event::ChannelBinding;
using event::Facts;
using event::Mic;
using event::NtlmVersion;
using event::Service;
using event::SpnCheck;

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

/// A lone LM field is LM by its shape and may be LMv2; only comparing tells, which has not happened yet, or never does in a
/// capture.
bool may_be_lm_v2(const Facts& facts, NtlmVersion version, Stage stage) {
  return version == NtlmVersion::lm && (stage < Stage::verified || facts.source_kind == event::SourceKind::capture);
}

/// The settings that ask for something which only an NTLMv2 response can carry, seen from a response that cannot. LMv2 alone
/// is refused unless the setting is `never`: its client can send NTLMv2, and somebody in between may have cut that off
/// (CVE-2019-1338, R22).
Judged judge_incapable(Level level, const Facts& facts, NtlmVersion version, Stage stage, std::string_view what) {
  if (version == NtlmVersion::ntlm_v2) return std::nullopt;
  if (level == Level::never) return waive(Decision::allow, {"not asked for"});
  const Why missing{"a response of {a} cannot carry {b}", name_of(version), what};
  if (level == Level::always || version == NtlmVersion::lm_v2) return deny(missing);
  if (may_be_lm_v2(facts, version, stage)) {
    return depends({"a response of {a} cannot carry {b}, and if it is LMv2 it is refused", missing.a, missing.b});
  }
  return waive(Decision::audit, missing);
}

/// What is known of one flag of the exchange where the flags as a whole are not.
std::optional<bool> known_flag(std::uint32_t flag, const event::Ntlm& ntlm) {
  if (ntlm.negotiate_flags) return (*ntlm.negotiate_flags & flag) != 0;
  switch (flag) {
    case SessionSecurity::kIntegrity: return ntlm.sign;
    case SessionSecurity::kConfidentiality: return ntlm.seal;
    case SessionSecurity::k128Bit: return ntlm.key_bits ? std::optional{*ntlm.key_bits >= 128} : std::nullopt;
    default: return std::nullopt;
  }
}

constexpr std::array<std::pair<std::uint32_t, std::string_view>, 4> kFlags{{
    {SessionSecurity::kIntegrity, "integrity (0x10)"},
    {SessionSecurity::kConfidentiality, "confidentiality (0x20)"},
    {SessionSecurity::kExtendedSessionSecurity, "NTLMv2 session security (0x80000)"},
    {SessionSecurity::k128Bit, "128-bit keys (0x20000000)"},
}};

}  // namespace

bool level_accepts(const Policy& policy, NtlmVersion version) {
  return policy.lm_compatibility_level.number() <= highest_level_that_accepts(version);
}

Judged judge_session_security(SessionSecurity wanted, const Facts& facts) {
  if (wanted.mask() == 0) return std::nullopt;
  const std::string_view* unknown = nullptr;
  for (const auto& [flag, name] : kFlags) {
    if ((wanted.mask() & flag) == 0) continue;
    const auto known = known_flag(flag, facts.ntlm);
    if (known == false) return deny({"the exchange lacks {a}", name});
    if (!known) unknown = &name;
  }
  if (unknown != nullptr) return depends({"whether the exchange has {a} is unknown", *unknown});
  return allow({"the exchange has the session security that is asked for"});
}

Judged judge_v1_sso(const Policy& policy, NtlmVersion version) {
  if (version == NtlmVersion::ntlm_v2 || version == NtlmVersion::lm_v2 || version == NtlmVersion::anonymous) {
    if (policy.block_ntlm_v1_sso == BlockNtlmV1Sso::audit) return std::nullopt;
    return allow({"a response of {a} is made of no NTLMv1 credentials", name_of(version)});
  }
  if (policy.block_ntlm_v1_sso == BlockNtlmV1Sso::audit) {
    return audit(
        {"credentials for {a}, which Windows records (event 4024) if they were those of the signed-in user", name_of(version)});
  }
  return depends(
      {"whether the credentials for {a} were those of the signed-in user, which Windows does not give away then (event 4025)",
       name_of(version)});
}

Finding judge_client_version(const Policy& policy, NtlmVersion version) {
  const auto sends = client_behaviour(policy.lm_compatibility_level).responses;
  switch (version) {
    case NtlmVersion::lm:
      if (sends == ClientBehaviour::Responses::lm_and_ntlm_v1) break;
      return deny({"a client of this level sends no {a}", name_of(version)});
    case NtlmVersion::ntlm_v1:
    case NtlmVersion::ntlm_v1_ess:
    case NtlmVersion::lm_v2:
      if (sends != ClientBehaviour::Responses::ntlm_v2) break;
      return deny({"a client of this level sends NTLMv2 and no {a}", name_of(version)});
    case NtlmVersion::ntlm_v2:
    case NtlmVersion::anonymous: break;
  }
  return allow({"a client of this level may send {a}", name_of(version)});
}

Finding judge_anonymous(const Policy& policy) {
  if (policy.allow_anonymous == AllowAnonymous::always) return audit({"an anonymous logon, which is allowed"});
  return deny({"an anonymous logon"});
}

Finding judge_version(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  if (level_accepts(policy, version)) return allow({"a response of {a} is accepted", name_of(version)});
  if (may_be_lm_v2(facts, version, stage) && level_accepts(policy, NtlmVersion::lm_v2)) {
    return depends({"the LM field may hold LMv2, which only verification shows"});
  }
  return deny({"a response of {a} is not accepted", name_of(version)});
}

Judged judge_denied_versions(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  const VersionSet& denied = policy.deny_versions;
  if (denied.empty()) return std::nullopt;
  const bool open = may_be_lm_v2(facts, version, stage) && denied.contains(NtlmVersion::lm) != denied.contains(NtlmVersion::lm_v2);
  if (open) return depends({"whether the LM field holds LM or LMv2, which only verification shows"});
  if (denied.contains(version)) return deny({"responses of {a} are switched off", name_of(version)});
  return allow({"responses of {a} are not switched off", name_of(version)});
}

Finding judge_mic(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  const Level level = policy.require_mic;
  const auto& ntlm = facts.ntlm;
  // The handshake refuses these two whatever the policy; saying so here keeps what-if honest.
  if (ntlm.mic == Mic::wrong) return deny({"the MIC is wrong, which no level allows"});
  if (ntlm.mic == Mic::announced_missing) return deny({"the client announced an MIC and none came, which no level allows"});
  if (const auto finding = judge_incapable(level, facts, version, stage, "an MIC")) return *finding;
  if (ntlm.mic == Mic::verified) return allow({"the MIC is right"});
  if (ntlm.mic == Mic::present) {
    if (stage < Stage::verified) return allow({"an MIC came and is verified before the logon counts"});
    return depends({"an MIC came, and nobody could verify it"});
  }
  if (level == Level::never) return waive(Decision::allow, {"not asked for"});
  if (!ntlm.mic) return depends({"whether an MIC came is unknown"});
  if (level == Level::always) return deny({"no MIC came"});
  // The client supports an MIC if it copied the server's time (MS-NLMP 3.1.5.1.2: then it SHOULD send one). Clients that keep their
  // own clock send none.
  if (ntlm.timestamp_offered == false) return waive(Decision::allow, {"no time was offered, so no MIC is due"});
  if (!ntlm.timestamp_offered || !ntlm.client_time || !ntlm.server_time)
    return depends({"whether the client copied our time is unknown"});
  if (*ntlm.client_time == *ntlm.server_time) return deny({"the client copied our time and sent no MIC"});
  return waive(Decision::allow, {"the client keeps its own time, so no MIC is due"});
}

Finding judge_bindings(Level level, const Facts& facts, NtlmVersion version, Stage stage) {
  if (const auto finding = judge_incapable(level, facts, version, stage, "channel bindings")) return *finding;
  if (level == Level::never) return waive(Decision::allow, {"not asked for"});
  if (!facts.ntlm.channel_binding) return depends({"the channel bindings are unknown"});
  switch (*facts.ntlm.channel_binding) {
    case ChannelBinding::matched: return allow({"the bindings are those of this connection"});
    case ChannelBinding::mismatched: return deny({"the bindings are those of another connection"});
    case ChannelBinding::present:
      // As Windows at "Allow": a server that has no bindings of its own ignores the client's (MS-NLMP 3.2.5.1.2 compares only if
      // ServerChannelBindingsUnhashed is given). It is audited, because the client believed to be inside TLS.
      if (level == Level::when_supported) {
        return waive(Decision::audit, {"the client bound itself to a TLS channel, and this connection has none to compare"});
      }
      return deny({"the client's bindings cannot be compared on this connection"});
    case ChannelBinding::zero:
    case ChannelBinding::absent:
    case ChannelBinding::not_applicable: break;
  }
  if (level == Level::always) return deny({"no channel bindings came"});
  return waive(Decision::allow, {"no channel bindings came, and the client need not send any"});
}

Finding judge_target_name(Level level, const Facts& facts, NtlmVersion version, Stage stage) {
  // Nobody means such a name: it comes from a DNS record that was made to send a machine's logon back to it (R24).
  if (facts.ntlm.spn && has_marshalled_suffix(*facts.ntlm.spn)) {
    return deny({"the target name has a marshalled tail (CVE-2025-33073), which no level allows"});
  }
  if (level == Level::never) return waive(Decision::allow, {"not asked for"});
  if (!facts.ntlm.spn_check) {
    if (facts.source_kind != event::SourceKind::authority) return depends({"whether the service accepts that name is unknown"});
    return waive(Decision::allow, {"the service names no target names"});
  }
  if (const auto finding = judge_incapable(level, facts, version, stage, "a target name")) return *finding;
  switch (*facts.ntlm.spn_check) {
    case SpnCheck::accepted: return allow({"the client meant this service"});
    case SpnCheck::refused: return deny({"the client meant another service"});
    case SpnCheck::untrusted:
      if (level == Level::always) return deny({"the client had the target name from an untrusted source"});
      return waive(Decision::audit, {"the client had the target name from an untrusted source, so it proves nothing"});
    case SpnCheck::absent: break;
  }
  if (level == Level::always) return deny({"no target name came"});
  return waive(Decision::allow, {"no target name came, and the client need not send one"});
}

Judged judge_smb_name(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  if (policy.smb_server_name_hardening == Level::never) return std::nullopt;
  if (facts.server.service && *facts.server.service != Service::smb) return std::nullopt;
  Finding finding = judge_target_name(policy.smb_server_name_hardening, facts, version, stage);
  if (facts.server.service || finding.decision == Decision::allow || finding.decision == Decision::audit) return finding;
  return depends({"whether the service is SMB is unknown"});
}

Judged judge_ldap_bindings(const Policy& policy, const Facts& facts, NtlmVersion version, Stage stage) {
  if (policy.ldap_channel_binding == Level::never) return std::nullopt;
  if (facts.server.service && *facts.server.service != Service::ldap) return std::nullopt;
  if (facts.transport.tls == false) return waive(Decision::allow, {"bindings are asked for inside TLS only"});
  Finding finding = judge_bindings(policy.ldap_channel_binding, facts, version, stage);
  if (finding.decision == Decision::allow || finding.decision == Decision::audit) return finding;
  if (!facts.server.service) return depends({"whether the service is LDAP is unknown"});
  if (!facts.transport.tls) return depends({"whether the connection has TLS is unknown"});
  return finding;
}

Finding judge_clock(const Policy& policy, const Facts& facts, NtlmVersion version) {
  const auto seconds_max = policy.clock_skew.seconds();
  if (!seconds_max) return allow({"any time is accepted"});
  if (version != NtlmVersion::ntlm_v2) return allow({"a response of {a} has no time", name_of(version)});
  if (!facts.ntlm.client_time) return depends({"the client's time is unknown"});
  if (!facts.time) return depends({"the authority's time is unknown"});
  const std::uint64_t distance = facts.time->file_time().distance_ticks(facts.ntlm.client_time->file_time());
  if (distance <= std::uint64_t{*seconds_max} * FileTime::kTicksPerSecond) return allow({"the client's time is near enough"});
  const bool ahead = *facts.ntlm.client_time > *facts.time;
  return deny({"the client's time is {n} s {a}", ahead ? "ahead" : "behind", {}, distance / FileTime::kTicksPerSecond});
}

}  // namespace postern::policy
