#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <unistd.h>

#include "base/keyed_digest.hpp"
#include "edge/ipc/client/socket_path.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands_advice.hpp"
#include "postern/event_arguments.hpp"
#include "postern/inventory_view.hpp"

namespace postern::cli {
namespace {

constexpr std::size_t kBatchEvents = 10'000;
constexpr std::size_t kRowsShown = 100;
constexpr std::size_t kMinIdDigits = 4;
constexpr const char* kRootFolder = "/var/lib/postern-inventory";

struct InventoryArguments {
  std::string store{};
  std::string sort = "events";
  std::string group = "none";
  DependencyFilter filter{};
  std::size_t limit = kRowsShown;
  bool csv = false;
  std::vector<std::string> files{};
  std::string other{};
  std::string id{};
};

/// The file: --store, else POSTERN_INVENTORY, else a folder of root's or of the user's own.
Result<std::string> store_path(const std::string& named) {
  if (!named.empty()) return named;
  if (ipc::runs_privileged())
    return fail(ErrorCode::invalid_input, "--store", Error::kNoOffset, "is needed in a privileged process");
  if (const char* path = std::getenv("POSTERN_INVENTORY"); path != nullptr && *path != '\0') return path;
  std::filesystem::path folder = kRootFolder;
  if (::geteuid() != 0) {
    const char* state = std::getenv("XDG_STATE_HOME");
    const char* home = std::getenv("HOME");
    if (state != nullptr && *state == '/') {
      folder = std::filesystem::path{state} / "postern";
    } else if (home != nullptr && *home == '/') {
      folder = std::filesystem::path{home} / ".local" / "state" / "postern";
    } else {
      return fail(ErrorCode::invalid_input, "--store", Error::kNoOffset, "no home folder: name the inventory's file");
    }
  }
  return (folder / "inventory.db").string();
}

Result<inventory::Store> open_to_write(const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::path{path}.parent_path();
  if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) return fail(ErrorCode::io, "--store", Error::kNoOffset, folder.string() + ": " + error.message());
  return inventory::Store::open(path);
}

/// Cuts a stream of events into batches that are the same whenever the same file comes again, also when it has grown: a batch is
/// named after its first line, and counts its lines. A first event without an id names nothing: then all lines do.
class Batches {
 public:
  explicit Batches(inventory::Store& store) : store_{store} {}

  Result<void> add_line(const event::LogonEvent& event, std::string_view line) {
    if (events_.empty()) has_id_ = event.id.has_value();
    if (events_.empty() || !has_id_) text_.append(line).append(1, '\n');
    events_.push_back(event);
    return events_.size() == kBatchEvents ? flush_lines() : Result<void>{};
  }
  Result<void> flush_lines() {
    if (events_.empty()) return {};
    // Equal files are to be recognised by everybody: this key hides nothing.
    constexpr std::array<std::uint8_t, 16> kKey{'p', 'o', 's', 't', 'e', 'r', 'n', ' ', 'l', 'i', 'n', 'e', 's'};
    const std::string stream = "lines/" + to_hex(keyed_digest(DigestKey{kKey}, as_bytes(text_)));
    POSTERN_TRY(in, store_.merged_up_to(stream));
    const std::size_t before = std::min<std::size_t>(in, events_.size());
    POSTERN_CHECK(merge({stream, before + 1, events_.size()}, std::span{events_}.subspan(before)));
    already_ += before;
    text_.clear();
    events_.clear();
    return {};
  }

  /// posternd's events are numbered by its sequence.
  Result<void> add_sequenced(const event::LogonEvent& event, const std::string& stream, std::uint64_t after, std::uint64_t last) {
    if (last != last_ && !events_.empty()) POSTERN_CHECK(flush_sequenced(stream));
    if (last_ == 0) reached_ = after;
    last_ = last;
    events_.push_back(event);
    return {};
  }
  Result<void> flush_sequenced(const std::string& stream) {
    if (events_.empty()) return {};
    POSTERN_CHECK(merge({stream, reached_ + 1, last_}, events_));
    reached_ = last_;
    events_.clear();
    return {};
  }

  [[nodiscard]] std::uint64_t added() const { return added_; }
  [[nodiscard]] std::uint64_t already() const { return already_; }

 private:
  Result<void> merge(const inventory::BatchId& id, std::span<const event::LogonEvent> events) {
    if (events.empty()) return {};
    POSTERN_TRY(merged, store_.merge(id, events));
    (merged == inventory::Merged::now ? added_ : already_) += events.size();
    return {};
  }

