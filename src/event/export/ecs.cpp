// The Elastic Common Schema: event.*, user.*, source.*, destination.*, with what it has no field for under ntlm.*.
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/bytes.hpp"
#include "event/export/forms.hpp"
#include "event/export/writing.hpp"

namespace postern::event {
namespace {

/// ECS takes an address that is an IP as `ip` too; anything else would make the whole document fail in the index.
bool is_ip(const std::string& text) {
  const bool only = std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':';
  });
  if (!only) return false;
  if (text.contains(':')) return text.size() >= 2 && text.size() <= 39;
  return std::ranges::count(text, '.') == 3 && text.size() >= 7 && text.size() <= 15 &&
         std::ranges::none_of(text, [](char c) { return c > '9'; });
}

Json endpoint(const Text& address, const std::optional<std::uint16_t>& port, const Text& name) {
  Json json = Json::object();
  put(json, "address", address);
  if (address && is_ip(*address)) json["ip"] = *address;
  put(json, "port", port);
  if (name && !name->empty()) json["domain"] = *name;
  return json;
}

Json event_part(const LogonEvent& event) {
  Json json{{"kind", "event"}, {"category", {"authentication"}}, {"type", Json::array()}, {"action", "ntlm-logon"}};
  if (std::ranges::any_of(event.findings, [](const Finding& finding) { return finding.severity == Severity::alarm; })) {
    json["kind"] = "alert";
  }
  json["type"].push_back("start");
  if (event.outcome == Outcome::success) json["type"].push_back("allowed");
  if (event.outcome == Outcome::failure || event.outcome == Outcome::blocked) json["type"].push_back("denied");
  json["outcome"] = event.outcome == Outcome::success ? "success" : event.outcome == Outcome::unknown ? "unknown" : "failure";
  if (event.package == Package::kerberos) json["action"] = "kerberos-logon";
  json["module"] = "postern";
  json["dataset"] = "postern.logon";
  if (event.source.kind) json["provider"] = "postern-" + text_of(*event.source.kind);
  if (event.id) json["id"] = event.id->text();
  if (event.status) {
    std::array<char, 11> code{};
    std::snprintf(code.data(), code.size(), "0x%08X", event.status->code);
    json["code"] = event.status->name.value_or(code.data());
  }
  const auto why = std::ranges::find(event.policy, Decision::deny, &PolicyDecision::decision);
  if (why != event.policy.end()) {
    json["reason"] = why->setting + ": " + why->why;
  } else if (event.outcome != Outcome::success && event.status && event.status->name) {
    json["reason"] = *event.status->name;
  }
  return json;
}

Json user_part(const Account& account) {
  Json json = Json::object();
  put(json, "name", account.name);
  if (account.domain && !account.domain->empty()) json["domain"] = *account.domain;
  put(json, "id", account.sid);
  return json;
}

std::string hex(std::uint32_t flags) {
  std::array<char, 11> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", flags);
  return text.data();
}

