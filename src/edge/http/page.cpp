#include "edge/http/page.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace postern::http {
namespace {

constexpr std::string_view kStyle =
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "h1{font-size:1.6rem;margin-bottom:.25rem}table{border-collapse:collapse;width:100%;margin-top:1rem}"
    "th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ccc;vertical-align:top;overflow-wrap:anywhere}"
    "th{width:14rem;font-weight:600}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}}";

std::string_view name_of(ntlm::AccountKind kind) {
  switch (kind) {
    case ntlm::AccountKind::domain: return "domain";
    case ntlm::AccountKind::local: return "local";
    case ntlm::AccountKind::machine: return "machine";
    case ntlm::AccountKind::anonymous: return "anonymous";
    case ntlm::AccountKind::guest: return "guest";
    case ntlm::AccountKind::unknown: break;
  }
  return "unknown";
}

/// Names come from the network: what is no UTF-8 becomes U+FFFD instead of an exception.
std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string json_page(const PageFacts& facts) {
  nlohmann::ordered_json json;
  json["user"] = nullptr;
  if (const LoggedOn* who = facts.logged_on) {
    json["user"] = account_text(who->identity);
    json["domain"] = who->identity.domain;
    json["account"] = who->identity.name;
    json["sid"] = who->identity.sid;
    json["kind"] = name_of(who->identity.kind);
    json["groups"] = who->groups;
    json["package"] = who->facts.package;
    json["scheme"] = who->carrier == ntlm::Carrier::ntlm ? "NTLM" : "Negotiate";
    json["version"] = who->facts.version;
    json["mic"] = who->facts.mic;
    json["channel_binding"] = who->facts.channel_binding;
    json["spn"] = who->facts.spn;
    json["spn_check"] = who->facts.spn_check;
    json["workstation"] = who->facts.workstation;
    json["event_id"] = who->event_id;
  }
  json["tls"] = facts.tls;
  if (facts.tls) {
    json["tls_version"] = facts.tls_version;
    json["tls_cipher"] = facts.tls_cipher;
  }
  json["client"] = facts.client_address;
  json["method"] = facts.method;
  json["target"] = facts.target;
  return dump(json);
}

Page html_page(const PageFacts& facts) {
  std::string rows;
  const auto row = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, html_escaped(value));
  };
  std::string title = "Nobody is logged on";
  if (const LoggedOn* who = facts.logged_on) {
    title = "Logged on as " + account_text(who->identity);
    row("Account", account_text(who->identity));
    row("Domain", who->identity.domain);
    row("SID", who->identity.sid);
    row("Kind of account", name_of(who->identity.kind));
    row("Groups", fmt::format("{}", fmt::join(who->groups, ", ")));
    row("Package", who->facts.package);
    row("Offered as", who->carrier == ntlm::Carrier::ntlm ? "NTLM" : "Negotiate");
    row("Version of the response", who->facts.version);
    row("Message integrity code (MIC)", who->facts.mic);
    row("Channel binding", who->facts.channel_binding);
    row("Target name", who->facts.spn);
    row("Target name check", who->facts.spn_check);
    row("Workstation", who->facts.workstation);
    row("Event", who->event_id);
  }
  row("TLS", facts.tls ? facts.tls_version + ", " + facts.tls_cipher : "no");
  row("Your address", facts.client_address);
  row("Request", facts.method + " " + facts.target);
  return html_document(title,
                       fmt::format("<h1>{}</h1>\n<p>This page is the gateway's own: no upstream is configured.</p>\n"
                                   "<table>\n<caption>How this connection logged on</caption>\n<tbody>\n{}</tbody>\n</table>\n",
                                   html_escaped(title), rows));
}

/// The quality that Accept gives to type/subtype, in thousandths: the most specific range decides.
int quality(const Headers& headers, std::string_view type, std::string_view subtype) {
  int best = 0;
  int best_rank = -1;
  for (const std::string& member : list_members(headers, "Accept")) {
    const std::string_view text = member;
    std::string_view range = text.substr(0, text.find(';'));
    while (!range.empty() && range.back() == ' ') range.remove_suffix(1);
    const std::size_t slash = range.find('/');
    if (slash == std::string_view::npos) continue;
    const std::string_view range_type = range.substr(0, slash);
    const std::string_view range_subtype = range.substr(slash + 1);
    int rank = -1;
    if (equal_ignoring_case(range_type, type) && equal_ignoring_case(range_subtype, subtype))
      rank = 2;
    else if (equal_ignoring_case(range_type, type) && range_subtype == "*")
      rank = 1;
    else if (range == "*/*")
      rank = 0;
    if (rank <= best_rank) continue;
    int thousandths = 1000;
    if (const std::size_t q = text.find("q="); q != std::string_view::npos) {
      double value = 1;
      std::from_chars(text.data() + q + 2, text.data() + text.size(), value);
      thousandths = static_cast<int>(value * 1000);
    }
    best_rank = rank;
    best = thousandths;
  }
  return best;
}

std::string http_date(FileTime now) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds moment{std::chrono::seconds{now.unix_microseconds() / 1'000'000}};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{moment - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

Page html_document(std::string_view title, std::string_view content) {
  return {"text/html; charset=utf-8",
          fmt::format(
              "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
              "content=\"width=device-width, "
              "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
              html_escaped(title), kStyle, content)};
}

bool prefers_json(const Headers& headers) { return quality(headers, "application", "json") > quality(headers, "text", "html"); }

Page logged_on_page(const PageFacts& facts, bool as_json) {
  if (as_json) return {"application/json", json_page(facts)};
  return html_page(facts);
}

Page status_page(unsigned status, std::string_view explanation) {
  const std::string title = fmt::format("{} {}", status, reason_phrase(status));
  return html_document(title, fmt::format("<h1>{}</h1>\n<p>{}</p>\n", html_escaped(title), html_escaped(explanation)));
}

Headers page_headers(const Page& page, FileTime now) {
  return {{"Date", http_date(now)},
          {"Content-Type", page.content_type},
          {"Content-Length", std::to_string(page.body.size())},
          {"Cache-Control", "no-store"},
          {"Vary", "Accept, Authorization"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"},
          {"Content-Security-Policy",
           "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}};
}

}  // namespace postern::http
