// Stage::response: settings about domain accounts and domain servers.
#include "base/ip_network.hpp"
#include "policy/judge.hpp"
#include "policy/lists.hpp"

namespace postern::policy {
namespace {

using event::AccountKind;
using event::Facts;
using event::Point;

/// What the facts say of a question that has a yes and a no.
enum class Answer : std::uint8_t { no, unknown, yes };  // ordered, so that `and` is the smaller one

/// Whether the account is one of a domain, so that a domain controller is asked. What the authority found goes before what the
/// client claimed.
Answer is_domain_account(const Facts& facts) {
  switch (facts.account.kind) {
    case AccountKind::domain:
    case AccountKind::machine: return Answer::yes;
    case AccountKind::local:
    case AccountKind::guest:
    case AccountKind::anonymous: return Answer::no;
    case AccountKind::unknown: break;
  }
  if (facts.ntlm.version == event::NtlmVersion::anonymous) return Answer::no;
  const event::Text& domain = facts.account.domain;
  if (!domain) return Answer::unknown;
  if (*domain == ".") return Answer::no;
  if (domain->empty()) {  // user@realm is a domain's, a bare name may be anybody's
    return facts.account.name && facts.account.name->contains('@') ? Answer::yes : Answer::unknown;
  }
  const event::ServerNames& names = facts.ntlm.server_names;
  if (!names.nb_computer) return Answer::unknown;
  const bool is_server =
      equal_without_case(*domain, *names.nb_computer) || (names.dns_computer && equal_without_case(*domain, *names.dns_computer));
  return is_server ? Answer::no : Answer::yes;
}

Answer is_domain_server(const Facts& facts) {
  if (!facts.server.domain_member) return Answer::unknown;
  return *facts.server.domain_member ? Answer::yes : Answer::no;
}

/// Whether a logon is in that scope at that point. A local account reaches no domain controller. The account's own controller
/// answers for its accounts, the server's for its servers.
Answer in_scope(DomainScope scope, Point point, const Facts& facts) {
  const bool of_accounts = scope == DomainScope::domain_accounts || scope == DomainScope::all;
  if (scope == DomainScope::none || (point == Point::account_dc && !of_accounts)) return Answer::no;
  const Answer account = is_domain_account(facts);
  return of_accounts ? account : std::min(account, is_domain_server(facts));
}

Why unknown_of(const Facts& facts) {
  if (is_domain_account(facts) == Answer::unknown) return {"whether the account is one of the domain is unknown"};
  return {"whether the server is a member of the domain is unknown"};
}

/// The server as its domain controller knows it: by NetBIOS name.
std::string_view netbios_name(const Facts& facts) {
  if (facts.ntlm.server_names.nb_computer) return *facts.ntlm.server_names.nb_computer;
  if (!facts.server.name || facts.source_kind == event::SourceKind::authority) return {};
  const std::string_view name = *facts.server.name;
  return IpAddress::parse(name) ? name : name.substr(0, name.find('.'));
}

}  // namespace

Judged judge_receiving_domain_accounts(const Policy& policy, const Facts& facts) {
  if (policy.restrict_receiving != RestrictReceiving::deny_domain_accounts) return std::nullopt;
  switch (is_domain_account(facts)) {
    case Answer::yes: return deny({"this server takes no NTLM of domain accounts"});
    case Answer::no: return allow({"the account is no domain account"});
    case Answer::unknown: break;
  }
  return depends({"whether the account is one of a domain is unknown"});
}

Judged judge_receiving_audit(const Policy& policy, const Facts& facts) {
  if (policy.audit_receiving == AuditReceiving::off) return std::nullopt;
  if (policy.audit_receiving == AuditReceiving::all) return audit({"an incoming NTLM logon, which is recorded"});
  switch (is_domain_account(facts)) {
    case Answer::yes: return audit({"an incoming NTLM logon of a domain account, which is recorded"});
    case Answer::unknown: return audit({"an incoming NTLM logon of what may be a domain account, which is recorded"});
    case Answer::no: break;
  }
  return std::nullopt;
}

Judged judge_domain(const Policy& policy, const Facts& facts, Point point) {
  const Answer answer = in_scope(policy.restrict_in_domain, point, facts);
  if (answer == Answer::no) return std::nullopt;
  const bool at_account = point == Point::account_dc;
  if (!policy.dc_allowed_servers.empty()) {
    const std::string_view server = netbios_name(facts);
    if (server.empty()) return depends({"there are exceptions, and the server's NetBIOS name is unknown"});
    const NameList::Hit hit = policy.dc_allowed_servers.find(server, Wildcard::one_star);
    // MS-APDS 3.1.5 has no exceptions at the account's controller; the policy's page speaks of them for domain accounts as well.
    // Our authority is server, server's controller and account's controller in one, and does what the page says.
    if (hit.match == Match::yes && at_account && facts.source_kind == event::SourceKind::authority) {
      return audit({"the exception {a} names {b}, and Postern lets exceptions hold where the account is", hit.entry, server});
    }
    if (hit.match == Match::yes && at_account) {
      return depends(
          {"the exception {a} names {b}, and Windows' documents do not agree whether exceptions hold where the account is",
           hit.entry, server});
    }
    if (hit.match == Match::yes) return allow({"the exception {a} names {b}", hit.entry, server});
    if (hit.match == Match::undocumented) {
      return depends({"whether the exception {a} names {b}: Windows documents one * and no other pattern", hit.entry, server});
    }
  }
  if (answer == Answer::unknown) return depends(unknown_of(facts));
  if (at_account) return deny({"this domain's accounts may not log on with NTLM"});
  return deny({"the domain of the server lets nobody log on to it with NTLM in this way, and no exception names it"});
}

Judged judge_domain_audit(const Policy& policy, const Facts& facts, Point point) {
  switch (in_scope(policy.audit_in_domain, point, facts)) {
    case Answer::yes: return audit({"an NTLM logon in the domain, which is recorded"});
    case Answer::unknown: return audit({"an NTLM logon that may be in the domain, which is recorded"});
    case Answer::no: break;
  }
  return std::nullopt;
}

}  // namespace postern::policy
