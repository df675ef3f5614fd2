#include "ntlm/acceptor.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "crypto/md5_lanes.hpp"
#include "crypto/rc4_many.hpp"
#include "wire/av_pairs.hpp"

namespace postern::ntlm {
namespace {

using wire::AvFlag;
using wire::AvId;
using wire::Charset;
using wire::NegotiateFlag;
using wire::NegotiateFlags;
using wire::ResponseVersion;

constexpr std::size_t kSingleHostMachineIdOffset = 16;  // MS-NLMP 2.2.2.2: Size, Z4, CustomData, MachineID
constexpr std::size_t kSingleHostMachineIdBytes = 32;
constexpr std::size_t kUsualTargetInfoBytes = 256;  // names of usual length; more is no error

/// The flags that are ours only if the client offered them (S3).
constexpr NegotiateFlag kTakenIfOffered[] = {
    NegotiateFlag::request_target,
    NegotiateFlag::sign,
    NegotiateFlag::seal,
    NegotiateFlag::always_sign,
    NegotiateFlag::extended_session_security,
    NegotiateFlag::identify,
    NegotiateFlag::version,
    NegotiateFlag::key_128,
    NegotiateFlag::key_exchange,
    NegotiateFlag::key_56,
};

/// What a server offers that speaks first: all that the library has and that is not weak.
constexpr NegotiateFlags kDatagramOffer = NegotiateFlags{}
                                              .with(NegotiateFlag::unicode)
                                              .with(NegotiateFlag::sign)
                                              .with(NegotiateFlag::seal)
                                              .with(NegotiateFlag::always_sign)
                                              .with(NegotiateFlag::extended_session_security)
                                              .with(NegotiateFlag::version)
                                              .with(NegotiateFlag::key_128)
                                              .with(NegotiateFlag::key_exchange)
                                              .with(NegotiateFlag::key_56);

Result<Bytes> encode_text(std::string_view text, Charset charset, CodePage page, std::string_view field) {
  return charset == Charset::unicode ? utf8_to_utf16le(text, field) : utf8_to_oem(text, page, field);
}

Result<std::string> decode_text(ByteView text, Charset charset, CodePage page, std::string_view field) {
  return charset == Charset::unicode ? utf16le_to_utf8(text, field) : oem_to_utf8(text, page, field);
}

Result<Bytes> target_info_of(const ServerNames& names, FileTime now) {
  wire::AvPairsBuilder builder{kUsualTargetInfoBytes};
  // The order in which Windows and Samba write them.
  const std::pair<AvId, const std::string*> rows[] = {{AvId::nb_domain_name, &names.nb_domain},
                                                      {AvId::nb_computer_name, &names.nb_computer},
                                                      {AvId::dns_domain_name, &names.dns_domain},
                                                      {AvId::dns_computer_name, &names.dns_computer},
                                                      {AvId::dns_tree_name, &names.dns_tree}};
  for (const auto& [id, name] : rows) {
    const bool may_be_absent = id != AvId::nb_domain_name && id != AvId::nb_computer_name;
    if (name->empty() && may_be_absent) continue;
    if (name->size() > kMaxServerNameBytes)
      return fail(ErrorCode::too_large, wire::name_of(id), Error::kNoOffset, "a name too long");
    POSTERN_CHECK(builder.add_text(id, *name));
  }
  builder.add_timestamp(now);
  return std::move(builder).finish();
}

MicState announced_mic_state(const wire::AvPairs& av_pairs, const std::optional<wire::Mic>& mic) {
  const bool is_zero = mic && std::ranges::all_of(mic->bytes(), [](std::uint8_t byte) { return byte == 0; });
  if (av_pairs.has(AvFlag::mic_present)) return !mic || is_zero ? MicState::announced_missing : MicState::present;
  return mic && is_zero ? MicState::zero : MicState::absent;
}

}  // namespace

std::string_view name_of(MicState state) {
  switch (state) {
    case MicState::not_applicable: return "not-applicable";
    case MicState::absent: return "absent";
    case MicState::zero: return "zero";
    case MicState::announced_missing: return "announced-missing";
    case MicState::present: return "present";
    case MicState::verified: return "verified";
    case MicState::wrong: return "wrong";
  }
  return "wrong";
}

std::string_view name_of(BindingState state) {
  switch (state) {
    case BindingState::not_applicable: return "not-applicable";
    case BindingState::absent: return "absent";
    case BindingState::zero: return "zero";
    case BindingState::present: return "present";
    case BindingState::matched: return "matched";
    case BindingState::mismatched: return "mismatched";
  }
  return "mismatched";
}

NegotiateFlags choose_flags(NegotiateFlags offered, TargetType target_type, LmKeys lm_keys) {
  NegotiateFlags chosen;
  chosen = chosen.with(offered.has(NegotiateFlag::unicode) ? NegotiateFlag::unicode : NegotiateFlag::oem);
  for (const NegotiateFlag flag : kTakenIfOffered) {
    if (offered.has(flag)) chosen = chosen.with(flag);
  }
  if (lm_keys == LmKeys::danger_agreed && !chosen.has(NegotiateFlag::extended_session_security)) {
    for (const NegotiateFlag flag : {NegotiateFlag::lm_key, NegotiateFlag::request_non_nt_session_key}) {
      if (offered.has(flag)) chosen = chosen.with(flag);
    }
  }
  // A MIC comes only from who gets target info, and many who can make one do not ask for it: it is sent unasked (S3).
  return chosen.with(NegotiateFlag::ntlm)
      .with(NegotiateFlag::target_info)
      .with(target_type == TargetType::domain ? NegotiateFlag::target_type_domain : NegotiateFlag::target_type_server);
}

Result<AwaitingAuthenticate> Acceptor::on_negotiate(ByteView negotiate, const AcceptorConfig& config,
                                                    const wire::ServerChallenge& server_challenge, FileTime now) {
  POSTERN_TRY(offer, wire::NegotiateMessage::parse(negotiate));
  return challenge(negotiate, choose_flags(offer.flags, config.target_type, config.lm_keys), config, server_challenge, now);
}

Result<AwaitingAuthenticate> Acceptor::start_datagram(const AcceptorConfig& config, const wire::ServerChallenge& server_challenge,
                                                      FileTime now) {
  const NegotiateFlags flags = choose_flags(kDatagramOffer, config.target_type).with(NegotiateFlag::datagram);
  return challenge({}, flags, config, server_challenge, now);
}

Result<AwaitingAuthenticate> Acceptor::challenge(ByteView negotiate, NegotiateFlags flags, const AcceptorConfig& config,
                                                 const wire::ServerChallenge& server_challenge, FileTime now) {
  wire::ChallengeMessage challenge;
  challenge.flags = flags;
  challenge.server_challenge = server_challenge;
  if (challenge.flags.has(NegotiateFlag::version)) challenge.version = wire::Version{10, 0, 0, wire::Version::kNtlmRevisionCurrent};
  const std::string& target = config.target_type == TargetType::domain ? config.names.nb_domain : config.names.nb_computer;
  POSTERN_TRY(target_name, encode_text(target, charset_of(challenge.flags), config.oem_code_page, "CHALLENGE.TargetName"));
  POSTERN_TRY(target_info, target_info_of(config.names, now));
  challenge.target_name = target_name;
  challenge.target_info = target_info;

  AwaitingAuthenticate next;
  POSTERN_TRY(written, challenge.write());
  next.challenge_ = std::move(written);
  next.negotiate_ = to_bytes(negotiate);
  next.server_challenge_ = server_challenge;
  next.negotiated_ = challenge.flags;
  next.required_ = config.required;
  next.oem_code_page_ = config.oem_code_page;
  return next;
}

Result<AwaitingAuthenticate> danger_await_recorded(const RecordedExchange& exchange) {
  AwaitingAuthenticate next;
  next.server_challenge_ = exchange.server_challenge;
  if (!exchange.challenge.empty()) {
    POSTERN_TRY(challenge, wire::ChallengeMessage::parse(exchange.challenge));
    next.server_challenge_ = challenge.server_challenge;
    next.negotiated_ = challenge.flags;
  }
  next.negotiate_ = to_bytes(exchange.negotiate);
  next.challenge_ = to_bytes(exchange.challenge);
  next.oem_code_page_ = exchange.oem_code_page;
  return next;
}

Result<PendingVerification> AwaitingAuthenticate::on_authenticate(ByteView message) && {
  PendingVerification pending;
  pending.authenticate_ = to_bytes(message);
  pending.negotiate_ = std::move(negotiate_);
  pending.challenge_ = std::move(challenge_);
  POSTERN_TRY(authenticate, wire::AuthenticateMessage::parse(pending.authenticate_, negotiated_));
  pending.negotiated_ = negotiated_.value_or(authenticate.flags);
  if (pending.negotiated_.has(NegotiateFlag::datagram)) {
    // Nobody has answered an offer yet: the client takes of ours what it wants.
    for (const NegotiateFlag flag : kTakenIfOffered) {
      if (!authenticate.flags.has(flag)) pending.negotiated_ = pending.negotiated_.without(flag);
    }
    if (!key_exchange_is_effective(pending.negotiated_, authenticate.encrypted_random_session_key)) {
      return fail(ErrorCode::malformed, "AUTHENTICATE.EncryptedRandomSessionKey", Error::kNoOffset,
                  "a connectionless handshake exchanges a key");
    }
  }
  pending.message_ = authenticate;

  const NegotiateFlags missing{required_.wire() & ~pending.negotiated_.wire()};
  if (missing.wire() != 0) {
    return fail(ErrorCode::policy, "NegotiateFlags", Error::kNoOffset,
                "the client does not offer what this service requires: " + missing.to_hex());
  }

  const Charset charset = authenticate.charset;
  const auto text = [&](ByteView bytes, std::string_view field) { return decode_text(bytes, charset, oem_code_page_, field); };
  Claims& claims = pending.claims_;
  POSTERN_TRY(user, text(authenticate.user_name, "AUTHENTICATE.UserName"));
  POSTERN_TRY(domain, text(authenticate.domain_name, "AUTHENTICATE.DomainName"));
  POSTERN_TRY(workstation, text(authenticate.workstation, "AUTHENTICATE.Workstation"));
  POSTERN_TRY(version, wire::response_version(authenticate));
  claims.user = std::move(user);
  claims.domain = std::move(domain);
  claims.workstation = std::move(workstation);
  claims.version = version;

  VerificationRequest& request = pending.request_;
  request.version = version;
  request.server_challenge = server_challenge_;
  request.negotiated = pending.negotiated_;
  request.nt_response = authenticate.nt_response;
  request.lm_response = authenticate.lm_response;
  if (charset == Charset::unicode) {
    request.user_utf16 = authenticate.user_name;
    request.domain_utf16 = authenticate.domain_name;
  } else {
    POSTERN_CHECK(append_utf16le(pending.wide_names_, claims.user, "AUTHENTICATE.UserName"));
    const std::size_t user_bytes = pending.wide_names_.size();
    POSTERN_CHECK(append_utf16le(pending.wide_names_, claims.domain, "AUTHENTICATE.DomainName"));
    request.user_utf16 = ByteView{pending.wide_names_}.first(user_bytes);
    request.domain_utf16 = ByteView{pending.wide_names_}.subspan(user_bytes);
  }

  if (version == ResponseVersion::ntlm_v2) {
    POSTERN_TRY(response, wire::Ntlmv2Response::parse(authenticate.nt_response, authenticate.nt_response_offset));
    const wire::AvPairs& av_pairs = response.av_pairs;
    claims.client_time = response.time;
    claims.mic = announced_mic_state(av_pairs, authenticate.mic);
    claims.untrusted_spn = av_pairs.has(AvFlag::untrusted_spn);
    if (const auto hash = av_pairs.find(AvId::channel_bindings)) {
      claims.channel_binding.emplace(hash->first<ChannelBindingHash::kSize>());
    }
    if (const auto spn = av_pairs.find(AvId::target_name)) {
      POSTERN_TRY(name, utf16le_to_utf8(*spn, "MsvAvTargetName"));
      claims.spn = std::move(name);
    }
    if (const auto host = av_pairs.find(AvId::single_host);
        host && host->size() >= kSingleHostMachineIdOffset + kSingleHostMachineIdBytes) {
      claims.machine_id = to_bytes(host->subspan(kSingleHostMachineIdOffset, kSingleHostMachineIdBytes));
    }
  }
  return pending;
}

ByteView PendingVerification::proof() const {
  if (request_.version != ResponseVersion::ntlm_v2) return {};
  return request_.nt_response.first(wire::kNtProofBytes);
}

BindingState PendingVerification::binding_state(std::span<const ChannelBindingHash> accepted) const {
  if (request_.version != ResponseVersion::ntlm_v2) return BindingState::not_applicable;
  if (!claims_.channel_binding) return BindingState::absent;
  const auto sent = claims_.channel_binding->bytes();
  if (std::ranges::all_of(sent, [](std::uint8_t byte) { return byte == 0; })) return BindingState::zero;
  if (accepted.empty()) return BindingState::present;
  bool matched = false;
  for (const ChannelBindingHash& hash : accepted) matched = constant_time_equal(hash.bytes(), sent) || matched;
  return matched ? BindingState::matched : BindingState::mismatched;
}

Result<ResponseVerified> PendingVerification::verify(const NtHash& nt_hash, VersionSet allowed,
                                                     const ResponseKeyNt* response_key) const {
  MicRequest mic{negotiate_, challenge_, authenticate_, {}};
  if (claims_.mic == MicState::present && can_check_mic()) {
    if (key_exchange_is_effective(negotiated_, message_.encrypted_random_session_key)) {
      mic.encrypted_random_session_key = message_.encrypted_random_session_key;
    }
    return verify_response_and_mic(request_, mic, nt_hash, allowed, response_key);
  }
  return response_key == nullptr ? verify_response(request_, nt_hash, allowed)
                                 : verify_response(request_, nt_hash, allowed, *response_key);
}

ExportedSessionKey PendingVerification::exported_session_key(const ResponseVerified& verified) const {
  if (const auto* known = known_mic(verified)) return known->exported_session_key.duplicate();
  if (key_exchange_is_effective(negotiated_, message_.encrypted_random_session_key)) {
    return exchange_key(verified.key_exchange_key(), message_.encrypted_random_session_key);
  }
  return ExportedSessionKey{verified.key_exchange_key().reveal()};
}

Result<MicProof> PendingVerification::judge_mic(const wire::Mic& expected, ExportedSessionKey key) const {
  if (!constant_time_equal(expected.bytes(), message_.mic->bytes())) {
    return fail(ErrorCode::mic_wrong, "AUTHENTICATE.MIC", wire::AuthenticateMessage::kMicOffset,
                "the messages were altered on their way");
  }
  return MicProof{MicVerified{std::move(key)}};
}

std::vector<Result<MicProof>> prove_mics(std::span<const MicItem> items) {
  std::vector<Result<MicProof>> outcomes;
  outcomes.reserve(items.size());
  std::vector<std::size_t> in_lanes;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].pending->has_mic_to_check(*items[i].verified)) {
      in_lanes.push_back(i);
      outcomes.push_back(fail(ErrorCode::internal, "not judged yet"));
    } else {
      outcomes.push_back(items[i].pending->prove_mic(*items[i].verified, items[i].waiver));
    }
  }

  const std::size_t count = in_lanes.size();
  std::vector<ExportedSessionKey> keys(count);
  std::vector<crypto::Rc4Job> exchanges;
  for (std::size_t k = 0; k < count; ++k) {
    const MicItem& item = items[in_lanes[k]];
    const ByteView encrypted = item.pending->message_.encrypted_random_session_key;
    if (key_exchange_is_effective(item.pending->negotiated_, encrypted)) {
      exchanges.push_back({item.verified->key_exchange_key().reveal(), encrypted, keys[k].reveal_for_writing()});
    } else {
      keys[k] = item.pending->exported_session_key(*item.verified);
    }
  }
  crypto::rc4_many(exchanges);

  std::vector<ByteView> key_bytes(count);
  for (std::size_t k = 0; k < count; ++k) key_bytes[k] = keys[k].reveal();
  std::vector<std::optional<crypto::HmacMd5Key>> prepared(count);
  crypto::hmac_md5_keys_many(key_bytes, prepared);
  std::vector<MicParts> parts;
  parts.reserve(count);
  std::vector<crypto::HmacMd5Job> jobs(count);
  for (std::size_t k = 0; k < count; ++k) {
    const PendingVerification& pending = *items[in_lanes[k]].pending;
    parts.push_back(mic_parts(pending.negotiate_, pending.challenge_, pending.authenticate_));
    jobs[k] = {&*prepared[k], parts.back(), {}};
  }
  crypto::hmac_md5_many(jobs);
  for (std::size_t k = 0; k < count; ++k) {
    outcomes[in_lanes[k]] = items[in_lanes[k]].pending->judge_mic(wire::Mic{jobs[k].mac}, std::move(keys[k]));
  }
  return outcomes;
}

