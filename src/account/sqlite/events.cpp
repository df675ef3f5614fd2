// SqliteStore: events read by filter, and removed.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "account/names.hpp"
#include "account/sqlite/sqlite_store.hpp"
#include "base/text.hpp"

namespace postern::account::sqlite {
namespace {

/// What a search walks along. Every filter is applied whichever it is; the one with the fewest rows makes it fast.
enum class Along : std::uint8_t { account, client, server, tag, time, everything };
constexpr std::size_t kWays = 6;

/// Rows that are counted before a way is called long.
constexpr std::int64_t kProbeRows = 20'000;

// An empty text and a NULL time filter nothing.
#define POSTERN_COLUMNS \
  "SELECT e.sequence, e.id, e.time, e.outcome, e.status, e.account, e.server, e.version, e.json, e.client FROM "
#define POSTERN_FILTER                                                                                  \
  "e.sequence > ?1 AND (?2 = '' OR e.account_key = ?2) AND (?3 = '' OR e.server_key = ?3) "             \
  "AND (?4 = '' OR e.version = ?4) AND (?5 = '' OR e.outcome = ?5) AND (?6 IS NULL OR e.time >= ?6) "   \
  "AND (?7 IS NULL OR e.time < ?7) AND (?9 = '' OR e.client = ?9) "                                     \
  "AND (?11 = '' OR EXISTS (SELECT 1 FROM event_tag f WHERE f.tag = ?11 AND f.sequence = e.sequence)) " \
  "AND (?12 = '' OR EXISTS (SELECT 1 FROM event_tag s WHERE s.tag = ?12 AND s.sequence = e.sequence)) "
#define POSTERN_TIME \
  "AND e.sequence IN (SELECT sequence FROM event WHERE time >= coalesce(?6, 0) AND time < coalesce(?7, 9223372036854775807)) "
#define POSTERN_EACH_WAY(order)                                                                                             \
  POSTERN_COLUMNS "event e WHERE " POSTERN_FILTER "AND e.account_key = ?2 ORDER BY e.sequence " order " LIMIT ?8",          \
      POSTERN_COLUMNS "event e WHERE " POSTERN_FILTER "AND e.client = ?9 ORDER BY e.sequence " order " LIMIT ?8",           \
      POSTERN_COLUMNS "event e WHERE " POSTERN_FILTER "AND e.server_key = ?3 ORDER BY e.sequence " order " LIMIT ?8",       \
      POSTERN_COLUMNS                                                                                                       \
      "event_tag t CROSS JOIN event e ON e.sequence = t.sequence WHERE t.tag = ?10 AND t.sequence > ?1 AND " POSTERN_FILTER \
      "ORDER BY t.sequence " order " LIMIT ?8",                                                                             \
      POSTERN_COLUMNS "event e WHERE " POSTERN_FILTER POSTERN_TIME "ORDER BY e.sequence " order " LIMIT ?8",                \
      POSTERN_COLUMNS "event e WHERE " POSTERN_FILTER "ORDER BY e.sequence " order " LIMIT ?8"
constexpr std::array<std::string_view, kWays> kOldest{POSTERN_EACH_WAY("ASC")};
constexpr std::array<std::string_view, kWays> kNewest{POSTERN_EACH_WAY("DESC")};
#undef POSTERN_COLUMNS
#undef POSTERN_FILTER
#undef POSTERN_TIME
#undef POSTERN_EACH_WAY

// How many rows a way has, up to a limit: by an index alone.
constexpr std::array<std::string_view, kWays> kProbe{
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE account_key = ?1 AND sequence > ?2 LIMIT ?3)",
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE client = ?1 AND sequence > ?2 LIMIT ?3)",
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE server_key = ?1 AND sequence > ?2 LIMIT ?3)",
    "SELECT count(*) FROM (SELECT 1 FROM event_tag WHERE tag = ?1 AND sequence > ?2 LIMIT ?3)",
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE time >= ?1 AND time < ?2 LIMIT ?3)",
    "SELECT count(*) FROM (SELECT 1 FROM event WHERE sequence > ?2 AND ?1 = '' LIMIT ?3)"};

/// One way of a search, with the text that it is walked by.
struct Way {
  Along along = Along::everything;
  std::string text{};
};

/// A filter as SQL takes it.
struct Search {
  std::string account_key;
  std::string server_key;
  std::string finding_tag;
  std::string setting_tag;
  std::int64_t after;
};

std::vector<Way> ways_of(const EventFilter& filter, const Search& search) {
  std::vector<Way> ways;
  const auto add = [&ways](Along along, const std::string& text) {
    if (!text.empty()) ways.push_back({along, text});
  };
  add(Along::account, search.account_key);
  add(Along::client, filter.client);
  add(Along::tag, search.finding_tag);
  add(Along::tag, search.setting_tag);
  add(Along::tag, tag_of_version(filter.version));
  add(Along::tag, tag_of_outcome(filter.outcome));
  add(Along::server, search.server_key);
  if (filter.from || filter.until) ways.push_back({Along::time, {}});
  ways.push_back({Along::everything, {}});
  return ways;
}

