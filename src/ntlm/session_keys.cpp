#include "ntlm/session_keys.hpp"

#include <array>
#include <cassert>
#include <string_view>

#include "crypto/hmac_md5.hpp"
#include "crypto/md5.hpp"
#include "crypto/rc4.hpp"

namespace postern::ntlm {
namespace {

using wire::NegotiateFlag;
using wire::NegotiateFlags;

// MS-NLMP 3.4.5.2 and 3.4.5.3: the constants include their terminating zero byte.
constexpr std::string_view kClientSigning{"session key to client-to-server signing key magic constant\0", 59};
constexpr std::string_view kServerSigning{"session key to server-to-client signing key magic constant\0", 59};
constexpr std::string_view kClientSealing{"session key to client-to-server sealing key magic constant\0", 59};
constexpr std::string_view kServerSealing{"session key to server-to-client sealing key magic constant\0", 59};

constexpr std::size_t kMac56Bytes = 7;
constexpr std::size_t kMac40Bytes = 5;

}  // namespace

bool key_exchange_is_effective(NegotiateFlags negotiated, ByteView encrypted_random_session_key) {
  return negotiated.has(NegotiateFlag::key_exchange) &&
         encrypted_random_session_key.size() == wire::AuthenticateMessage::kSessionKeyBytes;
}

ExportedSessionKey exchange_key(const KeyExchangeKey& key_exchange_key, ByteView key) {
  assert(key.size() == ExportedSessionKey::kSize);
  ExportedSessionKey result;
  crypto::Rc4{key_exchange_key.reveal()}.apply(key, result.reveal_for_writing());
  return result;
}

SigningKey signing_key(const ExportedSessionKey& exported_session_key, Direction direction) {
  crypto::Md5 md5;
  md5.update(exported_session_key.reveal());
  md5.update(as_bytes(direction == Direction::client_to_server ? kClientSigning : kServerSigning));
  auto digest = md5.finish();
  SigningKey key{digest};
  wipe(digest);
  return key;
}

SecretBytes sealing_key(NegotiateFlags negotiated, const ExportedSessionKey& exported_session_key, Direction direction) {
  const auto whole = exported_session_key.reveal();
  if (negotiated.has(NegotiateFlag::extended_session_security)) {
    const std::size_t strength = negotiated.has(NegotiateFlag::key_128)  ? whole.size()
                                 : negotiated.has(NegotiateFlag::key_56) ? kMac56Bytes
                                                                         : kMac40Bytes;
    crypto::Md5 md5;
    md5.update(whole.first(strength));
    md5.update(as_bytes(direction == Direction::client_to_server ? kClientSealing : kServerSealing));
    auto digest = md5.finish();
    SecretBytes key{ByteView{digest}};
    wipe(digest);
    return key;
  }
  if (!negotiated.has(NegotiateFlag::lm_key)) return SecretBytes{ByteView{whole}};
  // LM_KEY: a key of 56 or 40 bits, filled up with the specification's constants.
  std::array<std::uint8_t, 8> weak{};
  if (negotiated.has(NegotiateFlag::key_56)) {
    std::copy_n(whole.begin(), kMac56Bytes, weak.begin());
    weak[7] = 0xa0;
  } else {
    std::copy_n(whole.begin(), kMac40Bytes, weak.begin());
    weak[5] = 0xe5;
    weak[6] = 0x38;
    weak[7] = 0xb0;
  }
  SecretBytes key{ByteView{weak}};
  wipe(weak);
  return key;
}

MicParts mic_parts(ByteView negotiate, ByteView challenge, ByteView authenticate) {
  constexpr std::size_t kMicOffset = wire::AuthenticateMessage::kMicOffset;
  constexpr std::size_t kMicEnd = kMicOffset + wire::kMicBytes;
  assert(authenticate.size() >= kMicEnd);
  static constexpr std::array<std::uint8_t, wire::kMicBytes> kZeros{};
  return {negotiate, challenge, authenticate.first(kMicOffset), kZeros, authenticate.subspan(kMicEnd)};
}

wire::Mic compute_mic(const ExportedSessionKey& exported_session_key, ByteView negotiate, ByteView challenge,
                      ByteView authenticate) {
  crypto::HmacMd5 mac{crypto::HmacMd5Key{exported_session_key.reveal()}};
  for (const ByteView part : mic_parts(negotiate, challenge, authenticate)) mac.update(part);
  return wire::Mic{mac.finish()};
}

}  // namespace postern::ntlm
