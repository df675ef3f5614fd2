#include "ntlm/verification.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "crypto/hmac_md5_run.hpp"
#include "crypto/md5_lanes.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/responses.hpp"

namespace postern::ntlm {
namespace {

using wire::ResponseVersion;

/// The least that a verifiable NTLMv2 response has: proof, the blob's fixed part and MsvAvEOL.
constexpr std::size_t kMinNtlmv2Bytes = wire::kNtProofBytes + wire::Ntlmv2Response::kAvPairsOffset + wire::AvPairs::kHeaderBytes;

/// MD4 of nothing: the hash of the empty password.
constexpr std::array<std::uint8_t, NtHash::kSize> kEmptyPasswordHash{0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31,
                                                                     0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};

/// True for the empty password, and for the zero that a hash never read is: neither lets anybody in (R8).
bool is_no_password(const NtHash& nt_hash) {
  const bool is_empty = constant_time_equal(nt_hash.reveal(), kEmptyPasswordHash);
  return constant_time_is_zero(nt_hash.reveal()) || is_empty;
}

std::unexpected<Error> wrong_password() {
  return fail(ErrorCode::wrong_password, "the response does not prove the account's password");
}

/// A request can come from elsewhere than our parser, so its sizes are looked at here as well (R13).
std::unexpected<Error> wrong_lm_size() {
  return fail(ErrorCode::malformed, "AUTHENTICATE.LmChallengeResponse", Error::kNoOffset, "not of 24 bytes");
}

}  // namespace

ResponseVerified::ResponseVerified(const VerificationRequest& request, ResponseVersion version, KeyExchangeKey key,
                                   Standing standing)
    : version_{version}, standing_{standing}, fingerprint_{fingerprint_of(request)}, key_exchange_key_{std::move(key)} {}

ResponseVerified::Fingerprint ResponseVerified::fingerprint_of(const VerificationRequest& request) {
  Fingerprint fingerprint{};
  const auto challenge = request.server_challenge.bytes();
  std::ranges::copy(challenge, fingerprint.begin());
  const ByteView response = request.nt_response.empty() ? request.lm_response : request.nt_response;
  std::ranges::copy(response.first(std::min(response.size(), fingerprint.size() - challenge.size())),
                    fingerprint.begin() + challenge.size());
  return fingerprint;
}

bool ResponseVerified::is_of(const VerificationRequest& request) const { return fingerprint_ == fingerprint_of(request); }

/// The comparison itself. `lm_hash` is null wherever none is at hand.
class Verifier {
 public:
  Verifier(const VerificationRequest& request, const NtHash& nt_hash, const LmHash* lm_hash, VersionSet allowed,
           const ResponseKeyNt* response_key = nullptr, const MicRequest* mic = nullptr)
      : request_{request}, nt_hash_{nt_hash}, lm_hash_{lm_hash}, response_key_{response_key}, mic_{mic}, allowed_{allowed} {}

  Result<ResponseVerified> verify() const {
    switch (request_.version) {
      case ResponseVersion::ntlm_v2: return allowed_.has(ResponseVersion::ntlm_v2) ? ntlm_v2() : not_allowed();
      case ResponseVersion::ntlm_v1: return allowed_.has(ResponseVersion::ntlm_v1) ? ntlm_v1() : not_allowed();
      case ResponseVersion::ntlm_v1_ess: return allowed_.has(ResponseVersion::ntlm_v1_ess) ? ntlm_v1_ess() : not_allowed();
      case ResponseVersion::lm:
      case ResponseVersion::lm_v2: return lm_or_lm_v2();
      case ResponseVersion::anonymous: return fail(ErrorCode::wrong_password, "an anonymous logon proves no password");
    }
    return not_allowed();
  }

