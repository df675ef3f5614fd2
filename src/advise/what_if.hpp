// What-if: what a policy would have said to logons that are on record. The evaluator is the one that the running authority uses.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/nt_status.hpp"
#include "event/facts.hpp"
#include "event/logon_event.hpp"
#include "policy/policy.hpp"

namespace postern::advise {

/// The policy that holds for each event: that of the service it names, else the one for all others.
struct Policies {
  policy::Policy others{};
  std::map<std::string, policy::Policy, std::less<>> by_service{};
  [[nodiscard]] const policy::Policy& of(const event::LogonEvent& event) const;
};

/// What the policy changes for one recorded logon. An outcome that is unknown counts as a success: it may have been one.
enum class Effect : std::uint8_t {
  allowed,        ///< it succeeded, and would again
  audited,        ///< likewise, and a setting would remark on it
  newly_blocked,  ///< it succeeded, and would be blocked
  undecided,      ///< the facts do not say; the decision's `why` names what is missing
  still_blocked,  ///< it was blocked, and would be again
  released,       ///< it was blocked, and policy would let it through; whether the password was right may not be on record
  failed_anyway,  ///< it failed for a reason that is no policy
  not_ntlm,       ///< Kerberos: no setting has a say
};
inline constexpr std::size_t kEffects = 8;

struct Prediction {
  Effect effect = Effect::allowed;
  policy::Policy const* policy = nullptr;  ///< the one that was asked
  /// The decision that made it so: of a block the first that the logon would meet. Nothing for `allowed` and `not_ntlm`.
  std::optional<event::PolicyDecision> decisive{};
  NtStatus status = NtStatus::success;  ///< of a block: what it would end with
};

/// The facts of a recorded logon as its judge knew them at a stage: before Stage::verified an MIC is not verified, a lone LM field
/// is not known to be LMv2, and of the account there are only its name and kind.
[[nodiscard]] event::Facts facts_at(const event::LogonEvent& event, event::Stage stage);

/// Asks the policy at all four points. `policy` outlives what is returned.
[[nodiscard]] Prediction predict(const policy::Policy& policy, const event::LogonEvent& event);

inline constexpr std::size_t kMaxExamples = 3;
inline constexpr std::size_t kMaxGroups = 20'000;  ///< clients, accounts and servers, of each; the rest in one group "other"

/// One way in which logons end: the setting that decides, where, when, and how many.
struct Cause {
  Effect effect = Effect::newly_blocked;
  event::PolicyDecision decision{};  ///< `why` is that of the first
  NtStatus status = NtStatus::success;
  std::uint64_t events = 0;
  std::vector<std::string> examples{};  ///< ids of events, the first kMaxExamples
  bool operator==(const Cause&) const = default;
};

struct Group {
  std::string name{};  ///< as first seen; empty: unknown
  bool other = false;  ///< the bucket for what came when there were kMaxGroups
  std::array<std::uint64_t, kEffects> effects{};
  std::vector<Cause> causes{};  ///< all but `allowed`; most events first
  [[nodiscard]] std::uint64_t count(Effect effect) const { return effects[static_cast<std::size_t>(effect)]; }
  [[nodiscard]] std::uint64_t events() const;
  bool operator==(const Group&) const = default;
};

/// Newly blocked first, then undecided, then by name.
struct Report {
  Group all{};
  std::vector<Group> clients{}, accounts{}, servers{};
  std::uint64_t grouped_as_other = 0;  ///< events of which a name is in a bucket
  bool operator==(const Report&) const = default;
};

/// Takes events one by one, in bounded memory.
class WhatIf {
 public:
  explicit WhatIf(Policies policies, std::size_t max_groups = kMaxGroups);
  void add(const event::LogonEvent& event);
  [[nodiscard]] std::uint64_t events() const { return all_.events(); }
  [[nodiscard]] Report report() const;

 private:
  struct Tally {
    std::string name{};
    std::array<std::uint64_t, kEffects> effects{};
    /// Settings, stages and statuses are few: so are their combinations.
    std::vector<Cause> causes{};
    [[nodiscard]] std::uint64_t events() const;
    void add(const Prediction& prediction, const event::LogonEvent& event);
    [[nodiscard]] Group group() const;
  };
  struct Groups {
    std::map<std::string, Tally, std::less<>> by_name{};
    Tally other{};
    /// Whether the name had to go into the bucket.
    bool add(const std::string& name, std::size_t max, const Prediction& prediction, const event::LogonEvent& event);
    [[nodiscard]] std::vector<Group> sorted() const;
  };

  Policies policies_;
  std::size_t max_groups_;
  Tally all_{};
  Groups clients_{}, accounts_{}, servers_{};
  std::uint64_t grouped_as_other_ = 0;
};

/// WhatIf over a list.
[[nodiscard]] Report what_if(const Policies& policies, std::span<const event::LogonEvent> events);

}  // namespace postern::advise

namespace postern::event {
template <>
inline constexpr std::array<std::string_view, advise::kEffects> kNames<advise::Effect>{
    "allowed", "audited", "newly-blocked", "undecided", "still-blocked", "released", "failed-anyway", "not-ntlm"};
}  // namespace postern::event
