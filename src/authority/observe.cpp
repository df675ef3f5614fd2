#include "authority/observe.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::authority {
namespace {

using detection::ChallengeShape;
using detection::Echo;
using detection::LmField;
using detection::Observation;
using detection::VersionField;

constexpr std::size_t kClientChallengeBytes = 8;

std::string_view view(const event::Text& text) { return text ? std::string_view{*text} : std::string_view{}; }

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

/// True if the UTF-16LE text is the name, whose ASCII letters may be of either case.
bool is_name(ByteView utf16, std::string_view name) {
  const auto lower = [](std::uint8_t byte) { return static_cast<std::uint8_t>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte); };
  if (utf16.size() == 2 * name.size()) {  // nothing but ASCII, as nearly always: nothing is converted
    bool equal = true;
    for (std::size_t i = 0; equal && i < name.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(name[i]);
      equal = byte < 0x80 && utf16[2 * i + 1] == 0 && lower(utf16[2 * i]) == lower(byte);
    }
    if (equal) return true;
  }
  return upper_case_utf8(utf16le_to_utf8_lossy(utf16)) == upper_case_utf8(name);
}

/// The names in the response beside those of the CHALLENGE. A client may leave some out, and changes or adds none.
void see_names(const wire::AvPairs& pairs, const ntlm::ServerNames& ours, Observation& seen) {
  const std::pair<wire::AvId, const std::string*> rows[] = {{wire::AvId::nb_computer_name, &ours.nb_computer},
                                                            {wire::AvId::nb_domain_name, &ours.nb_domain},
                                                            {wire::AvId::dns_computer_name, &ours.dns_computer},
                                                            {wire::AvId::dns_domain_name, &ours.dns_domain},
                                                            {wire::AvId::dns_tree_name, &ours.dns_tree}};
  for (const auto& [id, name] : rows) {
    const auto sent = pairs.find(id);
    if (!sent) continue;
    if (is_name(*sent, *name)) {
      if (seen.names == Echo::absent) seen.names = Echo::ours;
      continue;
    }
    seen.names = Echo::others;
    seen.foreign_names +=
        (seen.foreign_names.empty() ? "" : ", ") + std::string{wire::name_of(id)} + "=" + utf16le_to_utf8_lossy(*sent);
  }
}

ChallengeShape shape_of(ByteView challenge) {
  if (std::ranges::all_of(challenge, [&](std::uint8_t byte) { return byte == challenge.front(); }))
    return ChallengeShape::all_equal;
  const bool text = std::ranges::all_of(challenge, [](std::uint8_t byte) { return byte < 0x80 && std::isalnum(byte) != 0; });
  return text ? ChallengeShape::letters_and_digits : ChallengeShape::ordinary;
}

void see_client_challenge(ByteView challenge, const detection::Detector& detector, Observation& seen) {
  if (challenge.size() != kClientChallengeBytes) return;
  seen.challenge_shape = shape_of(challenge);
  seen.client_challenge_digest = detector.digest(challenge);
}

void see_version(const std::optional<wire::Version>& version, Observation& seen) {
  if (!version) return;
  seen.version_bytes = {version->major,
                        version->minor,
                        static_cast<std::uint8_t>(version->build & 0xFF),
                        static_cast<std::uint8_t>(version->build >> 8),
                        0,
                        0,
                        0,
                        version->revision};
  seen.version_field = version->revision == wire::Version::kNtlmRevisionCurrent ? VersionField::usual
                       : all_zero(seen.version_bytes)                           ? VersionField::zeros
                                                                                : VersionField::odd;
}

/// What stands in the messages alone.
void see_messages(const ntlm::PendingVerification& pending, const Challenged& challenged, const detection::Detector& detector,
                  Observation& seen) {
  const wire::AuthenticateMessage& authenticate = pending.authenticate();
  if (const auto negotiate = wire::NegotiateMessage::parse(pending.negotiate())) seen.offered_flags = negotiate->flags.wire();
  seen.negotiate_bytes = pending.negotiate().size();
  seen.negotiated_flags = pending.negotiated().wire();
  see_version(authenticate.version, seen);
  const ByteView lm = authenticate.lm_response;
  seen.lm_field = lm.size() <= 1 ? LmField::absent : all_zero(lm) ? LmField::zeros : LmField::response;
  if (pending.claims().version == wire::ResponseVersion::ntlm_v1_ess)
    see_client_challenge(lm.first(kClientChallengeBytes), detector, seen);
  if (pending.claims().version != wire::ResponseVersion::ntlm_v2) return;

  seen.proof_digest = detector.digest(pending.proof());
  const auto response = wire::Ntlmv2Response::parse(authenticate.nt_response, authenticate.nt_response_offset);
  if (!response) return;  // on_authenticate has parsed it: never
  see_client_challenge(response->challenge_from_client, detector, seen);
  const std::size_t listed = wire::Ntlmv2Response::kAvPairsOffset + response->av_pairs.pairs().size() + wire::AvPairs::kHeaderBytes;
  seen.blob_tail_bytes = response->blob.size() > listed ? response->blob.size() - listed : 0;
  see_names(response->av_pairs, *challenged.names, seen);
  if (const auto time = response->av_pairs.timestamp()) {
    seen.server_time = *time == challenged.server_time ? Echo::ours : Echo::others;
    seen.echoed_time = time->ticks();
  }
}

}  // namespace

detection::Observation observation_of(const event::Facts& facts, const ntlm::PendingVerification& pending,
                                      const Challenged& challenged, const account::Account* account,
                                      const detection::Detector& detector) {
  Observation seen;
  if (facts.time) seen.now = facts.time->file_time();
  seen.domain = view(facts.account.domain);
  seen.account = view(facts.account.name);
  seen.machine_account = account != nullptr ? account->kind == account::AccountKind::machine : seen.account.ends_with('$');
  seen.protected_user = account != nullptr && account::is_protected_user(*account);
  seen.canary = account != nullptr && account->canary;
  seen.address = view(facts.client.address);
  seen.workstation = view(facts.client.workstation);
  seen.service = view(facts.server.name);
  seen.service_kind = facts.server.service.value_or(event::Service::other);
  seen.server_address = view(facts.server.address);
  seen.own_name = challenged.names->nb_computer;
  seen.tls = facts.transport.tls.value_or(false);
  seen.spnego = challenged.spnego;
  seen.version = facts.ntlm.version.value_or(event::NtlmVersion::ntlm_v2);
  seen.mic = facts.ntlm.mic.value_or(event::Mic::not_applicable);
  seen.channel_binding = facts.ntlm.channel_binding.value_or(event::ChannelBinding::not_applicable);
  seen.target_name = view(facts.ntlm.spn);
  seen.target_check = facts.ntlm.spn_check;
  if (const auto& id = pending.claims().machine_id) seen.machine_id = *id;
  see_messages(pending, challenged, detector, seen);
  return seen;
}

}  // namespace postern::authority
