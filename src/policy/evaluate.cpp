#include "policy/evaluate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "policy/judge.hpp"

namespace postern::policy {
namespace {

using event::Facts;
using event::Mic;
using event::NtlmVersion;

/// The decisive come first.
constexpr unsigned rank(Decision decision) {
  switch (decision) {
    case Decision::deny: return 0;
    case Decision::depends: return 1;
    case Decision::audit: return 2;
    case Decision::allow: break;
  }
  return 3;
}
constexpr unsigned kRanks = 4;

constexpr std::size_t kMaxValueBytes = 256;  ///< a decision is kept with each logon: of a longer list it has the start

/// Proofs that two settings ask for are required if one of them says so.
constexpr Requirement both(Requirement a, Requirement b) {
  return a == Requirement::required || b == Requirement::required ? Requirement::required : Requirement::not_required;
}

/// Asks every setting, in the order in which a logon comes past them, and tells `sink` what each says.
template <typename Sink>
class Walk {
 public:
  Walk(const Policy& policy, const Facts& facts, Stage stage, Points points, Sink& sink)
      : policy_{policy}, facts_{facts}, stage_{stage}, points_{points}, sink_{sink} {}

  void run() {
    negotiate();
    if (stage_ >= Stage::response) response();
    if (stage_ >= Stage::verified && points_.has(Point::account_dc)) verified();
  }

 private:
  void say(Point point, Stage at, SettingId setting, const Finding& finding) { sink_.take(point, at, setting, finding); }
  void say(Point point, Stage at, SettingId setting, const Judged& judged) {
    if (judged) sink_.take(point, at, setting, *judged);
  }

  void negotiate() {
    if (points_.has(Point::client)) {
      say(Point::client, Stage::negotiate, SettingId::legacy_crypto, judge_legacy_crypto(policy_));
      say(Point::client, Stage::negotiate, SettingId::restrict_sending, judge_sending(policy_, facts_));
      say(Point::client, Stage::negotiate, SettingId::block_ntlm, judge_block_ntlm(policy_, facts_));
      say(Point::client, Stage::negotiate, SettingId::outgoing_hosts, judge_outgoing_hosts(policy_, facts_));
    }
    if (points_.has(Point::server)) {
      say(Point::server, Stage::negotiate, SettingId::legacy_crypto, judge_legacy_crypto(policy_));
      say(Point::server, Stage::negotiate, SettingId::restrict_receiving, judge_receiving_all(policy_));
      say(Point::server, Stage::negotiate, SettingId::deny_services, judge_services(policy_, facts_));
      say(Point::server, Stage::negotiate, SettingId::plain_http, judge_plain_http(policy_, facts_));
      say(Point::server, Stage::negotiate, SettingId::allow_client_networks, judge_allowed_networks(policy_, facts_));
      say(Point::server, Stage::negotiate, SettingId::deny_client_networks, judge_denied_networks(policy_, facts_));
    }
  }

  void response() {
    const auto& version = facts_.ntlm.version;
    if (points_.has(Point::client)) {
      say(Point::client, Stage::response, SettingId::min_client_security,
          judge_session_security(policy_.min_client_security, facts_));
      if (version) {
        say(Point::client, Stage::response, SettingId::lm_compatibility_level, judge_client_version(policy_, *version));
        say(Point::client, Stage::response, SettingId::block_ntlm_v1_sso, judge_v1_sso(policy_, *version));
      } else {
        say(Point::client, Stage::response, SettingId::lm_compatibility_level, version_unknown());
      }
    }
    if (points_.has(Point::server)) {
      say(Point::server, Stage::response, SettingId::restrict_receiving, judge_receiving_domain_accounts(policy_, facts_));
      say(Point::server, Stage::response, SettingId::audit_receiving, judge_receiving_audit(policy_, facts_));
      say(Point::server, Stage::response, SettingId::min_server_security,
          judge_session_security(policy_.min_server_security, facts_));
    }
    for (const Point point : {Point::server_dc, Point::account_dc}) {
      if (!points_.has(point)) continue;
      say(point, Stage::response, SettingId::restrict_in_domain, judge_domain(policy_, facts_, point));
      say(point, Stage::response, SettingId::audit_in_domain, judge_domain_audit(policy_, facts_, point));
    }
    if (points_.has(Point::account_dc)) response_at_account(version);
    if (points_.has(Point::server)) response_at_server(version);
    if (points_.has(Point::account_dc) && version) {
      say(Point::account_dc, Stage::response, SettingId::clock_skew, judge_clock(policy_, facts_, *version));
    }
  }

  static Finding version_unknown() { return depends({"the kind of response is unknown"}); }

  void response_at_account(const std::optional<NtlmVersion>& version) {
    if (!version) {
      // Without the response nothing about it can be decided (R12): not by flags, and not by what else is known.
      return say(Point::account_dc, Stage::response, SettingId::lm_compatibility_level, version_unknown());
    }
    if (*version == NtlmVersion::anonymous) {
      say(Point::account_dc, Stage::response, SettingId::allow_anonymous, judge_anonymous(policy_));
    } else {
      say(Point::account_dc, Stage::response, SettingId::lm_compatibility_level, judge_version(policy_, facts_, *version, stage_));
    }
    say(Point::account_dc, Stage::response, SettingId::deny_versions, judge_denied_versions(policy_, facts_, *version, stage_));
  }

