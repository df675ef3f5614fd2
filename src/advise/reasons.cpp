#include "advise/reasons.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "advise/addresses.hpp"
#include "base/ip_network.hpp"
#include "base/spn.hpp"
#include "inventory/dependency.hpp"

namespace postern::advise {
namespace {

using event::Confidence;
using event::LogonEvent;
using event::Reason;
using Steps = std::string_view;

constexpr Steps kIpAddress[] = {
    "Find where the client is told an address: a mapped drive, a script, a printer port, a configuration file.",
    "Put the server's full DNS name there instead.",
    "If an address has to stay: set TryIPSPN=1 on the client and register the address as a name, `setspn -S host/ADDRESS ACCOUNT`.",
    "Log on again and see that a ticket for the name is there: `klist`."};
constexpr Steps kSpnUnknown[] = {
    "See which name the client asks for: the TGS request in a capture, or event 4769 with failure 0x7.",
    "Register it on the account that the service runs under: `setspn -S CLASS/HOST ACCOUNT`; with a port that is not the usual one "
    "also "
    "`CLASS/HOST:PORT`.",
    "Prove it: `kvno CLASS/HOST` or `klist get CLASS/HOST` gives a ticket."};
constexpr Steps kAlias[] = {
    "Make the alias known to Kerberos: `netdom computername SERVER /add:ALIAS`, or `setspn -S CLASS/ALIAS ACCOUNT`.",
    "For SMB let the server answer to the alias (strict name checking).", "Prove it: `kvno CLASS/ALIAS` gives a ticket."};
constexpr Steps kSpnDuplicate[] = {
    "List the accounts that hold the name: `setspn -X`.",
    "Leave it on the account that the service runs under, and remove it from the others: `setspn -D`.",
    "Prove it: `kvno CLASS/HOST` gives a ticket, and the service accepts it."};
constexpr Steps kSpnWrongAccount[] = {
    "The service cannot read the ticket, because its name belongs to another account: `setspn -Q CLASS/HOST`.",
    "Move the name to the account that the service runs under, or run it under that account.",
    "On Linux make the keytab anew; its key version must be the account's."};
constexpr Steps kKerberosRefused[] = {
    "See what the service's own log says about the ticket: a keytab that is missing, or has an old key version, is the usual "
    "cause.",
    "See that the name belongs to the account that the service runs under: `setspn -Q CLASS/HOST`; on Linux `klist -k` has its "
    "key.",
    "Prove it: the connection goes on behind the Kerberos token, and no NTLM follows."};
constexpr Steps kNoTargetName[] = {"The program did not say to which service it logs on, so no ticket could be asked for.",
                                   "Update it, or have its maker pass a target name (the SPN) when it opens the security context.",
                                   "Until then limit where it may log on with NTLM: `postern exceptions` proposes the list."};
constexpr Steps kNoKdc[] = {
    "See whether the client reaches a domain controller on port 88, TCP and UDP, and finds it in DNS (`_kerberos._tcp` SRV).",
    "Open the firewall on the way, or give it a KDC proxy (HTTPS) or IAKerb.", "Prove it: `kinit` on the client gives a ticket."};
constexpr Steps kLocalAccount[] = {
    "A local account has no Kerberos: NTLM is the only way in.",
    "Give the program a domain account, best a group managed service account, and take the local one out of use.",
    "Where machines are in no domain, a local KDC is the way."};
constexpr Steps kCloudAccount[] = {"Set up Kerberos for the cloud directory, and its trust with the local domain."};
constexpr Steps kApplication[] = {
    "The program asks for NTLM by name and offers nothing else.",
    "Switch it to Negotiate: of HTTP services the list of providers, of clients the option of that name.",
    "If it cannot: ask its maker; on Windows the NTLM checks of Application Verifier show the call."};
constexpr Steps kLoopback[] = {"A program logs on to its own machine.",
                               "Register the name that it uses (`setspn -S`), or let it use the machine's own name.",
                               "For RPC see the policy that asks the endpoint mapper with a logon."};
constexpr Steps kNullSession[] = {
    "Nobody in particular logs on: a scanner, a device or an old script.",
    "Find the client and give it an account, or forbid it: RestrictAnonymous, AllowAnonymous = never."};
constexpr Steps kClock[] = {"Set both clocks by NTP; Kerberos takes five minutes of difference.",
                            "Prove it: the KRB-ERROR 37 is gone from the capture."};
constexpr Steps kEnctype[] = {
    "The account has no key of a kind that both sides take: reset its password, so that AES keys are made.",
    "Set msDS-SupportedEncryptionTypes of service and account to AES.", "Prove it: `klist -e` shows an AES ticket."};
constexpr Steps kRevoked[] = {"The account may not have a ticket: disabled, expired, locked or restricted.",
                              "See `postern account show`, or the account in the directory, and settle that first."};
constexpr Steps kForest[] = {
    "The two sides are in different forests and no ticket crosses.",
    "Make a forest trust (an external trust has no Kerberos), route the name suffixes, or map the host to its realm."};
constexpr Steps kNoTicket[] = {"The client takes the server for one outside its realm, or the program never asks.",
                               "See which name the program uses, and that its DNS domain maps to the realm.",
                               "See whether the program is told to use Negotiate and this host is in its list of trusted ones."};
constexpr Steps kServer[] = {
    "Give the service a keytab, or an account that holds its name, and switch its list of mechanisms to Negotiate.",
    "Of a device: update it, or put a gateway that speaks Kerberos before it."};
constexpr Steps kMsChap[] = {"The logon is MS-CHAPv2 inside RADIUS or a VPN, which is NTLM to the domain controller.",
                             "Move to certificates (EAP-TLS) before NTLM is blocked: little of this shows in audits."};
constexpr Steps kUnknown[] = {
    "Capture the client's traffic when it logs on, port 88 included: `postern watch --interface IF`.",
    "Or take the NTLM/Operational log of a current Windows, whose events 4020 to 4023 carry the reason: `postern import`."};

constexpr ReasonRule kRules[] = {
    {"unknown", 0, "nothing on record says why", "-", kUnknown},
    {"application-chose-ntlm", 1, "the program asked for NTLM itself and offered no Kerberos",
     "NTLM messages that are not inside SPNEGO, or a list of mechanisms with NTLM alone; event 8001 with the process",
     kApplication},
    {"local-account", 2, "the account is local to the server, and local accounts have no Kerberos",
     "the account's domain is the server's own name; event 4624 with the host as domain", kLocalAccount},
    {"cloud-account", 4, "the account lives in a cloud directory", "event 4020 with reason 4", kCloudAccount},
    {"no-target-name", 5, "the program did not say to which service it logs on",
     "no target name (MsvAvTargetName) in the AUTHENTICATE message", kNoTargetName},
    {"spn-unknown", 6, "no account of the domain holds the name of the service",
     "a TGS request answered by KRB-ERROR 7, then NTLM; event 4769 with 0x7", kSpnUnknown},
    {"dns-alias", 6, "the client uses an alias that Kerberos does not know", "a CNAME answer, then KRB-ERROR 7 for the alias",
     kAlias},
    {"ip-address", 7, "the client was given an address instead of a name",
     "the target name holds an address, and no ticket is asked for", kIpAddress},
    {"spn-duplicate", 8, "two accounts hold the name of the service", "KRB-ERROR 8; event 11 of the domain controller",
     kSpnDuplicate},
    {"no-path-to-kdc", 9, "the client does not reach a domain controller", "no traffic on port 88, or a SYN without an answer",
     kNoKdc},
    {"loopback", 10, "the client logs on to its own machine", "client and server are one machine", kLoopback},
    {"null-session", 11, "nobody in particular logs on", "an AUTHENTICATE without a user; event 4624 of ANONYMOUS LOGON",
     kNullSession},
    {"clock-skew", {}, "the clocks differ by more than Kerberos takes", "KRB-ERROR 37", kClock, "clock skew"},
    {"spn-wrong-account",
     {},
     "the name of the service is on an account that it does not run under",
     "an AP-REQ answered by KRB_AP_ERR_MODIFIED (41)",
     kSpnWrongAccount,
     "target name on another account"},
    {"kerberos-refused",
     {},
     "the client had a ticket, and the server did not take it",
     "a Kerberos token on the connection, answered by a refusal, and NTLM after it",
     kKerberosRefused,
     "Kerberos was offered and refused"},
    {"encryption-type",
     {},
     "account and service have no kind of key in common",
     "KRB-ERROR 14; event 4769 with 0xE",
     kEnctype,
     "no common encryption type"},
    {"account-revoked",
     {},
     "the account may not have a ticket",
     "KRB-ERROR 18; event 4768 with 0x12",
     kRevoked,
     "account revoked or expired for Kerberos"},
    {"cross-forest",
     {},
     "no ticket crosses from one forest to the other",
     "a foreign realm and no referral; event 8006",
     kForest,
     "realm of the target unknown"},
    {"no-ticket-asked",
     {},
     "the client asked for other tickets and for none of this server",
     "TGS requests of the client, none with the server's name",
     kNoTicket,
     "no ticket requested"},
    {"ticket-refused", {}, "the KDC gave no ticket", "the KRB-ERROR before the logon", kSpnUnknown, "the KDC gave no ticket"},
    {"server-without-kerberos",
     {},
     "the server offers no Kerberos at all",
     "its list of mechanisms, or its HTTP schemes, name NTLM alone",
     kServer,
     "server offers no Kerberos"},
    {"ms-chap", {}, "the logon is MS-CHAPv2 of a RADIUS server or a VPN", "event 4776 without a logon on any server", kMsChap},
};

Reason reason(std::string_view name, Confidence confidence, std::string evidence) {
  Reason reason;
  reason.name = std::string{name};
  reason.id = rule_of(reason).id;
  reason.confidence = confidence;
  reason.evidence = std::move(evidence);
  return reason;
}

bool same_name(const event::Text& a, const event::Text& b) {
  return a && b && !a->empty() && inventory::folded_name(*a) == inventory::folded_name(*b);
}

}  // namespace

std::span<const ReasonRule> reason_rules() { return kRules; }

const ReasonRule& rule_of(const Reason& reason) {
  const auto* by_name = std::ranges::find_if(kRules, [&](const ReasonRule& rule) {
    return reason.name && (rule.name == *reason.name || (!rule.also.empty() && rule.also == *reason.name));
  });
  if (by_name != std::end(kRules)) return *by_name;
  const auto* by_id = std::ranges::find_if(kRules, [&](const ReasonRule& rule) { return reason.id && rule.id == reason.id; });
  return by_id != std::end(kRules) ? *by_id : kRules[0];
}

std::vector<Reason> reasons_of(const LogonEvent& event) {
  std::vector<Reason> found;
  if (event.package == event::Package::kerberos) return found;
  if (event.reason != Reason{} && rule_of(event.reason).id != 0U) found.push_back(event.reason);
  const auto add = [&found](std::string_view name, Confidence confidence, std::string evidence) {
    // What the observer said already is not said again.
    const auto rule = [](const Reason& one) { return rule_of(one).name; };
    if (std::ranges::find(found, name, rule) == found.end()) found.push_back(reason(name, confidence, std::move(evidence)));
  };

  if (event.account.kind == event::AccountKind::anonymous || event.ntlm.version == event::NtlmVersion::anonymous) {
    add("null-session", Confidence::proved, "the AUTHENTICATE message names no user");
  }
  if (event.account.kind == event::AccountKind::local) {
    add("local-account", Confidence::proved, "the authority knows the account as a local one");
  } else if (event.account.kind != event::AccountKind::anonymous && event.account.domain == ".") {
    add("local-account", Confidence::proved, "the client wrote the account's domain as \".\"");
  } else if (same_name(event.account.domain, event.ntlm.server_names.nb_computer) &&
             !same_name(event.ntlm.server_names.nb_computer, event.ntlm.server_names.nb_domain)) {
    add("local-account", Confidence::likely, "the account's domain " + *event.account.domain + " is the server's own name");
  }
  if (event.ntlm.spn) {
    if (const std::string_view host = host_of_spn(*event.ntlm.spn); is_ip_literal(host)) {
      add("ip-address", Confidence::proved, "the target name is " + *event.ntlm.spn);
    }
  }
  if (event.server.name && is_ip_literal(*event.server.name)) {
    add("ip-address", Confidence::likely, "the client called the server " + *event.server.name);
  }
  if (event.client.address && is_loopback(*event.client.address)) {
    add("loopback", Confidence::likely, "the client's address is " + *event.client.address);
  }
  // That a program offers NTLM alone shows on the wire. An authority may have been handed a token without its wrapping.
  if (event.source.kind == event::SourceKind::capture && event.package == event::Package::ntlm) {
    add("application-chose-ntlm", Confidence::likely, "the messages were not inside SPNEGO: no other mechanism was offered");
  }
  if (event.ntlm.version == event::NtlmVersion::ntlm_v2 && (!event.ntlm.spn || event.ntlm.spn->empty())) {
    add("no-target-name", Confidence::guess,
        "the response carries no target name, which old and foreign clients leave out as well");
  }
  std::ranges::stable_sort(found, {}, [](const Reason& one) { return one.confidence.value_or(Confidence::guess); });
  return found;
}

}  // namespace postern::advise
