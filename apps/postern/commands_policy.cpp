#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "edge/policy_file/policy_file.hpp"
#include "event/reader/parse_event.hpp"
#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands.hpp"
#include "postern/policy_report.hpp"
#include "postern/replace_file.hpp"

namespace postern::cli {
namespace {

struct ShowArguments {
  std::string service{};
  std::string file{};
};

struct SetArguments {
  std::vector<std::string> assignments{};
  std::string service{};
  std::string file{};
};

struct CheckArguments {
  DescribedLogon logon{};
  std::string event{};
  std::string service{};  ///< a service of posternd, or a kind of service
  std::string file{};
  std::vector<std::string> assignments{};
  std::string point = "authority";
  std::string stage = "verified";
};

Result<Json> ask(const Context& context, const Json& request) {
  POSTERN_TRY(socket, admin_socket_path(context.socket, context.config));
  POSTERN_TRY(client, AdminClient::connect(socket));
  return client.ask(request);
}

// show

void print_settings(const Json& services, const Output& output) {
  for (const Json& service : services) {
    const std::string name = service.value("name", "");
    output.line(name.empty() ? "# every service"
                             : "# " + name + (service.contains("kind") ? " (" + service.value("kind", "") + ")" : ""));
    for (const auto& [setting, value] : service["settings"].items()) {
      output.line(setting + " = " + (value.is_string() ? "\"" + value.get<std::string>() + "\"" : value.dump()));
    }
  }
}

/// What posternd enforces, with the settings as this program prints them.
Result<Json> policy_in_force(const Context& context, const std::string& service) {
  Json request{{"op", "policy.show"}};
  if (!service.empty()) request["service"] = service;
  POSTERN_TRY(answer, ask(context, request));
  for (Json& each : answer["services"]) {
    POSTERN_TRY(policy, policy_of(each["settings"]));
    each["settings"] = settings_json(policy);
  }
  return answer;
}

Result<Json> policy_of_file(const std::string& path, const std::string& service) {
  POSTERN_TRY(file, policy_file::PolicyFile::load(path, {}));
  Json services = Json::array();
  std::vector<std::string> names = file.services();
  if (!service.empty()) {
    names = {service};
  } else {
    names.insert(names.begin(), "");
  }
  for (const std::string& name : names) {
    policy::Policy policy;
    file.apply(name, policy);
    services.push_back({{"name", name}, {"settings", settings_json(policy)}});
  }
  return Json{{"policy_file", path}, {"services", std::move(services)}};
}

ExitCode run_show(const Context& context, const ShowArguments& arguments, const Output& output) {
  const auto answer =
      arguments.file.empty() ? policy_in_force(context, arguments.service) : policy_of_file(arguments.file, arguments.service);
  if (!answer) return output.fail(answer.error());
  if (output.format() == Format::json) {
    output.answer(*answer);
  } else {
    print_settings((*answer)["services"], output);
  }
  return ExitCode::done;
}

// reload, set

ExitCode run_reload(const Context& context, const Output& output) {
  const auto answer = ask(context, {{"op", "policy.reload"}});
  if (!answer) return output.fail(answer.error());
  output.answer(*answer);
  return ExitCode::done;
}

Result<std::string> file_to_change(const Context& context, const SetArguments& arguments) {
  if (!arguments.file.empty()) return arguments.file;
  POSTERN_TRY(answer, ask(context, {{"op", "policy.show"}}));
  const std::string path = answer.value("policy_file", "");
  if (path.empty()) {
    return std::unexpected{Error{ErrorCode::invalid_input, "policy_file", Error::kNoOffset, "posternd has no policy file",
                                 "add policy_file = \"/etc/postern/policy.toml\" to posternd.toml and reload it"}};
  }
  return path;
}

Result<Json> set_policy(const Context& context, const SetArguments& arguments) {
  std::vector<policy_file::Change> changes;
  for (const std::string& text : arguments.assignments) {
    POSTERN_TRY(assignment, assignment_of(text));
    policy::Policy scratch;
    POSTERN_CHECK(policy::set(scratch, assignment.name, assignment.value));
    std::string value = policy::value_of(scratch, assignment.name);
    changes.push_back({std::move(assignment.name), std::move(value)});
  }
  POSTERN_TRY(path, file_to_change(context, arguments));
  std::error_code ignored;
  const bool exists = std::filesystem::exists(path, ignored);
  std::string before;
  if (exists) {
    POSTERN_TRY(text, config::read_text_file(path));
    before = std::move(text);
  }
  POSTERN_TRY(after, policy_file::edit(before, path, arguments.service, changes));
  POSTERN_CHECK(replace_file(path, after));
  Json answer{{"policy_file", path}};
  if (!arguments.service.empty()) answer["service"] = arguments.service;
  for (const policy_file::Change& change : changes) answer["set"][change.name] = change.value;
  answer["reloaded"] = arguments.file.empty();
  if (!arguments.file.empty()) return answer;
  if (const auto reloaded = ask(context, {{"op", "policy.reload"}}); !reloaded) {
    if (exists) {
      POSTERN_CHECK(replace_file(path, before));
    } else {
      std::filesystem::remove(path, ignored);
    }
    Error error = reloaded.error();
    error.hint = "the file is as it was before";
    return std::unexpected{std::move(error)};
  }
  return answer;
}

ExitCode run_set(const Context& context, const SetArguments& arguments, const Output& output) {
  const auto answer = set_policy(context, arguments);
  if (!answer) return output.fail(answer.error());
  output.answer(*answer);
  return ExitCode::done;
}

// check

FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

struct Found {
  policy::Policy policy{};
  std::string kind{};  ///< of the service that was named
};

/// The policy of the file, else the one in force, else, with a warning, the one that a fresh authority has.
Result<Found> policy_to_check(const Context& context, const CheckArguments& arguments, const Output& output) {
  Found found;
  if (event::from_name<event::Service>(arguments.service)) found.kind = arguments.service;
  if (!arguments.file.empty()) {
    POSTERN_TRY(file, policy_file::PolicyFile::load(arguments.file, {}));
    file.apply(arguments.service, found.policy);
    return found;
  }
  const auto answer = ask(context, {{"op", "policy.show"}});
  if (!answer) {
    if (!context.socket.empty() || !context.config.empty() || answer.error().code != ErrorCode::no_authority) {
      return std::unexpected{answer.error()};
    }
    output.warn("no authority answers: this is Postern's default policy (--file names a policy file)");
    return found;
  }
  const Json* chosen = nullptr;
  for (const Json& service : (*answer)["services"]) {
    if (service.value("name", "") == arguments.service) chosen = &service;
  }
  for (const Json& service : (*answer)["services"]) {
    if (chosen == nullptr && (arguments.service.empty() || service.value("kind", "") == arguments.service)) chosen = &service;
  }
  if (chosen == nullptr) return found;
  POSTERN_TRY(policy, policy_of((*chosen)["settings"]));
  found.policy = std::move(policy);
  found.kind = chosen->value("kind", "");
  return found;
}

Result<event::Facts> facts_to_check(const CheckArguments& arguments, const Found& found) {
  if (arguments.event.empty()) {
    DescribedLogon logon = arguments.logon;
    logon.service = found.kind.empty() ? arguments.service : found.kind;
    if (logon.source.empty() && arguments.point != "client") logon.source = "authority";
    return facts_of(logon, now());
  }
  std::string text;
  if (arguments.event == "-") {
    text.assign(std::istreambuf_iterator<char>{std::cin}, {});
  } else {
    POSTERN_TRY(read, config::read_text_file(arguments.event));
    text = std::move(read);
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  POSTERN_TRY(event, event::parse_event(text));
  return event::facts_of(event);
}

Result<policy::Points> points_of(const std::string& name) {
  if (name == "authority") return policy::Points::authority();
  if (name == "all") return policy::Points::all();
  if (const auto point = event::from_name<event::Point>(name)) return policy::Points{*point};
  return fail(ErrorCode::invalid_input, "--point", Error::kNoOffset,
              "takes client, server, server-dc, account-dc, authority (the last three) or all");
}

Result<policy::Decisions> check(const Context& context, const CheckArguments& arguments, const Output& output) {
  POSTERN_TRY(points, points_of(arguments.point));
  const auto stage = event::from_name<event::Stage>(arguments.stage);
  if (!stage) return fail(ErrorCode::invalid_input, "--stage", Error::kNoOffset, "takes negotiate, response or verified");
  POSTERN_TRY(found, policy_to_check(context, arguments, output));
  POSTERN_CHECK(assign(found.policy, arguments.assignments));
  POSTERN_TRY(facts, facts_to_check(arguments, found));
  return policy::evaluate(found.policy, facts, *stage, points);
}

ExitCode run_check(const Context& context, const CheckArguments& arguments, const Output& output) {
  const auto decisions = check(context, arguments, output);
  if (!decisions) return output.fail(decisions.error());
  if (output.format() == Format::json) {
    output.answer(decisions_json(*decisions));
  } else {
    output.lines(decisions_text(*decisions, output.colour()));
  }
  return decisions->allowed() ? ExitCode::done : ExitCode::answer_is_no;
}

void add_check(CLI::App& policy, Context& context) {
  auto arguments = std::make_shared<CheckArguments>();
  DescribedLogon& logon = arguments->logon;
  CLI::App* check = policy.add_subcommand("check", "What the policy decides about one logon");
  check->add_option("--event", arguments->event,
                    "A LogonEvent as JSON, from a file or - for standard input, instead of a description");
  check->add_option("--service", arguments->service, "A service of posternd, or a kind of service: http, smb, ldap, ...");
  check->add_option("--version", logon.version, "LM, NTLMv1, NTLMv1-ESS, LMv2, NTLMv2 or anonymous");
  check->add_option("--account", logon.account, "DOMAIN\\name, name@domain or name, as the client says it");
  check->add_option("--account-kind", logon.account_kind, "domain, local, machine, guest: what the account turned out to be");
  check->add_option("--client", logon.client, "The client's address");
  check->add_option("--tls", logon.tls, "yes or no");
  check->add_option("--server", logon.server, "The server's name, as the client calls it");
  check->add_option("--server-address", logon.server_address, "The server's address");
  check->add_option("--mic", logon.mic, "verified, absent, zero, wrong, ...; absent if not said");
  check->add_option("--channel-binding", logon.channel_binding, "matched, mismatched, absent, zero, present; absent if not said");
  check->add_option("--spn", logon.spn, "The target name that the client sent");
  check->add_option("--spn-check", logon.spn_check, "accepted, refused, untrusted, absent");
  check->add_option("--flags", logon.flags, "The exchange's flags, 0x and eight digits");
  check->add_option("--finding", logon.findings, "The id of a finding of detection; may be repeated")->allow_extra_args(false);
  check->add_option("--source", logon.source, "Who saw it: authority, capture, winlog, samba, zeek");
  check->add_option("--fact", logon.facts, "MEMBER=VALUE: any other member of a LogonEvent, as account.protected=true")
      ->allow_extra_args(false);
  check->add_option("--set", arguments->assignments, "NAME=VALUE: try another value; may be repeated")->allow_extra_args(false);
  check->add_option("--point", arguments->point, "client, server, server-dc, account-dc, authority (the last three) or all")
      ->capture_default_str();
  check->add_option("--stage", arguments->stage, "negotiate, response or verified: how far the logon has come")
      ->capture_default_str();
  check->add_option("--file", arguments->file, "This policy file over the defaults, instead of what posternd enforces");
  check->footer(
      "What is not said was not sent, or is unknown where only the server could know it.\n"
      "Example:\n"
      "  postern policy check --version NTLMv2 --account 'DEMO\\alice' --service http --tls yes --set ExtendedProtection=always\n"
      "Exit code: 0 let in, 1 denied, or the facts do not say.");
  check->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) { return run_check(context, *arguments, output); };
  });
}

}  // namespace

