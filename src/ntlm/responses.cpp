#include "ntlm/responses.hpp"

#include <algorithm>

#include "base/writer.hpp"
#include "crypto/des.hpp"
#include "crypto/hmac_md5.hpp"
#include "crypto/md4.hpp"
#include "crypto/md5.hpp"

namespace postern::ntlm {
namespace {

/// Moves a digest into the secret type that names its meaning, and wipes the digest.
template <typename Key>
Key into_key(crypto::Digest digest) {
  Key key{digest};
  wipe(digest);
  return key;
}

}  // namespace

V1Response desl(std::span<const std::uint8_t, 16> key, std::span<const std::uint8_t, 8> data) {
  std::array<std::uint8_t, 21> filled{};
  std::ranges::copy(key, filled.begin());
  V1Response response{};
  const std::span<const std::uint8_t, 21> keys{filled};
  std::ranges::copy(crypto::des_encrypt(keys.subspan<0, 7>(), data), response.begin());
  std::ranges::copy(crypto::des_encrypt(keys.subspan<7, 7>(), data), response.begin() + 8);
  std::ranges::copy(crypto::des_encrypt(keys.subspan<14, 7>(), data), response.begin() + 16);
  wipe(filled);
  return response;
}

NtProofStr nt_proof_str(const ResponseKeyNt& key, const wire::ServerChallenge& server_challenge, ByteView temp) {
  return crypto::hmac_md5(key.hmac_key(), {server_challenge.bytes(), temp});
}

SessionBaseKey session_base_key_v2(const ResponseKeyNt& key, std::span<const std::uint8_t, 16> proof) {
  return into_key<SessionBaseKey>(crypto::hmac_md5(key.hmac_key(), {proof}));
}

Bytes ntlmv2_client_challenge(FileTime time, const ClientChallenge& client_challenge, ByteView av_pairs) {
  constexpr std::uint8_t kRespType = 1;
  constexpr std::size_t kTailBytes = 4;
  Writer out{28 + av_pairs.size() + kTailBytes};
  out.u8(kRespType);
  out.u8(kRespType);  // HiRespType
  out.zeros(6);
  out.u64(time.ticks());
  out.bytes(client_challenge.bytes());
  out.zeros(4);
  out.bytes(av_pairs);
  out.zeros(kTailBytes);
  return std::move(out).take();
}

V1Response lmv2_response(const ResponseKeyNt& key, const wire::ServerChallenge& server_challenge,
                         const ClientChallenge& client_challenge) {
  const auto proof = crypto::hmac_md5(key.hmac_key(), {server_challenge.bytes(), client_challenge.bytes()});
  V1Response response{};
  std::ranges::copy(proof, response.begin());
  std::ranges::copy(client_challenge.bytes(), response.begin() + 16);
  return response;
}

std::array<std::uint8_t, 8> ess_challenge(const wire::ServerChallenge& server_challenge,
                                          std::span<const std::uint8_t, 8> client_challenge) {
  crypto::Md5 md5;
  md5.update(server_challenge.bytes());
  md5.update(client_challenge);
  const auto digest = md5.finish();
  std::array<std::uint8_t, 8> challenge{};
  std::copy_n(digest.begin(), challenge.size(), challenge.begin());
  return challenge;
}

SessionBaseKey session_base_key_v1(const NtHash& nt_hash) {
  return into_key<SessionBaseKey>(crypto::Md4::digest(nt_hash.reveal()));
}

KeyExchangeKey key_exchange_key_v1_ess(const SessionBaseKey& session_base_key, const wire::ServerChallenge& server_challenge,
                                       std::span<const std::uint8_t, 8> client_challenge) {
  return into_key<KeyExchangeKey>(crypto::hmac_md5(session_base_key.reveal(), {server_challenge.bytes(), client_challenge}));
}

}  // namespace postern::ntlm
