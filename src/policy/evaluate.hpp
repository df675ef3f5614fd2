// evaluate: what a policy says to the facts of one logon. A pure function: the running authority and what-if share it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/nt_status.hpp"
#include "event/facts.hpp"
#include "policy/policy.hpp"

namespace postern::policy {

using event::Decision;
using event::Point;
using event::PolicyDecision;
using event::Stage;

/// At which of the four points the policy is asked: each of them may be another machine with a policy of its own.
class Points {
 public:
  constexpr Points(std::initializer_list<Point> points) {
    for (const Point point : points) bits_ = static_cast<std::uint8_t>(bits_ | bit(point));
  }
  /// What Postern's authority decides: it is the server, its domain controller and where the account is.
  [[nodiscard]] static constexpr Points authority() { return {Point::server, Point::server_dc, Point::account_dc}; }
  [[nodiscard]] static constexpr Points client() { return {Point::client}; }
  [[nodiscard]] static constexpr Points all() { return {Point::client, Point::server, Point::server_dc, Point::account_dc}; }
  [[nodiscard]] constexpr bool has(Point point) const { return (bits_ & bit(point)) != 0; }
  bool operator==(const Points&) const = default;

 private:
  static constexpr unsigned bit(Point point) { return 1U << static_cast<unsigned>(point); }
  std::uint8_t bits_ = 0;
};

/// Whether the handshake may finish without that proof. `not_required` is what a "not required" proof token is minted from. An MIC
/// that the client announced is verified by the handshake in any case.
enum class Requirement : std::uint8_t { required, not_required };

/// What a verdict lets through: `deny` and `depends` let nobody in.
[[nodiscard]] constexpr bool lets_in(Decision verdict) { return verdict == Decision::allow || verdict == Decision::audit; }

/// What the policy said, without its reasons. Without facts to decide on a proof stays required.
struct Ruling {
  Decision verdict = Decision::allow;   ///< the decisive one; `allow` if no setting has a say
  NtStatus status = NtStatus::success;  ///< of the first denial
  Requirement mic = Requirement::required;
  Requirement bindings = Requirement::required;
  Requirement target_name = Requirement::required;
  [[nodiscard]] bool denied() const { return verdict == Decision::deny; }
  [[nodiscard]] bool allowed() const { return lets_in(verdict); }
  bool operator==(const Ruling&) const = default;
};

/// What the policy said, with what each setting said.
class Decisions {
 public:
  Decisions() = default;

  /// One entry for each setting that has a say at this stage or an earlier one: denials first, then `depends`, audits, allowances;
  /// among equals in the order in which the logon comes past them.
  [[nodiscard]] const std::vector<PolicyDecision>& entries() const& { return entries_; }
  /// By value from a temporary, so that `for (… : evaluate(…).entries())` holds what it walks.
  [[nodiscard]] std::vector<PolicyDecision> entries() && { return std::move(entries_); }
  [[nodiscard]] bool denied() const { return ruling_.denied(); }
  /// Nothing denies and nothing is undecided. A running authority lets nobody in on less at Stage::verified; earlier, `depends`
  /// means that verification has to tell.
  [[nodiscard]] bool allowed() const { return ruling_.allowed(); }
  /// The decision of the first entry; `allow` if no setting has a say.
  [[nodiscard]] Decision verdict() const { return ruling_.verdict; }
  [[nodiscard]] const Ruling& ruling() const { return ruling_; }

  [[nodiscard]] Requirement mic_requirement() const { return ruling_.mic; }
  [[nodiscard]] Requirement bindings_requirement() const { return ruling_.bindings; }
  [[nodiscard]] Requirement target_name_requirement() const { return ruling_.target_name; }

 private:
  friend Decisions evaluate(const Policy&, const event::Facts&, Stage, Points);

  std::vector<PolicyDecision> entries_{};
  Ruling ruling_{};
};

/// Evaluates every setting of those points whose stage is `stage` or earlier. At Stage::negotiate only the connection, the target
/// and the package are read; at Stage::response also the AUTHENTICATE message and the comparisons of bindings and target name; at
/// Stage::verified also the MIC's, the version as verification found it, the account and detection's findings. Facts of a Kerberos
/// logon meet no setting: no entries, everything not required.
[[nodiscard]] Decisions evaluate(const Policy& policy, const event::Facts& facts, Stage stage, Points points = Points::authority());

/// evaluate(…).ruling() without putting the entries together: for what only asks yes or no.
[[nodiscard]] Ruling rule(const Policy& policy, const event::Facts& facts, Stage stage, Points points = Points::authority());

/// Whether the verifier may try this kind of response at all. A 24-byte LM field is `lm` by shape and may turn out to be `lm_v2`:
/// ask for both.
[[nodiscard]] bool may_verify(const Policy& policy, event::NtlmVersion version);

/// What a client of one LmCompatibilityLevel answers a CHALLENGE with.
struct ClientBehaviour {
  enum class Responses : std::uint8_t { lm_and_ntlm_v1, ntlm_v1, ntlm_v2 };
  enum class SessionSecurity : std::uint8_t { never, if_negotiated };  ///< extended session security beside NTLMv1
  Responses responses = Responses::ntlm_v2;
  SessionSecurity session_security = SessionSecurity::if_negotiated;
  bool operator==(const ClientBehaviour&) const = default;
};
[[nodiscard]] ClientBehaviour client_behaviour(LmCompatibilityLevel level);

/// The status that a denial ends with; success for anything but `deny`.
[[nodiscard]] NtStatus status_for(const PolicyDecision& decision);
/// Of the decisive entry.
[[nodiscard]] NtStatus status_for(const Decisions& decisions);

}  // namespace postern::policy