CLI::App* add_policy_commands(CLI::App& app, Context& context) {
  CLI::App* policy = app.add_subcommand("policy", "What is allowed, and why");
  policy->require_subcommand(1);

  auto shown = std::make_shared<ShowArguments>();
  CLI::App* show = policy->add_subcommand("show", "The policy that posternd enforces, service by service");
  show->add_option("--service", shown->service, "Only this service");
  show->add_option("--file", shown->file, "What this policy file says over the defaults, without posternd");
  show->footer("Example:\n  postern policy show --service gateway");
  show->callback(
      [shown, &context] { context.run = [shown, &context](const Output& output) { return run_show(context, *shown, output); }; });

  auto changed = std::make_shared<SetArguments>();
  CLI::App* set = policy->add_subcommand("set", "Change the policy file and have posternd read it anew");
  set->add_option("SETTING", changed->assignments, "NAME=VALUE, as often as wanted; lists as a,b or none")->required();
  set->add_option("--service", changed->service, "For this service only");
  set->add_option("--file", changed->file, "Change this file and tell nobody");
  set->footer(
      "Comments in the file stay. If posternd refuses the file, it is put back as it was.\n"
      "Example:\n  postern policy set RequireMic=always DenyVersions=LM,NTLMv1 --service gateway");
  set->callback([changed, &context] {
    context.run = [changed, &context](const Output& output) { return run_set(context, *changed, output); };
  });

  CLI::App* reload = policy->add_subcommand("reload", "Have posternd read its policy anew; connections stay");
  reload->footer("Example:\n  postern policy reload\nA wrong file changes nothing, and is named with line and key.");
  reload->callback([&context] { context.run = [&context](const Output& output) { return run_reload(context, output); }; });

  add_check(*policy, context);
  return policy;
}

}  // namespace postern::cli
