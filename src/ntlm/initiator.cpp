#include "ntlm/initiator.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/spn.hpp"
#include "wire/av_pairs.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::ntlm {
namespace {

using wire::AvFlag;
using wire::AvId;
using wire::Charset;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

/// MS-NLMP 2.2.2.2 defines 48 bytes; Windows has sent more.
constexpr std::size_t kMaxSingleHostBytes = 1024;

constexpr wire::Version kVersion{10, 0, 0, wire::Version::kNtlmRevisionCurrent};

/// The pairs that speak for the client: what a server, or somebody on the way, puts under these ids is not ours to repeat (R21).
constexpr bool is_the_clients(AvId id) {
  return id == AvId::flags || id == AvId::single_host || id == AvId::target_name || id == AvId::channel_bindings;
}

/// What `answer_target_info` adds at most beside the target name's text and MsvAvSingleHost's value: MsvAvFlags,
/// MsvAvChannelBindings, MsvAvTargetName, MsvAvSingleHost, MsvAvEOL.
constexpr std::size_t kOwnPairsBytes =
    5 * wire::AvPairs::kHeaderBytes + wire::AvPairs::kFlagsBytes + wire::AvPairs::kChannelBindingsBytes;

struct TargetInfo {
  Bytes av_pairs;
  FileTime time;
  bool sends_mic;
};

/// MS-NLMP 3.1.5.1.2: the server's pairs, then ours. A server that sends its time gets MIC, bindings and target name.
Result<TargetInfo> answer_target_info(const wire::ChallengeMessage& challenge, const InitiatorConfig& config, FileTime now) {
  if (challenge.target_info.empty()) return TargetInfo{wire::AvPairsBuilder{}.finish(), now, false};
  POSTERN_TRY(offered, wire::AvPairs::parse(challenge.target_info, "CHALLENGE.TargetInfo", challenge.target_info_offset));
  wire::AvPairsBuilder builder{challenge.target_info.size() + kOwnPairsBytes + 2 * config.target_name.size() +
                               config.single_host.size()};
  offered.for_each([&builder](const wire::AvPair& pair) {
    if (!is_the_clients(pair.id)) builder.add(pair.id, pair.value);
  });
  const std::optional<FileTime> server_time = offered.timestamp();
  std::uint32_t flags = 0;
  if (server_time) flags |= static_cast<std::uint32_t>(AvFlag::mic_present);
  if (config.target_name_source == TargetNameSource::untrusted) flags |= static_cast<std::uint32_t>(AvFlag::untrusted_spn);
  if (flags != 0) builder.add_flags(flags);
  if (!config.single_host.empty()) builder.add(AvId::single_host, config.single_host);
  if (server_time || config.channel_bindings) {
    builder.add(AvId::channel_bindings, config.channel_bindings.value_or(ChannelBindingHash{}).bytes());
  }
  if (!config.target_name.empty()) {
    POSTERN_CHECK(builder.add_text(AvId::target_name, config.target_name));
  }
  return TargetInfo{std::move(builder).finish(), server_time.value_or(now), server_time.has_value()};
}

/// R24: a name of our own in the CHALLENGE, over a connection that is not shown to be local.
Result<void> refuse_own_challenge(const wire::ChallengeMessage& challenge, const InitiatorConfig& config) {
  if (config.local_call == LocalCall::shown) return {};
  if (config.is_own_challenge && config.is_own_challenge(challenge.server_challenge)) {
    return std::unexpected{Error{ErrorCode::policy, "CHALLENGE.ServerChallenge", Error::kNoOffset,
                                 "the CHALLENGE is this program's own: the logon would be reflected to its sender",
                                 "a program that logs on to itself has to say that the call is local"}};
  }
  if (challenge.target_info.empty()) return {};
  POSTERN_TRY(offered, wire::AvPairs::parse(challenge.target_info, "CHALLENGE.TargetInfo", challenge.target_info_offset));
  for (const auto& [id, own] : {std::pair{AvId::nb_computer_name, &config.own_names.nb_computer},
                                std::pair{AvId::dns_computer_name, &config.own_names.dns_computer}}) {
    const auto name = offered.find(id);
    if (!name || own->empty() || upper_case_utf8(utf16le_to_utf8_lossy(*name)) != upper_case_utf8(*own)) continue;
    return std::unexpected{Error{ErrorCode::policy, "CHALLENGE.TargetInfo", challenge.target_info_offset,
                                 "the CHALLENGE is this machine's own (" + *own + "): the logon would be reflected to its sender",
                                 "a logon to this machine itself has to come over a connection whose two ends are its own"}};
  }
  return {};
}

NegotiateFlags agree(NegotiateFlags offered, NegotiateFlags chosen) {
  // What the server adds beyond the offer and its own descriptive bits is not agreed.
  NegotiateFlags agreed{offered.wire() & chosen.wire()};
  for (const NegotiateFlag own :
       {NegotiateFlag::target_type_domain, NegotiateFlag::target_type_server, NegotiateFlag::target_info}) {
    if (chosen.has(own)) agreed = agreed.with(own);
  }
  // Both charsets offered and both chosen: UNICODE it is, and only it is said (S6).
  const bool unicode = chosen.has(NegotiateFlag::unicode);
  return agreed.with_if(unicode, NegotiateFlag::unicode).with_if(!unicode, NegotiateFlag::oem);
}

constexpr bool needs_lm_hash(ResponseKind kind) {
  return kind == ResponseKind::danger_ntlm_v1_with_lm || kind == ResponseKind::danger_lm;
}

/// The names of an AUTHENTICATE in its charset.
struct Names {
  Bytes user{};
  Bytes domain{};
  Bytes workstation{};
};
Result<Names> names_of(const InitiatorConfig& config, Charset charset) {
  const auto encode = [&](std::string_view text, std::string_view field) {
    return charset == Charset::unicode ? utf8_to_utf16le(text, field) : utf8_to_oem(text, config.oem_code_page, field);
  };
  POSTERN_TRY(user, encode(config.credentials.user, "user"));
  POSTERN_TRY(domain, encode(config.credentials.domain, "domain"));
  POSTERN_TRY(workstation, encode(config.workstation, "workstation"));
  return Names{std::move(user), std::move(domain), std::move(workstation)};
}

/// The two fields of an AUTHENTICATE that answer the challenge, and the key that they prove.
struct Responses {
  Bytes nt{};
  Bytes lm{};
  KeyExchangeKey key_exchange_key{};
};

Responses ntlm_v2_responses(const ResponseKeyNt& key, const wire::ChallengeMessage& challenge, const TargetInfo& target_info,
                            const ClientChallenge& client_challenge, ResponseKind kind) {
  Responses responses;
  // With the server's time there is nothing that LMv2 would add: 24 zero bytes (MS-NLMP 3.1.5.1.2).
  const bool lm_alone = kind == ResponseKind::danger_lm_v2;
  const V1Response lm =
      target_info.sends_mic && !lm_alone ? V1Response{} : lmv2_response(key, challenge.server_challenge, client_challenge);
  responses.lm.assign(lm.begin(), lm.end());
  if (lm_alone) {
    const SessionBaseKey base = session_base_key_v2(key, std::span{lm}.first<16>());
    responses.key_exchange_key = KeyExchangeKey{base.reveal()};
    return responses;
  }
  const Bytes temp = ntlmv2_client_challenge(target_info.time, client_challenge, target_info.av_pairs);
  const NtProofStr proof = nt_proof_str(key, challenge.server_challenge, temp);
  responses.nt.reserve(proof.size() + temp.size());
  responses.nt.assign(proof.begin(), proof.end());
  responses.nt.insert(responses.nt.end(), temp.begin(), temp.end());
  const SessionBaseKey base = session_base_key_v2(key, proof);
  responses.key_exchange_key = KeyExchangeKey{base.reveal()};
  return responses;
}

/// MS-NLMP 3.3.1.
Result<Responses> ntlm_v1_responses(const Credentials& credentials, const wire::ChallengeMessage& challenge,
                                    NegotiateFlags negotiated, const ClientChallenge& client_challenge, ResponseKind kind) {
  const auto server_challenge = challenge.server_challenge.bytes();
  const LmHash* lm_hash = credentials.danger_lm_hash ? &*credentials.danger_lm_hash : nullptr;
  const SessionBaseKey base = session_base_key_v1(credentials.nt_hash);
  Responses responses;
  const auto assign = [](Bytes& field, const V1Response& response) { field.assign(response.begin(), response.end()); };
  const bool takes_ess = kind == ResponseKind::danger_ntlm_v1 || kind == ResponseKind::danger_ntlm_v1_with_lm;
  if (takes_ess && negotiated.has(NegotiateFlag::extended_session_security)) {
    assign(responses.nt, desl(credentials.nt_hash.reveal(), ess_challenge(challenge.server_challenge, client_challenge.bytes())));
    responses.lm = to_bytes(client_challenge.bytes());
    responses.lm.resize(wire::kV1ResponseBytes);
    responses.key_exchange_key = key_exchange_key_v1_ess(base, challenge.server_challenge, client_challenge.bytes());
    return responses;
  }
  if (kind != ResponseKind::danger_lm) assign(responses.nt, desl(credentials.nt_hash.reveal(), server_challenge));
  if (needs_lm_hash(kind)) {
    assign(responses.lm, desl(lm_hash->reveal(), server_challenge));
  } else {
    responses.lm = responses.nt;
  }
  const NegotiateFlags keys = kind == ResponseKind::danger_lm ? danger_flags_of_lm_alone(negotiated) : negotiated;
  POSTERN_TRY(key, danger_key_exchange_key_v1(keys, base, responses.lm, lm_hash));
  responses.key_exchange_key = std::move(key);
  return responses;
}

/// `names`: those of the AUTHENTICATE, in its charset.
Result<Responses> responses_of(const InitiatorConfig& config, const wire::ChallengeMessage& challenge, NegotiateFlags negotiated,
                               const Names& names, const TargetInfo& target_info, const ClientChallenge& client_challenge) {
  switch (config.response) {
    case ResponseKind::anonymous: return Responses{{}, Bytes(1), {}};  // one zero byte (MS-NLMP 3.1.5.1.2)
    case ResponseKind::ntlm_v2:
    case ResponseKind::danger_lm_v2: {
      const NtHash& nt_hash = config.credentials.nt_hash;
      if (charset_of(negotiated) == Charset::unicode) {
        return ntlm_v2_responses({nt_hash, names.user, names.domain}, challenge, target_info, client_challenge, config.response);
      }
      POSTERN_TRY(wide, names_of(config, Charset::unicode));  // NTOWFv2 takes UTF-16 whatever the message is written in
      return ntlm_v2_responses({nt_hash, wide.user, wide.domain}, challenge, target_info, client_challenge, config.response);
    }
    default: return ntlm_v1_responses(config.credentials, challenge, negotiated, client_challenge, config.response);
  }
}

}  // namespace

