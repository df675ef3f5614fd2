#include "invariant.hpp"
#include "wire/av_pairs.hpp"

using namespace postern;
using wire::AvPairs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  wire::Anomalies anomalies;
  const auto tolerant = AvPairs::parse(input, "list", 0, &anomalies);
  const auto strict = AvPairs::parse(input, "list");
  POSTERN_INVARIANT(strict.has_value() == (tolerant.has_value() && anomalies.empty()));
  if (!tolerant) return 0;
  POSTERN_INVARIANT(fuzz::inside(tolerant->pairs(), input));
  wire::AvPairsBuilder builder;
  tolerant->for_each([&](wire::AvPair pair) {
    POSTERN_INVARIANT(fuzz::inside(pair.value, input) && tolerant->find(pair.id).has_value());
    builder.add(pair.id, pair.value);
  });
  const Bytes written = std::move(builder).finish();
  POSTERN_INVARIANT(fuzz::same(ByteView{written}.first(written.size() - AvPairs::kHeaderBytes), tolerant->pairs()));
  const auto again = AvPairs::parse(written, "list", 0, &anomalies);
  POSTERN_INVARIANT(again.has_value() && fuzz::same(again->pairs(), tolerant->pairs()));
  POSTERN_INVARIANT(again->flags() == tolerant->flags() && again->timestamp() == tolerant->timestamp());
  if (strict) POSTERN_INVARIANT(AvPairs::parse(written, "list").has_value());
  return 0;
}
