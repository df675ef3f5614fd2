// The command tree: each function adds its commands to the parser. A command runs after parsing and leaves its exit code behind.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "postern/output.hpp"

namespace postern::cli {

/// What every command shares.
struct Context {
  bool json = false;
  std::string socket{};
  std::string config{};
  /// The chosen command; it runs once, after parsing.
  std::function<ExitCode(const Output&)> run{};
};

void add_token_commands(CLI::App& app, Context& context);
void add_domain_commands(CLI::App& app, Context& context);
void add_account_commands(CLI::App& app, Context& context);
/// `set`, `audit` and `import`, below `account`.
void add_account_state_commands(CLI::App& account, Context& context);
void add_events_command(CLI::App& app, Context& context);
void add_logon_command(CLI::App& app, Context& context);
/// The subcommand, so that others may add to it.
CLI::App* add_policy_commands(CLI::App& app, Context& context);
/// `policy import`; after whatever adds the other commands of `policy`.
void add_policy_import_command(CLI::App& app, Context& context);
void add_bench_command(CLI::App& app, Context& context);
void add_watch_command(CLI::App& app, Context& context);

/// `--oem-codepage` with its default, for commands that read text of old clients.
void add_oem_code_page(CLI::App& command, std::string& name);

}  // namespace postern::cli
