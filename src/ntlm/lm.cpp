#include "ntlm/lm.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "crypto/des.hpp"

namespace postern::ntlm {
namespace {

constexpr std::size_t kHalfBytes = 7;
constexpr std::array<std::uint8_t, 8> kMagic{'K', 'G', 'S', '!', '@', '#', '$', '%'};
/// What fills the second DES key of LM_KEY up (MS-NLMP 3.4.5.1).
constexpr std::uint8_t kFiller = 0xbd;

}  // namespace

Result<LmHash> danger_lm_hash_of_password(const SecretBytes& password_utf8, CodePage code_page) {
  if (password_utf8.empty()) return fail(ErrorCode::invalid_input, "password", Error::kNoOffset, "an empty password is refused");
  std::string upper = upper_case_utf8(password_utf8.reveal_text());
  auto oem = utf8_to_oem(upper, code_page, "password");
  wipe(upper.data(), upper.size());
  if (!oem) return std::unexpected{std::move(oem).error()};
  std::array<std::uint8_t, kMaxLmPasswordBytes> halves{};
  const bool fits = oem->size() <= halves.size();
  if (fits) std::ranges::copy(*oem, halves.begin());
  wipe(*oem);
  if (!fits) return fail(ErrorCode::invalid_input, "password", Error::kNoOffset, "over 14 characters: it has no LM hash");
  LmHash hash;
  const std::span<const std::uint8_t, kMaxLmPasswordBytes> keys{halves};
  std::ranges::copy(crypto::des_encrypt(keys.first<kHalfBytes>(), kMagic), hash.reveal_for_writing().begin());
  std::ranges::copy(crypto::des_encrypt(keys.last<kHalfBytes>(), kMagic), hash.reveal_for_writing().begin() + kMagic.size());
  wipe(halves);
  return hash;
}

Result<KeyExchangeKey> danger_key_exchange_key_v1(wire::NegotiateFlags negotiated, const SessionBaseKey& session_base_key,
                                                  ByteView lm_response, const LmHash* lm_hash) {
  const bool lm_key = negotiated.has(wire::NegotiateFlag::lm_key);
  if (!lm_key && !negotiated.has(wire::NegotiateFlag::request_non_nt_session_key)) {
    return KeyExchangeKey{session_base_key.reveal()};
  }
  if (lm_hash == nullptr) {
    return fail(ErrorCode::unsupported, "NegotiateFlags", Error::kNoOffset,
                "the session key hangs on an LM hash, and none is there");
  }
  KeyExchangeKey key;
  const auto out = key.reveal_for_writing();
  const auto hash = lm_hash->reveal();
  if (!lm_key) {
    std::copy_n(hash.begin(), 8, out.begin());
    return key;
  }
  if (lm_response.size() < 8) {
    return fail(ErrorCode::malformed, "AUTHENTICATE.LmChallengeResponse", Error::kNoOffset, "LM_KEY without an LM response");
  }
  const auto block = lm_response.first<8>();
  std::array<std::uint8_t, kHalfBytes> second{};
  second.fill(kFiller);
  second[0] = hash[kHalfBytes];
  std::ranges::copy(crypto::des_encrypt(hash.first<kHalfBytes>(), block), out.begin());
  std::ranges::copy(crypto::des_encrypt(std::span<const std::uint8_t, kHalfBytes>{second}, block), out.begin() + 8);
  wipe(second);
  return key;
}

}  // namespace postern::ntlm
