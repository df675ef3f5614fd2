#include "finding_log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace postern::posternd {

std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '\\') {
      line += c;
    } else {
      line += fmt::format("\\x{:02x}", byte);
    }
  }
  return line;
}

Result<void> FindingLog::write(const event::LogonEvent& event) {
  for (const event::Finding& finding : event.findings) {
    if (finding.severity != event::Severity::info) log(event, finding);
  }
  return next_ == nullptr ? Result<void>{} : next_->write(event);
}

void FindingLog::log(const event::LogonEvent& event, const event::Finding& finding) {
  const FileTime now = event.time.value_or(event::Timestamp{}).file_time();
  const auto period = static_cast<std::uint64_t>(kPeriod.count()) * FileTime::kTicksPerSecond;
  if (now.distance_ticks(period_start_) >= period) {
    if (left_out_ > 0) write_(Level::warning, fmt::format("{} more findings are in the events", left_out_));
    period_start_ = now;
    lines_ = 0;
    left_out_ = 0;
  }
  // An alarm is never left out for a warning: it has as many lines of its own.
  const std::uint32_t limit = finding.severity == event::Severity::alarm ? 2 * kLinesPerPeriod : kLinesPerPeriod;
  if (lines_ >= limit) {
    ++left_out_;
    return;
  }
  ++lines_;
  const auto shown = [](const event::Text& text) { return printable(text.value_or("")); };
  const std::string domain = shown(event.account.domain);
  write_(finding.severity == event::Severity::alarm ? Level::error : Level::warning,
         fmt::format("finding {} ({}): {}{}{}; account {}{}{}, client {} {}, service {}, {}, event {}", finding.id,
                     event::name_of(finding.severity), finding.text, finding.evidence ? ": " : "", shown(finding.evidence), domain,
                     domain.empty() ? "" : "\\", shown(event.account.name), shown(event.client.address),
                     shown(event.client.workstation), shown(event.server.name), event::name_of(event.outcome),
                     event.id ? event.id->text() : std::string{"none"}));
}

}  // namespace postern::posternd
