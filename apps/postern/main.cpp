// postern: the command line. Wiring only; the work is in the files that the commands are named after.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <unistd.h>

#include "postern/commands.hpp"
#include "postern/commands_advice.hpp"
#include "postern/output.hpp"

namespace {

using namespace postern;
using namespace postern::cli;

Colour colour_of(int descriptor) {
  return ::isatty(descriptor) != 0 && std::getenv("NO_COLOR") == nullptr ? Colour::on : Colour::off;
}

int run(int argc, char** argv) {
  Context context;
  CLI::App app{"Postern: open NTLM correctly, guard it, close it", "postern"};
  app.require_subcommand(1);
  app.fallthrough();  // the global options may stand behind the command
  app.set_version_flag("--version", "postern " POSTERN_VERSION);
  app.add_flag("--json", context.json, "Answer with JSON (docs/json.md)");
  app.add_option("--socket", context.socket, "The authority's admin socket (also POSTERN_SOCKET)");
  app.add_option("--config", context.config, "posternd's configuration file, for where its admin socket is");
  app.footer(
      "Example:\n"
      "  postern token show --json TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=\n"
      "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 a fault.");
  add_domain_commands(app, context);
  add_account_commands(app, context);
  add_events_command(app, context);
  add_token_commands(app, context);
  add_logon_command(app, context);
  add_policy_commands(app, context);
  add_policy_import_command(app, context);
  add_inventory_commands(app, context);
  add_what_if_command(app, context);
  add_exceptions_command(app, context);
  add_bench_command(app, context);
  add_watch_command(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    const Output output{context.json ? Format::json : Format::text, colour_of(STDERR_FILENO)};
    return static_cast<int>(output.fail(Error{ErrorCode::invalid_input, {}, Error::kNoOffset, error.what(), "see postern --help"}));
  }
  const Output output{context.json ? Format::json : Format::text, colour_of(STDOUT_FILENO)};
  return static_cast<int>(context.run(output));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    const Output output{Format::text, Colour::off};
    return static_cast<int>(output.fail(Error{ErrorCode::internal, {}, Error::kNoOffset, error.what(), {}}));
  }
}