Result<void> danger_send_at_level(InitiatorConfig& config, unsigned lm_compatibility_level) {
  constexpr unsigned kHighest = 5;
  constexpr unsigned kFirstWithNtlmV2 = 3;
  if (lm_compatibility_level > kHighest) {
    return fail(ErrorCode::invalid_input, "LmCompatibilityLevel", Error::kNoOffset, "0 to 5");
  }
  if (lm_compatibility_level >= kFirstWithNtlmV2) {
    config.response = ResponseKind::ntlm_v2;
    return {};
  }
  config.response = lm_compatibility_level == 2 ? ResponseKind::danger_ntlm_v1 : ResponseKind::danger_ntlm_v1_with_lm;
  if (lm_compatibility_level == 0) config.offered = config.offered.without(NegotiateFlag::extended_session_security);
  return {};
}

Result<void> Initiator::check(const InitiatorConfig& config) {
  if (has_marshalled_suffix(config.target_name)) {
    return fail(ErrorCode::policy, "target_name", Error::kNoOffset, "the name carries a marshalled target (CVE-2025-33073)");
  }
  if (config.target_name.size() > kMaxTargetNameBytes) {
    return fail(ErrorCode::too_large, "target_name", Error::kNoOffset, "longer than a target name may be");
  }
  if (config.single_host.size() > kMaxSingleHostBytes) {
    return fail(ErrorCode::too_large, "single_host", Error::kNoOffset, "longer than it may be");
  }
  for (const auto& [text, field] : {std::pair{&config.credentials.user, "user"}, std::pair{&config.credentials.domain, "domain"},
                                    std::pair{&config.workstation, "workstation"}}) {
    if (text->size() > kMaxNameBytes)
      return fail(ErrorCode::too_large, field, Error::kNoOffset, "longer than a name may be");  // R17
  }
  const bool anonymous = config.response == ResponseKind::anonymous;
  if (config.credentials.user.empty() && !anonymous) {
    return fail(ErrorCode::invalid_input, "user", Error::kNoOffset, "a user name is needed");
  }
  if (!config.credentials.user.empty() && anonymous) {
    return fail(ErrorCode::invalid_input, "user", Error::kNoOffset, "an anonymous logon has no user");
  }
  if (needs_lm_hash(config.response) && !config.credentials.danger_lm_hash) {
    return fail(ErrorCode::invalid_input, "danger_lm_hash", Error::kNoOffset, "this response is made from an LM hash");
  }
  const bool offers_lm_keys =
      config.offered.has(NegotiateFlag::lm_key) || config.offered.has(NegotiateFlag::request_non_nt_session_key);
  if (offers_lm_keys && config.lm_keys == LmKeys::refused) {
    return fail(ErrorCode::invalid_input, "offered", Error::kNoOffset, "LM_KEY and REQUEST_NON_NT_SESSION_KEY are dangerous");
  }
  return {};
}

