// `postern watch`: the sensor is a program of its own, which holds no code that could derive a key; this command becomes it.
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include "postern/commands.hpp"

namespace postern::cli {
namespace {

/// postern-watch beside this program, or where `cmake --install` puts it. No search of PATH: what stands there first may be
/// anything.
std::string watch_program() {
  std::error_code code;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (code) return {};
  const std::filesystem::path folder = self.parent_path();
  for (const auto& place : {folder / "postern-watch", folder.parent_path() / "sbin/postern-watch"}) {
    if (::access(place.c_str(), X_OK) == 0) return place.string();
  }
  return {};
}

ExitCode become_watch(std::vector<std::string> arguments, const Output& output) {
  std::string program = watch_program();
  if (program.empty())
    return output.fail(Error{ErrorCode::not_found, {}, Error::kNoOffset, "postern-watch is not installed beside postern", {}});
  std::vector<char*> argv{program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return output.fail(Error{ErrorCode::io, {}, Error::kNoOffset, "cannot run " + program + ": " + std::strerror(errno), {}});
}

}  // namespace

void add_watch_command(CLI::App& app, Context& context) {
  CLI::App* watch = app.add_subcommand("watch", "Tell every NTLM logon in captures or on an interface (postern-watch)");
  watch->fallthrough(false);  // what follows is read by postern-watch
  watch->prefix_command();
  watch->set_help_flag();
  watch->footer("Example:\n  postern watch --read capture.pcapng --messages");
  watch->callback([watch, &context] {
    context.run = [arguments = watch->remaining(), json = context.json](const Output& output) mutable {
      if (json) arguments.emplace_back("--json");
      return become_watch(arguments, output);
    };
  });
}

}  // namespace postern::cli
