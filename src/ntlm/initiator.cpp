#include "ntlm/initiator.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/av_pairs.hpp"

namespace postern::ntlm {
namespace {

using wire::AvFlag;
using wire::AvId;
using wire::Charset;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

constexpr wire::Version kVersion{10, 0, 0, wire::Version::kNtlmRevisionCurrent};

/// The pairs that speak for the client: what a server, or somebody on the way, puts under these ids is not ours to repeat (R21).
constexpr bool is_the_clients(AvId id) {
  return id == AvId::flags || id == AvId::single_host || id == AvId::target_name || id == AvId::channel_bindings;
}

/// What `answer_target_info` adds at most beside the target name's text: MsvAvFlags, MsvAvChannelBindings, MsvAvTargetName,
/// MsvAvEOL.
constexpr std::size_t kOwnPairsBytes =
    4 * wire::AvPairs::kHeaderBytes + wire::AvPairs::kFlagsBytes + wire::AvPairs::kChannelBindingsBytes;

struct TargetInfo {
  Bytes av_pairs;
  FileTime time;
  bool sends_mic;
};

/// MS-NLMP 3.1.5.1.2: the server's pairs, then ours. A server that sends its time gets MIC, bindings and target name.
Result<TargetInfo> answer_target_info(const wire::ChallengeMessage& challenge, const InitiatorConfig& config, FileTime now) {
  if (challenge.target_info.empty()) return TargetInfo{wire::AvPairsBuilder{}.finish(), now, false};
  POSTERN_TRY(offered, wire::AvPairs::parse(challenge.target_info, "CHALLENGE.TargetInfo", challenge.target_info_offset));
  wire::AvPairsBuilder builder{challenge.target_info.size() + kOwnPairsBytes + 2 * config.target_name.size()};
  offered.for_each([&builder](const wire::AvPair& pair) {
    if (!is_the_clients(pair.id)) builder.add(pair.id, pair.value);
  });
  const std::optional<FileTime> server_time = offered.timestamp();
  if (server_time) builder.add_flags(static_cast<std::uint32_t>(AvFlag::mic_present));
  if (server_time || config.channel_bindings) {
    builder.add(AvId::channel_bindings, config.channel_bindings.value_or(ChannelBindingHash{}).bytes());
  }
  if (!config.target_name.empty()) {
    POSTERN_TRY(target_name, utf8_to_utf16le(config.target_name, "MsvAvTargetName"));
    builder.add(AvId::target_name, target_name);
  }
  return TargetInfo{std::move(builder).finish(), server_time.value_or(now), server_time.has_value()};
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

}  // namespace

Result<AwaitingChallenge> Initiator::start(InitiatorConfig config) {
  if (config.target_name.size() > kMaxTargetNameBytes) {
    return fail(ErrorCode::too_large, "target_name", Error::kNoOffset, "longer than a target name may be");
  }
  for (const auto& [text, field] : {std::pair{&config.credentials.user, "user"}, std::pair{&config.credentials.domain, "domain"},
                                    std::pair{&config.workstation, "workstation"}}) {
    if (text->size() > kMaxNameBytes)
      return fail(ErrorCode::too_large, field, Error::kNoOffset, "longer than a name may be");  // R17
  }
  if (config.credentials.user.empty()) return fail(ErrorCode::invalid_input, "user", Error::kNoOffset, "a user name is needed");
  wire::NegotiateMessage negotiate;
  negotiate.flags = config.offered;
  if (config.offered.has(NegotiateFlag::version)) negotiate.version = kVersion;
  AwaitingChallenge next;
  POSTERN_TRY(written, negotiate.write());
  next.negotiate_ = std::move(written);
  next.config_ = std::move(config);
  return next;
}

Result<ClientEstablished> AwaitingChallenge::on_challenge(ByteView challenge_bytes, InitiatorRandom random, FileTime now) && {
  POSTERN_TRY(challenge, wire::ChallengeMessage::parse(challenge_bytes));
  const NegotiateFlags negotiated = agree(config_.offered, challenge.flags);
  const NegotiateFlags missing{config_.required.wire() & ~negotiated.wire()};
  if (missing.wire() != 0) {
    return fail(ErrorCode::policy, "CHALLENGE.NegotiateFlags", Error::kNoOffset,
                "the server does not offer what is required: " + missing.to_hex());
  }
  POSTERN_TRY(target_info, answer_target_info(challenge, config_, now));

  POSTERN_TRY(user_utf16, utf8_to_utf16le(config_.credentials.user, "user"));
  POSTERN_TRY(domain_utf16, utf8_to_utf16le(config_.credentials.domain, "domain"));
  POSTERN_TRY(workstation_utf16, utf8_to_utf16le(config_.workstation, "workstation"));
  const ResponseKeyNt key{config_.credentials.nt_hash, user_utf16, domain_utf16};

  const Bytes temp = ntlmv2_client_challenge(target_info.time, random.client_challenge, target_info.av_pairs);
  const NtProofStr proof = nt_proof_str(key, challenge.server_challenge, temp);
  Bytes nt_response;
  nt_response.reserve(proof.size() + temp.size());
  nt_response.assign(proof.begin(), proof.end());
  nt_response.insert(nt_response.end(), temp.begin(), temp.end());
  // With the server's time there is nothing that LMv2 would add: 24 zero bytes (MS-NLMP 3.1.5.1.2).
  const V1Response lm_response =
      target_info.sends_mic ? V1Response{} : lmv2_response(key, challenge.server_challenge, random.client_challenge);

  ClientEstablished done;
  done.negotiated_ = negotiated;
  done.sent_mic_ = target_info.sends_mic;
  const SessionBaseKey session_base_key = session_base_key_v2(key, proof);
  const KeyExchangeKey key_exchange_key{session_base_key.reveal()};
  ExportedSessionKey encrypted_random_session_key;
  wire::AuthenticateMessage message;
  if (negotiated.has(NegotiateFlag::key_exchange)) {
    encrypted_random_session_key = exchange_key(key_exchange_key, random.random_session_key.reveal());
    message.encrypted_random_session_key = encrypted_random_session_key.reveal();
    done.exported_session_key_ = std::move(random.random_session_key);
  } else {
    done.exported_session_key_ = ExportedSessionKey{key_exchange_key.reveal()};
  }

  message.user_name = user_utf16;
  message.domain_name = domain_utf16;
  message.workstation = workstation_utf16;
  Bytes oem[3];  // what the three views point at then
  if (charset_of(negotiated) == Charset::oem) {
    POSTERN_TRY(user_oem, utf8_to_oem(config_.credentials.user, config_.oem_code_page, "user"));
    POSTERN_TRY(domain_oem, utf8_to_oem(config_.credentials.domain, config_.oem_code_page, "domain"));
    POSTERN_TRY(workstation_oem, utf8_to_oem(config_.workstation, config_.oem_code_page, "workstation"));
    message.user_name = oem[0] = std::move(user_oem);
    message.domain_name = oem[1] = std::move(domain_oem);
    message.workstation = oem[2] = std::move(workstation_oem);
  }
  message.flags = negotiated;
  message.charset = charset_of(negotiated);
  message.lm_response = lm_response;
  message.nt_response = nt_response;
  if (negotiated.has(NegotiateFlag::version)) message.version = kVersion;
  if (target_info.sends_mic) message.mic.emplace();
  POSTERN_TRY(written, message.write());
  done.authenticate_ = std::move(written);
  if (target_info.sends_mic) {
    const wire::Mic mic = compute_mic(done.exported_session_key_, negotiate_, challenge_bytes, done.authenticate_);
    std::ranges::copy(mic.bytes(), done.authenticate_.begin() + wire::AuthenticateMessage::kMicOffset);
  }
  return done;
}

}  // namespace postern::ntlm
