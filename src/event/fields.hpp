// The keys of a LogonEvent, in order, once: the writer and the reader of its JSON both walk this list.
//
// A visitor has
//   visit(key, member)           written if known; an object or list if there is something in it
//   visit.always(key, member)    written always, and may be missing when read
//   visit.required(key, member)  written always, and must be there when read
//   visit.hex, visit.hex_upper   a number as "0x" and eight digits: flags (may be missing), status codes (required)
#pragma once

#include <concepts>
#include <type_traits>

#include "event/logon_event.hpp"

namespace postern::event {

template <typename T, typename Of>
concept ConstOr = std::same_as<std::remove_const_t<T>, Of>;

template <typename V>
void for_each_field(ConstOr<Source> auto& source, V& visit) {
  visit("kind", source.kind);
  visit("host", source.host);
  visit("record", source.record);
}

template <typename V>
void for_each_field(ConstOr<Status> auto& status, V& visit) {
  visit.hex_upper("code", status.code);
  visit("name", status.name);
}

template <typename V>
void for_each_field(ConstOr<ServerNames> auto& names, V& visit) {
  visit("nb_computer", names.nb_computer);
  visit("nb_domain", names.nb_domain);
  visit("dns_computer", names.dns_computer);
  visit("dns_domain", names.dns_domain);
  visit("dns_tree", names.dns_tree);
}

template <typename V>
void for_each_field(ConstOr<Ntlm> auto& ntlm, V& visit) {
  visit("version", ntlm.version);
  visit.hex("negotiate_flags", ntlm.negotiate_flags);
  visit("mic", ntlm.mic);
  visit("channel_binding", ntlm.channel_binding);
  visit("spn", ntlm.spn);
  visit("spn_check", ntlm.spn_check);
  visit("sign", ntlm.sign);
  visit("seal", ntlm.seal);
  visit("key_bits", ntlm.key_bits);
  visit("client_time", ntlm.client_time);
  visit("server_time", ntlm.server_time);
  visit("timestamp_offered", ntlm.timestamp_offered);
  visit("machine_id", ntlm.machine_id);
  visit("server_names", ntlm.server_names);
}

template <typename V>
void for_each_field(ConstOr<Account> auto& account, V& visit) {
  visit("name", account.name);
  visit("domain", account.domain);
  visit("sid", account.sid);
  visit("kind", account.kind);
  visit("protected", account.protected_user);
  visit("ntlm_allowed", account.ntlm_allowed);
  visit("network_allowed", account.network_allowed);
  visit("state", account.state);
}

template <typename V>
void for_each_field(ConstOr<Client> auto& client, V& visit) {
  visit("address", client.address);
  visit("port", client.port);
  visit("workstation", client.workstation);
  visit("process", client.process);
  visit("os_version", client.os_version);
}

template <typename V>
void for_each_field(ConstOr<Server> auto& server, V& visit) {
  visit("address", server.address);
  visit("port", server.port);
  visit("name", server.name);
  visit("service", server.service);
  visit("domain_member", server.domain_member);
}

template <typename V>
void for_each_field(ConstOr<Transport> auto& transport, V& visit) {
  visit("tls", transport.tls);
  visit("encrypted", transport.encrypted);
  visit("signed", transport.signed_);
}

template <typename V>
void for_each_field(ConstOr<Authority> auto& authority, V& visit) {
  visit("name", authority.name);
  visit("address", authority.address);
}

template <typename V>
void for_each_field(ConstOr<Reason> auto& reason, V& visit) {
  visit("id", reason.id);
  visit("name", reason.name);
  visit("confidence", reason.confidence);
  visit("evidence", reason.evidence);
}

template <typename V>
void for_each_field(ConstOr<PolicyDecision> auto& decision, V& visit) {
  visit.required("point", decision.point);
  visit.required("stage", decision.stage);
  visit.required("setting", decision.setting);
  visit.required("value", decision.value);
  visit.required("decision", decision.decision);
  visit.required("why", decision.why);
}

template <typename V>
void for_each_field(ConstOr<Correlation> auto& correlation, V& visit) {
  visit("challenge_digest", correlation.challenge_digest);
  visit("proof_digest", correlation.proof_digest);
}

template <typename V>
void for_each_field(ConstOr<Finding> auto& finding, V& visit) {
  visit.required("id", finding.id);
  visit.required("severity", finding.severity);
  visit.required("text", finding.text);
  visit("evidence", finding.evidence);
}

/// All but `schema`, which goes before.
template <typename V>
void for_each_field(ConstOr<LogonEvent> auto& event, V& visit) {
  visit("id", event.id);
  visit("time", event.time);
  visit("source", event.source);
  visit.always("outcome", event.outcome);
  visit("status", event.status);
  visit("package", event.package);
  visit("ntlm", event.ntlm);
  visit("account", event.account);
  visit("client", event.client);
  visit("server", event.server);
  visit("transport", event.transport);
  visit("authority", event.authority);
  visit("reason", event.reason);
  visit("policy", event.policy);
  visit("correlation", event.correlation);
  visit("findings", event.findings);
}

}  // namespace postern::event
