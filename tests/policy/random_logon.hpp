// Random policies and random facts that do not contradict themselves, from few enough values that settings meet facts.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "policy/logon_facts.hpp"

namespace postern::policy::test {

class RandomLogons {
 public:
  explicit RandomLogons(std::uint64_t seed) : engine_{seed} {}

  std::size_t below(std::size_t bound) { return engine_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <typename T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }
  template <event::NamedEnum E>
  E any() {
    return static_cast<E>(below(event::kNames<E>.size()));
  }

  /// Everything is known.
  event::Facts facts() {
    event::Facts facts = usual_facts();
    event::Ntlm& ntlm = facts.ntlm;
    if (!one_in(4)) facts.source_kind = any<event::SourceKind>();
    ntlm.version = any<event::NtlmVersion>();
    ntlm.negotiate_flags = one_of<std::uint32_t>({0, 0x20080030, 0x20000000, 0xe2888215, 0x00080010});
    ntlm.sign = (*ntlm.negotiate_flags & 0x10) != 0;
    ntlm.seal = (*ntlm.negotiate_flags & 0x20) != 0;
    ntlm.key_bits = (*ntlm.negotiate_flags & 0x20000000) != 0 ? 128 : 40;
    ntlm.mic = any<event::Mic>();
    ntlm.channel_binding = any<event::ChannelBinding>();
    ntlm.spn_check = any<event::SpnCheck>();
    ntlm.spn = one_of<std::string>({"", "HTTP/web1.corp.example", "cifs/web1", "HTTP/evil.test", "HTTP/192.0.2.80:8080"});
    ntlm.client_time = one_of({at_second(0), at_second(-3), at_second(200'000), at_second(-200'000), event::Timestamp{}});
    ntlm.timestamp_offered = !one_in(5);
    facts.account.kind = any<event::AccountKind>();
    facts.account.domain = one_of<std::string>({"", ".", "CORP", "WEB1", "web1.corp.example", "OTHER"});
    facts.account.name = one_of<std::string>({"alice", "alice@corp.example", "WS17$", ""});
    facts.account.protected_user = one_in(6);
    facts.account.ntlm_allowed = !one_in(6);
    facts.account.network_allowed = !one_in(6);
    facts.account.state = one_of<std::string>({"STATUS_SUCCESS", "STATUS_SUCCESS", "STATUS_ACCOUNT_DISABLED", "STATUS_NONSENSE"});
    facts.client.address = one_of<std::string>({"192.0.2.17", "203.0.113.9", "127.0.0.1", "2001:db8::9", "::1", "no address"});
    facts.server.address = one_of<std::string>({"192.0.2.80", "127.0.0.1", "2001:db8::80"});
    facts.server.name = one_of<std::string>({"web1.corp.example", "web1", "evil.test", "gateway"});
    facts.server.service = any<event::Service>();
    facts.server.domain_member = !one_in(3);
    facts.transport.tls = !one_in(3);
    if (one_in(3)) facts.findings.push_back({one_of<std::string>({"reflection", "canary"}), event::Severity::alarm, "x", {}});
    return facts;
  }

  /// About one setting in three is something else than off.
  Policy policy() {
    Policy policy = nothing_asked();
    for (const auto& [name, values] : choices()) {
      if (!one_in(3)) continue;
      static_cast<void>(set(policy, name, values[below(values.size())]));
    }
    return policy;
  }

  struct Choice {
    std::string_view name;
    std::vector<std::string> values;  ///< each lets in no more than the one before
  };
  /// Where values are not in one line (scopes, lists), a line of them.
  static const std::vector<Choice>& choices() {
    static const std::vector<Choice> all{
        {kLmCompatibilityLevel, {"0", "1", "2", "3", "4", "5"}},
        {kRestrictSendingNTLMTraffic, {"0", "1", "2"}},
        {kRestrictReceivingNTLMTraffic, {"0", "1", "2"}},
        {kAuditReceivingNTLMTraffic, {"0", "1", "2"}},
        {kRestrictNTLMInDomain, {"0", "1", "3", "7"}},
        {kRestrictNTLMInDomain, {"0", "1", "5", "7"}},
        {kAuditNTLMInDomain, {"0", "1", "3", "7"}},
        {kAuditNTLMInDomain, {"0", "1", "5", "7"}},
        {kClientAllowedNTLMServers, {"*, web1", "web1, *.corp.example", "web1", "*w*1", "none"}},
        {kDCAllowedNTLMServers, {"*", "WEB1, X", "*W*1", "none"}},
        {kNtlmMinClientSec, {"0", "0x20000000", "0x20080000", "0x20080030"}},
        {kNtlmMinServerSec, {"0", "0x10", "0x30", "0x20000030"}},
        {kBlockNtlmv1SSO, {"0", "1"}},
        {kBlockNTLM, {"0", "1"}},
        {kBlockNTLMServerExceptionList, {"web1, evil.test", "web1", "w*", "none"}},
        {kSmbServerNameHardeningLevel, {"0", "1", "2"}},
        {kLdapEnforceChannelBinding, {"0", "1", "2"}},
        {kAllowAnonymous, {"always", "never"}},
        {kRequireMic, {"never", "when-supported", "always"}},
        {kExtendedProtection, {"never", "when-supported", "always"}},
        {kTargetNameCheck, {"never", "when-supported", "always"}},
        {kPlainHttp, {"always", "loopback", "never"}},
        {kClockSkew, {"off", "36h", "1s"}},
        {kLegacyCrypto, {"allow", "refuse"}},
        {kOutgoingHosts, {"*", "*.corp.example, web1", "web1"}},  // `none` binds our client alone: OutgoingHosts' own test
        {kDenyVersions, {"none", "LM", "LM, LMv2, NTLMv1", "LM, LMv2, NTLMv1, NTLMv1-ESS, NTLMv2, anonymous"}},
        {kDenyServices, {"none", "smb", "smb, http, ldap"}},
        {kAllowClientNetworks, {"none", "0.0.0.0/0, ::/0", "192.0.2.0/24, 127.0.0.0/8", "127.0.0.1"}},
        {kDenyClientNetworks, {"none", "192.0.2.17", "192.0.2.0/24", "0.0.0.0/0"}},
        {kDenyFindings, {"none", "canary", "canary, reflection"}},
    };
    return all;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace postern::policy::test
