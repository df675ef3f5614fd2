// Where what is seen goes: lines of JSON, a table for people, an inventory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/logon_event.hpp"
#include "inventory/store.hpp"
#include "observe/logons/tracker.hpp"
#include "postern-watch/options.hpp"
#include "postern-watch/rotating_file.hpp"
#include "postern-watch/table.hpp"

namespace postern::watch {

/// Text that a peer chose, safe for a terminal: control characters and bidirectional controls as \u{1b}, the rest as it is.
[[nodiscard]] std::string printable(std::string_view utf8);

/// One logon as a line of the table; columns are as wide as kTableHead shows.
[[nodiscard]] std::string table_line(const event::LogonEvent& event);
[[nodiscard]] std::string table_head();

/// Not thread-safe: live readers share one witness, and that has a lock.
class Printer final : public observe::LogonOutput {
 public:
  static constexpr std::size_t kStoreBatch = 500;  ///< events that go into the inventory in one transaction

  /// `stream` names this run in the inventory's ledger: a capture that is read again has the name that it had, and counts once.
  /// `table`: logons are summed up in it, and print no line each.
  enum class Table : std::uint8_t { none, kept };
  Printer(Form form, Table table, LineFile lines, std::optional<inventory::Store> store, std::string stream);

  void on_message_object(const observe::MessageObject& object) override;
  void on_event(const event::LogonEvent& event) override;

  /// Writes out what was collected; the first error since the last call.
  [[nodiscard]] Result<void> flush();
  /// What is summed up; empty without a table.
  [[nodiscard]] const std::optional<DependencyTable>& table() const { return table_; }
  /// The table as it stands, whole, as lines: at the end.
  void print_table(const Pane& pane, std::string_view title);
  /// The lines alone; events wait on for their batch.
  [[nodiscard]] Result<void> flush_lines();

 private:
  void keep(Result<void> result);
  void put(std::string_view line) { keep(lines_.line(line)); }
  void store_batch();

  Form form_;
  std::optional<DependencyTable> table_{};
  LineFile lines_;
  std::optional<inventory::Store> store_;
  std::string stream_;
  std::vector<event::LogonEvent> batch_{};
  std::uint64_t batches_ = 0;
  bool head_written_ = false;
  std::optional<Error> error_{};
};

}  // namespace postern::watch
