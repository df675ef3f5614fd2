// What `postern policy` prints, and how a logon that somebody describes becomes facts.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/facts.hpp"
#include "policy/evaluate.hpp"
#include "postern/output.hpp"

namespace postern::cli {

/// Every setting by name: numbers as Windows has them, lists as arrays, the rest as text.
[[nodiscard]] Json settings_json(const policy::Policy& policy);
/// The policy that an admin socket's answer carries as texts. Errors: a setting that this program does not know.
[[nodiscard]] Result<policy::Policy> policy_of(const Json& settings);
/// {verdict, [status], decisions: [{point, stage, setting, value, decision, why}]}
[[nodiscard]] Json decisions_json(const policy::Decisions& decisions);
/// The same for a person, a decision a line.
[[nodiscard]] std::string decisions_text(const policy::Decisions& decisions, Colour colour);

/// `NAME=VALUE`, as `--set` and `policy set` take it: the setting's exact name, the value as written.
struct Assignment {
  std::string name{};
  std::string value{};
};
/// Errors: `invalid_input` for a text without `=` or a name that is no setting.
[[nodiscard]] Result<Assignment> assignment_of(const std::string& text);
/// Sets all; errors as policy::set, with `invalid_input` for each.
[[nodiscard]] Result<void> assign(policy::Policy& policy, const std::vector<std::string>& texts);

/// A logon as the options of `postern policy check` describe it. What is left empty was not sent, or is unknown where only the
/// server could know it.
struct DescribedLogon {
  std::string version{};
  std::string account{};  ///< DOMAIN\name, name@domain or name
  std::string account_kind{};
  std::string service{};
  std::string client{};
  std::string server{};
  std::string server_address{};
  std::string tls{};  ///< yes, no
  std::string mic{};
  std::string channel_binding{};
  std::string spn{};
  std::string spn_check{};
  std::string flags{};
  std::string source{};
  std::vector<std::string> findings{};
  std::vector<std::string> facts{};  ///< `ntlm.client_time=…`: members of a LogonEvent by their path
};

/// `now` is the time of the logon; its client has a clock of its own, a second late. Errors: `invalid_input` naming the member.
[[nodiscard]] Result<event::Facts> facts_of(const DescribedLogon& logon, FileTime now);

}  // namespace postern::cli
