#include "invariant.hpp"
#include "wire/messages.hpp"

using namespace postern;
using wire::NegotiateFlag;
using wire::NegotiateMessage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  wire::Anomalies anomalies;
  const auto tolerant = NegotiateMessage::parse(input, &anomalies);
  const auto strict = NegotiateMessage::parse(input);
  POSTERN_INVARIANT(strict.has_value() == (tolerant.has_value() && anomalies.empty()));
  if (!tolerant) return 0;
  POSTERN_INVARIANT(fuzz::inside(tolerant->domain_name, input) && fuzz::inside(tolerant->workstation, input));
  const auto written = tolerant->write();
  if (!written) return 0;  // two fields that share bytes can name more than a message carries
  wire::Anomalies again_anomalies;
  const auto again = NegotiateMessage::parse(*written, &again_anomalies);
  POSTERN_INVARIANT(again.has_value() && anomalies.size() == again_anomalies.size());
  POSTERN_INVARIANT(fuzz::same(again->domain_name, tolerant->domain_name) && fuzz::same(again->workstation, tolerant->workstation));
  POSTERN_INVARIANT(again->version == tolerant->version);
  POSTERN_INVARIANT(again->flags == tolerant->flags.with_if(tolerant->version.has_value(), NegotiateFlag::version));
  return 0;
}
