#include "observe/logons/exchange.hpp"

#include <string_view>

#include "base/ip_network.hpp"
#include "base/text.hpp"

namespace postern::observe {
namespace {

using wire::NegotiateFlag;

event::Service service_of(const Exchange& exchange) {
  switch (exchange.carrier) {
    case Carrier::http: return exchange.winrm ? event::Service::winrm : event::Service::http;
    case Carrier::http_proxy: return event::Service::http_proxy;
    case Carrier::smb1:
    case Carrier::smb2: return event::Service::smb;
    case Carrier::dcerpc: return event::Service::dcerpc;
    case Carrier::ldap: return event::Service::ldap;
    case Carrier::mssql: return event::Service::mssql;
    case Carrier::smtp: return event::Service::smtp;
    case Carrier::imap: return event::Service::imap;
    case Carrier::pop3: return event::Service::pop3;
    case Carrier::rdp: return event::Service::rdp;
    case Carrier::nntp:
    case Carrier::telnet: return event::Service::other;
  }
  return event::Service::other;
}

bool equal_names(const event::Text& a, const event::Text& b) {
  return a && b && !a->empty() && upper_case_utf8(*a) == upper_case_utf8(*b);
}

/// The domain part of a name can be the server itself, "." or the server's domain.
event::AccountKind account_kind(const Exchange& exchange, const event::Account& account) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (exchange.outcome && exchange.outcome->standing == OutcomeSeen::Standing::guest) return event::AccountKind::guest;
  if (authenticate.version == event::NtlmVersion::anonymous) return event::AccountKind::anonymous;
  if (account.name && account.name->ends_with('$')) return event::AccountKind::machine;
  if (!exchange.challenge) return event::AccountKind::unknown;
  const event::ServerNames& names = exchange.challenge->names;
  const bool in_domain = names.nb_domain && !equal_names(names.nb_domain, names.nb_computer);
  if (account.domain == "." || equal_names(account.domain, names.nb_computer)) return event::AccountKind::local;
  if (in_domain && (equal_names(account.domain, names.nb_domain) || equal_names(account.domain, names.dns_domain))) {
    return event::AccountKind::domain;
  }
  return event::AccountKind::unknown;
}

void fill_ntlm(const Exchange& exchange, event::Ntlm& ntlm) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  ntlm.version = authenticate.version;
  ntlm.mic = authenticate.mic;
  ntlm.channel_binding = authenticate.channel_binding;
  ntlm.spn = authenticate.object.spn;
  if (authenticate.spn_untrusted) {
    ntlm.spn_check = event::SpnCheck::untrusted;
  } else if (authenticate.version == event::NtlmVersion::ntlm_v2 && !authenticate.object.spn) {
    ntlm.spn_check = event::SpnCheck::absent;
  }
  if (authenticate.client_time) ntlm.client_time = event::Timestamp{*authenticate.client_time};
  if (!authenticate.machine_id.empty()) ntlm.machine_id = authenticate.machine_id;
  // The flags of the exchange are the server's choice (peers.md S4); without it, what the client repeats.
  const auto flags = exchange.challenge && exchange.challenge->flags ? exchange.challenge->flags : authenticate.flags;
  if (flags) {
    ntlm.negotiate_flags = flags->wire();
    ntlm.sign = flags->has(NegotiateFlag::sign);
    ntlm.seal = flags->has(NegotiateFlag::seal);
    ntlm.key_bits = flags->has(NegotiateFlag::key_128) ? 128 : flags->has(NegotiateFlag::key_56) ? 56 : 40;
  }
  if (!exchange.challenge || !exchange.challenge->readable) return;
  ntlm.timestamp_offered = exchange.challenge->server_time.has_value();
  if (exchange.challenge->server_time) ntlm.server_time = event::Timestamp{*exchange.challenge->server_time};
  ntlm.server_names = exchange.challenge->names;
}

