#include "postern/policy_report.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/ip_network.hpp"
#include "event/reader/parse_event.hpp"

namespace postern::cli {
namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;

/// Decimal or 0x digits as a number.
std::optional<std::uint32_t> number_of(std::string_view text) {
  const bool is_hex = text.starts_with("0x");
  const std::string_view digits = text.substr(is_hex ? 2 : 0);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::unexpected<Error> wrong(std::string_view option, const std::string& message) {
  return fail(ErrorCode::invalid_input, option, Error::kNoOffset, message);
}

/// A member of an event as JSON: true, false and numbers as such, except where the event has a text.
Json member_value(const std::string& path, const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const bool is_port = path.ends_with(".port") || path.ends_with(".key_bits") || path == "reason.id";
  if (const auto number = is_port ? number_of(text) : std::nullopt) return *number;
  return text;
}

void put(Json& event, const std::string& path, const std::string& value) {
  const std::size_t dot = path.rfind('.');
  Json& object = dot == std::string::npos ? event : event[Json::json_pointer{"/" + [&] {
    std::string above = path.substr(0, dot);
    std::ranges::replace(above, '.', '/');
    return above;
  }()}];
  object[path.substr(dot == std::string::npos ? 0 : dot + 1)] = member_value(path, value);
}

}  // namespace

Json settings_json(const policy::Policy& policy) {
  Json settings = Json::object();
  for (const policy::Setting& setting : policy::settings_of(policy)) {
    const std::string name{setting.name};
    if (policy::is_list(setting.name)) {
      settings[name] = policy::split_list(setting.value);
    } else if (const auto number = number_of(setting.value)) {
      settings[name] = *number;
    } else {
      settings[name] = setting.value;
    }
  }
  return settings;
}

Result<policy::Policy> policy_of(const Json& settings) {
  policy::Policy policy;
  for (const auto& [name, value] : settings.items()) {
    if (!value.is_string()) return wrong("policy", "the authority's answer has no text for " + name);
    POSTERN_CHECK(policy::set(policy, name, value.get_ref<const std::string&>()));
  }
  return policy;
}

Json decisions_json(const policy::Decisions& decisions) {
  Json json{{"verdict", event::name_of(decisions.verdict())}};
  if (decisions.denied()) json["status"] = status_json(policy::status_for(decisions));
  Json list = Json::array();
  for (const policy::PolicyDecision& entry : decisions.entries()) {
    list.push_back({{"point", event::name_of(entry.point)},
                    {"stage", event::name_of(entry.stage)},
                    {"setting", entry.setting},
                    {"value", entry.value},
                    {"decision", event::name_of(entry.decision)},
                    {"why", entry.why}});
  }
  json["decisions"] = std::move(list);
  return json;
}

std::string decisions_text(const policy::Decisions& decisions, Colour colour) {
  std::string text;
  for (const policy::PolicyDecision& entry : decisions.entries()) {
    const std::string word = fmt::format("{:<8}", event::name_of(entry.decision));
    const bool loud = colour == Colour::on && entry.decision == policy::Decision::deny;
    text += fmt::format("{}  {:<10} {:<9}  {} = {}: {}\n", loud ? "\x1b[31m" + word + "\x1b[0m" : word, event::name_of(entry.point),
                        event::name_of(entry.stage), entry.setting, printable(entry.value), printable(entry.why));
  }
  text += fmt::format("verdict: {}", event::name_of(decisions.verdict()));
  if (decisions.denied()) text += fmt::format(" ({})", name_of(policy::status_for(decisions)));
  return text;
}

Result<Assignment> assignment_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return wrong("NAME=VALUE", "\"" + text + "\" has no =");
  const std::string_view name = policy::setting_name(std::string_view{text}.substr(0, equals));
  if (name.empty()) return wrong("NAME=VALUE", "no setting is called \"" + text.substr(0, equals) + "\"");
  return Assignment{std::string{name}, text.substr(equals + 1)};
}