  inventory::Store& store_;
  std::vector<event::LogonEvent> events_{};
  std::string text_{};
  bool has_id_ = true;
  std::uint64_t reached_ = 0, last_ = 0;
  std::uint64_t added_ = 0, already_ = 0;
};

ExitCode run_add(const Context& context, const InventoryArguments& arguments, const Output& output) {
  const auto path = store_path(arguments.store);
  if (!path) return output.fail(path.error());
  auto store = open_to_write(*path);
  if (!store) return output.fail(store.error());
  Batches batches{*store};
  EventQuery query;
  query.files = arguments.files;
  query.socket = context.socket;
  query.config = context.config;
  std::string stream;
  if (query.files.empty()) {
    const auto socket = admin_socket_path(context.socket, context.config);
    if (!socket) return output.fail(socket.error());
    std::error_code ignored;
    stream = "posternd/" + std::filesystem::absolute(*socket, ignored).string();
    const auto reached = store->merged_up_to(stream);
    if (!reached) return output.fail(reached.error());
    query.after_sequence = *reached;
  }
  const auto read = read_events(query, [&](const event::LogonEvent& event, std::string_view line, std::uint64_t last) {
    return stream.empty() ? batches.add_line(event, line) : batches.add_sequenced(event, stream, query.after_sequence, last);
  });
  if (!read) return output.fail(read.error());
  const auto flushed = stream.empty() ? batches.flush_lines() : batches.flush_sequenced(stream);
  if (!flushed) return output.fail(flushed.error());
  warn_of_bad_lines(*read, output);
  const auto totals = store->totals();
  if (!totals) return output.fail(totals.error());
  const Json answer{{"store", *path},
                    {"added", batches.added()},
                    {"already_in", batches.already()},
                    {"bad_lines", read->bad_lines},
                    {"events", totals->events},
                    {"dependencies", totals->dependencies}};
  output.answer(answer);
  return ExitCode::done;
}

ExitCode run_merge(const InventoryArguments& arguments, const Output& output) {
  const auto path = store_path(arguments.store);
  if (!path) return output.fail(path.error());
  auto store = open_to_write(*path);
  if (!store) return output.fail(store.error());
  const auto merged = store->merge_store(arguments.other);
  if (!merged) return output.fail(merged.error());
  const auto totals = store->totals();
  if (!totals) return output.fail(totals.error());
  output.answer(Json{{"store", *path},
                     {"origins_taken", merged->origins_taken},
                     {"origins_already_in", merged->origins_before},
                     {"events", totals->events},
                     {"dependencies", totals->dependencies}});
  return ExitCode::done;
}

struct Read {
  std::vector<inventory::Dependency> all{};
  inventory::Totals totals{};
};

Result<Read> read_store(const std::string& named) {
  POSTERN_TRY(path, store_path(named));
  auto store = inventory::Store::open_to_read(path);
  if (!store) {
    if (store.error().code == ErrorCode::not_found) {
      store.error().hint = "`postern inventory add` fills one from posternd's events or from files, `postern watch` from packets";
    }
    return std::unexpected{std::move(store).error()};
  }
  POSTERN_TRY(all, store->dependencies());
  POSTERN_TRY(totals, store->totals());
  return Read{std::move(all), totals};
}

constexpr std::pair<std::string_view, SortBy> kSorts[] = {
    {"events", SortBy::events}, {"last", SortBy::last_seen},  {"first", SortBy::first_seen}, {"severity", SortBy::severity},
    {"client", SortBy::client}, {"account", SortBy::account}, {"server", SortBy::server}};
constexpr std::pair<std::string_view, GroupDependenciesBy> kGroups[] = {
    {"none", GroupDependenciesBy::none},       {"server", GroupDependenciesBy::server},   {"client", GroupDependenciesBy::client},
    {"account", GroupDependenciesBy::account}, {"version", GroupDependenciesBy::version}, {"reason", GroupDependenciesBy::reason}};

template <typename List>
auto choice(const List& list, const std::string& name) {
  const auto* found = std::ranges::find(list, std::string_view{name}, [](const auto& entry) { return entry.first; });
  return found != std::end(list) ? found->second : std::begin(list)->second;
}
template <typename List>
std::vector<std::string> names_in(const List& list) {
  std::vector<std::string> names;
  for (const auto& entry : list) names.emplace_back(entry.first);
  return names;
}

ExitCode run_inventory(const InventoryArguments& arguments, const Output& output) {
  auto read = read_store(arguments.store);
  if (!read) return output.fail(read.error());
  std::vector<inventory::Dependency> all = filtered(std::move(read->all), arguments.filter);
  const GroupDependenciesBy group = choice(kGroups, arguments.group);
  if (group != GroupDependenciesBy::none) {
    output.format() == Format::json ? output.answer(groups_json(all, group)) : output.lines(groups_text(all, group));
    return ExitCode::done;
  }
  sort_by(all, choice(kSorts, arguments.sort));
  const std::size_t matching = all.size();
  if (arguments.limit != 0 && all.size() > arguments.limit) all.resize(arguments.limit);
  if (arguments.csv) {
    std::fputs(inventory_csv(all).c_str(), stdout);
  } else if (output.format() == Format::json) {
    output.answer(inventory_json(all, read->totals));
  } else {
    output.lines(inventory_text(all, read->totals));
    if (matching > all.size()) output.lines(fmt::format("and {} more (--limit)", matching - all.size()));
  }
  return ExitCode::done;
}

ExitCode run_explain(const InventoryArguments& arguments, const Output& output) {
  auto read = read_store(arguments.store);
  if (!read) return output.fail(read.error());
  std::vector<const inventory::Dependency*> found;
  for (const inventory::Dependency& dependency : read->all) {
    const std::string id = dependency.id();
    const bool prefix = arguments.id.size() >= kMinIdDigits && id.starts_with(arguments.id);
    if (id == arguments.id || prefix) found.push_back(&dependency);
  }
  if (found.empty()) {
    return output.fail({ErrorCode::not_found, "id", Error::kNoOffset, "no dependency has the id " + arguments.id,
                        "`postern inventory` shows them; at least four digits of one"});
  }
  if (found.size() > 1) {
    return output.fail({ErrorCode::invalid_input,
                        "id",
                        Error::kNoOffset,
                        fmt::format("{} dependencies have an id that begins with {}", found.size(), arguments.id),
                        {}});
  }
  const advise::Explanation explanation = advise::explain(*found.front());
  if (output.format() == Format::json) {
    output.answer(explain_json(*found.front(), explanation));
  } else {
    output.lines(explain_text(*found.front(), explanation));
  }
  return ExitCode::done;
}

void add_store_option(CLI::App& command, InventoryArguments& arguments) {
  command.add_option("--store", arguments.store, "The inventory's file (also POSTERN_INVENTORY)");
}

}  // namespace

