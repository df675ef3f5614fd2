#include "observe/logons/decode.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "wire/anomalies.hpp"
#include "wire/av_pairs.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::observe {
namespace {

using wire::AvFlag;
using wire::AvId;
using wire::AvPairs;

constexpr std::size_t kMachineIdOffset = 16;  ///< in Single_Host_Data (MS-NLMP 2.2.2.2): Size, Z4, CustomData
constexpr std::size_t kMachineIdBytes = 32;

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::string oem_text(ByteView text) {
  // Code page 850 has a character for every byte.
  return oem_to_utf8(text, CodePage::cp850, "OEM text").value_or(std::string{as_text(text)});
}

std::string text_of(ByteView text, wire::Charset charset) {
  return charset == wire::Charset::unicode ? utf16le_to_utf8_lossy(text) : oem_text(text);
}

std::string version_text(const std::optional<wire::Version>& version) {
  if (!version || *version == wire::Version{0, 0, 0, 0}) return {};
  return std::to_string(version->major) + '.' + std::to_string(version->minor) + '.' + std::to_string(version->build);
}

MessageObject::Text text_pair(const AvPairs& pairs, AvId id) {
  const auto value = pairs.find(id);
  if (!value) return std::nullopt;
  return utf16le_to_utf8_lossy(*value);
}

event::ServerNames names_of(const AvPairs& pairs) {
  return {text_pair(pairs, AvId::nb_computer_name), text_pair(pairs, AvId::nb_domain_name),
          text_pair(pairs, AvId::dns_computer_name), text_pair(pairs, AvId::dns_domain_name),
          text_pair(pairs, AvId::dns_tree_name)};
}

void set_error(MessageObject& object, const Error& error) { object.error = error.to_line(); }

/// What can be read of a message that is refused: fields that lie inside it. The error stays.
struct Salvage {
  ByteView message;

