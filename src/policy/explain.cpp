#include "policy/explain.hpp"

#include <string>

#include "base/spn.hpp"

namespace postern::policy {
namespace {

using event::ChannelBinding;
using event::Facts;
using event::Mic;
using event::NtlmVersion;
using event::SpnCheck;

/// LMv2 alone can carry nothing that is asked for, and is refused even by those who ask only clients that can (R22).
constexpr std::string_view kSendNtlmV2 =
    "Have the client send NTLMv2: LMv2 alone is what an old client sends, or what somebody on the way left of a better response.";

std::string_view cure_for_level(const PolicyDecision& decision, const Facts& facts) {
  if (decision.point == Point::client) {
    return "Have the client send NTLMv2, or set LmCompatibilityLevel to 2 or lower where it runs (1 or lower for LM).";
  }
  if (facts.ntlm.version == NtlmVersion::lm) {
    return "Have the client send NTLMv2, or set LmCompatibilityLevel to 3 or lower for this service, which is what LM needs.";
  }
  return "Have the client send NTLMv2, or set LmCompatibilityLevel to 4 or lower for this service.";
}

std::string_view cure_for_mic(const Facts& facts) {
  if (facts.ntlm.mic == Mic::wrong || facts.ntlm.mic == Mic::announced_missing) {
    return "No setting lets this in. Somebody on the way may have changed the messages, or the client is faulty: look at what "
           "stands between the client and this service.";
  }
  return "Use a client that sends an MIC (Chromium does), or set RequireMic = \"never\" for this service.";
}

std::string_view cure_for_bindings(const Facts& facts) {
  if (facts.ntlm.version == NtlmVersion::lm_v2) return kSendNtlmV2;
  if (facts.ntlm.channel_binding == ChannelBinding::mismatched) {
    return "TLS ends somewhere between the client and this service. If that place is yours, list its certificate in "
           "extra_binding_certificates of the gateway; if it is not, somebody may be listening.";
  }
  if (facts.ntlm.channel_binding == ChannelBinding::present) {
    return "Connect over TLS to this service, or list the certificate of the TLS terminator in front of it in "
           "extra_binding_certificates of the gateway.";
  }
  return "Connect over HTTPS with a client that sends channel bindings (Chromium and python requests-ntlm do; curl, Java, Go "
         "and Firefox do not), or set ExtendedProtection = \"when-supported\" for this service.";
}

std::string_view cure_for_ldap_bindings(const Facts& facts) {
  if (facts.ntlm.channel_binding == ChannelBinding::mismatched || facts.ntlm.version == NtlmVersion::lm_v2) {
    return cure_for_bindings(facts);
  }
  return "Use a client that sends channel bindings, or set LdapEnforceChannelBinding to 1 for this service.";
}

std::string_view cure_for_name(const Facts& facts) {
  if (facts.ntlm.spn && has_marshalled_suffix(*facts.ntlm.spn)) {
    return "No setting lets this in. Look in DNS for names that hold 1UWhRC, and for who made them: they send a machine's logon to "
           "somebody who passes it on (CVE-2025-33073).";
  }
  if (facts.ntlm.version == NtlmVersion::lm_v2) return kSendNtlmV2;
  if (facts.ntlm.spn_check == SpnCheck::refused) {
    return "Call this service by a name that it accepts, or add the name that was used to its accepted target names. If nobody "
           "called it that, the logon was meant for another server and was passed on to this one.";
  }
  return "Use a client that says which service it means (Chromium does) and has that name from a source it trusts, or set "
         "TargetNameCheck = \"when-supported\" for this service.";
}

std::string_view cure_for_smb_name(const Facts& facts) {
  const bool marshalled = facts.ntlm.spn && has_marshalled_suffix(*facts.ntlm.spn);
  if (marshalled || facts.ntlm.spn_check == SpnCheck::refused || facts.ntlm.version == NtlmVersion::lm_v2)
    return cure_for_name(facts);
  return "Use a client that says which service it means, or set SmbServerNameHardeningLevel to 1 for this service.";
}

/// What is decided by nothing but the connection, the client's messages and the service's policy. A switch without default: a new
/// setting has to be put on one side.
bool hangs_on_the_account(const PolicyDecision& decision, SettingId setting) {
  switch (setting) {
    case SettingId::legacy_crypto:
    case SettingId::deny_services:
    case SettingId::plain_http:
    case SettingId::allow_client_networks:
    case SettingId::deny_client_networks:
    case SettingId::min_server_security:
    case SettingId::lm_compatibility_level:
    case SettingId::allow_anonymous:
    case SettingId::deny_versions:
    case SettingId::require_mic:
    case SettingId::extended_protection:
    case SettingId::ldap_channel_binding:
    case SettingId::target_name_check:
    case SettingId::smb_server_name_hardening:
    case SettingId::clock_skew: return false;
    // 2 is decided before there is a name; 1 asks whether the account is a domain's, which the store knows.
    case SettingId::restrict_receiving: return decision.stage != Stage::negotiate;
    case SettingId::restrict_in_domain:
    case SettingId::deny_findings:
    case SettingId::protected_users:
    case SettingId::account_ntlm:
    case SettingId::account_networks:
    case SettingId::account_state: return true;
    // Of the client's own point, or no denial at all: no server tells them.
    case SettingId::restrict_sending:
    case SettingId::audit_receiving:
    case SettingId::audit_in_domain:
    case SettingId::client_allowed_servers:
    case SettingId::dc_allowed_servers:
    case SettingId::min_client_security:
    case SettingId::block_ntlm_v1_sso:
    case SettingId::block_ntlm:
    case SettingId::block_ntlm_exceptions:
    case SettingId::outgoing_hosts: break;
  }
  return true;
}

}  // namespace

std::string_view cure_for(const PolicyDecision& decision, const Facts& facts) {
  const auto setting = setting_id(decision.setting);
  if (!setting) return {};
  switch (*setting) {
    case SettingId::lm_compatibility_level: return cure_for_level(decision, facts);
    case SettingId::restrict_sending:
      return "Reach the server without NTLM, name it in ClientAllowedNTLMServers, or set RestrictSendingNTLMTraffic to 1, which "
             "only records.";
    case SettingId::restrict_receiving:
      if (decision.stage == Stage::negotiate) {
        return "Log on in another way than NTLM, or set RestrictReceivingNTLMTraffic to 0 for this service (1 lets local "
               "accounts in).";
      }
      return "Log on with a local account or in another way than NTLM, or set RestrictReceivingNTLMTraffic to 0 for this service.";
    case SettingId::restrict_in_domain:
      return "Log on in another way than NTLM, name the server in DCAllowedNTLMServers, or set RestrictNTLMInDomain to 0.";
    case SettingId::min_client_security:
      return "Have client and server agree on the session security that is missing, or lower NtlmMinClientSec.";
    case SettingId::min_server_security:
      return "Use a client that offers the session security that is missing, or lower NtlmMinServerSec for this service.";
    case SettingId::block_ntlm_v1_sso: return "Have the client send NTLMv2, or set BlockNtlmv1SSO to 0, which only records.";
    case SettingId::block_ntlm: return "Reach the server without NTLM, or name it in BlockNTLMServerExceptionList.";
    case SettingId::smb_server_name_hardening: return cure_for_smb_name(facts);
    case SettingId::ldap_channel_binding: return cure_for_ldap_bindings(facts);
    case SettingId::allow_anonymous: return "Log on with an account. AllowAnonymous = \"always\" lets in whoever has none.";
    case SettingId::require_mic: return cure_for_mic(facts);
    case SettingId::extended_protection: return cure_for_bindings(facts);
    case SettingId::target_name_check: return cure_for_name(facts);
    case SettingId::plain_http:
      return "Use HTTPS. PlainHttp = \"always\" lets NTLM in without TLS, where anybody on the way can take the logon over.";
    case SettingId::clock_skew: return "Set the client's clock and time zone right, or raise ClockSkew for this service.";
    case SettingId::legacy_crypto: return "Log on in another way than NTLM, or set LegacyCrypto = \"allow\" for this service.";
    case SettingId::outgoing_hosts: return "Name the server in OutgoingHosts, if it may have this account's logons.";
    case SettingId::deny_versions: return "Have the client send NTLMv2, or take the kind of response out of DenyVersions.";
    case SettingId::deny_services: return "Log on in another way than NTLM, or take this kind of service out of DenyServices.";
    case SettingId::allow_client_networks: return "Come from another network, or add the client's to AllowClientNetworks.";
    case SettingId::deny_client_networks: return "Come from another network, or take the client's out of DenyClientNetworks.";
    case SettingId::deny_findings:
      return "Look into the finding first (docs/detection.md has its false alarms); then take it out of DenyFindings.";
    case SettingId::protected_users: return "Log on with Kerberos, or take the account out of the Protected Users.";
    case SettingId::account_ntlm: return "Log on in another way than NTLM, or let the account use it (postern account set).";
    case SettingId::account_networks: return "Come from one of the account's networks, or change them (postern account set).";
    case SettingId::account_state: return "See postern account show: enable, unlock or renew the account, or wait for its hours.";
    case SettingId::audit_receiving:
    case SettingId::audit_in_domain:
    case SettingId::client_allowed_servers:
    case SettingId::dc_allowed_servers:
    case SettingId::block_ntlm_exceptions: break;
  }
  return {};
}

std::optional<PolicyDecision> told_of(const Decisions& decisions, Stage judged) {
  if (judged == Stage::verified) return std::nullopt;
  for (const PolicyDecision& entry : decisions.entries()) {
    if (entry.decision != Decision::deny) break;  // denials come first
    const auto setting = setting_id(entry.setting);
    if (!setting || hangs_on_the_account(entry, *setting)) continue;
    PolicyDecision told = entry;
    if (*setting == SettingId::allow_client_networks || *setting == SettingId::deny_client_networks) {
      told.value.clear();
      told.why = "NTLM is not taken from the network that this client is in";
    }
    return told;
  }
  return std::nullopt;
}

}  // namespace postern::policy