  void response_at_server(const std::optional<NtlmVersion>& version) {
    if (!version) {
      if (!points_.has(Point::account_dc)) say(Point::server, Stage::response, SettingId::require_mic, version_unknown());
      return;
    }
    Ruling& ruling = sink_.ruling();
    const Finding mic = judge_mic(policy_, facts_, *version, stage_);
    const bool compared = facts_.ntlm.mic == Mic::verified || facts_.ntlm.mic == Mic::wrong;
    say(Point::server, compared ? stage_ : Stage::response, SettingId::require_mic, mic);
    ruling.mic = mic.requirement;

    const Finding bindings = judge_bindings(policy_.extended_protection, facts_, *version, stage_);
    say(Point::server, Stage::response, SettingId::extended_protection, bindings);
    ruling.bindings = bindings.requirement;
    if (const Judged ldap = judge_ldap_bindings(policy_, facts_, *version, stage_)) {
      say(Point::server, Stage::response, SettingId::ldap_channel_binding, *ldap);
      ruling.bindings = both(ruling.bindings, ldap->requirement);
    }

    const Finding name = judge_target_name(policy_.target_name_check, facts_, *version, stage_);
    say(Point::server, Stage::response, SettingId::target_name_check, name);
    ruling.target_name = name.requirement;
    if (const Judged smb = judge_smb_name(policy_, facts_, *version, stage_)) {
      say(Point::server, Stage::response, SettingId::smb_server_name_hardening, *smb);
      ruling.target_name = both(ruling.target_name, smb->requirement);
    }
  }

  void verified() {
    say(Point::account_dc, Stage::verified, SettingId::deny_findings, judge_findings(policy_, facts_));
    say(Point::account_dc, Stage::verified, SettingId::protected_users, judge_protected_user(facts_));
    say(Point::account_dc, Stage::verified, SettingId::account_ntlm, judge_account_ntlm(facts_));
    say(Point::account_dc, Stage::verified, SettingId::account_networks, judge_account_networks(facts_));
    say(Point::account_dc, Stage::verified, SettingId::account_state, judge_account_state(facts_));
  }

  const Policy& policy_;
  const Facts& facts_;
  Stage stage_;
  Points points_;
  Sink& sink_;
};

/// What Windows and Samba answer in the same case, as docs/policy.md lists it. `value` is the setting's.
NtStatus denial_status(SettingId setting, std::string_view value) {
  switch (setting) {
    case SettingId::legacy_crypto:
    case SettingId::restrict_sending:
    case SettingId::block_ntlm:
    case SettingId::block_ntlm_v1_sso:
    case SettingId::deny_services: return NtStatus::not_supported;
    case SettingId::restrict_receiving: return value == "2" ? NtStatus::not_supported : NtStatus::ntlm_blocked;
    case SettingId::restrict_in_domain:
    case SettingId::outgoing_hosts:
    case SettingId::deny_versions: return NtStatus::ntlm_blocked;
    case SettingId::min_client_security:
    case SettingId::min_server_security: return NtStatus::sec_unsupported_function;
    case SettingId::lm_compatibility_level: return NtStatus::logon_failure;
    case SettingId::require_mic: return NtStatus::invalid_parameter;
    case SettingId::extended_protection:
    case SettingId::ldap_channel_binding: return NtStatus::bad_bindings;
    case SettingId::clock_skew: return NtStatus::time_difference_at_dc;
    case SettingId::protected_users:
    case SettingId::account_ntlm:
    case SettingId::account_networks: return NtStatus::account_restriction;
    case SettingId::account_state: return nt_status_from_text(value).value_or(NtStatus::account_restriction);
    case SettingId::target_name_check:
    case SettingId::smb_server_name_hardening:
    case SettingId::plain_http:
    case SettingId::allow_anonymous:
    case SettingId::allow_client_networks:
    case SettingId::deny_client_networks:
    case SettingId::deny_findings:
    case SettingId::audit_receiving:
    case SettingId::audit_in_domain:
    case SettingId::client_allowed_servers:
    case SettingId::dc_allowed_servers:
    case SettingId::block_ntlm_exceptions: break;
  }
  return NtStatus::access_denied;
}

/// The value that a decision names: the policy's, or the fact about the account.
std::string value_in_decision(const Policy& policy, const Facts& facts, SettingId setting) {
  switch (setting) {
    case SettingId::protected_users: return "true";
    case SettingId::account_ntlm:
    case SettingId::account_networks: return "false";
    case SettingId::account_state: return facts.account.state.value_or("");
    default: break;
  }
  std::string value = value_of(policy, setting);
  if (value.size() > kMaxValueBytes) {
    std::size_t end = kMaxValueBytes;
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;  // whole characters
    value.resize(end);
    value += "…";
  }
  return value;
}

NtStatus status_of(SettingId setting, const Policy& policy, const Facts& facts) {
  // Two statuses hang on a value; the rest need none.
  if (setting == SettingId::restrict_receiving) return denial_status(setting, value_of(policy, setting));
  if (setting == SettingId::account_state) return denial_status(setting, facts.account.state ? *facts.account.state : "");
  return denial_status(setting, {});
}

/// Keeps the decisive entry.
class Brief {
 public:
  void take(Point, Stage, SettingId setting, const Finding& finding) {
    if (first_ && rank(finding.decision) >= rank(ruling_.verdict)) return;
    first_ = setting;
    ruling_.verdict = finding.decision;
  }
  Ruling& ruling() { return ruling_; }
  Ruling result(const Policy& policy, const Facts& facts) const {
    Ruling ruling = ruling_;
    if (first_ && ruling.denied()) ruling.status = status_of(*first_, policy, facts);
    return ruling;
  }

