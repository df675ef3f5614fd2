#include "observe/logons/posture.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "wire/flags.hpp"

namespace postern::observe {
namespace {

using event::Finding;
using event::Severity;
using wire::NegotiateFlag;

void judge_mic(const Exchange& exchange, std::vector<Finding>& findings) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (authenticate.mic == event::Mic::announced_missing) {
    findings.push_back({"mic-missing", Severity::alarm,
                        "the client announced a MIC and none came: it was cut out on the way (CVE-2019-1040)", exchange.frames()});
    return;
  }
  const bool none = authenticate.mic == event::Mic::absent || authenticate.mic == event::Mic::zero;
  if (none && exchange.challenge && exchange.challenge->server_time) {
    findings.push_back({"mic-left-out", follows_windows(exchange.carrier) ? Severity::warning : Severity::info,
                        "the server sent its time, and the client no MIC: Windows sends one then, many other clients do not",
                        exchange.frames()});
  }
}

void judge_signing(const Exchange& exchange, std::vector<Finding>& findings) {
  if (!exchange.negotiate || !exchange.negotiate->flags || !exchange.challenge || !exchange.challenge->flags) return;
  const std::optional<wire::NegotiateFlags> last = exchange.authenticate->flags;
  if (!exchange.negotiate->flags->has(NegotiateFlag::sign) || (last && last->has(NegotiateFlag::sign))) return;
  const Severity severity = follows_windows(exchange.carrier) ? Severity::warning : Severity::info;
  if (!exchange.challenge->flags->has(NegotiateFlag::sign)) {
    findings.push_back({"signing-lost", severity,
                        "the client offered to sign, and the exchange ends without: relays take that away", exchange.frames()});
  } else if (last && exchange.authenticate->version != event::NtlmVersion::anonymous) {
    findings.push_back({"signing-lost", severity,
                        "client and server agreed to sign, and the last message says no: relays take that away (CVE-2019-1040)",
                        exchange.frames()});
  }
}

/// A server that sends no names, or an empty list: capture tools and very old servers do.
void judge_target_info(const Exchange& exchange, std::vector<Finding>& findings) {
  if (exchange.classic || !exchange.challenge || !exchange.challenge->readable) return;
  const event::ServerNames& names = exchange.challenge->names;
  const auto said = [](const event::Text& name) { return name && !name->empty(); };
  if (said(names.nb_computer) || said(names.dns_computer) || said(names.nb_domain) || said(names.dns_domain)) return;
  findings.push_back({"target-info-missing", follows_windows(exchange.carrier) ? Severity::warning : Severity::info,
                      exchange.challenge->has_target_info
                          ? "the server's target info names nobody: a capture tool, or a very old server"
                          : "the server sent no target info, without which there is no MIC: a capture tool, or a very old server",
                      "frame " + std::to_string(exchange.challenge->object.frame)});
}

/// The names in a response are part of its proof, and a client copies them from the CHALLENGE that it answers (MS-NLMP 3.1.5.1.2).
void judge_copied_names(const Exchange& exchange, std::vector<Finding>& findings) {
  if (!exchange.challenge || exchange.authenticate->version != event::NtlmVersion::ntlm_v2) return;
  const event::Text& sent = exchange.challenge->names.nb_computer;
  const event::Text& answered = exchange.authenticate->meant_names.nb_computer;
  if (!sent || !answered || sent->empty() || answered->empty() || upper_case_utf8(*sent) == upper_case_utf8(*answered)) return;
  findings.push_back({"server-names-differ", follows_windows(exchange.carrier) ? Severity::alarm : Severity::warning,
                      "the server called itself " + *sent + ", and the response answers " + *answered +
                          ": the client was given another CHALLENGE than this one",
                      exchange.frames()});
}

/// Ports whose services are inside TLS: their logons can be read here because a capture was decrypted, or TLS ended before.
bool is_tls_port(std::uint16_t port) {
  constexpr std::uint16_t kPorts[] = {443, 465, 563, 636, 993, 995, 3269, 5986, 8443};
  return std::ranges::find(kPorts, port) != std::end(kPorts);
}

void judge_bindings(const Exchange& exchange, std::vector<Finding>& findings) {
  if (!exchange.ended_tls && !is_tls_port(exchange.server().port)) return;
  const auto bindings = exchange.authenticate->channel_binding;
  const bool zero = bindings == event::ChannelBinding::zero;
  if (!zero && bindings != event::ChannelBinding::absent) return;
  findings.push_back({"channel-binding-missing", Severity::info,
                      std::string{"the client came by TLS and "} +
                          (zero ? "its channel binding is zero" : "sent no channel binding") +
                          ", so that its logon is not bound to that channel",
                      exchange.frames()});
}

void judge_version(const Exchange& exchange, std::vector<Finding>& findings) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  const auto version = authenticate.version;
  if (version == event::NtlmVersion::lm || authenticate.lm_response_beside) {
    findings.push_back(
        {"lm", Severity::warning, "an LM response: the password can be had from it within minutes", exchange.frames()});
  }
  if (version == event::NtlmVersion::ntlm_v1 || version == event::NtlmVersion::ntlm_v1_ess) {
    findings.push_back(
        {"ntlmv1", Severity::warning, "an NTLMv1 response: the password's hash can be had from it", exchange.frames()});
  }
  if (version == event::NtlmVersion::ntlm_v1) {
    findings.push_back({"no-ess", Severity::warning,
                        "NTLMv1 without the client's challenge: answers to a chosen challenge can be looked up",
                        exchange.frames()});
  }
  const auto flags = exchange.challenge ? exchange.challenge->flags : std::nullopt;
  if (!flags || (!flags->has(NegotiateFlag::sign) && !flags->has(NegotiateFlag::seal))) return;
  if (version == event::NtlmVersion::ntlm_v2 && !flags->has(NegotiateFlag::extended_session_security)) {
    findings.push_back({"no-ess", Severity::info, "signed or sealed without extended session security: the old, weak form of both",
                        exchange.frames()});
  }
  if (!flags->has(NegotiateFlag::key_128)) {
    findings.push_back({"no-128", Severity::info, "the session's key has less than 128 bits", exchange.frames()});
  }
  if (!flags->has(NegotiateFlag::key_exchange) && version != event::NtlmVersion::anonymous) {
    findings.push_back({"no-key-exchange", Severity::info,
                        "the session's key follows from the response alone: no fresh one was exchanged", exchange.frames()});
  }
}

