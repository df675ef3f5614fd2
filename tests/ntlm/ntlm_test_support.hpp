// Shared by the tests of the ntlm room: names of the test's server and account, messages laid out byte by byte, and one call that
// runs an acceptor to its end.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "base/writer.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/responses.hpp"
#include "wire/av_pairs.hpp"

namespace postern::ntlm::testing_support {

inline Bytes hex(std::string_view text) { return from_hex(text).value(); }
inline Bytes utf16(std::string_view text) { return utf8_to_utf16le(text, "test").value(); }

template <typename Fixed>
Fixed fixed(std::string_view hex_text) {
  const Bytes bytes = hex(hex_text);
  return Fixed{std::span<const std::uint8_t, Fixed::kSize>{bytes}};
}

inline NtHash hash_of(std::string_view password) { return nt_hash_of_password(SecretBytes{password}).value(); }

// ---- the server and the account of the tests ---------------------------------------------------------------------------------

inline constexpr std::string_view kUser = "alice";
inline constexpr std::string_view kDomain = "EXAMPLE";
inline constexpr std::string_view kPassword = "Correct.Horse.1";
inline constexpr std::string_view kWrongPassword = "Correct.Horse.2";
inline constexpr FileTime kNow{133'000'000'000'000'000};
inline constexpr Waiver kMicWaiver{"RequireMic", "never"};
inline constexpr Waiver kBindingsWaiver{"ExtendedProtection", "never"};
inline constexpr Waiver kTargetNameWaiver{"TargetNameCheck", "never"};
inline constexpr VersionSet kEveryVersion{wire::ResponseVersion::anonymous, wire::ResponseVersion::lm,
                                          wire::ResponseVersion::ntlm_v1,   wire::ResponseVersion::ntlm_v1_ess,
                                          wire::ResponseVersion::lm_v2,     wire::ResponseVersion::ntlm_v2};

inline const wire::ServerChallenge& server_challenge() {
  static const wire::ServerChallenge challenge = fixed<wire::ServerChallenge>("0011223344556677");
  return challenge;
}
inline const ClientChallenge& client_challenge() {
  static const ClientChallenge challenge = fixed<ClientChallenge>("8899aabbccddeeff");
  return challenge;
}
inline const NtHash& right_hash() {
  static const NtHash hash = hash_of(kPassword);
  return hash;
}
inline const NtHash& wrong_hash() {
  static const NtHash hash = hash_of(kWrongPassword);
  return hash;
}

inline AcceptorConfig server_config() {
  AcceptorConfig config;
  config.names = {"WEB1", std::string{kDomain}, "web1.example.org", "example.org", "example.org"};
  return config;
}

/// A NEGOTIATE of 32 bytes, as most HTTP clients send it (peers.md S1).
inline Bytes negotiate_of(wire::NegotiateFlags flags) {
  Writer out;
  out.bytes(as_bytes(std::string_view{"NTLMSSP\0", 8}));
  out.u32(1);
  out.u32(flags.wire());
  out.zeros(16);
  return std::move(out).take();
}

inline AwaitingAuthenticate begin(wire::NegotiateFlags offered, const AcceptorConfig& config = server_config()) {
  return Acceptor::on_negotiate(negotiate_of(offered), config, server_challenge(), kNow).value();
}

// ---- an AUTHENTICATE in any layout -------------------------------------------------------------------------------------------

struct RawAuthenticate {
  wire::NegotiateFlags flags{};
  Bytes lm{};
  Bytes nt{};
  Bytes domain{};
  Bytes user{};
  Bytes workstation{};
  Bytes key{};
  std::size_t payload_offset = 88;  ///< 64: no VERSION; 72: VERSION and no MIC; 88: both, as zeros

  [[nodiscard]] Bytes write() const {
    Writer out;
    out.bytes(as_bytes(std::string_view{"NTLMSSP\0", 8}));
    out.u32(3);
    std::size_t at = payload_offset;
    const auto place = [&at](const Bytes& bytes) { return std::exchange(at, at + bytes.size()); };
    const std::size_t domain_at = place(domain), user_at = place(user), workstation_at = place(workstation), lm_at = place(lm),
                      nt_at = place(nt), key_at = place(key);
    const auto field = [&out](const Bytes& bytes, std::size_t offset) {
      out.u16(static_cast<std::uint16_t>(bytes.size()));
      out.u16(static_cast<std::uint16_t>(bytes.size()));
      out.u32(static_cast<std::uint32_t>(offset));
    };
    field(lm, lm_at);
    field(nt, nt_at);
    field(domain, domain_at);
    field(user, user_at);
    field(workstation, workstation_at);
    field(key, key_at);
    out.u32(flags.wire());
    out.zeros(payload_offset - out.size());
    for (const Bytes* bytes : {&domain, &user, &workstation, &lm, &nt, &key}) out.bytes(*bytes);
    return std::move(out).take();
  }
};

/// What stands behind the proof in an NTLMv2 response: `tail` follows MsvAvEOL (peers.md S11).
inline Bytes v2_blob(ByteView av_pairs, std::size_t tail_bytes = 4, FileTime time = kNow) {
  Writer out;
  out.u8(1);
  out.u8(1);
  out.zeros(6);
  out.u64(time.ticks());
  out.bytes(client_challenge().bytes());
  out.zeros(4);
  out.bytes(av_pairs);
  out.zeros(tail_bytes);
  return std::move(out).take();
}

inline ResponseKeyNt response_key(const NtHash& hash, std::string_view user = kUser, std::string_view domain = kDomain) {
  return ResponseKeyNt{hash, utf16(user), utf16(domain)};
}

struct V2Response {
  Bytes response;
  KeyExchangeKey key_exchange_key;
};
inline V2Response v2_response(const ResponseKeyNt& key, ByteView blob,
                              const wire::ServerChallenge& challenge = server_challenge()) {
  const NtProofStr proof = nt_proof_str(key, challenge, blob);
  Bytes response{proof.begin(), proof.end()};
  response.insert(response.end(), blob.begin(), blob.end());
  const SessionBaseKey base = session_base_key_v2(key, proof);
  return {std::move(response), KeyExchangeKey{base.reveal()}};
}

/// Computes the MIC over the three messages and puts it where it belongs.
inline void put_mic(Bytes& authenticate, const ExportedSessionKey& key, ByteView negotiate, ByteView challenge) {
  const wire::Mic mic = compute_mic(key, negotiate, challenge, authenticate);
  std::ranges::copy(mic.bytes(), authenticate.begin() + wire::AuthenticateMessage::kMicOffset);
}

// ---- to the end --------------------------------------------------------------------------------------------------------------

struct Demands {
  VersionSet versions = kNtlmv2Only;
  std::optional<Waiver> mic_waiver = kMicWaiver;
  std::vector<ChannelBindingHash> bindings{};
  std::optional<Waiver> bindings_waiver = kBindingsWaiver;
  const LmHash* lm_hash = nullptr;
};

inline Result<Established> finish(PendingVerification pending, const NtHash& hash, const Demands& demands = {}) {
  POSTERN_TRY(verified, demands.lm_hash == nullptr
                            ? verify_response(pending.request(), hash, demands.versions)
                            : danger_verify_response_with_lm(pending.request(), hash, *demands.lm_hash, demands.versions));
  POSTERN_TRY(mic, pending.prove_mic(verified, demands.mic_waiver));
  POSTERN_TRY(bindings, pending.prove_bindings(demands.bindings, demands.bindings_waiver));
  return std::move(pending).establish(std::move(verified), std::move(mic), std::move(bindings),
                                      TargetNameNotRequired{kTargetNameWaiver}, LogonAllowed{"test"});
}
inline Result<Established> finish(AwaitingAuthenticate awaiting, ByteView authenticate, const NtHash& hash,
                                  const Demands& demands = {}) {
  POSTERN_TRY(pending, std::move(awaiting).on_authenticate(authenticate));
  return finish(std::move(pending), hash, demands);
}

/// Every form that session security takes: with and without ESS, key exchange, LM_KEY, 128, 56, datagram.
inline std::vector<wire::NegotiateFlags> every_form() {
  using wire::NegotiateFlag;
  const NegotiateFlag switches[] = {NegotiateFlag::extended_session_security,
                                    NegotiateFlag::key_exchange,
                                    NegotiateFlag::lm_key,
                                    NegotiateFlag::key_128,
                                    NegotiateFlag::key_56,
                                    NegotiateFlag::datagram};
  std::vector<wire::NegotiateFlags> forms;
  for (unsigned bits = 0; bits < 64; ++bits) {
    wire::NegotiateFlags flags = wire::NegotiateFlags{}.with(NegotiateFlag::sign).with(NegotiateFlag::seal);
    for (unsigned i = 0; i < 6; ++i) flags = flags.with_if((bits >> i & 1) != 0, switches[i]);
    forms.push_back(flags);
  }
  return forms;
}

template <typename T>
std::string code_of(const Result<T>& result) {
  return result ? "accepted" : std::string{name_of(result.error().code)};
}

}  // namespace postern::ntlm::testing_support
