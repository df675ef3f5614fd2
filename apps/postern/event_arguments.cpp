#include "postern/event_arguments.hpp"

#include <chrono>

#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"

namespace postern::cli {
namespace {

FileTime wall_clock() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

Result<void> read_moment(const std::string& text, std::string_view option, std::optional<event::Timestamp>& moment) {
  if (text.empty()) return {};
  moment = moment_from(text, wall_clock());
  if (moment) return {};
  return fail(ErrorCode::invalid_input, option, Error::kNoOffset, "must be a time of RFC 3339, or an age as in 30d, 12h, 90m, 30s");
}

}  // namespace

void add_event_options(CLI::App& command, EventArguments& arguments) {
  command.add_option("--events", arguments.files,
                     "LogonEvents as JSON lines: files, folders of them, or - ; without it those that posternd has stored");
  command.add_option("--service", arguments.service, "Only this kind of service, for example http, smb, ldap");
  command.add_option("--account", arguments.account, "Only this account, DOMAIN\\name");
  command.add_option("--server", arguments.server, "Only this server or service, by name");
  command.add_option("--version", arguments.version, "Only this version, for example NTLMv2");
  command.add_option("--outcome", arguments.outcome, "Only success, failure, blocked or unknown");
  command.add_option("--from", arguments.from, "Not before this time (RFC 3339, or an age as in 30d)");
  command.add_option("--until", arguments.until, "Before this time (likewise)");
  command.add_option("--since", arguments.since, "The same as --from");
}

Result<EventQuery> query_of(const EventArguments& arguments, const Context& context) {
  EventQuery query;
  query.files = arguments.files;
  query.socket = context.socket;
  query.config = context.config;
  query.account = arguments.account;
  query.server = arguments.server;
  query.version = arguments.version;
  query.outcome = arguments.outcome;
  POSTERN_CHECK(read_moment(arguments.from, "--from", query.from));
  POSTERN_CHECK(read_moment(arguments.since, "--since", query.from));
  POSTERN_CHECK(read_moment(arguments.until, "--until", query.until));
  if (!arguments.service.empty()) {
    query.service = event::from_name<event::Service>(arguments.service);
    if (!query.service) {
      return fail(ErrorCode::invalid_input, "--service", Error::kNoOffset,
                  "must be a kind of service, for example http, smb or ldap; a service's name goes with --server");
    }
  }
  return query;
}

Result<advise::Policies> base_policies(const EventQuery& query) {
  advise::Policies policies;
  if (!query.files.empty()) return policies;
  POSTERN_TRY(socket, admin_socket_path(query.socket, query.config));
  POSTERN_TRY(client, AdminClient::connect(socket));
  POSTERN_TRY(answer, client.ask(Json{{"op", "policy.show"}}));
  for (const Json& service : answer["services"]) {
    policy::Policy& policy = policies.by_service[service.value("name", std::string{})];
    for (const auto& [name, value] : service["settings"].items()) {
      // A posternd of another version may know settings that we do not; what-if without one of them would mislead.
      POSTERN_CHECK(policy::set(policy, name, value.is_string() ? value.get<std::string>() : std::string{}));
    }
  }
  return policies;
}

}  // namespace postern::cli
