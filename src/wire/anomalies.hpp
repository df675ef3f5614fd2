// What to do with bytes that the specification forbids and that can still be read.
#pragma once

#include <utility>
#include <vector>

#include "base/result.hpp"

namespace postern::wire {

/// Collects anomalies where the caller wants a reading all the same (the sensor). A handshake passes none, and the first anomaly
/// is the parse's error.
using Anomalies = std::vector<Error>;

/// Records `error` and goes on, or refuses.
inline Result<void> tolerate(Anomalies* anomalies, Error error) {
  if (anomalies == nullptr) return std::unexpected{std::move(error)};
  anomalies->push_back(std::move(error));
  return {};
}

}  // namespace postern::wire