void judge_standing(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  if (event.account.kind == event::AccountKind::guest) {
    findings.push_back(
        {"guest", Severity::info, "the server let the client in as guest, whatever its password was", exchange.frames()});
  }
  const bool null_session = exchange.outcome && exchange.outcome->standing == OutcomeSeen::Standing::anonymous;
  if (null_session || exchange.authenticate->version == event::NtlmVersion::anonymous) {
    findings.push_back({"anonymous", Severity::info, "a null session: no user and no password", exchange.frames()});
  }
}

/// What a server lets pass: SMB says it in NEGOTIATE, LDAP and RPC show it by whom they let in.
void judge_required_signing(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  constexpr std::uint32_t kPacketIntegrity = 5;  // MS-RPCE 2.2.1.1.8
  const bool smb = exchange.carrier == Carrier::smb1 || exchange.carrier == Carrier::smb2;
  if (smb && exchange.signing_required == false) {
    findings.push_back({"signing-not-required", Severity::info,
                        "the server does not require signing, so that a relayed session can be used", exchange.frames()});
  }
  if (event.outcome != event::Outcome::success || event.ntlm.version == event::NtlmVersion::anonymous) return;
  const bool signs = event.ntlm.sign.value_or(true) || event.ntlm.seal.value_or(true);
  if (exchange.carrier == Carrier::ldap && !signs && !exchange.ended_tls) {
    findings.push_back({"signing-not-required", Severity::info,
                        "the server let in a client that signs nothing, so that a relayed session can be used", exchange.frames()});
  }
  if (exchange.carrier == Carrier::dcerpc && exchange.rpc_level && *exchange.rpc_level < kPacketIntegrity) {
    findings.push_back({"signing-not-required", Severity::info,
                        "the server answered calls of authentication level " + std::to_string(*exchange.rpc_level) +
                            ", which are not signed, so that a relayed session can be used",
                        exchange.frames()});
  }
}