  /// For NTLMv2 responses whose proof and key were computed elsewhere, among many.
  [[nodiscard]] bool is_for_lanes() const {
    return request_.version == ResponseVersion::ntlm_v2 && allowed_.has(ResponseVersion::ntlm_v2) &&
           request_.nt_response.size() >= kMinNtlmv2Bytes;
  }
  [[nodiscard]] Result<ResponseVerified> judge_ntlm_v2(const NtProofStr& proof, const SessionBaseKey& session_base_key) const {
    if (!proves(proof, request_.nt_response.first(wire::kNtProofBytes))) return wrong_password();
    return verified(ResponseVersion::ntlm_v2, session_base_key);
  }

  static ResponseVerified unproved(const VerificationRequest& request, Standing standing) {
    return ResponseVerified{request, request.version, KeyExchangeKey{}, standing};
  }

 private:
  std::unexpected<Error> not_allowed() const {
    return fail(ErrorCode::policy, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset,
                "a response of kind " + std::string{wire::name_of(request_.version)} + " is not accepted here");
  }
  /// Asked beside the comparison and not before it, so that every refusal does the same work (R37).
  bool proves(ByteView expected, ByteView sent) const {
    const bool equal = constant_time_equal(expected, sent);
    return !is_no_password(nt_hash_) && equal;
  }
  ResponseVerified verified(ResponseVersion version, KeyExchangeKey key) const {
    return ResponseVerified{request_, version, std::move(key), Standing::proved};
  }
  ResponseVerified verified(ResponseVersion version, const SessionBaseKey& key) const {
    return verified(version, KeyExchangeKey{key.reveal()});
  }

  Result<ResponseVerified> ntlm_v2() const {
    if (request_.nt_response.size() < kMinNtlmv2Bytes) {
      return fail(ErrorCode::malformed, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset, "too short for NTLMv2");
    }
    if (response_key_ != nullptr) return ntlm_v2(*response_key_);
    return ntlm_v2(ResponseKeyNt{nt_hash_, request_.user_utf16, request_.domain_utf16});
  }
  Result<ResponseVerified> ntlm_v2(const ResponseKeyNt& key) const {
    // The keys hang on the proof. It came with the response, so they are made of that one, beside the proof that it is compared
    // with; if the two differ the keys are nobody's, and are forgotten.
    const ByteView sent = request_.nt_response.first(wire::kNtProofBytes);
    const std::array proof_parts{ByteView{request_.server_challenge.bytes()}, request_.nt_response.subspan(wire::kNtProofBytes)};
    crypto::HmacMd5Run proof{key.hmac_key(), proof_parts};
    crypto::Digest base = crypto::HmacMd5Run{key.hmac_key(), {&sent, 1}}.finish_beside(proof);
    const SessionBaseKey session_base_key{base};
    wipe(base);
    std::optional<ResponseVerified::Mic> mic;
    if (mic_ != nullptr) mic = mic_beside(proof, KeyExchangeKey{session_base_key.reveal()});
    auto expected = proof.finish();
    auto verified = judge_ntlm_v2(expected, session_base_key);
    wipe(expected);  // of a wrong password it is a right one's twin: enough to search with
    if (verified) verified->mic_ = std::move(mic);
    return verified;
  }
  ResponseVerified::Mic mic_beside(crypto::HmacMd5Run& proof, const KeyExchangeKey& key) const {
    const ByteView encrypted = mic_->encrypted_random_session_key;
    ExportedSessionKey exported = encrypted.empty() ? ExportedSessionKey{key.reveal()} : exchange_key(key, encrypted);
    const crypto::HmacMd5Key mic_key{exported.reveal()};
    crypto::HmacMd5Run mic{mic_key, mic_parts(mic_->negotiate, mic_->challenge, mic_->authenticate)};
    return {std::move(exported), wire::Mic{mic.finish_beside(proof)}};
  }

