#include <chrono>
#include <memory>
#include <thread>

#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands.hpp"

namespace postern::cli {
namespace {

constexpr std::size_t kEventsPerRead = 500;
constexpr auto kFollowPause = std::chrono::milliseconds{500};

struct EventArguments {
  std::string account{};
  std::string server{};
  std::string version{};
  std::string outcome{};
  std::string from{};
  std::string until{};
  std::uint64_t limit = 100;
  bool follow = false;
};

/// One event as a readable line; absent facts are left out.
std::string summary(const Json& event) {
  const auto text = [](const Json& object, const char* group, const char* name) {
    return object.contains(group) ? object[group].value(name, std::string{}) : std::string{};
  };
  std::string line = event.value("time", "") + "  " + event.value("outcome", "unknown") + "  ";
  const std::string domain = text(event, "account", "domain");
  line += (domain.empty() ? "" : domain + "\\") + text(event, "account", "name");
  for (const std::string& part : {text(event, "ntlm", "version"), text(event, "client", "address"),
                                  text(event, "server", "service"), text(event, "status", "name")}) {
    if (!part.empty()) line += "  " + part;
  }
  return line;
}

void print(const Json& events, const Output& output) {
  for (const Json& element : events) {
    const Json event = element.is_string() ? Json::parse(element.get_ref<const std::string&>(), nullptr, false) : element;
    if (!event.is_object()) continue;
    if (output.format() == Format::json) {
      output.answer(event);
    } else {
      output.line(summary(event));
    }
  }
}

ExitCode run_events(const Context& context, const EventArguments& arguments, const Output& output) {
  const auto socket = admin_socket_path(context.socket, context.config);
  if (!socket) return output.fail(socket.error());
  auto client = AdminClient::connect(*socket);
  if (!client) return output.fail(client.error());
  Json request{{"op", "events"}, {"limit", arguments.limit}, {"newest", true}};
  const std::pair<const char*, const std::string*> filters[] = {{"account", &arguments.account}, {"server", &arguments.server},
                                                                {"version", &arguments.version}, {"outcome", &arguments.outcome},
                                                                {"from", &arguments.from},       {"until", &arguments.until}};
  for (const auto& [name, value] : filters) {
    if (!value->empty()) request[name] = *value;
  }
  for (;;) {
    const auto answer = client->ask(request);
    if (!answer) return output.fail(answer.error());
    print((*answer)["events"], output);
    if (!arguments.follow) return ExitCode::done;
    if ((*answer)["events"].size() < kEventsPerRead) std::this_thread::sleep_for(kFollowPause);
    // From the newest that was seen on, oldest first.
    request["newest"] = false;
    request["limit"] = kEventsPerRead;
    request["after"] = std::max(request.value("after", std::uint64_t{0}), answer->value("last", std::uint64_t{0}));
  }
}

}  // namespace

void add_events_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<EventArguments>();
  CLI::App* events = app.add_subcommand("events", "The logons that were recorded; with --json one LogonEvent a line");
  events->add_option("--account", arguments->account, "Only this account");
  events->add_option("--server", arguments->server, "Only this server or service");
  events->add_option("--version", arguments->version, "Only this version, for example NTLMv2");
  events->add_option("--outcome", arguments->outcome, "success, failure, blocked or unknown");
  events->add_option("--from", arguments->from, "Not before this time (RFC 3339)");
  events->add_option("--until", arguments->until, "Not after this time (RFC 3339)");
  events->add_option("--limit", arguments->limit, "At most so many, the newest")->capture_default_str();
  events->add_flag("--follow", arguments->follow, "Go on with new ones as they come");
  events->footer("Example:\n  postern events --outcome failure --json --follow");
  events->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) { return run_events(context, *arguments, output); };
  });
}

}  // namespace postern::cli
