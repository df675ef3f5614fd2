// What Windows' registry says about NTLM, in Postern's settings: what was taken, what has no counterpart here, and what was not
// understood. Nothing is left out silently.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/policy.hpp"
#include "policy/windows_import/registry_file.hpp"

namespace postern::policy::windows_import {

/// A value of the file, as a person finds it there.
struct Source {
  std::string file{};
  std::string value{};     ///< KEY\NAME
  std::size_t offset = 0;  ///< in bytes
};

/// Given to Postern's setting of Windows' name.
struct Taken {
  Source source{};
  std::string_view setting{};
  std::string value{};  ///< in the setting's text form: "5", "0x20080000", "fileserver, *.example.org"
  std::string toml{};   ///< the same as a TOML value
};

/// A value that was not taken, and why.
struct NotTaken {
  Source source{};
  std::string why{};
};

class WindowsImport {
 public:
  /// Takes what a file says after what the files before it said: a value that comes again wins, as the last policy that applies
  /// does in Windows. `name` is the file's, for the report.
  void add(std::string_view name, const RegistryFile& file);

  /// One for each setting, in the order of the file.
  [[nodiscard]] const std::vector<Taken>& taken() const { return taken_; }
  /// They are about NTLM or logons and nothing here corresponds to them; `why` says what does the job instead, or that it is moot.
  [[nodiscard]] const std::vector<NotTaken>& without_counterpart() const { return without_counterpart_; }
  /// The setting is known, and its value is none that it takes, or the file takes the value away again.
  [[nodiscard]] const std::vector<NotTaken>& refused() const { return refused_; }
  /// A later value stands in their place.
  [[nodiscard]] const std::vector<NotTaken>& replaced() const { return replaced_; }
  /// Everything else.
  [[nodiscard]] const std::vector<NotTaken>& not_understood() const { return not_understood_; }

  /// The settings that were taken, as a policy file (docs/policy.md).
  [[nodiscard]] std::string policy_file() const;

 private:
  void take(Source source, std::string_view setting, std::string value, std::string toml);
  void drop(std::string_view setting, const std::string& why);

  Policy checked_{};  // settings are tried on it
  std::vector<Taken> taken_{};
  std::vector<NotTaken> without_counterpart_{};
  std::vector<NotTaken> refused_{};
  std::vector<NotTaken> replaced_{};
  std::vector<NotTaken> not_understood_{};
};

}  // namespace postern::policy::windows_import
