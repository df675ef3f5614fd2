// The first byte chooses the charset that the server negotiated, if any; the rest is the message.
#include <optional>

#include "invariant.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

using namespace postern;
using wire::AuthenticateMessage;
using wire::NegotiateFlag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::optional<wire::NegotiateFlags> negotiated;
  if ((data[0] & 3) != 0) negotiated.emplace(data[0] & 3);
  const ByteView input{data + 1, size - 1};
  wire::Anomalies anomalies;
  const auto tolerant = AuthenticateMessage::parse(input, negotiated, &anomalies);
  const auto strict = AuthenticateMessage::parse(input, negotiated);
  POSTERN_INVARIANT(strict.has_value() == (tolerant.has_value() && anomalies.empty()));
  if (!tolerant) return 0;
  for (const ByteView field : {tolerant->lm_response, tolerant->nt_response, tolerant->domain_name, tolerant->user_name,
                               tolerant->workstation, tolerant->encrypted_random_session_key}) {
    POSTERN_INVARIANT(fuzz::inside(field, input));
  }
  const auto version = wire::response_version(*tolerant);
  if (version && *version == wire::ResponseVersion::ntlm_v2) {
    wire::Anomalies response_anomalies;
    const auto response = wire::Ntlmv2Response::parse(tolerant->nt_response, tolerant->nt_response_offset, &response_anomalies);
    const auto strict_response = wire::Ntlmv2Response::parse(tolerant->nt_response, tolerant->nt_response_offset);
    POSTERN_INVARIANT(strict_response.has_value() == (response.has_value() && response_anomalies.empty()));
    if (response) {
      POSTERN_INVARIANT(response->nt_proof_str.size() + response->blob.size() == tolerant->nt_response.size());
      POSTERN_INVARIANT(fuzz::inside(response->av_pairs.pairs(), response->blob));
    }
  }
  const auto written = tolerant->write();
  if (!written) return 0;
  wire::Anomalies again_anomalies;
  const auto again = AuthenticateMessage::parse(*written, negotiated, &again_anomalies);
  POSTERN_INVARIANT(again.has_value() && anomalies.size() == again_anomalies.size());
  POSTERN_INVARIANT(fuzz::same(again->lm_response, tolerant->lm_response) && fuzz::same(again->nt_response, tolerant->nt_response));
  POSTERN_INVARIANT(fuzz::same(again->domain_name, tolerant->domain_name) && fuzz::same(again->user_name, tolerant->user_name));
  POSTERN_INVARIANT(fuzz::same(again->workstation, tolerant->workstation));
  POSTERN_INVARIANT(fuzz::same(again->encrypted_random_session_key, tolerant->encrypted_random_session_key));
  POSTERN_INVARIANT(again->version == tolerant->version && again->charset == tolerant->charset);
  return 0;
}
