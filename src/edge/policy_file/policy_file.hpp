// PolicyFile: the policy of all services in one TOML file (posternd-policy.toml(5)), read and edited.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "edge/config/section.hpp"
#include "policy/policy.hpp"

namespace postern::policy_file {

/// The settings of one table, laid over `policy`; what is wrong with one is told to `section`. Keys that are no settings are
/// refused.
void read_settings(config::Section section, policy::Policy& policy);

/// What the file says, and no more: whoever applies it brings the policy that lies below.
class PolicyFile {
 public:
  /// `services` are the ones that there are; a table for another one is wrong. Empty: any name will do. Errors: `invalid_input`
  /// with file, line and key (R38).
  [[nodiscard]] static Result<PolicyFile> parse(std::string_view text, const std::string& path,
                                                const std::vector<std::string>& services);
  /// Errors also: `io`.
  [[nodiscard]] static Result<PolicyFile> load(const std::string& path, const std::vector<std::string>& services);

  /// The settings for all services, then those of the one named `service`.
  void apply(std::string_view service, policy::Policy& policy) const;
  /// The services that have a table of their own, in the order of their names.
  [[nodiscard]] std::vector<std::string> services() const;

 private:
  using Settings = std::vector<std::pair<std::string_view, std::string>>;  // names are those of policy.hpp
  static Settings settings_in(config::Section& section);

  Settings all_{};
  std::vector<std::pair<std::string, Settings>> of_service_{};
};

/// One change of a policy file: `name` is a setting's exact name, `value` its text form.
struct Change {
  std::string name{};
  std::string value{};
};

/// The file's text with the changes made in the top table, or in that of `service` if it is not empty. All other text stays as it
/// is, comments included. Errors: those of `parse` (of the old and the new text), `unsupported` for a file that writes its tables
/// in a way that is not understood well enough to be changed.
[[nodiscard]] Result<std::string> edit(std::string_view text, const std::string& path, std::string_view service,
                                       const std::vector<Change>& changes);

}  // namespace postern::policy_file
