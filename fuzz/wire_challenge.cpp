#include "invariant.hpp"
#include "wire/messages.hpp"

using namespace postern;
using wire::ChallengeMessage;
using wire::NegotiateFlag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  wire::Anomalies anomalies;
  const auto tolerant = ChallengeMessage::parse(input, &anomalies);
  const auto strict = ChallengeMessage::parse(input);
  POSTERN_INVARIANT(strict.has_value() == (tolerant.has_value() && anomalies.empty()));
  if (!tolerant) return 0;
  POSTERN_INVARIANT(fuzz::inside(tolerant->target_name, input) && fuzz::inside(tolerant->target_info, input));
  const auto written = tolerant->write();
  if (!written) return 0;
  wire::Anomalies again_anomalies;
  const auto again = ChallengeMessage::parse(*written, &again_anomalies);
  POSTERN_INVARIANT(again.has_value() && anomalies.size() == again_anomalies.size());
  POSTERN_INVARIANT(fuzz::same(again->target_name, tolerant->target_name) && fuzz::same(again->target_info, tolerant->target_info));
  POSTERN_INVARIANT(again->server_challenge == tolerant->server_challenge && again->version == tolerant->version);
  POSTERN_INVARIANT(again->flags == tolerant->flags.with_if(tolerant->version.has_value(), NegotiateFlag::version));
  return 0;
}