Result<void> assign(policy::Policy& policy, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    POSTERN_TRY(assignment, assignment_of(text));
    POSTERN_CHECK(policy::set(policy, assignment.name, assignment.value));
  }
  return {};
}

Result<event::Facts> facts_of(const DescribedLogon& logon, FileTime now) {
  const event::Timestamp server_time{now};
  const event::Timestamp client_time{FileTime::from_unix_microseconds(now.unix_microseconds() - kMicrosecondsPerSecond)};
  const bool is_v2 = logon.version == event::name_of(event::NtlmVersion::ntlm_v2);
  const std::string_view unsent = is_v2 ? "absent" : "not-applicable";
  Json event{{"schema", event::LogonEvent::kSchema},
             {"outcome", "unknown"},
             {"time", server_time.file_time().to_rfc3339()},
             {"package", "NTLM"}};
  const auto optional = [&](const char* path, const std::string& value) {
    if (!value.empty()) put(event, path, value);
  };
  optional("source.kind", logon.source);
  if (!logon.version.empty()) {
    put(event, "ntlm.version", logon.version);
    put(event, "ntlm.mic", std::string{logon.mic.empty() ? unsent : logon.mic});
    put(event, "ntlm.channel_binding", std::string{logon.channel_binding.empty() ? unsent : logon.channel_binding});
    put(event, "ntlm.server_time", server_time.file_time().to_rfc3339());
    put(event, "ntlm.timestamp_offered", "true");
    if (is_v2) put(event, "ntlm.client_time", client_time.file_time().to_rfc3339());
  }
  optional("ntlm.negotiate_flags", logon.flags);
  optional("ntlm.spn", logon.spn);
  if (!logon.spn_check.empty()) {
    put(event, "ntlm.spn_check", logon.spn_check);
  } else if (logon.spn.empty() && !logon.version.empty()) {
    put(event, "ntlm.spn_check", "absent");
  }
  if (!logon.account.empty()) {
    const std::size_t backslash = logon.account.find('\\');
    event["account"]["domain"] = backslash == std::string::npos ? "" : logon.account.substr(0, backslash);
    event["account"]["name"] = backslash == std::string::npos ? logon.account : logon.account.substr(backslash + 1);
  }
  optional("account.kind", logon.account_kind);
  optional("client.address", logon.client);
  if (!logon.server.empty()) {
    event["server"]["name"] = logon.server;
    // Its NetBIOS name as far as the name tells.
    if (!IpAddress::parse(logon.server))
      event["ntlm"]["server_names"]["nb_computer"] = logon.server.substr(0, logon.server.find('.'));
  }
  optional("server.address", logon.server_address);
  optional("server.service", logon.service);
  if (!logon.tls.empty()) {
    if (logon.tls != "yes" && logon.tls != "no") return wrong("--tls", "takes yes or no");
    event["transport"]["tls"] = logon.tls == "yes";
  }
  for (const std::string& id : logon.findings) {
    event["findings"].push_back({{"id", id}, {"severity", "alarm"}, {"text", "as described"}});
  }
  for (const std::string& fact : logon.facts) {
    const std::size_t equals = fact.find('=');
    if (equals == std::string::npos || equals == 0) return wrong("--fact", "\"" + fact + "\" is not written MEMBER=VALUE");
    const std::string path = fact.substr(0, equals);
    const bool is_path = std::ranges::all_of(path, [](char c) { return c == '.' || c == '_' || (c >= 'a' && c <= 'z'); });
    if (!is_path || path.starts_with('.') || path.ends_with('.'))
      return wrong("--fact", "\"" + path + "\" is no member of an event");
    try {
      put(event, path, fact.substr(equals + 1));
    } catch (const Json::exception&) {
      return wrong("--fact", "\"" + path + "\" is no member of an event");
    }
  }
  auto parsed = event::parse_event(event.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!parsed) return wrong("logon", parsed.error().message);
  return event::facts_of(*parsed);
}

}  // namespace postern::cli
