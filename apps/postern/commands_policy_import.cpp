#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <unistd.h>

#include "policy/windows_import/import.hpp"
#include "postern/commands.hpp"
#include "postern/token_input.hpp"

namespace postern::cli {
namespace {

using policy::windows_import::NotTaken;
using policy::windows_import::Taken;
using policy::windows_import::WindowsImport;

struct ImportArguments {
  std::vector<std::string> files{};
  std::string output{};
};

/// A new file: a policy that is there already is not written over.
Result<void> write_new_file(const std::string& path, std::string_view text) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    const ErrorCode code = errno == EEXIST ? ErrorCode::conflict : ErrorCode::io;
    return fail(code, "--output", Error::kNoOffset, path + ": " + std::strerror(errno));
  }
  Result<void> written{};
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      written = fail(ErrorCode::io, "--output", Error::kNoOffset, path + ": " + std::strerror(errno));
      break;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::close(descriptor) != 0 && written) written = fail(ErrorCode::io, "--output", Error::kNoOffset, path + ": not all written");
  return written;
}

Json json_of(const std::vector<NotTaken>& values) {
  Json list = Json::array();
  for (const NotTaken& each : values) {
    list.push_back(
        Json{{"file", each.source.file}, {"value", each.source.value}, {"offset", each.source.offset}, {"why", each.why}});
  }
  return list;
}

Json json_of(const WindowsImport& import) {
  Json settings = Json::array();
  for (const Taken& taken : import.taken()) {
    settings.push_back(Json{{"name", taken.setting},
                            {"setting", taken.value},
                            {"file", taken.source.file},
                            {"value", taken.source.value},
                            {"offset", taken.source.offset}});
  }
  return Json{{"settings", std::move(settings)},
              {"without_counterpart", json_of(import.without_counterpart())},
              {"refused", json_of(import.refused())},
              {"replaced", json_of(import.replaced())},
              {"not_understood", json_of(import.not_understood())}};
}

/// One line for each value of the files.
std::vector<std::string> report_of(const WindowsImport& import) {
  std::vector<std::string> report;
  for (const Taken& taken : import.taken()) {
    report.push_back(fmt::format("taken: {} = {} ({})", taken.setting, taken.value, taken.source.value));
  }
  const auto list = [&report](std::string_view what, const std::vector<NotTaken>& values) {
    for (const NotTaken& each : values) report.push_back(fmt::format("{}: {}: {}", what, each.source.value, each.why));
  };
  list("REFUSED", import.refused());
  list("replaced", import.replaced());
  list("known, no counterpart", import.without_counterpart());
  list("not understood", import.not_understood());
  return report;
}

ExitCode run_import(const ImportArguments& arguments, const Output& output) {
  WindowsImport import;
  for (const std::string& path : arguments.files) {
    const auto bytes = read_input_file(path, policy::windows_import::kMaxFileBytes);
    if (!bytes) return output.fail(bytes.error());
    auto file = policy::windows_import::read_registry_file(*bytes);
    if (!file) {
      file.error().message = path + ": " + file.error().message;
      return output.fail(file.error());
    }
    import.add(path, *file);
  }
  const std::string policy_file = import.policy_file();
  if (!arguments.output.empty()) {
    if (const auto written = write_new_file(arguments.output, policy_file); !written) return output.fail(written.error());
  }
  if (output.format() == Format::json) {
    Json object = json_of(import);
    if (arguments.output.empty()) object["policy_file"] = policy_file;
    output.answer(object);
  } else if (arguments.output.empty()) {
    output.lines(policy_file.substr(0, policy_file.size() - 1));  // for a redirection; the report goes beside it
    for (const std::string& line : report_of(import)) output.warn(line);
  } else {
    for (const std::string& line : report_of(import)) output.line(line);
  }
  return import.refused().empty() ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace

void add_policy_import_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ImportArguments>();
  const auto found = app.get_subcommands([](const CLI::App* command) { return command->get_name() == "policy"; });
  CLI::App* policy = found.empty() ? nullptr : found.front();
  if (policy == nullptr) {
    policy = app.add_subcommand("policy", "What is allowed, and why");
    policy->require_subcommand(1);
  }
  CLI::App* import = policy->add_subcommand("import", "Take over what Windows' registry says about NTLM");
  import->add_option("FILE", arguments->files, "A .reg export, a GptTmpl.inf or a registry.pol; later files win over earlier ones")
      ->required();
  import->add_option("-o,--output", arguments->output, "Write the policy file here; standard output if left out");
  import->footer(
      "Example:\n"
      "  postern policy import -o policy.toml '{GUID}/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf'\n"
      "Each value that is not taken is named, with the reason.\n"
      "Exit code: 0 done, 1 a file is malformed or a setting has a value that it does not take, 3 a file cannot be read or "
      "written.");
  import->callback(
      [arguments, &context] { context.run = [arguments](const Output& output) { return run_import(*arguments, output); }; });
}

}  // namespace postern::cli