void fill_outcome(const Exchange& exchange, event::LogonEvent& event) {
  if (!exchange.outcome) return;
  switch (exchange.outcome->result) {
    case OutcomeSeen::Result::success: event.outcome = event::Outcome::success; break;
    case OutcomeSeen::Result::failure: event.outcome = event::Outcome::failure; break;
    case OutcomeSeen::Result::unknown: event.outcome = event::Outcome::unknown; break;
  }
  if (!exchange.outcome->nt_status) return;
  event.status = event::Status::of(static_cast<NtStatus>(*exchange.outcome->nt_status));
  if (event.status->name && event.status->name->empty()) event.status->name.reset();
}

void fill_server(const Exchange& exchange, event::Server& server) {
  server.address = exchange.server().address.text();
  server.port = exchange.server().port;
  server.service = service_of(exchange);
  if (!exchange.target.empty()) server.name = std::string{host_of(exchange.target)};
  if (!exchange.challenge) return;
  const event::ServerNames& names = exchange.challenge->names;
  if (!server.name && names.dns_computer && !names.dns_computer->empty()) server.name = names.dns_computer;
  if (!server.name && names.nb_computer && !names.nb_computer->empty()) server.name = names.nb_computer;
  if (names.nb_domain && names.nb_computer) server.domain_member = !equal_names(names.nb_domain, names.nb_computer);
}

}  // namespace

const event::ServerNames* Exchange::server_names() const {
  if (challenge) return &challenge->names;
  return authenticate ? &authenticate->meant_names : nullptr;
}

std::string Exchange::frames() const {
  std::string out;
  for (const auto* message : {&negotiate, &challenge, &authenticate}) {
    if (!*message) continue;
    out += out.empty() ? "frames " : ", ";
    out += std::to_string((*message)->object.frame);
  }
  return out;
}

event::LogonEvent event_of(const Exchange& exchange) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  event::LogonEvent event;
  event.time = event::Timestamp{authenticate.object.time};
  event.source.kind = event::SourceKind::capture;
  event.source.record = exchange.frames();
  event.package = exchange.in_spnego ? event::Package::negotiate : event::Package::ntlm;
  fill_outcome(exchange, event);
  fill_ntlm(exchange, event.ntlm);
  event.account.name = authenticate.object.user;
  event.account.domain = authenticate.object.domain;
  event.account.kind = account_kind(exchange, event.account);
  event.client.address = exchange.client().address.text();
  event.client.port = exchange.client().port;
  if (authenticate.object.workstation && !authenticate.object.workstation->empty()) {
    event.client.workstation = authenticate.object.workstation;
  }
  if (!authenticate.os_version.empty()) {
    event.client.os_version = authenticate.os_version;
  } else if (exchange.negotiate && !exchange.negotiate->os_version.empty()) {
    event.client.os_version = exchange.negotiate->os_version;
  }
  fill_server(exchange, event.server);
  event.transport.tls = false;  // inside TLS it could not have been read
  event.transport.encrypted = exchange.encrypted;
  if (exchange.signing_required == true) event.transport.signed_ = true;
  if (exchange.challenge) event.correlation.challenge_digest = exchange.challenge->challenge_digest;
  event.correlation.proof_digest = authenticate.proof_digest;
  return event;
}

bool is_address_literal(std::string_view host) {
  if (host.starts_with('[')) return true;
  return IpAddress::parse(host_of(host)).has_value();
}

SpnParts parts_of_spn(std::string_view spn) {
  const std::size_t slash = spn.find('/');
  if (slash == std::string_view::npos) return {{}, spn.find_first_of("\\@ ") == std::string_view::npos ? spn : std::string_view{}};
  const std::string_view rest = spn.substr(slash + 1);
  return {spn.substr(0, slash), host_of(rest.substr(0, rest.find('/')))};
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(0, end + 1);
  }
  const std::size_t colon = authority.find(':');
  // More than one colon: an IPv6 address without brackets.
  if (colon == std::string_view::npos || authority.find(':', colon + 1) != std::string_view::npos) return authority;
  return authority.substr(0, colon);
}

}  // namespace postern::observe
