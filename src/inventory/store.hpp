// The inventory's store: dependencies in one SQLite file, filled in batches.
//
// A batch is merged once, whatever is repeated: a ledger remembers its numbers. Each store is an origin with a name of its own, and
// what came from other stores is kept apart by origin, so that stores may be merged into each other again and again, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/logon_event.hpp"
#include "inventory/dependency.hpp"

namespace postern::sqlite {
class Connection;
}

namespace postern::inventory {

/// Distinct dependencies of one origin; what comes when there are as many is counted in the bucket "other". At about 1.5 KiB each
/// the file stays under 200 MiB.
inline constexpr std::size_t kMaxDependencies = 100'000;
inline constexpr std::size_t kMaxStreamBytes = 256;

/// Names a batch: numbers `first` to `last` (both included) of a stream of events. A sensor's run is a stream (its name holds
/// random bits), and its batches count 1, 2, …; of a posternd's events the numbers are their sequence.
struct BatchId {
  std::string stream{};  ///< 1 to kMaxStreamBytes
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  bool operator==(const BatchId&) const = default;
};

enum class Merged : std::uint8_t {
  now,
  before,  ///< the whole batch was in already: nothing changed
};

struct StoreMerge {
  std::size_t origins_taken = 0;   ///< new here, or newer than our copy
  std::size_t origins_before = 0;  ///< here already as they are there
};

struct Totals {
  std::uint64_t events = 0;
  std::size_t dependencies = 0;
  std::size_t origins = 0;
  bool operator==(const Totals&) const = default;
};

/// One thread at a time; several processes may have the file open. After a kill at any moment each batch is in as a whole or not
/// at all, and what returned is in.
class Store {
 public:
  /// Opens the file, or makes it with mode 0600 in a folder that exists.
  [[nodiscard]] static Result<Store> open(const std::string& path, std::size_t max_dependencies = kMaxDependencies);
  /// For reading only; the file must be there.
  [[nodiscard]] static Result<Store> open_to_read(const std::string& path);
  Store(Store&& other) noexcept;
  Store& operator=(Store&&) = delete;
  ~Store();

  /// Counts the events in, in one durable transaction. Refuses (`conflict`) a batch of which some numbers are in and some are not.
  [[nodiscard]] Result<Merged> merge(const BatchId& batch, std::span<const event::LogonEvent> events);
  /// Takes over every origin of another inventory's file. Refuses (`conflict`) an origin with a batch that we had from elsewhere:
  /// its events would count twice.
  [[nodiscard]] Result<StoreMerge> merge_store(const std::string& path);

  /// The last number of the stream up to which, from `from` on, all are in; `from` - 1 if that one is not.
  [[nodiscard]] Result<std::uint64_t> merged_up_to(std::string_view stream, std::uint64_t from = 1);
  /// All origins together, sorted by id.
  [[nodiscard]] Result<std::vector<Dependency>> dependencies();
  [[nodiscard]] Result<Totals> totals();
  /// 32 hex digits, made with the file.
  [[nodiscard]] Result<std::string> name();

 private:
  Store(std::unique_ptr<sqlite::Connection> database, std::size_t max_dependencies);
  [[nodiscard]] Result<void> add(std::int64_t origin, const Dependency& dependency, std::size_t& distinct);

  std::unique_ptr<sqlite::Connection> database_;
  std::size_t max_dependencies_;
};

}  // namespace postern::inventory