  Result<ResponseVerified> ntlm_v1() const {
    const V1Response response = desl(nt_hash_.reveal(), request_.server_challenge.bytes());
    if (!proves(response, request_.nt_response)) return wrong_password();
    POSTERN_TRY(key,
                danger_key_exchange_key_v1(request_.negotiated, session_base_key_v1(nt_hash_), request_.lm_response, lm_hash_));
    return verified(ResponseVersion::ntlm_v1, std::move(key));
  }

  Result<ResponseVerified> ntlm_v1_ess() const {
    if (request_.lm_response.size() != wire::kV1ResponseBytes) return wrong_lm_size();
    const auto client_challenge = request_.lm_response.first<ClientChallenge::kSize>();
    const V1Response response = desl(nt_hash_.reveal(), ess_challenge(request_.server_challenge, client_challenge));
    if (!proves(response, request_.nt_response)) return wrong_password();
    return verified(ResponseVersion::ntlm_v1_ess,
                    key_exchange_key_v1_ess(session_base_key_v1(nt_hash_), request_.server_challenge, client_challenge));
  }

  /// 24 bytes in the LM field alone are one or the other: which, shows only where one is equal.
  Result<ResponseVerified> lm_or_lm_v2() const {
    const bool may_be_lm = lm_hash_ != nullptr && allowed_.has(ResponseVersion::lm);
    const bool may_be_lm_v2 = allowed_.has(ResponseVersion::lm_v2);
    if (!may_be_lm && !may_be_lm_v2) return not_allowed();
    if (request_.lm_response.size() != wire::kV1ResponseBytes) return wrong_lm_size();
    if (may_be_lm_v2) {
      const ResponseKeyNt key{nt_hash_, request_.user_utf16, request_.domain_utf16};
      const ClientChallenge client_challenge{request_.lm_response.last<ClientChallenge::kSize>()};
      const V1Response response = lmv2_response(key, request_.server_challenge, client_challenge);
      if (proves(response, request_.lm_response)) {
        return verified(ResponseVersion::lm_v2, session_base_key_v2(key, std::span{response}.first<16>()));
      }
    }
    if (may_be_lm && proves(desl(lm_hash_->reveal(), request_.server_challenge.bytes()), request_.lm_response)) {
      const wire::NegotiateFlags flags = danger_flags_of_lm_alone(request_.negotiated);
      POSTERN_TRY(key, danger_key_exchange_key_v1(flags, session_base_key_v1(nt_hash_), request_.lm_response, lm_hash_));
      return verified(ResponseVersion::lm, std::move(key));
    }
    return wrong_password();
  }

  const VerificationRequest& request_;
  const NtHash& nt_hash_;
  const LmHash* lm_hash_;
  const ResponseKeyNt* response_key_;
  const MicRequest* mic_;
  VersionSet allowed_;
};

Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash, VersionSet allowed) {
  return Verifier{request, nt_hash, nullptr, allowed}.verify();
}

Result<ResponseVerified> verify_response(const VerificationRequest& request, const NtHash& nt_hash, VersionSet allowed,
                                         const ResponseKeyNt& response_key) {
  return Verifier{request, nt_hash, nullptr, allowed, &response_key}.verify();
}

Result<ResponseVerified> verify_response_and_mic(const VerificationRequest& request, const MicRequest& mic, const NtHash& nt_hash,
                                                 VersionSet allowed, const ResponseKeyNt* response_key) {
  return Verifier{request, nt_hash, nullptr, allowed, response_key, &mic}.verify();
}

Result<ResponseVerified> danger_verify_response_with_lm(const VerificationRequest& request, const NtHash& nt_hash,
                                                        const LmHash& lm_hash, VersionSet allowed) {
  return Verifier{request, nt_hash, &lm_hash, allowed}.verify();
}

namespace {

/// One NTLMv2 request among many (MS-NLMP 3.3.2).
struct Lane {
  Bytes user_upper{};
  std::array<ByteView, 2> parts{};
  crypto::Digest digest{};  ///< ResponseKeyNT