void add_inventory_commands(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<InventoryArguments>();
  CLI::App* list = app.add_subcommand("inventory", "Where NTLM is used, by whom, to what: the dependencies on record");
  add_store_option(*list, *arguments);
  list->add_option("--sort", arguments->sort, "events, last, first, severity, client, account, server")
      ->check(CLI::IsMember(names_in(kSorts)));
  list->add_option("--group", arguments->group, "Sums by server, client, account, version or reason")
      ->check(CLI::IsMember(names_in(kGroups)));
  list->add_option("--client", arguments->filter.client, "Only this client");
  list->add_option("--account", arguments->filter.account, "Only this account, DOMAIN\\name");
  list->add_option("--server", arguments->filter.server, "Only this server");
  list->add_option("--service", arguments->filter.service, "Only this kind of service");
  list->add_option("--version", arguments->filter.version, "Only this version, for example NTLMv1");
  list->add_option("--reason", arguments->filter.reason, "Only this reason, for example ip-address");
  list->add_option("--limit", arguments->limit, "At most so many; 0: all")->capture_default_str();
  list->add_flag("--csv", arguments->csv, "A table for a spreadsheet");
  list->require_subcommand(0, 1);
  list->footer("Example:\n  postern inventory add && postern inventory --group server\n  postern inventory --version NTLMv1 --csv");

  CLI::App* add =
      list->add_subcommand("add", "Count in posternd's new events, or files of LogonEvents; what is in already is not counted");
  add->add_option("FILE", arguments->files, "JSON lines: files, folders of them, or -");
  add_store_option(*add, *arguments);
  add->footer("Example:\n  postern inventory add\n  postern inventory add /var/log/postern/events.jsonl");
  CLI::App* merge = list->add_subcommand("merge", "Take over another inventory, as often as you like");
  merge->add_option("OTHER", arguments->other, "The other inventory's file")->required();
  add_store_option(*merge, *arguments);
  merge->footer("Example:\n  postern inventory merge sensor-2.db");

  list->callback([arguments, &context, add, merge] {
    context.run = [arguments, &context, adds = add->parsed(), merges = merge->parsed()](const Output& output) {
      if (adds) return run_add(context, *arguments, output);
      return merges ? run_merge(*arguments, output) : run_inventory(*arguments, output);
    };
  });

  CLI::App* explain =
      app.add_subcommand("explain", "The story of one dependency: why NTLM, what each policy step would do, its cure");
  explain->add_option("ID", arguments->id, "As `postern inventory` shows it, or its first digits")->required();
  add_store_option(*explain, *arguments);
  explain->footer("Example:\n  postern explain 3f9c21aa0b77d410");
  explain->callback(
      [arguments, &context] { context.run = [arguments](const Output& output) { return run_explain(*arguments, output); }; });
}

}  // namespace postern::cli