/// Classes that a client may name on a carrier (windows.md 4.3, signal 4). `host` stands for most of a machine's own.
bool fits(std::string_view service, const Exchange& exchange) {
  const auto any_of = [&](std::initializer_list<std::string_view> allowed) {
    return std::ranges::any_of(allowed, [&](std::string_view name) { return upper_case_utf8(name) == upper_case_utf8(service); });
  };
  switch (exchange.carrier) {
    case Carrier::http: return any_of({"http", "wsman", "host", "https", "www"});
    case Carrier::http_proxy: return any_of({"http", "host", "proxy"});
    case Carrier::smb1:
    case Carrier::smb2: return any_of({"cifs", "host"});
    case Carrier::ldap: return any_of({"ldap", "gc", "host"});
    case Carrier::mssql: return any_of({"mssqlsvc", "host"});
    case Carrier::rdp: return any_of({"termsrv", "host"});
    // RPC and mail go by many names; these are not among them.
    case Carrier::dcerpc: return !any_of({"http", "https", "wsman", "mssqlsvc", "termsrv", "smtp", "imap", "pop"});
    case Carrier::smtp:
    case Carrier::imap:
    case Carrier::pop3:
    case Carrier::nntp: return !any_of({"cifs", "ldap", "gc", "mssqlsvc", "termsrv", "http", "wsman"});
    case Carrier::telnet: return !any_of({"cifs", "ldap", "gc", "mssqlsvc", "http", "wsman"});
  }
  return true;
}

void judge_target(const Exchange& exchange, std::vector<Finding>& findings) {
  const MessageObject::Text& spn = exchange.authenticate->object.spn;
  if (spn && !spn->empty()) {
    const SpnParts parts = parts_of_spn(*spn);
    if (!parts.service.empty() && !fits(parts.service, exchange)) {
      findings.push_back({"relay-target-class", Severity::warning,
                          "the client meant " + *spn + ", and its response was used for " + std::string{name_of(exchange.carrier)},
                          exchange.frames()});
    }
  }
  if (const std::string_view host = named_host(exchange); !host.empty() && is_address_literal(host)) {
    findings.push_back({"target-is-address", Severity::info,
                        "the client calls the server by its address " + std::string{host} + ", for which there is no ticket",
                        exchange.frames()});
  }
}

}  // namespace

bool follows_windows(Carrier carrier) {
  return carrier == Carrier::smb1 || carrier == Carrier::smb2 || carrier == Carrier::ldap || carrier == Carrier::dcerpc ||
         carrier == Carrier::rdp;
}

std::string_view named_host(const Exchange& exchange) {
  const MessageObject::Text& spn = exchange.authenticate->object.spn;
  if (spn && !spn->empty()) return parts_of_spn(*spn).host;
  return host_of(exchange.target);
}

void judge_posture(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  judge_mic(exchange, findings);
  judge_signing(exchange, findings);
  judge_target_info(exchange, findings);
  judge_copied_names(exchange, findings);
  judge_bindings(exchange, findings);
  judge_version(exchange, findings);
  judge_standing(exchange, event, findings);
  judge_required_signing(exchange, event, findings);
  judge_target(exchange, findings);
  if (exchange.challenge && exchange.challenge->challenge_is_pattern) {
    findings.push_back({"challenge-pattern", Severity::warning,
                        "the server challenge is one that capture tools use, not a random one: the answer can be looked up",
                        exchange.frames()});
  }
}

}  // namespace postern::observe
