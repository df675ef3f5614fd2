// What each setting says to the facts, before it gets its name and value: the parts of `evaluate`. Nothing where it has no say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event/facts.hpp"
#include "policy/evaluate.hpp"
#include "policy/policy.hpp"

namespace postern::policy {

/// A sentence for a person that is put together only if somebody reads it. `text` is static; `{a}`, `{b}` and `{n}` in it stand for
/// the rest, which belongs to the policy or the facts.
struct Why {
  std::string_view text{};
  std::string_view a{};
  std::string_view b{};
  std::uint64_t number = 0;
  [[nodiscard]] std::string sentence() const;
};

struct Finding {
  Decision decision = Decision::allow;
  Why why{};
  Requirement requirement = Requirement::required;  ///< of the proof, where the setting is about one
};
using Judged = std::optional<Finding>;

[[nodiscard]] inline Finding allow(Why why) { return {Decision::allow, why}; }
[[nodiscard]] inline Finding audit(Why why) { return {Decision::audit, why}; }
[[nodiscard]] inline Finding deny(Why why) { return {Decision::deny, why}; }
[[nodiscard]] inline Finding depends(Why why) { return {Decision::depends, why}; }
/// Let through, and the proof is not asked for.
[[nodiscard]] inline Finding waive(Decision decision, Why why) { return {decision, why, Requirement::not_required}; }

// Stage::negotiate (judge_connection.cpp)
[[nodiscard]] Finding judge_legacy_crypto(const Policy& policy);
[[nodiscard]] Judged judge_plain_http(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_services(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_allowed_networks(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_denied_networks(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_sending(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_block_ntlm(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_outgoing_hosts(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_receiving_all(const Policy& policy);

// Stage::response: who the client says it is (judge_domain.cpp)
[[nodiscard]] Judged judge_receiving_domain_accounts(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_receiving_audit(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_domain(const Policy& policy, const event::Facts& facts, event::Point point);
[[nodiscard]] Judged judge_domain_audit(const Policy& policy, const event::Facts& facts, event::Point point);

// Stage::response: what the AUTHENTICATE message shows (judge_response.cpp)
[[nodiscard]] Judged judge_session_security(SessionSecurity wanted, const event::Facts& facts);
[[nodiscard]] Judged judge_v1_sso(const Policy& policy, event::NtlmVersion version);
[[nodiscard]] Finding judge_client_version(const Policy& policy, event::NtlmVersion version);
[[nodiscard]] Finding judge_anonymous(const Policy& policy);
[[nodiscard]] Finding judge_version(const Policy& policy, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Judged judge_denied_versions(const Policy& policy, const event::Facts& facts, event::NtlmVersion version,
                                           Stage stage);
[[nodiscard]] Finding judge_mic(const Policy& policy, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Finding judge_bindings(Level level, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Finding judge_target_name(Level level, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Judged judge_smb_name(const Policy& policy, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Judged judge_ldap_bindings(const Policy& policy, const event::Facts& facts, event::NtlmVersion version, Stage stage);
[[nodiscard]] Finding judge_clock(const Policy& policy, const event::Facts& facts, event::NtlmVersion version);
[[nodiscard]] bool level_accepts(const Policy& policy, event::NtlmVersion version);

// Stage::verified: what is known of the account, in the order of MS-APDS 3.1.5 (judge_account.cpp)
[[nodiscard]] Judged judge_findings(const Policy& policy, const event::Facts& facts);
[[nodiscard]] Judged judge_protected_user(const event::Facts& facts);
[[nodiscard]] Judged judge_account_ntlm(const event::Facts& facts);
[[nodiscard]] Judged judge_account_networks(const event::Facts& facts);
[[nodiscard]] Judged judge_account_state(const event::Facts& facts);

}  // namespace postern::policy
