#include "postern/account_set.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <vector>

#include "base/file_time.hpp"

namespace postern::cli {
namespace {

std::unexpected<Error> wrong(std::string_view option, std::string message) {
  return fail(ErrorCode::invalid_input, option, Error::kNoOffset, std::move(message));
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  if (text == "any") return parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Result<void> add_switch(Json& request, const char* member, std::string_view option, const std::optional<std::string>& value) {
  if (!value) return {};
  if (*value != "on" && *value != "off") return wrong(option, "is neither on nor off");
  request[member] = *value == "on";
  return {};
}

Result<std::string> expiry_of(const std::string& text) {
  constexpr std::size_t kDateChars = 10;
  if (text == "never") return std::string{};
  const std::string moment = text.size() == kDateChars ? text + "T00:00:00Z" : text;
  const auto time = FileTime::from_rfc3339(moment);
  if (!time) return wrong("--expires", "is no date as in 2027-01-31, no RFC 3339 time and not never");
  return time->to_rfc3339();
}

}  // namespace

Result<Json> account_set_request(const std::string& account, const AccountSettings& settings) {
  Json request{{"op", "account.set"}, {"account", account}};
  const std::size_t empty = request.size();
  if (settings.logon_hours) request["logon_hours"] = *settings.logon_hours;
  if (settings.workstations) request["workstations"] = list_of(*settings.workstations);
  if (settings.networks) request["networks"] = list_of(*settings.networks);
  POSTERN_CHECK(add_switch(request, "ntlm_allowed", "--ntlm", settings.ntlm));
  POSTERN_CHECK(add_switch(request, "protected", "--protected", settings.is_protected));
  POSTERN_CHECK(add_switch(request, "canary", "--canary", settings.canary));
  POSTERN_CHECK(add_switch(request, "must_change", "--must-change", settings.must_change));
  if (settings.expires) {
    POSTERN_TRY(expires, expiry_of(*settings.expires));
    request["expires"] = expires;
  }
  if (request.size() == empty) return wrong("account set", "nothing is to be set: see postern account set --help");
  return request;
}

std::string audit_text(const Json& audit) {
  struct Part {
    const char* member;
    const char* title;
  };
  constexpr Part kParts[] = {{"breached", "password on the list of breached ones"},
                             {"never_used", "never used"},
                             {"without_aes_keys", "without AES keys: no Kerberos until the next password"},
                             {"old_passwords", "password older than {} days"},
                             {"must_change", "must change the password"},
                             {"disabled", "disabled"},
                             {"expired", "expired"},
                             {"locked", "locked"},
                             {"ntlm_only", "NTLM only: no Kerberos logon is known"},
                             {"protected", "in Protected Users"},
                             {"canaries", "decoys"}};
  std::string text = fmt::format("{} accounts\n", audit.value("accounts", 0));
  const auto name_lines = [&](const Json& names) {
    for (const Json& name : names) text += "  " + printable(name.get<std::string>()) + "\n";
  };
  const Json none = Json::array();
  const auto member = [&](const char* name) { return audit.contains(name) ? audit[name] : none; };
  std::size_t group_number = 0;
  for (const Json& group : member("shared_passwords")) {
    text += fmt::format("share one password (group {}):\n", ++group_number);
    name_lines(group);
  }
  if (!audit.contains("breached")) text += "breached passwords: not looked for, because no breached_hashes list is configured\n";
  for (const Part& part : kParts) {
    const Json names = member(part.member);
    if (names.empty()) continue;
    text += fmt::format(fmt::runtime(part.title), audit.value("old_after_days", 0)) + ":\n";
    name_lines(names);
  }
  return text;
}

}  // namespace postern::cli
