#include "authority/logon_record.hpp"

#include "authority/name_resolution.hpp"
#include "base/bytes.hpp"
#include "event/json.hpp"
#include "policy/target_name.hpp"
#include "wire/flags.hpp"

namespace postern::authority {
namespace {

using wire::NegotiateFlag;

event::Text text_or_unknown(const std::string& text) { return text.empty() ? event::Text{} : event::Text{text}; }

std::optional<std::uint16_t> port_or_unknown(std::uint16_t port) {
  return port == 0 ? std::nullopt : std::optional<std::uint16_t>{port};
}

std::uint16_t key_bits_of(wire::NegotiateFlags flags) {
  if (flags.has(NegotiateFlag::key_128)) return 128;
  return flags.has(NegotiateFlag::key_56) ? 56 : 40;
}

}  // namespace

event::NtlmVersion event_version(wire::ResponseVersion version) {
  switch (version) {
    case wire::ResponseVersion::anonymous: return event::NtlmVersion::anonymous;
    case wire::ResponseVersion::lm: return event::NtlmVersion::lm;
    case wire::ResponseVersion::ntlm_v1: return event::NtlmVersion::ntlm_v1;
    case wire::ResponseVersion::ntlm_v1_ess: return event::NtlmVersion::ntlm_v1_ess;
    case wire::ResponseVersion::lm_v2: return event::NtlmVersion::lm_v2;
    case wire::ResponseVersion::ntlm_v2: return event::NtlmVersion::ntlm_v2;
  }
  return event::NtlmVersion::anonymous;
}

event::Mic event_mic(ntlm::MicState state) {
  return event::from_name<event::Mic>(ntlm::name_of(state)).value_or(event::Mic::wrong);
}

event::ChannelBinding event_binding(ntlm::BindingState state) {
  return event::from_name<event::ChannelBinding>(ntlm::name_of(state)).value_or(event::ChannelBinding::mismatched);
}

event::Facts facts_of(const LogonSetting& setting) {
  event::Facts facts;
  facts.time.emplace(setting.now);
  facts.source_kind = event::SourceKind::authority;
  facts.package = event::Package::ntlm;
  facts.client.address = text_or_unknown(setting.connection->client.address);
  facts.client.port = port_or_unknown(setting.connection->client.port);
  facts.server.address = text_or_unknown(setting.connection->server.address);
  facts.server.port = port_or_unknown(setting.connection->server.port);
  facts.server.name = setting.service->name;
  facts.server.service = setting.service->kind;
  facts.transport.tls = setting.connection->tls;
  facts.transport.encrypted = setting.connection->tls;
  facts.transport.signed_ = setting.connection->tls;
  facts.authority.name = setting.host;
  return facts;
}

void add_claims(event::Facts& facts, const ntlm::PendingVerification& pending, const ntlm::ServerNames& names, FileTime server_time,
                std::span<const ntlm::ChannelBindingHash> accepted_bindings,
                const std::vector<std::string>& accepted_target_names) {
  const ntlm::Claims& claims = pending.claims();
  const wire::NegotiateFlags flags = pending.negotiated();
  facts.account.name = clip_utf8(claims.user, ntlm::kMaxNameBytes);
  facts.account.domain = clip_utf8(claims.domain, ntlm::kMaxNameBytes);
  if (claims.version == wire::ResponseVersion::anonymous) facts.account.kind = event::AccountKind::anonymous;
  facts.client.workstation = text_or_unknown(clip_utf8(claims.workstation, ntlm::kMaxNameBytes));

  event::Ntlm& ntlm = facts.ntlm;
  ntlm.version = event_version(claims.version);
  ntlm.negotiate_flags = flags.wire();
  ntlm.mic = event_mic(claims.mic);
  ntlm.channel_binding = event_binding(pending.binding_state(accepted_bindings));
  if (claims.spn) ntlm.spn = clip_utf8(*claims.spn, ntlm::kMaxNameBytes);
  ntlm.spn_check = policy::check_target_name(accepted_target_names, claims.spn,
                                             claims.untrusted_spn ? policy::SpnSource::untrusted : policy::SpnSource::trusted);
  ntlm.sign = flags.has(NegotiateFlag::sign);
  ntlm.seal = flags.has(NegotiateFlag::seal);
  ntlm.key_bits = key_bits_of(flags);
  if (claims.client_time) ntlm.client_time.emplace(*claims.client_time);
  ntlm.server_time.emplace(server_time);
  ntlm.timestamp_offered = true;
  if (claims.machine_id) ntlm.machine_id = to_hex(*claims.machine_id);
  ntlm.server_names = {text_or_unknown(names.nb_computer), text_or_unknown(names.nb_domain), text_or_unknown(names.dns_computer),
                       text_or_unknown(names.dns_domain), text_or_unknown(names.dns_tree)};
}

account::EventRecord record_of(const event::LogonEvent& event) {
  account::EventRecord record;
  if (event.id) record.id = event.id->text();
  if (event.time) record.time = event.time->file_time();
  record.outcome = event::name_of(event.outcome);
  if (event.status) record.status = event.status->name.value_or("");
  const std::string domain = event.account.domain.value_or("");
  record.account = (domain.empty() ? "" : domain + "\\") + event.account.name.value_or("");
  record.server = event.server.name.value_or("");
  if (event.ntlm.version) record.version = event::name_of(*event.ntlm.version);
  record.client = event.client.address.value_or("");
  record.json = event::to_json(event);
  return record;
}

std::vector<std::string> tags_of(const event::LogonEvent& event) {
  std::vector<std::string> tags;
  const auto add = [&tags](std::string tag) {
    if (!tag.empty() && tags.size() < account::kMaxEventTags) tags.push_back(std::move(tag));
  };
  for (const event::Finding& finding : event.findings) add(account::tag_of_finding(finding.id));
  for (const event::PolicyDecision& decision : event.policy) {
    if (decision.decision != event::Decision::allow) add(account::tag_of_setting(decision.setting));
  }
  return tags;
}

}  // namespace postern::authority
