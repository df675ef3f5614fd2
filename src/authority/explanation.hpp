// From a denial of the policy to what an edge is told of it.
#pragma once

#include <optional>

#include "event/facts.hpp"
#include "ntlm/authority_protocol.hpp"
#include "policy/evaluate.hpp"

namespace postern::authority {

/// A decision with its cure, each text cut at ntlm::kMaxExplanationBytes.
[[nodiscard]] ntlm::Explanation explanation_of(const event::PolicyDecision& decision, const event::Facts& facts);

/// Sets `decided` to the decisive entry, and `told` to what the client may know of it (policy::told_of), if anything.
void explain(ntlm::Verdict& verdict, const policy::Decisions& decisions, policy::Stage judged, const event::Facts& facts);

}  // namespace postern::authority
