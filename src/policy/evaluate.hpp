// evaluate: what a policy says to the facts of one logon. A pure function: the running authority and what-if share it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/nt_status.hpp"
#include "event/facts.hpp"
#include "policy/policy.hpp"

namespace postern::policy {

using event::Decision;
using event::PolicyDecision;
using event::Stage;

/// Whether the handshake may finish without that proof. `not_required` is what a "not required" proof token is minted from. An MIC
/// that the client announced is verified by the handshake in any case.
enum class Requirement : std::uint8_t { required, not_required };

/// What the policy said. Without facts to decide on a proof stays required.
class Decisions {
 public:
  Decisions() = default;

  /// One entry for each setting that has a say at this stage or an earlier one: denials first, then `depends`, audits, allowances.
  [[nodiscard]] const std::vector<PolicyDecision>& entries() const& { return entries_; }
  /// By value from a temporary, so that `for (… : evaluate(…).entries())` holds what it walks.
  [[nodiscard]] std::vector<PolicyDecision> entries() && { return std::move(entries_); }
  [[nodiscard]] bool denied() const { return verdict() == Decision::deny; }
  /// Nothing denies and nothing is undecided. A running authority lets nobody in on less at Stage::verified; earlier, `depends`
  /// means that verification has to tell.
  [[nodiscard]] bool allowed() const { return verdict() == Decision::allow || verdict() == Decision::audit; }
  /// The decision of the first entry; `allow` if no setting has a say.
  [[nodiscard]] Decision verdict() const { return entries_.empty() ? Decision::allow : entries_.front().decision; }

  [[nodiscard]] Requirement mic_requirement() const { return mic_; }
  [[nodiscard]] Requirement bindings_requirement() const { return bindings_; }
  [[nodiscard]] Requirement target_name_requirement() const { return target_name_; }

 private:
  friend Decisions evaluate(const Policy&, const event::Facts&, Stage);

  std::vector<PolicyDecision> entries_{};
  Requirement mic_ = Requirement::required;
  Requirement bindings_ = Requirement::required;
  Requirement target_name_ = Requirement::required;
};

/// Evaluates every setting whose stage is `stage` or earlier. At Stage::negotiate only the connection and package are read; at
/// Stage::response also the AUTHENTICATE message and the comparisons of bindings and target name; at Stage::verified also the MIC's
/// and the version as verification found them. Facts of a Kerberos logon meet no setting: no entries, everything not required.
[[nodiscard]] Decisions evaluate(const Policy& policy, const event::Facts& facts, Stage stage);

/// Whether the verifier may try this kind of response at all. A 24-byte LM field is `lm` by shape and may turn out to be `lm_v2`:
/// ask for both.
[[nodiscard]] bool may_verify(const Policy& policy, event::NtlmVersion version);

/// The status that a denial ends with; success for anything but `deny`.
[[nodiscard]] NtStatus status_for(const PolicyDecision& decision);
/// Of the decisive entry.
[[nodiscard]] NtStatus status_for(const Decisions& decisions);

}  // namespace postern::policy
