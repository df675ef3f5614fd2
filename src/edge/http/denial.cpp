#include "edge/http/denial.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace postern::http {
namespace {

std::string_view name_of(ntlm::DenialPoint point) {
  switch (point) {
    case ntlm::DenialPoint::client: return "client";
    case ntlm::DenialPoint::server: return "server";
    case ntlm::DenialPoint::server_dc: return "server-dc";
    case ntlm::DenialPoint::account_dc: break;
  }
  return "account-dc";
}

std::string_view name_of(ntlm::DenialStage stage) {
  switch (stage) {
    case ntlm::DenialStage::negotiate: return "negotiate";
    case ntlm::DenialStage::response: return "response";
    case ntlm::DenialStage::verified: break;
  }
  return "verified";
}

/// A page or a log line is bounded whatever an authority sends.
std::string_view bounded(std::string_view text) { return text.substr(0, ntlm::kMaxExplanationBytes); }

/// The reason as a sentence.
std::string sentence(std::string_view reason) {
  std::string text{bounded(reason)};
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

std::string in_quotes(std::string_view text) {
  std::string out{'"'};
  for (const char c : bounded(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::string_view message_of(unsigned status) {
  return status == 403 ? "The policy of this service takes no NTLM here." : "The policy of this service does not take this logon.";
}

Page json_form(unsigned status, const Denial& denial) {
  const ntlm::Explanation& why = denial.explanation;
  nlohmann::ordered_json json;
  json["status"] = status;
  json["message"] = message_of(status);
  json["setting"] = bounded(why.setting);
  if (!why.value.empty()) json["value"] = bounded(why.value);
  json["point"] = name_of(why.point);
  json["stage"] = name_of(why.stage);
  json["reason"] = bounded(why.reason);
  json["cure"] = bounded(why.cure);
  if (!denial.event_id.empty()) json["event_id"] = bounded(denial.event_id);
  return {"application/json", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

Page html_form(unsigned status, const Denial& denial) {
  const ntlm::Explanation& why = denial.explanation;
  std::string rows;
  const auto row = [&rows](std::string_view name, std::string_view value) {
    if (!value.empty()) rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, html_escaped(bounded(value)));
  };
  row("Setting", why.setting);
  row("Its value", why.value);
  row("Decided at", fmt::format("{}, {}", name_of(why.point), name_of(why.stage)));
  row("Event", denial.event_id);
  const std::string title = fmt::format("{} {}", status, reason_phrase(status));
  return html_document(title,
                       fmt::format("<h1>{}</h1>\n<p>{}</p>\n<h2>Why</h2>\n<p>{}</p>\n<h2>What to change</h2>\n<p>{}</p>\n"
                                   "<table>\n<caption>For whoever runs this service</caption>\n<tbody>\n{}</tbody>\n</table>\n",
                                   html_escaped(title), message_of(status), html_escaped(sentence(why.reason)),
                                   html_escaped(bounded(why.cure)), rows));
}

}  // namespace

Page denial_page(unsigned status, const Denial& denial, bool as_json) {
  return as_json ? json_form(status, denial) : html_form(status, denial);
}

std::string log_text(const ntlm::Explanation& explanation) {
  return fmt::format(" setting={} value={} point={} stage={} reason={} cure={}", bounded(explanation.setting),
                     in_quotes(explanation.value), name_of(explanation.point), name_of(explanation.stage),
                     in_quotes(explanation.reason), in_quotes(explanation.cure));
}

}  // namespace postern::http
