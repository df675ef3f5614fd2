// predict() where only some of the four points are one's own: an authority is never the client.
#pragma once

#include "advise/what_if.hpp"
#include "policy/evaluate.hpp"

namespace postern::advise {

/// As `predict`, which asks at all four points.
[[nodiscard]] Prediction predict_at(policy::Points points, const policy::Policy& policy, const event::LogonEvent& event);

}  // namespace postern::advise
