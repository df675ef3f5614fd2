// The options of commands that read recorded logons, and the policy that they start from.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "advise/what_if.hpp"
#include "postern/commands.hpp"
#include "postern/event_source.hpp"

namespace postern::cli {

struct EventArguments {
  std::vector<std::string> files{};
  std::string service{};
  std::string account{}, server{}, version{}, outcome{};
  std::string from{}, until{}, since{};
};

/// --events, --service, --account, --server, --version, --outcome, --from, --until, --since.
void add_event_options(CLI::App& command, EventArguments& arguments);
[[nodiscard]] Result<EventQuery> query_of(const EventArguments& arguments, const Context& context);

/// What posternd enforces, by service; for events of files the default policy.
[[nodiscard]] Result<advise::Policies> base_policies(const EventQuery& query);

}  // namespace postern::cli
