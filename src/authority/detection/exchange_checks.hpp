// What one exchange says by itself, without anything learned: relay, reflection, tools, accounts that must not use NTLM.
#pragma once

#include "authority/detection/findings.hpp"
#include "authority/detection/observation.hpp"

namespace postern::authority::detection {

void check_exchange(const Observation& observation, const Settings& settings, Found& found);

}  // namespace postern::authority::detection
