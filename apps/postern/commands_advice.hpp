// The commands over recorded logons; as commands.hpp.
#pragma once

#include "postern/commands.hpp"

namespace postern::cli {

void add_what_if_command(CLI::App& app, Context& context);
void add_exceptions_command(CLI::App& app, Context& context);
void add_inventory_commands(CLI::App& app, Context& context);

}  // namespace postern::cli