  [[nodiscard]] std::optional<wire::NegotiateFlags> flags(std::size_t at) const {
    if (message.size() < at + 4) return std::nullopt;
    return wire::NegotiateFlags{load_le<std::uint32_t>(message.data() + at)};
  }
  /// The payload that the field at `at` points to, cut at the message's end; nothing if it starts behind that.
  [[nodiscard]] std::optional<ByteView> payload(std::size_t at) const {
    if (message.size() < at + 8) return std::nullopt;
    const std::size_t length = load_le<std::uint16_t>(message.data() + at);
    const std::size_t offset = load_le<std::uint32_t>(message.data() + at + 4);
    if (offset > message.size()) return std::nullopt;
    return message.subspan(offset, std::min(length, message.size() - offset));
  }
  [[nodiscard]] MessageObject::Text text(std::size_t at, wire::Charset charset) const {
    const auto bytes = payload(at);
    if (!bytes || bytes->empty()) return std::nullopt;
    return text_of(*bytes, charset);
  }
};

constexpr std::size_t kTargetNameField = 12;
constexpr std::size_t kChallengeFlags = 20;
constexpr std::size_t kTargetInfoField = 40;
constexpr std::size_t kDomainField = 28;
constexpr std::size_t kUserField = 36;
constexpr std::size_t kWorkstationField = 44;
constexpr std::size_t kAuthenticateFlags = 60;

/// The names in an AV list up to where it breaks off.
event::ServerNames salvaged_names(ByteView list) {
  event::ServerNames names;
  event::Text* const places[] = {nullptr,           &names.nb_computer, &names.nb_domain, &names.dns_computer,
                                 &names.dns_domain, &names.dns_tree};
  for (std::size_t at = 0; at + AvPairs::kHeaderBytes <= list.size();) {
    const std::size_t id = load_le<std::uint16_t>(list.data() + at);
    const std::size_t length = load_le<std::uint16_t>(list.data() + at + 2);
    at += AvPairs::kHeaderBytes;
    if (id == 0 || length > list.size() - at) break;
    if (id < std::size(places)) *places[id] = utf16le_to_utf8_lossy(list.subspan(at, length));
    at += length;
  }
  return names;
}

void salvage_challenge(ByteView message, DecodedMessage& out) {
  const Salvage in{message};
  out.flags = in.flags(kChallengeFlags);
  if (!out.flags) return;
  out.object.negotiate_flags = out.flags->wire();
  out.object.target_name = in.text(kTargetNameField, wire::charset_of(*out.flags));
  if (const auto info = in.payload(kTargetInfoField)) out.names = salvaged_names(*info);
  out.object.nb_computer = out.names.nb_computer;
  out.object.nb_domain = out.names.nb_domain;
  out.object.dns_computer = out.names.dns_computer;
  out.object.dns_domain = out.names.dns_domain;
}

void salvage_authenticate(ByteView message, std::optional<wire::NegotiateFlags> negotiated, DecodedMessage& out) {
  const Salvage in{message};
  out.flags = in.flags(kAuthenticateFlags);
  if (!out.flags) return;
  out.object.negotiate_flags = out.flags->wire();
  const wire::Charset charset = wire::charset_of(negotiated.value_or(*out.flags));
  out.object.domain = in.text(kDomainField, charset);
  out.object.user = in.text(kUserField, charset);
  out.object.workstation = in.text(kWorkstationField, charset);
}

void read_negotiate(ByteView message, wire::Anomalies& anomalies, DecodedMessage& out) {
  const auto parsed = wire::NegotiateMessage::parse(message, &anomalies);
  if (!parsed) return set_error(out.object, parsed.error());
  out.readable = true;
  out.flags = parsed->flags;
  out.object.negotiate_flags = parsed->flags.wire();
  if (!parsed->domain_name.empty()) out.object.domain = oem_text(parsed->domain_name);
  if (!parsed->workstation.empty()) out.object.workstation = oem_text(parsed->workstation);
  out.os_version = version_text(parsed->version);
}

void read_challenge(ByteView message, wire::Anomalies& anomalies, const DigestKey& key, DecodedMessage& out) {
  const auto parsed = wire::ChallengeMessage::parse(message, &anomalies);
  if (!parsed) {
    set_error(out.object, parsed.error());
    return salvage_challenge(message, out);
  }
  out.readable = true;
  out.flags = parsed->flags;
  out.object.negotiate_flags = parsed->flags.wire();
  // A server that names no charset is read by what the bytes can be.
  out.object.target_name = text_of(parsed->target_name, wire::charset_of(parsed->flags));
  out.challenge_digest = keyed_digest(key, parsed->server_challenge.bytes());
  out.challenge_is_pattern = is_pattern_challenge(parsed->server_challenge.bytes());
  out.os_version = version_text(parsed->version);
  out.has_target_info = !parsed->target_info.empty();
  if (parsed->target_info.empty()) return;
  const auto pairs = AvPairs::parse(parsed->target_info, "CHALLENGE.TargetInfo", parsed->target_info_offset, &anomalies);
  if (pairs) {
    out.names = names_of(*pairs);
    out.server_time = pairs->timestamp();
  } else {
    set_error(out.object, pairs.error());
    out.names = salvaged_names(parsed->target_info);
  }
  out.object.nb_computer = out.names.nb_computer;
  out.object.nb_domain = out.names.nb_domain;
  out.object.dns_computer = out.names.dns_computer;
  out.object.dns_domain = out.names.dns_domain;
}

event::Mic mic_state(const AvPairs& pairs, const std::optional<wire::Mic>& mic) {
  const bool zero = mic && is_zero(mic->bytes());
  if (pairs.has(AvFlag::mic_present)) return !mic || zero ? event::Mic::announced_missing : event::Mic::present;
  return zero ? event::Mic::zero : event::Mic::absent;
}

event::ChannelBinding binding_state(const AvPairs& pairs) {
  const auto value = pairs.find(AvId::channel_bindings);
  if (!value) return event::ChannelBinding::absent;
  return is_zero(*value) ? event::ChannelBinding::zero : event::ChannelBinding::present;
}

event::NtlmVersion version_of(wire::ResponseVersion version) {
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

void read_v2(const wire::AuthenticateMessage& parsed, wire::Anomalies& anomalies, DecodedMessage& out) {
  const auto response = wire::Ntlmv2Response::parse(parsed.nt_response, parsed.nt_response_offset, &anomalies);
  if (!response) {
    set_error(out.object, response.error());
    return;
  }
  const AvPairs& pairs = response->av_pairs;
  out.mic = mic_state(pairs, parsed.mic);
  out.channel_binding = binding_state(pairs);
  out.spn_untrusted = pairs.has(AvFlag::untrusted_spn);
  out.object.spn = text_pair(pairs, AvId::target_name);
  out.client_time = response->time;
  out.meant_names = names_of(pairs);
  if (const auto host = pairs.find(AvId::single_host); host && host->size() >= kMachineIdOffset + kMachineIdBytes) {
    out.machine_id = to_hex(host->subspan(kMachineIdOffset, kMachineIdBytes));
  }
}

/// What identifies a response: the proof of an NTLMv2 response, else the 24 bytes themselves.
void read_proof(ByteView nt_response, ByteView lm_response, const DigestKey& key, DecodedMessage& out) {
  const ByteView proof = nt_response.size() > wire::kV1ResponseBytes ? nt_response.first(wire::kNtProofBytes)
                         : !nt_response.empty()                      ? nt_response
                                                                     : lm_response;
  // Equal bytes are filler of tests and generators, and would match one another.
  const bool filler = std::ranges::all_of(proof, [&](std::uint8_t byte) { return byte == proof.front(); });
  if (proof.size() >= wire::kNtProofBytes && !filler) out.proof_digest = keyed_digest(key, proof);
}

void set_version(const wire::AuthenticateMessage& parsed, DecodedMessage& out) {
  const auto version = wire::response_version(parsed);
  if (!version) {
    set_error(out.object, version.error());
    return;
  }
  out.version = version_of(*version);
  out.object.version = std::string{wire::name_of(*version)};
  const bool v1 = *version == wire::ResponseVersion::ntlm_v1;
  out.lm_response_beside = v1 && parsed.lm_response.size() == wire::kV1ResponseBytes && !is_zero(parsed.lm_response) &&
                           !std::ranges::equal(parsed.lm_response, parsed.nt_response);
}

void read_authenticate(ByteView message, std::optional<wire::NegotiateFlags> negotiated, wire::Anomalies& anomalies,
                       const DigestKey& key, DecodedMessage& out) {
  const auto parsed = wire::AuthenticateMessage::parse(message, negotiated, &anomalies);
  if (!parsed) {
    set_error(out.object, parsed.error());
    return salvage_authenticate(message, negotiated, out);
  }
  out.readable = true;
  out.flags = parsed->flags;
  out.object.negotiate_flags = parsed->flags.wire();
  out.object.user = text_of(parsed->user_name, parsed->charset);
  out.object.domain = text_of(parsed->domain_name, parsed->charset);
  out.object.workstation = text_of(parsed->workstation, parsed->charset);
  out.os_version = version_text(parsed->version);
  out.has_session_key = parsed->encrypted_random_session_key.size() == wire::AuthenticateMessage::kSessionKeyBytes;
  set_version(*parsed, out);
  if (out.version == event::NtlmVersion::ntlm_v2) {
    read_v2(*parsed, anomalies, out);
  } else if (out.version) {
    out.mic = event::Mic::not_applicable;
    out.channel_binding = event::ChannelBinding::not_applicable;
  }
  if (out.mic) out.object.mic = std::string{event::name_of(*out.mic)};
  if (out.channel_binding) out.object.channel_binding = std::string{event::name_of(*out.channel_binding)};
  if (out.version != event::NtlmVersion::anonymous) read_proof(parsed->nt_response, parsed->lm_response, key, out);
}

std::string_view type_name(std::optional<wire::MessageType> type) {
  if (!type) return "unknown";
  switch (*type) {
    case wire::MessageType::negotiate: return "NEGOTIATE";
    case wire::MessageType::challenge: return "CHALLENGE";
    case wire::MessageType::authenticate: return "AUTHENTICATE";
  }
  return "unknown";
}

}  // namespace

DecodedMessage decode_message(const Connection& connection, const MessageSeen& seen, std::optional<wire::NegotiateFlags> negotiated,
                              const DigestKey& key) {
  DecodedMessage out;
  out.object.frame = seen.moment.frame;
  out.object.time = seen.moment.time;
  out.object.src = seen.from == Side::client ? connection.client : connection.server;
  out.object.dst = seen.from == Side::client ? connection.server : connection.client;
  out.object.transport = seen.carrier;
  const auto type = wire::type_of(seen.message);
  if (type) out.type = *type;
  out.object.type = std::string{type_name(out.type)};
  if (!type) {
    set_error(out.object, type.error());
    return out;
  }
  wire::Anomalies anomalies;
  switch (*type) {
    case wire::MessageType::negotiate: read_negotiate(seen.message, anomalies, out); break;
    case wire::MessageType::challenge: read_challenge(seen.message, anomalies, key, out); break;
    case wire::MessageType::authenticate: read_authenticate(seen.message, negotiated, anomalies, key, out); break;
  }
  for (const Error& anomaly : anomalies) out.object.anomalies.push_back(anomaly.to_line());
  return out;
}

void decode_responses(const ClassicLogonSeen& seen, const DigestKey& key, DecodedMessage& decoded) {
  wire::AuthenticateMessage as_message;
  as_message.lm_response = seen.lm_response;
  as_message.nt_response = seen.nt_response;
  as_message.user_name = as_bytes(seen.user);
  decoded.type = wire::MessageType::authenticate;
  decoded.object.user = seen.user;
  decoded.object.domain = seen.domain;
  set_version(as_message, decoded);
  decoded.readable = decoded.version.has_value();
  decoded.mic = event::Mic::not_applicable;
  decoded.channel_binding = event::ChannelBinding::not_applicable;
  if (decoded.version != event::NtlmVersion::anonymous) read_proof(seen.nt_response, seen.lm_response, key, decoded);
}

bool is_pattern_challenge(ByteView challenge) {
  constexpr std::uint8_t kCounting[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  constexpr std::uint8_t kNibbles[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  const bool equal = std::ranges::all_of(challenge, [&](std::uint8_t byte) { return byte == challenge.front(); });
  return equal || std::ranges::equal(challenge, kCounting) || std::ranges::equal(challenge, kNibbles);
}

}  // namespace postern::observe
