// The whole acceptor behind the proof: the input gives both messages, and the harness, which has the key, puts the right proof and
// the right MIC into them. The product has no way around either. Invariants: the right proof is accepted, and that with one bit
// changed, or with another key, is not; an announced MIC is verified or refused, never ignored (R7, R20).
#include <algorithm>

#include "acceptor_input.hpp"
#include "ntlm/responses.hpp"

namespace {

using namespace postern;
using namespace postern::ntlm;

constexpr Waiver kWaiver{"RequireMic", "never"};

Result<PendingVerification> run(ByteView negotiate, ByteView authenticate) {
  auto awaiting = Acceptor::on_negotiate(negotiate, fuzz::server(), fuzz::challenge_of(0x01), fuzz::kNow);
  if (!awaiting) return std::unexpected{awaiting.error()};
  return std::move(*awaiting).on_authenticate(authenticate);
}

Bytes challenge_for(ByteView negotiate) {
  return to_bytes(
      Acceptor::on_negotiate(negotiate, fuzz::server(), fuzz::challenge_of(0x01), fuzz::kNow).value().challenge_message());
}

/// Where the message has its NTLMv2 response.
std::size_t nt_offset(ByteView authenticate) {
  wire::Anomalies anomalies;  // the message's own flags may name another charset than the server chose
  return wire::AuthenticateMessage::parse(authenticate, std::nullopt, &anomalies).value().nt_response_offset;
}

void put_proof(Bytes& authenticate, const VerificationRequest& request) {
  const ResponseKeyNt key{fuzz::account_hash(), request.user_utf16, request.domain_utf16};
  const NtProofStr proof = nt_proof_str(key, request.server_challenge, request.nt_response.subspan(wire::kNtProofBytes));
  std::ranges::copy(proof, authenticate.begin() + static_cast<std::ptrdiff_t>(nt_offset(authenticate)));
}

std::array<std::uint8_t, 16> other_key() {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(fuzz::account_hash().reveal(), bytes.begin());
  bytes[15] ^= 1;
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exchange exchange = fuzz::split({data, size});
  Bytes authenticate = to_bytes(exchange.authenticate);
  auto first = run(exchange.negotiate, authenticate);
  if (!first || first->request().version != wire::ResponseVersion::ntlm_v2) return 0;

  // The proof covers what stands behind it. A field that lies over the proof changes with it, so not every message settles.
  put_proof(authenticate, first->request());
  auto second = run(exchange.negotiate, authenticate);
  if (!second || second->request().version != wire::ResponseVersion::ntlm_v2) return 0;
  const NtHash other{other_key()};
  fuzz::require(!verify_response(second->request(), other, fuzz::kEveryVersion));
  auto verified = verify_response(second->request(), fuzz::account_hash(), kNtlmv2Only);
  if (!verified) {
    Bytes again = authenticate;
    put_proof(again, second->request());
    fuzz::require(again != authenticate);  // a proof that is right as it stands is never refused
    return 0;
  }
  Bytes flipped = authenticate;
  flipped[nt_offset(flipped)] ^= 1;
  if (const auto third = run(exchange.negotiate, flipped)) {
    const bool same_names = std::ranges::equal(third->request().user_utf16, second->request().user_utf16) &&
                            std::ranges::equal(third->request().domain_utf16, second->request().domain_utf16);
    if (same_names) fuzz::require(!verify_response(third->request(), fuzz::account_hash(), fuzz::kEveryVersion));
  }

  const MicState mic = second->claims().mic;
  if (mic == MicState::announced_missing) {
    fuzz::require(!second->prove_mic(*verified, kWaiver));
    return 0;
  }
  if (mic == MicState::present) {
    const Bytes challenge = challenge_for(exchange.negotiate);
    const wire::Mic right = compute_mic(second->exported_session_key(*verified), exchange.negotiate, challenge, authenticate);
    std::ranges::copy(right.bytes(), authenticate.begin() + wire::AuthenticateMessage::kMicOffset);
    second = run(exchange.negotiate, authenticate);
    if (!second) return 0;  // the MIC lies over a header field that is out of use until then
    auto again = verify_response(second->request(), fuzz::account_hash(), kNtlmv2Only);
    if (!again || second->claims().mic != MicState::present) return 0;
    const auto proof = second->prove_mic(*again, std::nullopt);
    fuzz::require(proof.has_value() && std::holds_alternative<MicVerified>(*proof));
    Bytes altered = authenticate;
    altered[wire::AuthenticateMessage::kMicOffset] ^= 1;
    if (const auto changed = run(exchange.negotiate, altered)) fuzz::require(!changed->prove_mic(*again, kWaiver));
    verified = std::move(again);
  }
  auto mic_proof = second->prove_mic(*verified, kWaiver);
  fuzz::require(mic_proof.has_value());
  auto bindings = second->prove_bindings({}, kWaiver);
  fuzz::require(bindings.has_value() && std::holds_alternative<BindingsNotRequired>(*bindings));
  const Established done = std::move(*second).establish(std::move(*verified), std::move(*mic_proof), std::move(*bindings),
                                                        TargetNameNotRequired{kWaiver}, LogonAllowed{"fuzz"});
  fuzz::require(done.version() == wire::ResponseVersion::ntlm_v2);
  return 0;
}