Result<std::int64_t> rows_of(Connection& connection, const Way& way, const EventFilter& filter, std::int64_t after) {
  Query query{connection, kProbe[static_cast<std::size_t>(way.along)]};
  if (way.along == Along::time) {
    query.time(filter.from.value_or(FileTime{0})).time(filter.until.value_or(FileTime{INT64_MAX}));
  } else {
    query.text(way.text).integer(after);
  }
  query.integer(kProbeRows);
  POSTERN_TRY(row, query.step());
  return row ? query.integer_at(0) : 0;
}

/// The way with the fewest rows; of two long ones the first.
Result<Way> best_way(Connection& connection, const EventFilter& filter, const Search& search) {
  std::vector<Way> ways = ways_of(filter, search);
  if (ways.size() == 1) return std::move(ways.front());
  std::size_t best = ways.size() - 1;
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < ways.size(); ++i) {
    POSTERN_TRY(rows, rows_of(connection, ways[i], filter, search.after));
    const bool must_sort_many = ways[i].along == Along::time && rows == kProbeRows;
    if (rows >= fewest || must_sort_many) continue;
    fewest = rows;
    best = i;
  }
  return std::move(ways[best]);
}

}  // namespace

Result<std::vector<StoredEvent>> SqliteStore::read_events(Order order, const EventFilter& filter, std::uint64_t after_sequence,
                                                          std::size_t limit) {
  for (const std::string* text :
       {&filter.account, &filter.server, &filter.version, &filter.outcome, &filter.client, &filter.finding, &filter.setting}) {
    if (!is_utf8(*text)) return fail(ErrorCode::invalid_input, "filter", Error::kNoOffset, "a filter's text is not UTF-8");
  }
  const Search search{.account_key = name_key(filter.account),
                      .server_key = name_key(filter.server),
                      .finding_tag = filter.finding.empty() ? std::string{} : tag_of_finding(filter.finding),
                      .setting_tag = filter.setting.empty() ? std::string{} : tag_of_setting(filter.setting),
                      .after = static_cast<std::int64_t>(std::min<std::uint64_t>(after_sequence, INT64_MAX))};
  const std::size_t rows = std::min(limit, kMaxEventsPerRead);
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  POSTERN_TRY(way, best_way(lease.connection(), filter, search));
  const auto& texts = order == Order::oldest ? kOldest : kNewest;
  Query query{lease.connection(), texts[static_cast<std::size_t>(way.along)]};
  query.integer(search.after).text(search.account_key).text(search.server_key).text(filter.version).text(filter.outcome);
  query.time(filter.from).time(filter.until).integer(static_cast<std::int64_t>(rows)).text(filter.client).text(way.text);
  query.text(search.finding_tag).text(search.setting_tag);
  std::vector<StoredEvent> events;
  while (true) {
    POSTERN_TRY(row, query.step());
    if (!row) return events;
    events.push_back({.sequence = static_cast<std::uint64_t>(query.integer_at(0)),
                      .event = {.id = query.text_at(1),
                                .time = query.time_at(2),
                                .outcome = query.text_at(3),
                                .status = query.text_at(4),
                                .account = query.text_at(5),
                                .server = query.text_at(6),
                                .version = query.text_at(7),
                                .json = query.text_at(8),
                                .client = query.text_at(9)}});
  }
}

Result<std::vector<StoredEvent>> SqliteStore::list_events(const EventFilter& filter, std::uint64_t after_sequence,
                                                          std::size_t limit) {
  return read_events(Order::oldest, filter, after_sequence, limit);
}

Result<std::vector<StoredEvent>> SqliteStore::list_last_events(const EventFilter& filter, std::size_t limit) {
  auto events = read_events(Order::newest, filter, 0, limit);
  if (events) std::ranges::reverse(*events);
  return events;
}

Result<EventExtent> SqliteStore::event_extent() {
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  // In one statement, so that no commit comes in between.
  Query query{lease.connection(),
              "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0), (SELECT min(sequence) FROM event)"};
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::internal, "a SELECT without a table gave no row");
  EventExtent extent;
  extent.last = static_cast<std::uint64_t>(query.integer_at(0));
  const auto first = static_cast<std::uint64_t>(query.integer_at(1));  // NULL reads as 0: nothing is kept
  extent.first = first == 0 ? extent.last + 1 : first;
  return extent;
}

Result<std::size_t> SqliteStore::remove_events(FileTime before, std::size_t limit) {
  POSTERN_TRY(lock, lock_writer());
  return in_transaction(*writer_, [&](Connection& connection) -> Result<std::size_t> {
    Query query{connection,
                "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE time < ?1 ORDER BY time LIMIT ?2)"};
    const std::size_t rows = std::min<std::size_t>(limit, kMaxEventsPerRead);
    POSTERN_CHECK(query.time(before).integer(static_cast<std::int64_t>(rows)).run());
    return static_cast<std::size_t>(connection.changes());
  });
}

Result<std::size_t> SqliteStore::remove_events_through(std::uint64_t sequence, std::size_t limit) {
  POSTERN_TRY(lock, lock_writer());
  return in_transaction(*writer_, [&](Connection& connection) -> Result<std::size_t> {
    Query query{connection,
                "DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)"};
    const std::size_t rows = std::min<std::size_t>(limit, kMaxEventsPerRead);
    query.integer(static_cast<std::int64_t>(std::min<std::uint64_t>(sequence, INT64_MAX)));
    POSTERN_CHECK(query.integer(static_cast<std::int64_t>(rows)).run());
    return static_cast<std::size_t>(connection.changes());
  });
}

}  // namespace postern::account::sqlite
