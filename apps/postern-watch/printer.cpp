#include "postern-watch/printer.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <utility>

#include "event/json.hpp"
#include "event/names.hpp"

namespace postern::watch {
namespace {

constexpr int kTimeWidth = 19, kEndWidth = 21, kAccountWidth = 24, kServiceWidth = 10, kVersionWidth = 10, kOutcomeWidth = 8;

std::string end_of(const event::Text& address, std::optional<std::uint16_t> port) {
  if (!address) return "?";
  const bool v6 = address->find(':') != std::string::npos;
  std::string text = v6 ? "[" + *address + "]" : *address;
  return port ? text + ":" + std::to_string(*port) : text;
}

std::string account_of(const event::Account& account) {
  if (!account.name || account.name->empty()) return account.kind == event::AccountKind::anonymous ? "(anonymous)" : "?";
  return account.domain && !account.domain->empty() ? *account.domain + "\\" + *account.name : *account.name;
}

}  // namespace

std::string printable(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    const auto next = [&](std::size_t n) { return i + n < utf8.size() ? static_cast<unsigned char>(utf8[i + n]) : 0U; };
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{{{:x}}}", byte);
    } else if (byte == 0xc2 && next(1) >= 0x80 && next(1) <= 0x9f) {  // C1
      out += fmt::format("\\u{{{:x}}}", next(1));
      ++i;
    } else if (byte == 0xe2 && ((next(1) == 0x80 && next(2) >= 0xa8 && next(2) <= 0xae) ||
                                (next(1) == 0x81 && next(2) >= 0xa6 && next(2) <= 0xa9))) {
      out += fmt::format("\\u{{{:x}}}",
                         0x2000U | (next(1) & 0x3fU) << 6U | (next(2) & 0x3fU));  // line separators, bidirectional controls
      i += 2;
    } else {
      out += utf8[i];
    }
  }
  return out;
}

std::string table_head() {
  return fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}", "TIME (UTC)", kTimeWidth, "CLIENT", kEndWidth,
                     "SERVER", kEndWidth, "SERVICE", kServiceWidth, "ACCOUNT", kAccountWidth, "VERSION", kVersionWidth, "OUTCOME",
                     kOutcomeWidth, "FINDINGS");
}

std::string table_line(const event::LogonEvent& event) {
  std::string findings;
  for (const event::Finding& finding : event.findings) {
    if (finding.severity == event::Severity::info) continue;
    findings += findings.empty() ? "" : " ";
    findings += (finding.severity == event::Severity::alarm ? "!" : "") + finding.id;
  }
  std::string time = event.time ? event.time->file_time().to_rfc3339() : "?";
  time = time.substr(0, kTimeWidth);
  std::ranges::replace(time, 'T', ' ');
  return fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}", time, kTimeWidth,
                     end_of(event.client.address, event.client.port), kEndWidth, end_of(event.server.address, event.server.port),
                     kEndWidth, event.server.service ? std::string{event::name_of(*event.server.service)} : "?", kServiceWidth,
                     printable(account_of(event.account)), kAccountWidth,
                     event.ntlm.version ? std::string{event::name_of(*event.ntlm.version)} : "?", kVersionWidth,
                     event::name_of(event.outcome), kOutcomeWidth, findings);
}

Printer::Printer(Form form, Table table, LineFile lines, std::optional<inventory::Store> store, std::string stream)
    : form_{form}, lines_{std::move(lines)}, store_{std::move(store)}, stream_{std::move(stream)} {
  if (table == Table::kept) table_.emplace();
}

void Printer::keep(Result<void> result) {
  if (!result && !error_) error_ = std::move(result).error();
}

void Printer::on_message_object(const observe::MessageObject& object) {
  if (form_ == Form::messages) put(observe::to_json(object));
}

void Printer::on_event(const event::LogonEvent& event) {
  if (form_ == Form::events) put(event::to_json(event));
  if (table_) {
    table_->add(event);
  } else if (form_ == Form::table) {
    if (!std::exchange(head_written_, true)) put(table_head());
    put(table_line(event));
  }
  if (store_) {
    batch_.push_back(event);
    if (batch_.size() >= kStoreBatch) store_batch();
  }
}

void Printer::print_table(const Pane& pane, std::string_view title) {
  if (!table_) return;
  for (const std::string& line : table_->lines(pane, title)) put(line);
}

void Printer::store_batch() {
  if (!store_ || batch_.empty()) return;
  ++batches_;
  auto merged = store_->merge({stream_, batches_, batches_}, batch_);
  if (!merged && !error_) error_ = std::move(merged).error();
  batch_.clear();
}

Result<void> Printer::flush() {
  store_batch();
  return flush_lines();
}

Result<void> Printer::flush_lines() {
  keep(lines_.flush());
  if (!error_) return {};
  return std::unexpected{*std::exchange(error_, std::nullopt)};
}

}  // namespace postern::watch