Result<MicProof> PendingVerification::prove_mic(const ResponseVerified& verified, std::optional<Waiver> waiver) const {
  if (verified.standing() == Standing::danger_guest && waiver) return MicProof{MicNotRequired{*waiver}};  // there is no key for it
  switch (claims_.mic) {
    case MicState::present: {
      if (!can_check_mic()) return fail(ErrorCode::unsupported, "MIC", Error::kNoOffset, "the other two messages are needed");
      ExportedSessionKey key = exported_session_key(verified);
      if (const auto* known = known_mic(verified)) return judge_mic(known->expected, std::move(key));
      const wire::Mic expected = compute_mic(key, negotiate_, challenge_, authenticate_);
      return judge_mic(expected, std::move(key));
    }
    case MicState::announced_missing:
      return fail(ErrorCode::mic_wrong, "AUTHENTICATE.MIC", wire::AuthenticateMessage::kMicOffset,
                  "MsvAvFlags announces a MIC and none is there");
    default: break;
  }
  if (!waiver) return fail(ErrorCode::mic_wrong, "AUTHENTICATE.MIC", Error::kNoOffset, "a MIC is required and none is announced");
  return MicProof{MicNotRequired{*waiver}};
}

Result<BindingsProof> PendingVerification::prove_bindings(std::span<const ChannelBindingHash> accepted,
                                                          std::optional<Waiver> waiver) const {
  if (binding_state(accepted) == BindingState::matched) return BindingsProof{BindingsVerified{}};
  if (!waiver) {
    return fail(ErrorCode::bindings_wrong, "MsvAvChannelBindings", Error::kNoOffset,
                "channel bindings are " + std::string{name_of(binding_state(accepted))});
  }
  return BindingsProof{BindingsNotRequired{*waiver}};
}

Established PendingVerification::establish(ResponseVerified verified, MicProof mic, BindingsProof, TargetNameProof,
                                           LogonAllowed) && {
  if (!verified.is_of(request_)) std::abort();
  auto* mic_verified = std::get_if<MicVerified>(&mic);
  if (mic_verified != nullptr) claims_.mic = MicState::verified;
  if (verified.standing() == Standing::danger_guest) {
    const NegotiateFlags keyless =
        negotiated_.without(NegotiateFlag::sign).without(NegotiateFlag::seal).without(NegotiateFlag::key_exchange);
    return Established{std::move(claims_), verified, keyless, ExportedSessionKey{}};
  }
  ExportedSessionKey key =
      mic_verified != nullptr ? std::move(mic_verified->exported_session_key_) : exported_session_key(verified);
  return Established{std::move(claims_), verified, negotiated_, std::move(key)};
}

}  // namespace postern::ntlm
