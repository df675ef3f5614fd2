// Stage::negotiate: what is decided before the client said who it is.
#include "base/ip_network.hpp"
#include "base/spn.hpp"
#include "policy/judge.hpp"
#include "policy/lists.hpp"

namespace postern::policy {
namespace {

using event::Facts;
using event::Service;

/// Facts that no observer gathered: our own client asks before it sends.
bool is_our_client(const Facts& facts) { return !facts.source_kind; }

/// The name under which the program called the server; empty if nobody knows. Our own client knows it, others see it in the SPN or
/// not at all: the server's other names may be ones that the program never used.
std::string_view name_used(const Facts& facts) {
  if (facts.ntlm.spn && !facts.ntlm.spn->empty())
    return facts.ntlm.spn->contains('/') ? host_of_spn(*facts.ntlm.spn) : std::string_view{*facts.ntlm.spn};
  if (!is_our_client(facts)) return {};
  if (facts.server.name) return *facts.server.name;
  return facts.server.address ? std::string_view{*facts.server.address} : std::string_view{};
}

/// Whether a list of exceptions names the server: `allow`, `deny` or `depends`, with the reason.
Finding excepted(const NameList& list, Wildcard wildcard, const Facts& facts) {
  if (list.empty()) return deny({"no exception names this server"});
  const std::string_view used = name_used(facts);
  if (used.empty()) return depends({"there are exceptions, and by which name the client called the server is unknown"});
  const NameList::Hit hit = list.find(used, wildcard);
  if (hit.match == Match::yes) return allow({"the exception {a} names {b}", hit.entry, used});
  if (hit.match == Match::undocumented) {
    return depends({"whether the exception {a} names {b}: Windows documents no such pattern for this list", hit.entry, used});
  }
  if (facts.ntlm.spn) {
    const NameList::Hit spn = list.find(*facts.ntlm.spn, wildcard);
    if (spn.match != Match::no)
      return depends({"whether Windows takes the form of an SPN as the exception {a} is undocumented", spn.entry});
  }
  if (!is_our_client(facts)) {
    // Windows compares the form that the application used. An observer has that from the SPN at best.
    for (const event::Text* form :
         {&facts.server.address, &facts.ntlm.server_names.dns_computer, &facts.ntlm.server_names.nb_computer}) {
      if (!*form) continue;
      const NameList::Hit other = list.find(**form, wildcard);
      if (other.match != Match::no) {
        return depends(
            {"the exception {a} names the server in another form than {b}, which is what the client used as far as is known",
             other.entry, used});
      }
    }
  }
  return deny({"no exception names {b}", {}, used});
}

/// Loopback is left alone by BlockNTLM.
bool is_local_server(const Facts& facts) {
  if (facts.server.address) return is_loopback(*facts.server.address);
  return equal_without_case(name_used(facts), "localhost");
}

}  // namespace

Finding judge_legacy_crypto(const Policy& policy) {
  if (policy.legacy_crypto == LegacyCrypto::refuse) return deny({"NTLM is made of MD4, MD5 and RC4, which are switched off"});
  return allow({"the old primitives are allowed"});
}

Judged judge_plain_http(const Policy& policy, const Facts& facts) {
  const auto& service = facts.server.service;
  if (service && *service != Service::http && *service != Service::http_proxy) return std::nullopt;
  if (facts.transport.tls == true) return allow({"the connection has TLS"});
  if (policy.plain_http == PlainHttp::always) return allow({"plain HTTP is allowed"});
  if (!service) return depends({"whether the service is HTTP is unknown"});
  if (!facts.transport.tls) return depends({"whether the connection has TLS is unknown"});
  if (policy.plain_http == PlainHttp::never) return deny({"the connection has no TLS"});
  if (!facts.client.address) return depends({"the client's address is unknown"});
  if (is_loopback(*facts.client.address)) return allow({"no TLS, but the client is on this machine"});
  return deny({"the connection has no TLS and the client is not on this machine"});
}

Judged judge_services(const Policy& policy, const Facts& facts) {
  if (policy.deny_services.empty()) return std::nullopt;
  if (!facts.server.service) return depends({"the kind of service is unknown"});
  const std::string_view name = event::name_of(*facts.server.service);
  if (policy.deny_services.contains(*facts.server.service))
    return deny({"NTLM is switched off for services of the kind {a}", name});
  return allow({"NTLM is not switched off for services of the kind {a}", name});
}

Judged judge_allowed_networks(const Policy& policy, const Facts& facts) {
  if (policy.allow_client_networks.empty()) return std::nullopt;
  if (!facts.client.address) return depends({"the client's address is unknown"});
  const auto address = IpAddress::parse(*facts.client.address);
  if (address && policy.allow_client_networks.contains(*address)) {
    return allow({"the client {a} is in a network that may log on", *facts.client.address});
  }
  return deny({"the client {a} is in none of the networks that may log on", *facts.client.address});
}

Judged judge_denied_networks(const Policy& policy, const Facts& facts) {
  if (policy.deny_client_networks.empty()) return std::nullopt;
  const auto address = facts.client.address ? IpAddress::parse(*facts.client.address) : std::nullopt;
  if (!address) return depends({"the client's address is unknown"});
  if (policy.deny_client_networks.contains(*address)) {
    return deny({"the client {a} is in a network that may not log on", *facts.client.address});
  }
  return allow({"the client {a} is in no network that may not log on", *facts.client.address});
}

Judged judge_sending(const Policy& policy, const Facts& facts) {
  switch (policy.restrict_sending) {
    case RestrictSending::allow: return std::nullopt;
    case RestrictSending::audit:
      // Whether Windows leaves excepted servers out of its audit is undocumented; a record too many is no harm.
      return audit({"an outgoing NTLM logon, which is recorded; level 2 denies it unless an exception names the server"});
    case RestrictSending::deny: break;
  }
  Finding finding = excepted(policy.client_allowed_servers, Wildcard::one_star, facts);
  if (finding.decision == Decision::deny)
    finding.why.text = "this client may send NTLM to no server that ClientAllowedNTLMServers does not name";
  return finding;
}

Judged judge_block_ntlm(const Policy& policy, const Facts& facts) {
  if (policy.block_ntlm == BlockNtlm::off) return std::nullopt;
  if (facts.server.service && *facts.server.service != Service::smb) return std::nullopt;
  if (is_local_server(facts)) return allow({"the server is this machine, which BlockNTLM leaves alone"});
  Finding finding = excepted(policy.block_ntlm_exceptions, Wildcard::none, facts);
  if (finding.decision == Decision::allow) return finding;
  if (!facts.server.service) return depends({"whether the service is SMB is unknown"});
  // Without the address loopback cannot be ruled out, unless our own client is the one to know.
  if (!facts.server.address && name_used(facts).empty()) return depends({"which server was meant is unknown"});
  if (finding.decision == Decision::deny)
    finding.why.text = "the SMB client sends no NTLM to a server that BlockNTLMServerExceptionList does not name";
  return finding;
}

Judged judge_outgoing_hosts(const Policy& policy, const Facts& facts) {
  if (policy.outgoing_hosts.empty()) {
    // It binds programs that use our client; to others it is not set.
    if (!is_our_client(facts)) return std::nullopt;
    return deny({"no rule lets this client send NTLM to any host"});
  }
  const std::string_view used = name_used(facts);
  if (used.empty()) return depends({"by which name the client called the server is unknown"});
  if (const auto rule = policy.outgoing_hosts.find(used)) return allow({"the rule {a} lets NTLM go to {b}", *rule, used});
  return deny({"no rule lets NTLM go to {b}", {}, used});
}

Judged judge_receiving_all(const Policy& policy) {
  if (policy.restrict_receiving != RestrictReceiving::deny_all) return std::nullopt;
  return deny({"this server takes no NTLM"});
}

}  // namespace postern::policy