Result<AwaitingChallenge> Initiator::start(InitiatorConfig config) {
  POSTERN_CHECK(check(config));
  wire::NegotiateMessage negotiate;
  negotiate.flags = config.offered;
  if (config.offered.has(NegotiateFlag::version)) negotiate.version = kVersion;
  AwaitingChallenge next;
  POSTERN_TRY(written, negotiate.write());
  next.negotiate_ = std::move(written);
  next.config_ = std::move(config);
  return next;
}

Result<AwaitingChallenge> Initiator::start_datagram(InitiatorConfig config) {
  POSTERN_CHECK(check(config));
  AwaitingChallenge next;
  config.offered = config.offered.with(NegotiateFlag::datagram).with(NegotiateFlag::key_exchange);
  config.required = config.required.with(NegotiateFlag::datagram).with(NegotiateFlag::key_exchange);
  next.config_ = std::move(config);
  return next;
}

Result<ClientEstablished> AwaitingChallenge::on_challenge(ByteView challenge_bytes, InitiatorRandom random, FileTime now) && {
  POSTERN_TRY(challenge, wire::ChallengeMessage::parse(challenge_bytes));
  POSTERN_CHECK(refuse_own_challenge(challenge, config_));
  const NegotiateFlags negotiated = agree(config_.offered, challenge.flags);
  const NegotiateFlags missing{config_.required.wire() & ~negotiated.wire()};
  if (missing.wire() != 0) {
    return fail(ErrorCode::policy, "CHALLENGE.NegotiateFlags", Error::kNoOffset,
                "the server does not offer what is required: " + missing.to_hex());
  }
  POSTERN_TRY(target_info, answer_target_info(challenge, config_, now));
  POSTERN_TRY(names, names_of(config_, charset_of(negotiated)));
  POSTERN_TRY(responses, responses_of(config_, challenge, negotiated, names, target_info, random.client_challenge));

  ClientEstablished done;
  done.negotiated_ = negotiated;
  // Only an NTLMv2 response carries the MsvAvFlags that announce a MIC.
  done.sent_mic_ = target_info.sends_mic && config_.response == ResponseKind::ntlm_v2;
  ExportedSessionKey encrypted_random_session_key;
  wire::AuthenticateMessage message;
  if (negotiated.has(NegotiateFlag::key_exchange)) {
    encrypted_random_session_key = exchange_key(responses.key_exchange_key, random.random_session_key.reveal());
    message.encrypted_random_session_key = encrypted_random_session_key.reveal();
    done.exported_session_key_ = std::move(random.random_session_key);
  } else {
    done.exported_session_key_ = ExportedSessionKey{responses.key_exchange_key.reveal()};
  }

  message.user_name = names.user;
  message.domain_name = names.domain;
  message.workstation = names.workstation;
  message.flags = negotiated.with_if(config_.response == ResponseKind::anonymous, NegotiateFlag::anonymous);
  message.charset = charset_of(negotiated);
  message.lm_response = responses.lm;
  message.nt_response = responses.nt;
  if (negotiated.has(NegotiateFlag::version)) message.version = kVersion;
  if (done.sent_mic_) message.mic.emplace();
  POSTERN_TRY(written, message.write());
  done.authenticate_ = std::move(written);
  if (done.sent_mic_) {
    const wire::Mic mic = compute_mic(done.exported_session_key_, negotiate_, challenge_bytes, done.authenticate_);
    std::ranges::copy(mic.bytes(), done.authenticate_.begin() + wire::AuthenticateMessage::kMicOffset);
  }
  return done;
}

}  // namespace postern::ntlm
