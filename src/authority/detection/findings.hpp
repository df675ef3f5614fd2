// The findings that the authority knows: their ids, what each says at worst, and its sentence. docs/detection.md is this list in
// prose.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/logon_event.hpp"

namespace postern::authority::detection {

enum class Id : std::uint8_t {
  // About the authority's own socket and table.
  service_not_allowed,
  unknown_challenge,
  backed_off,
  account_changed,
  old_password,
  // Relay.
  relay_server_names,
  relay_other_challenge,
  relay_target_class,
  relay_target_host,
  relay_bindings,
  response_replayed,
  mic_missing,
  mic_wrong,
  // Reflection.
  reflection_machine_id,
  reflection_own_account,
  reflection_own_name,
  reflection_own_address,
  reflection_marshalled_name,
  // Downgrade of somebody who did better before.
  downgrade_version,
  downgrade_mic,
  downgrade_bindings,
  downgrade_target_name,
  downgrade_session,
  downgrade_package,
  // Signs of a stolen hash.
  new_network,
  workstation_missing,
  workstation_random,
  machine_id_returned,
  machine_id_names,
  client_challenge_odd,
  client_challenge_repeated,
  tool_fingerprint,
  version_odd,
  kerberos_elsewhere,
  pass_the_hash,
  // Who must not use NTLM, or not from there.
  protected_user,
  canary,
  machine_account_foreign,
  // Guessing.
  password_spraying,
  sprayed_logon,
  password_guessing,
};

struct Known {
  Id id;
  std::string_view name;      ///< as in an event and in DenyFindings
  event::Severity worst;      ///< the highest that it is ever raised with
  std::string_view sentence;  ///< one line for a person
};

/// All of them, in the order of Id.
[[nodiscard]] std::span<const Known> all_findings();
[[nodiscard]] const Known& known(Id id);
[[nodiscard]] std::optional<Id> finding_from_name(std::string_view name);

/// The longest evidence; of a longer text its beginning.
inline constexpr std::size_t kMaxEvidenceBytes = 256;

/// `evidence` holds no secret, and no challenge (R29).
[[nodiscard]] event::Finding finding(Id id, event::Severity severity, std::string evidence = {});
/// With its worst severity.
[[nodiscard]] event::Finding finding(Id id, std::string evidence = {});

/// What one judgement found.
class Found {
 public:
  void add(Id id, event::Severity severity, std::string evidence = {});
  [[nodiscard]] bool has(Id id) const { return severity_of(id).has_value(); }
  /// Nothing if it was not found.
  [[nodiscard]] std::optional<event::Severity> severity_of(Id id) const;
  [[nodiscard]] std::vector<event::Finding> take() && { return std::move(findings_); }

 private:
  std::vector<Id> ids_{};
  std::vector<event::Finding> findings_{};
};

}  // namespace postern::authority::detection