Json ntlm_part(const LogonEvent& event) {
  const Ntlm& ntlm = event.ntlm;
  Json json = Json::object();
  json["outcome"] = name_of(event.outcome);  // ECS has no word for blocked
  if (event.package) json["package"] = name_of(*event.package);
  put(json, "version", ntlm.version);
  if (ntlm.negotiate_flags) json["negotiate_flags"] = hex(*ntlm.negotiate_flags);
  put(json, "mic", ntlm.mic);
  put(json, "channel_binding", ntlm.channel_binding);
  put(json, "spn", ntlm.spn);
  put(json, "spn_check", ntlm.spn_check);
  put(json, "sign", ntlm.sign);
  put(json, "seal", ntlm.seal);
  put(json, "key_bits", ntlm.key_bits);
  put(json, "client_time", ntlm.client_time);
  put(json, "server_time", ntlm.server_time);
  put(json, "timestamp_offered", ntlm.timestamp_offered);
  put(json, "machine_id", ntlm.machine_id);
  Json names = Json::object();
  put(names, "nb_computer", ntlm.server_names.nb_computer);
  put(names, "nb_domain", ntlm.server_names.nb_domain);
  put(names, "dns_computer", ntlm.server_names.dns_computer);
  put(names, "dns_domain", ntlm.server_names.dns_domain);
  put(names, "dns_tree", ntlm.server_names.dns_tree);
  put_object(json, "server_names", std::move(names));
  if (event.status) {
    json["status"] = Json{{"code", event.status->code}};
    put(json["status"], "name", event.status->name);
  }
  Json account = Json::object();
  if (event.account.kind != AccountKind::unknown) account["kind"] = name_of(event.account.kind);
  put(account, "protected", event.account.protected_user);
  put(account, "ntlm_allowed", event.account.ntlm_allowed);
  put(account, "network_allowed", event.account.network_allowed);
  put(account, "state", event.account.state);
  put_object(json, "account", std::move(account));
  put(json, "workstation", event.client.workstation);
  Json authority = Json::object();
  put(authority, "name", event.authority.name);
  put(authority, "address", event.authority.address);
  put_object(json, "authority", std::move(authority));
  Json reason = Json::object();
  put(reason, "id", event.reason.id);
  put(reason, "name", event.reason.name);
  put(reason, "confidence", event.reason.confidence);
  put(reason, "evidence", event.reason.evidence);
  put_object(json, "reason", std::move(reason));
  for (const PolicyDecision& decision : event.policy) {
    json["policy"].push_back(Json{{"point", name_of(decision.point)},
                                  {"stage", name_of(decision.stage)},
                                  {"setting", decision.setting},
                                  {"value", decision.value},
                                  {"decision", name_of(decision.decision)},
                                  {"why", decision.why}});
  }
  Json digests = Json::object();
  if (event.correlation.challenge_digest) digests["challenge_digest"] = to_hex(*event.correlation.challenge_digest);
  if (event.correlation.proof_digest) digests["proof_digest"] = to_hex(*event.correlation.proof_digest);
  put_object(json, "correlation", std::move(digests));
  for (const Finding& finding : event.findings) {
    Json one{{"id", finding.id}, {"severity", name_of(finding.severity)}, {"text", finding.text}};
    put(one, "evidence", finding.evidence);
    json["findings"].push_back(std::move(one));
  }
  return json;
}

Json network_part(const LogonEvent& event) {
  Json json = Json::object();
  put(json, "protocol", event.server.service);
  return json;
}

/// Lists for pivoting: every user, host and address of the event.
Json related_part(const LogonEvent& event) {
  Json json = Json::object();
  const auto add = [&json](const char* key, const Text& text) {
    if (!text || text->empty()) return;
    Json& list = json[key];
    if (std::ranges::find(list, Json(*text)) == list.end()) list.push_back(*text);
  };
  for (const Text* address : {&event.client.address, &event.server.address, &event.authority.address}) {
    if (*address && is_ip(**address)) add("ip", *address);
  }
  add("user", event.account.name);
  add("hosts", event.client.workstation);
  add("hosts", event.ntlm.server_names.dns_computer);
  add("hosts", event.ntlm.server_names.nb_computer);
  return json;
}

}  // namespace

std::string to_ecs_json(const LogonEvent& event) {
  Json json = Json::object();
  if (event.time) json["@timestamp"] = event.time->file_time().to_rfc3339();
  json["ecs"] = Json{{"version", kEcsVersion}};
  json["event"] = event_part(event);
  put_object(json, "user", user_part(event.account));
  put_object(json, "source", endpoint(event.client.address, event.client.port, event.client.workstation));
  put_object(json, "destination", endpoint(event.server.address, event.server.port, event.ntlm.server_names.dns_computer));
  Json service = Json::object();
  put(service, "name", event.server.name);
  put(service, "type", event.server.service);
  put_object(json, "service", std::move(service));
  if (event.client.process) json["process"] = Json{{"executable", *event.client.process}};
  if (event.source.host || event.source.record) {
    if (event.source.host) json["observer"] = Json{{"hostname", *event.source.host}, {"vendor", "Postern"}};
    if (event.source.record) json["log"] = Json{{"file", {{"path", *event.source.record}}}};
  }
  Json tls = Json::object();
  put(tls, "established", event.transport.tls);
  put_object(json, "tls", std::move(tls));
  put_object(json, "network", network_part(event));
  put_object(json, "related", related_part(event));
  json["ntlm"] = ntlm_part(event);
  put(json["ntlm"], "encrypted", event.transport.encrypted);
  put(json["ntlm"], "signed", event.transport.signed_);
  if (event.client.os_version) json["ntlm"]["client_os_version"] = *event.client.os_version;
  put(json["ntlm"], "domain_member", event.server.domain_member);
  return to_line(json);
}

}  // namespace postern::event
