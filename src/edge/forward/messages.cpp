#include "edge/forward/messages.hpp"

#include <algorithm>
#include <cstdint>

namespace postern::forward {
namespace {

using event::LogonEvent;
using event::Outcome;
using event::Severity;

constexpr std::size_t kMaxHostLetters = 255;  // RFC 5424 6

std::string host_of(const LogonEvent& event) {
  std::string host = event.source.host.value_or("-").substr(0, kMaxHostLetters);
  const bool printable = std::ranges::all_of(host, [](char c) { return c > 0x20 && c < 0x7f; });
  return host.empty() || !printable ? "-" : host;
}

std::string account_of(const LogonEvent& event) {
  const std::string domain = event.account.domain.value_or("");
  return (domain.empty() ? "" : domain + "\\") + event.account.name.value_or("");
}

void field(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += name;
  if (value.contains('\n')) {
    out += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>((value.size() >> shift) & 0xff);
  } else {
    out += '=';
  }
  out += value;
  out += '\n';
}

}  // namespace

unsigned severity_of(const LogonEvent& event) {
  constexpr unsigned kAlert = 1, kWarning = 4, kNotice = 5, kInformational = 6;
  const auto found = [&event](Severity severity) {
    return std::ranges::find(event.findings, severity, &event::Finding::severity) != event.findings.end();
  };
  if (found(Severity::alarm)) return kAlert;
  if (event.outcome == Outcome::blocked || found(Severity::warning)) return kWarning;
  return event.outcome == Outcome::failure ? kNotice : kInformational;
}

std::string syslog_message(const LogonEvent& event, std::string_view line, unsigned facility) {
  std::string message = "<" + std::to_string(facility * 8 + severity_of(event)) + ">1 ";
  message += event.time ? event.time->file_time().to_rfc3339() : "-";
  message += ' ' + host_of(event) + " postern - logon - ";
  message += line;
  return message;
}

std::string octet_counted(const std::string& message) { return std::to_string(message.size()) + ' ' + message; }

std::string journal_entry(const LogonEvent& event, std::string_view line) {
  const auto name = [](const auto& value) { return value ? std::string{event::name_of(*value)} : std::string{}; };
  const std::string account = account_of(event);
  const std::string client = event.client.address.value_or("");
  const std::string status = event.status ? event.status->name.value_or("") : std::string{};
  std::string text = "NTLM logon " + std::string{event::name_of(event.outcome)};
  if (!account.empty()) text += " of " + account;
  if (!client.empty()) text += " from " + client;
  if (event.server.name) text += " at " + *event.server.name;
  if (!status.empty()) text += ": " + status;
  std::string entry;
  field(entry, "MESSAGE", text);
  field(entry, "PRIORITY", std::to_string(severity_of(event)));
  field(entry, "SYSLOG_IDENTIFIER", "postern");
  field(entry, "POSTERN_EVENT_ID", event.id ? event.id->text() : std::string{});
  field(entry, "POSTERN_OUTCOME", event::name_of(event.outcome));
  field(entry, "POSTERN_STATUS", status);
  field(entry, "POSTERN_ACCOUNT", account);
  field(entry, "POSTERN_CLIENT", client);
  field(entry, "POSTERN_SERVER", event.server.name.value_or(""));
  field(entry, "POSTERN_VERSION", name(event.ntlm.version));
  for (const event::Finding& finding : event.findings) field(entry, "POSTERN_FINDING", finding.id);
  for (const event::PolicyDecision& decision : event.policy) {
    if (decision.decision != event::Decision::allow) field(entry, "POSTERN_SETTING", decision.setting);
  }
  field(entry, "POSTERN_EVENT", line);
  return entry;
}

}  // namespace postern::forward
