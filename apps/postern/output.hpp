// How commands answer: JSON objects, the same as readable lines, errors and exit codes. docs/json.md has the forms.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/nt_status.hpp"
#include "base/result.hpp"

namespace postern::cli {

using Json = nlohmann::ordered_json;  // keys stay in the order that docs/json.md lists

enum class ExitCode : int { done = 0, answer_is_no = 1, wrong_usage = 2, fault = 3 };
enum class Format : std::uint8_t { text, json };
enum class Colour : std::uint8_t { off, on };

/// The exit code that an error stands for: a refused or malformed token, logon or name is "no" (1), a wrong argument is 2, what is
/// nobody's answer (files, sockets, our own faults) is 3.
[[nodiscard]] ExitCode exit_code_of(const Error& error);

/// {error: {code, message, field, offset, hint}}; what is not known is left out.
[[nodiscard]] Json error_json(const Error& error);
/// {code: "0xC000006D", name: "STATUS_LOGON_FAILURE"}
[[nodiscard]] Json status_json(NtStatus status);

/// Text that a peer chose, safe for a terminal: control characters (C0, DEL, C1) and bidirectional controls as \u{1b}.
[[nodiscard]] std::string printable(std::string_view utf8);

/// The object as indented "name: value" lines, with each text made printable.
[[nodiscard]] std::string to_text(const Json& object, Colour colour);
/// One line of JSON.
[[nodiscard]] std::string to_line(const Json& object);

/// Writes to a command's standard output and standard error as `format` says.
class Output {
 public:
  Output(Format format, Colour colour) : format_{format}, colour_{colour} {}

  [[nodiscard]] Format format() const { return format_; }
  [[nodiscard]] Colour colour() const { return colour_; }
  /// The answer, on standard output.
  void answer(const Json& object) const;
  /// A readable line on standard output; nothing with --json.
  void line(std::string_view text) const;
  /// Lines whose parts the caller has made printable, on standard output; nothing with --json.
  void lines(std::string_view text) const;
  /// A readable line on standard error.
  void warn(std::string_view text) const;
  /// The error where it belongs, and the exit code that it stands for.
  [[nodiscard]] ExitCode fail(const Error& error) const;

 private:
  Format format_;
  Colour colour_;
};

}  // namespace postern::cli