  Lane() = default;
  Lane(Lane&&) = default;
  Lane& operator=(Lane&&) = default;
  ~Lane() { wipe(digest); }
};

/// `digest` of each lane becomes HMAC_MD5(key, parts) under the lane's own key.
void hmac_lanes(std::span<Lane> lanes, std::span<const ByteView> keys) {
  std::vector<std::optional<crypto::HmacMd5Key>> prepared(lanes.size());
  crypto::hmac_md5_keys_many(keys, prepared);
  std::vector<crypto::HmacMd5Job> jobs(lanes.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) jobs[i] = {&*prepared[i], lanes[i].parts, {}};
  crypto::hmac_md5_many(jobs);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    lanes[i].digest = jobs[i].mac;
    wipe(jobs[i].mac);
  }
}

}  // namespace

std::vector<Result<ResponseVerified>> verify_responses(std::span<const VerificationItem> items, VersionSet allowed) {
  std::vector<Result<ResponseVerified>> outcomes;
  outcomes.reserve(items.size());
  std::vector<std::size_t> in_lanes;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Verifier verifier{*items[i].request, *items[i].nt_hash, nullptr, allowed};
    if (verifier.is_for_lanes()) {
      in_lanes.push_back(i);
      outcomes.push_back(fail(ErrorCode::internal, "not judged yet"));
    } else {
      outcomes.push_back(verifier.verify());
    }
  }

  std::vector<Lane> lanes(in_lanes.size());
  std::vector<ByteView> keys(in_lanes.size());
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    const VerificationItem& item = items[in_lanes[k]];
    lanes[k].user_upper = to_bytes(item.request->user_utf16);
    upper_case_utf16le(lanes[k].user_upper);
    lanes[k].parts = {lanes[k].user_upper, item.request->domain_utf16};
    keys[k] = item.nt_hash->reveal();
  }
  hmac_lanes(lanes, keys);  // ResponseKeyNT

  std::vector<std::optional<crypto::HmacMd5Key>> response_keys(lanes.size());
  for (std::size_t k = 0; k < lanes.size(); ++k) keys[k] = lanes[k].digest;
  crypto::hmac_md5_keys_many(keys, response_keys);
  std::vector<crypto::HmacMd5Job> jobs(lanes.size());
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    const VerificationRequest& request = *items[in_lanes[k]].request;
    lanes[k].parts = {request.server_challenge.bytes(), request.nt_response.subspan(wire::kNtProofBytes)};
    jobs[k] = {&*response_keys[k], lanes[k].parts, {}};
  }
  crypto::hmac_md5_many(jobs);  // NTProofStr
  std::vector<NtProofStr> proofs(lanes.size());
  std::vector<ByteView> parts(lanes.size());
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    proofs[k] = jobs[k].mac;
    parts[k] = proofs[k];
    jobs[k] = {&*response_keys[k], {&parts[k], 1}, {}};
  }
  crypto::hmac_md5_many(jobs);  // SessionBaseKey
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    const VerificationItem& item = items[in_lanes[k]];
    const SessionBaseKey session_base_key{jobs[k].mac};
    wipe(jobs[k].mac);
    outcomes[in_lanes[k]] = Verifier{*item.request, *item.nt_hash, nullptr, allowed}.judge_ntlm_v2(proofs[k], session_base_key);
    wipe(proofs[k]);  // of a wrong password it is a right one's twin: enough to search with
  }
  return outcomes;
}

Result<ResponseVerified> danger_accept_anonymous(const VerificationRequest& request) {
  if (request.version != ResponseVersion::anonymous) {
    return fail(ErrorCode::malformed, "AUTHENTICATE.NtChallengeResponse", Error::kNoOffset, "not an anonymous logon");
  }
  return Verifier::unproved(request, Standing::danger_anonymous);
}

ResponseVerified danger_accept_guest(const VerificationRequest& request) {
  return Verifier::unproved(request, Standing::danger_guest);
}

}  // namespace postern::ntlm
