#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "advise/exceptions.hpp"
#include "inventory/dependency.hpp"
#include "postern/commands_advice.hpp"
#include "postern/event_arguments.hpp"
#include "postern/exceptions.hpp"
#include "postern/progress.hpp"
#include "postern/what_if.hpp"

namespace postern::cli {
namespace {

constexpr std::size_t kGroupsShown = 20;

struct WhatIfArguments {
  EventArguments events{};
  std::vector<std::string> sets{};
  std::string by = "all";
  std::size_t limit = kGroupsShown;
};

GroupBy group_by(const std::string& name) {
  if (name == "client") return GroupBy::client;
  if (name == "account") return GroupBy::account;
  return name == "server" ? GroupBy::server : GroupBy::all;
}

ExitCode run_what_if(const Context& context, const WhatIfArguments& arguments, const Output& output) {
  const auto sets = parse_sets(arguments.sets);
  if (!sets) return output.fail(sets.error());
  const auto query = query_of(arguments.events, context);
  if (!query) return output.fail(query.error());
  auto policies = base_policies(*query);
  if (!policies) return output.fail(policies.error());
  if (const auto applied = apply_sets(*policies, *sets); !applied) return output.fail(applied.error());

  advise::WhatIf run{std::move(*policies)};
  const auto read = read_events(*query, [&run](const event::LogonEvent& event, std::string_view, std::uint64_t) -> Result<void> {
    run.add(event);
    return {};
  });
  if (!read) return output.fail(read.error());
  warn_of_bad_lines(*read, output);
  const advise::Report report = run.report();
  const GroupBy by = group_by(arguments.by);
  if (output.format() == Format::json) {
    output.answer(what_if_json(report, *sets, by, arguments.limit));
  } else {
    output.lines(what_if_text(report, *sets, by, arguments.limit));
  }
  note(fmt::format("{} events in {:.1f} s ({:.0f}/s)", read->events, read->seconds,
                   read->seconds > 0 ? static_cast<double>(read->events) / read->seconds : 0));
  const bool hurts = report.all.count(advise::Effect::newly_blocked) + report.all.count(advise::Effect::undecided) > 0;
  return hurts ? ExitCode::answer_is_no : ExitCode::done;
}

struct ExceptionArguments {
  EventArguments events{};
  std::vector<std::string> sets{};
  std::vector<std::string> keep_accounts{}, keep_servers{}, keep_clients{};
  bool wildcards = false;
};

bool is_one_of(const std::string& name, const std::vector<std::string>& chosen) {
  const std::string folded = inventory::folded_name(name);
  return std::ranges::any_of(chosen, [&](const std::string& one) { return inventory::folded_name(one) == folded; });
}

ExitCode run_exceptions(const Context& context, const ExceptionArguments& arguments, const Output& output) {
  const auto sets = parse_sets(arguments.sets);
  if (!sets) return output.fail(sets.error());
  const auto query = query_of(arguments.events, context);
  if (!query) return output.fail(query.error());
  auto policies = base_policies(*query);
  if (!policies) return output.fail(policies.error());
  if (const auto applied = apply_sets(*policies, *sets); !applied) return output.fail(applied.error());

  const bool keep_all = arguments.keep_accounts.empty() && arguments.keep_servers.empty() && arguments.keep_clients.empty();
  advise::ExceptionFinder finder{std::move(*policies)};
  const auto read = read_events(*query, [&](const event::LogonEvent& event, std::string_view, std::uint64_t) -> Result<void> {
    const inventory::Names names = inventory::names_of(event);
    const bool kept = keep_all || is_one_of(names.account, arguments.keep_accounts) ||
                      is_one_of(names.server, arguments.keep_servers) || is_one_of(names.client, arguments.keep_clients);
    finder.add(event, kept ? advise::Keep::yes : advise::Keep::no);
    return {};
  });
  if (!read) return output.fail(read.error());
  warn_of_bad_lines(*read, output);
  const advise::Exceptions found = finder.find(arguments.wildcards ? advise::Wildcards::offered : advise::Wildcards::harmless);
  if (output.format() == Format::json) {
    output.answer(exceptions_json(found));
  } else {
    output.lines(exceptions_text(found));
  }
  return found.lost + found.uncertain > 0 ? ExitCode::answer_is_no : ExitCode::done;
}

}  // namespace

void add_exceptions_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ExceptionArguments>();
  CLI::App* command = app.add_subcommand("exceptions", "The smallest exception lists that keep chosen logons alive under a policy");
  command->add_option("--set", arguments->sets, "A setting and its value, laid over the policy: NAME=VALUE; may be repeated");
  command->add_option("--keep-account", arguments->keep_accounts, "Keep what this account does, DOMAIN\\name; may be repeated");
  command->add_option("--keep-server", arguments->keep_servers, "Keep logons to this server; may be repeated");
  command->add_option("--keep-client", arguments->keep_clients, "Keep logons from this client; may be repeated");
  command->add_flag("--wildcards", arguments->wildcards, "Offer wildcards although they let through what was to be blocked");
  add_event_options(*command, arguments->events);
  command->footer(
      "Without --keep-… everything that succeeded is kept. Exit code 0: all of it can be; 1: some stays blocked, or may.\n"
      "Example:\n  postern exceptions --set RestrictSendingNTLMTraffic=2 --keep-server files.example.org --since 90d");
  command->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) { return run_exceptions(context, *arguments, output); };
  });
}

void add_what_if_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<WhatIfArguments>();
  CLI::App* command = app.add_subcommand("what-if", "What a changed policy would have done to the logons on record");
  command->add_option("--set", arguments->sets, "A setting and its value, laid over the policy: NAME=VALUE; may be repeated");
  command->add_option("--by", arguments->by, "Group by this alone: client, account, server")
      ->check(CLI::IsMember({"all", "client", "account", "server"}));
  command->add_option("--limit", arguments->limit, "At most so many clients, accounts and servers")->capture_default_str();
  add_event_options(*command, arguments->events);
  command->footer(
      "Exit code 0: nothing that succeeded would be blocked, and nothing is undecided; 1: something would be, or may be.\n"
      "Example:\n  postern what-if --set RestrictReceivingNTLMTraffic=2 --set ExtendedProtection=always --since 30d");
  command->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) { return run_what_if(context, *arguments, output); };
  });
}

}  // namespace postern::cli