 private:
  std::optional<SettingId> first_{};
  Ruling ruling_{};
};

/// Keeps every entry, and the decisive one.
class Full {
 public:
  void take(Point point, Stage at, SettingId setting, const Finding& finding) {
    brief_.take(point, at, setting, finding);
    if (count_ < entries_.size()) entries_[count_++] = {point, at, setting, finding};
  }
  Ruling& ruling() { return brief_.ruling(); }
  const Brief& brief() const { return brief_; }
  std::vector<PolicyDecision> entries(const Policy& policy, const Facts& facts) const {
    std::vector<PolicyDecision> sorted;
    sorted.reserve(count_);
    for (unsigned wanted = 0; wanted < kRanks; ++wanted) {
      for (std::size_t i = 0; i < count_; ++i) {
        const Entry& entry = entries_[i];
        if (rank(entry.finding.decision) != wanted) continue;
        sorted.push_back({entry.point, entry.at, std::string{name_of(entry.setting)},
                          value_in_decision(policy, facts, entry.setting), entry.finding.decision, entry.finding.why.sentence()});
      }
    }
    return sorted;
  }

 private:
  struct Entry {
    Point point;
    Stage at;
    SettingId setting;
    Finding finding;
  };
  static constexpr std::size_t kMaxEntries = 2 * kSettingNames.size();  // no setting speaks at more than two points
  std::array<Entry, kMaxEntries> entries_;
  std::size_t count_ = 0;
  Brief brief_{};
};

constexpr Ruling kNoNtlm{Decision::allow, NtStatus::success, Requirement::not_required, Requirement::not_required,
                         Requirement::not_required};

}  // namespace

std::string Why::sentence() const {
  std::string sentence;
  std::string_view rest = text;
  for (std::size_t at = rest.find('{'); at != std::string_view::npos && at + 2 < rest.size(); at = rest.find('{')) {
    sentence += rest.substr(0, at);
    switch (rest[at + 1]) {
      case 'a': sentence += a; break;
      case 'b': sentence += b; break;
      default: sentence += std::to_string(number); break;
    }
    rest.remove_prefix(at + 3);
  }
  sentence += rest;
  return sentence;
}

Decisions evaluate(const Policy& policy, const Facts& facts, Stage stage, Points points) {
  Decisions decisions;
  if (facts.package == event::Package::kerberos) {
    decisions.ruling_ = kNoNtlm;
    return decisions;
  }
  Full full;
  Walk<Full>{policy, facts, stage, points, full}.run();
  decisions.entries_ = full.entries(policy, facts);
  decisions.ruling_ = full.brief().result(policy, facts);
  return decisions;
}

Ruling rule(const Policy& policy, const Facts& facts, Stage stage, Points points) {
  if (facts.package == event::Package::kerberos) return kNoNtlm;
  Brief brief;
  Walk<Brief>{policy, facts, stage, points, brief}.run();
  return brief.result(policy, facts);
}

bool may_verify(const Policy& policy, NtlmVersion version) {
  if (policy.legacy_crypto == LegacyCrypto::refuse) return false;
  if (policy.deny_versions.contains(version)) return false;
  if (version == NtlmVersion::anonymous) return policy.allow_anonymous == AllowAnonymous::always;
  return level_accepts(policy, version);
}

ClientBehaviour client_behaviour(LmCompatibilityLevel level) {
  using Responses = ClientBehaviour::Responses;
  const auto session_security =
      level.number() == 0 ? ClientBehaviour::SessionSecurity::never : ClientBehaviour::SessionSecurity::if_negotiated;
  if (level.number() <= 1) return {Responses::lm_and_ntlm_v1, session_security};
  return {level.number() == 2 ? Responses::ntlm_v1 : Responses::ntlm_v2, session_security};
}

NtStatus status_for(const PolicyDecision& decision) {
  if (decision.decision != Decision::deny) return NtStatus::success;
  const auto setting = setting_id(decision.setting);
  return setting ? denial_status(*setting, decision.value) : NtStatus::access_denied;
}

NtStatus status_for(const Decisions& decisions) { return decisions.ruling().status; }

}  // namespace postern::policy
