#include <charconv>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/file_time.hpp"
#include "entropy/entropy.hpp"
#include "event/export/forms.hpp"
#include "event/export/pseudonym_key.hpp"
#include "event/export/pseudonyms.hpp"
#include "event/facts.hpp"
#include "event/reader/parse_event.hpp"
#include "policy/explain.hpp"
#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands.hpp"

namespace postern::cli {
namespace {

using event::LogonEvent;

constexpr std::size_t kEventsPerRead = 500;
constexpr auto kFollowPause = std::chrono::milliseconds{500};

struct EventArguments {
  std::string account{};
  std::string server{};
  std::string client{};
  std::string version{};
  std::string outcome{};
  std::string finding{};
  std::string setting{};
  std::string since{};
  std::string from{};
  std::string until{};
  std::string format{};
  std::string key_file{};
  std::uint64_t limit = 100;
  bool pseudonymise = false;
  bool follow = false;
};

/// `90s`, `30m`, `1h`, `7d`, `2w` before now, as RFC 3339.
std::optional<std::string> moment_before_now(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end + 1 != text.data() + text.size() || count > 100'000) return std::nullopt;
  std::uint64_t seconds = 0;
  switch (*end) {
    case 's': seconds = count; break;
    case 'm': seconds = count * 60; break;
    case 'h': seconds = count * 3'600; break;
    case 'd': seconds = count * 86'400; break;
    case 'w': seconds = count * 7 * 86'400; break;
    default: return std::nullopt;
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return FileTime::from_unix_microseconds(now - static_cast<std::int64_t>(seconds) * 1'000'000).to_rfc3339();
}

std::string text_of(const event::Text& text) { return printable(text.value_or("")); }

/// One event for a person: a line of columns, and below it why it was refused or what is worth a look.
std::string table_row(const LogonEvent& event) {
  const std::string time = event.time ? event.time->file_time().to_rfc3339().substr(0, 19) : std::string(19, ' ');
  const std::string domain = text_of(event.account.domain);
  const std::string account = (domain.empty() ? "" : domain + "\\") + text_of(event.account.name);
  const std::string_view version = event.ntlm.version ? event::name_of(*event.ntlm.version) : "";
  const std::string status = event.outcome != event::Outcome::success && event.status ? text_of(event.status->name) : "";
  std::string row = fmt::format("{}  {:<8} {:<24} {:<16} {:<12} {:<11} {}", time, event::name_of(event.outcome), account,
                                text_of(event.client.address), text_of(event.server.name), version, status);
  row.erase(row.find_last_not_of(' ') + 1);
  for (const event::PolicyDecision& decision : event.policy) {
    if (decision.decision == event::Decision::allow) continue;
    row += fmt::format("\n    {} by {} = {}: {}", event::name_of(decision.decision), printable(decision.setting),
                       printable(decision.value), printable(decision.why));
    const std::string_view cure = policy::cure_for(decision, event::facts_of(event));
    if (decision.decision == event::Decision::deny && !cure.empty()) row += fmt::format("\n      to change that: {}", cure);
  }
  for (const event::Finding& finding : event.findings) {
    row += fmt::format("\n    {} {}: {}", event::name_of(finding.severity), printable(finding.id), printable(finding.text));
    if (finding.evidence) row += fmt::format(" ({})", printable(*finding.evidence));
  }
  return row;
}

/// Writes events as the arguments say.
class Printer {
 public:
  Printer(std::optional<event::Form> form, std::optional<event::Pseudonymiser> pseudonyms, const Output& output)
      : form_{form}, pseudonyms_{std::move(pseudonyms)}, output_{output} {}

  void print(const Json& events) {
    for (const Json& element : events) {
      if (!element.is_string()) continue;
      const auto& text = element.get_ref<const std::string&>();
      auto event = event::parse_event(text);
      if (!event) {
        output_.warn("an event that this program cannot read: " + event.error().to_line());
        continue;
      }
      if (pseudonyms_) event = pseudonyms_->apply(std::move(*event));
      if (!form_ && !headed_) {
        put(fmt::format("{:<19}  {:<8} {:<24} {:<16} {:<12} {:<11} STATUS", "TIME (UTC)", "OUTCOME", "ACCOUNT", "CLIENT", "SERVER",
                        "VERSION"));
        headed_ = true;
      }
      // As it was stored: a later version may have keys that this one does not know.
      const bool as_stored = form_ == event::Form::json && !pseudonyms_;
      put(as_stored ? text : form_ ? event::to_form(*event, *form_) : table_row(*event));
    }
    std::fflush(stdout);
  }

 private:
  static void put(const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
  }

  std::optional<event::Form> form_;
  std::optional<event::Pseudonymiser> pseudonyms_;
  const Output& output_;
  bool headed_ = false;
};

Result<DigestKey> key_of_this_run() {
  DigestKey key;
  if (!entropy::from_system(key.reveal_for_writing())) {
    return fail(ErrorCode::io, "--pseudonymise", Error::kNoOffset, "the system gives no random numbers");
  }
  return key;
}

Result<Json> request_of(const EventArguments& arguments) {
  Json request{{"op", "events"}, {"limit", arguments.limit}, {"newest", true}};
  const std::pair<const char*, const std::string*> filters[] = {
      {"account", &arguments.account}, {"server", &arguments.server},   {"client", &arguments.client},
      {"version", &arguments.version}, {"outcome", &arguments.outcome}, {"finding", &arguments.finding},
      {"setting", &arguments.setting}, {"from", &arguments.from},       {"until", &arguments.until}};
  for (const auto& [name, value] : filters) {
    if (!value->empty()) request[name] = *value;
  }
  if (!arguments.since.empty()) {
    const auto moment = moment_before_now(arguments.since);
    if (!moment)
      return fail(ErrorCode::invalid_input, "--since", Error::kNoOffset, "must be a time such as 90s, 30m, 1h, 7d or 2w");
    request["from"] = *moment;
  }
  return request;
}

/// A restart of posternd is no end of `--follow`.
bool may_come_back(const Error& error) { return error.code == ErrorCode::no_authority || error.code == ErrorCode::timeout; }

ExitCode follow(const std::string& socket, std::optional<AdminClient> client, Json request, std::uint64_t next, Printer& printer,
                const Output& output) {
  request["newest"] = false;
  request["limit"] = kEventsPerRead;
  bool told = false;
  while (true) {
    if (!client) {
      auto again = AdminClient::connect(socket);
      if (again) {
        client.emplace(std::move(*again));
      } else if (!may_come_back(again.error())) {
        return output.fail(again.error());
      }
    }
    // From the last that was seen on, oldest first: none is missed and none comes twice.
    request["after"] = next;
    auto answer = client ? client->ask(request) : Result<Json>{fail(ErrorCode::no_authority, "the authority is away")};
    if (!answer) {
      if (!may_come_back(answer.error())) return output.fail(answer.error());
      if (!std::exchange(told, true)) output.warn("the authority is away; waiting for it");
      client.reset();
      std::this_thread::sleep_for(kFollowPause);
      continue;
    }
    told = false;
    printer.print((*answer)["events"]);
    next = answer->value("next", next);
    if ((*answer)["events"].size() < kEventsPerRead) std::this_thread::sleep_for(kFollowPause);
  }
}

ExitCode run_events(const Context& context, const EventArguments& arguments, const Output& output) {
  std::optional<event::Form> form;
  if (context.json) form = event::Form::json;
  if (!arguments.format.empty()) form = event::from_name<event::Form>(arguments.format);
  std::optional<event::Pseudonymiser> pseudonyms;
  if (arguments.pseudonymise || !arguments.key_file.empty()) {
    const auto key = arguments.key_file.empty() ? key_of_this_run() : event::load_pseudonym_key(arguments.key_file);
    if (!key) return output.fail(key.error());
    pseudonyms.emplace(*key);
  }
  Printer printer{form, std::move(pseudonyms), output};
  auto request = request_of(arguments);
  if (!request) return output.fail(request.error());
  const auto socket = admin_socket_path(context.socket, context.config);
  if (!socket) return output.fail(socket.error());
  auto client = AdminClient::connect(*socket);
  if (!client) return output.fail(client.error());
  const auto answer = client->ask(*request);
  if (!answer) return output.fail(answer.error());
  printer.print((*answer)["events"]);
  if (!arguments.follow) return ExitCode::done;
  return follow(*socket, std::move(*client), std::move(*request), answer->value("next", std::uint64_t{0}), printer, output);
}

}  // namespace

void add_events_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<EventArguments>();
  CLI::App* events = app.add_subcommand("events", "The logons that were recorded, with why; with --json one LogonEvent a line");
  events->add_option("--account", arguments->account, "Only this account");
  events->add_option("--server", arguments->server, "Only this server or service");
  events->add_option("--client", arguments->client, "Only from this address");
  events->add_option("--version", arguments->version, "Only this version, for example NTLMv2");
  events->add_option("--outcome", arguments->outcome, "success, failure, blocked or unknown");
  events->add_option("--finding", arguments->finding, "Only with a finding of this id");
  events->add_option("--setting", arguments->setting, "Only where this setting denied, audited or could not tell");
  CLI::Option* since = events->add_option("--since", arguments->since, "Not older than this: 90s, 30m, 1h, 7d, 2w");
  events->add_option("--from", arguments->from, "Not before this time (RFC 3339)")->excludes(since);
  events->add_option("--until", arguments->until, "Not after this time (RFC 3339)");
  events->add_option("--limit", arguments->limit, "At most so many, the newest")->capture_default_str();
  events->add_option("--format", arguments->format, "json, samba or ecs: one object a line")
      ->check(CLI::IsMember({"json", "samba", "ecs"}));
  events->add_flag("--pseudonymise", arguments->pseudonymise, "Names, addresses and SIDs as pseudonyms of this run");
  events->add_option("--key-file", arguments->key_file, "Pseudonyms under the key in this file: the same in each run");
  events->add_flag("--follow", arguments->follow, "Go on with new ones as they come");
  events->footer(
      "Example:\n  postern events --outcome failure --since 1h\n"
      "  postern events --format ecs --pseudonymise --key-file /etc/postern/pseudonyms.key --follow");
  events->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) { return run_events(context, *arguments, output); };
  });
}

}  // namespace postern::cli
