// SqliteStore: logons (events and counters in one transaction) and reading events.
#include <algorithm>
#include <functional>

#include "account/names.hpp"
#include "account/sqlite/sqlite_store.hpp"
#include "base/text.hpp"

namespace postern::account::sqlite {
namespace {

constexpr std::int64_t kUnknownSlots = 256;  // rows of unknown_logon_state

#define POSTERN_SET_COUNTERS \
  " SET bad_password_count = ?3, last_bad_password = ?4, locked_at = ?5, last_logon = coalesce(?6, last_logon) WHERE "
constexpr std::string_view kUpdateKnown = "UPDATE logon_state" POSTERN_SET_COUNTERS "account_id = ?1 AND counters_version = ?2";
constexpr std::string_view kUpdateUnknown = "UPDATE unknown_logon_state" POSTERN_SET_COUNTERS "slot = ?1 AND counters_version = ?2";
#undef POSTERN_SET_COUNTERS

// An empty text and a NULL time filter nothing.
#define POSTERN_SELECT_EVENTS                                                                                  \
  "SELECT sequence, id, time, outcome, status, account, server, version, json FROM event WHERE sequence > ?1 " \
  "AND (?3 = '' OR server_key = ?3) AND (?4 = '' OR version = ?4) AND (?5 = '' OR outcome = ?5) "              \
  "AND (?6 IS NULL OR time >= ?6) AND (?7 IS NULL OR time < ?7) AND "
#define POSTERN_ANY_ACCOUNT "?2 = '' "
#define POSTERN_ONE_ACCOUNT "account_key = ?2 "
constexpr std::string_view kOldest = POSTERN_SELECT_EVENTS POSTERN_ANY_ACCOUNT "ORDER BY sequence LIMIT ?8";
constexpr std::string_view kOldestOfAccount = POSTERN_SELECT_EVENTS POSTERN_ONE_ACCOUNT "ORDER BY sequence LIMIT ?8";
constexpr std::string_view kNewest = POSTERN_SELECT_EVENTS POSTERN_ANY_ACCOUNT "ORDER BY sequence DESC LIMIT ?8";
constexpr std::string_view kNewestOfAccount = POSTERN_SELECT_EVENTS POSTERN_ONE_ACCOUNT "ORDER BY sequence DESC LIMIT ?8";
#undef POSTERN_SELECT_EVENTS
#undef POSTERN_ANY_ACCOUNT
#undef POSTERN_ONE_ACCOUNT

Result<void> check_event(const EventRecord& event) {
  if (event.id.empty()) return fail(ErrorCode::invalid_input, "event.id", Error::kNoOffset, "an event has no id");
  std::size_t bytes = 0;
  for (const std::string* text :
       {&event.id, &event.outcome, &event.status, &event.account, &event.server, &event.version, &event.json}) {
    if (!is_utf8(*text)) return fail(ErrorCode::invalid_input, "event", Error::kNoOffset, "an event's text is not UTF-8");
    bytes += text->size();
  }
  if (bytes > kMaxEventBytes) return fail(ErrorCode::too_large, "event", kMaxEventBytes, "an event is too large");
  return {};
}

Result<void> insert_event(Connection& connection, const EventRecord& event) {
  const std::string account_key = name_key(event.account);
  const std::string server_key = name_key(event.server);
  Query query{connection,
              "INSERT INTO event (id, time, outcome, status, account, account_key, server, server_key, version, json) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
  query.text(event.id).time(event.time).text(event.outcome).text(event.status).text(event.account).text(account_key);
  return query.text(event.server).text(server_key).text(event.version).text(event.json).run();
}

Result<CounterOutcome> update_counters(Connection& connection, const LogonCommit& commit) {
  if (!commit.counters) return CounterOutcome::none;
  const CounterUpdate& update = *commit.counters;
  const bool known = update.account.has_value();
  const auto slot = static_cast<std::int64_t>(std::hash<std::string_view>{}(commit.event.id) % kUnknownSlots);
  Query query{connection, known ? kUpdateKnown : kUpdateUnknown};
  query.integer(known ? static_cast<std::int64_t>(*update.account) : slot);
  query.integer(known ? static_cast<std::int64_t>(update.counters_version) : 0);
  query.integer(update.bad_passwords.count).time(update.bad_passwords.last_bad).time(update.bad_passwords.locked_at);
  POSTERN_CHECK(query.time(update.last_logon).run());
  if (!known) return CounterOutcome::unknown;
  return connection.changes() == 1 ? CounterOutcome::applied : CounterOutcome::stale;
}

}  // namespace

Result<std::vector<CounterOutcome>> SqliteStore::commit_logons(std::span<const LogonCommit> commits) {
  for (const LogonCommit& commit : commits) POSTERN_CHECK(check_event(commit.event));
  std::vector<CounterOutcome> outcomes;
  if (commits.empty()) return outcomes;
  outcomes.reserve(commits.size());
  POSTERN_TRY(lock, lock_writer());
  auto committed = in_transaction(*writer_, [&](Connection& connection) -> Result<void> {
    for (const LogonCommit& commit : commits) {
      POSTERN_CHECK(insert_event(connection, commit.event));
      POSTERN_TRY(outcome, update_counters(connection, commit));
      outcomes.push_back(outcome);
    }
    return {};
  });
  POSTERN_CHECK(std::move(committed));
  return outcomes;
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

Result<std::vector<StoredEvent>> SqliteStore::read_events(std::string_view sql, const EventFilter& filter,
                                                          std::uint64_t after_sequence, std::size_t limit) {
  for (const std::string* text : {&filter.account, &filter.server, &filter.version, &filter.outcome}) {
    if (!is_utf8(*text)) return fail(ErrorCode::invalid_input, "filter", Error::kNoOffset, "a filter's text is not UTF-8");
  }
  const std::string account_key = name_key(filter.account);
  const std::string server_key = name_key(filter.server);
  const std::int64_t after = static_cast<std::int64_t>(std::min<std::uint64_t>(after_sequence, INT64_MAX));
  const std::size_t rows = std::min(limit, kMaxEventsPerRead);
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  Query query{lease.connection(), sql};
  query.integer(after).text(account_key).text(server_key).text(filter.version).text(filter.outcome);
  query.time(filter.from).time(filter.until).integer(static_cast<std::int64_t>(rows));
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
                                .json = query.text_at(8)}});
  }
}

Result<std::vector<StoredEvent>> SqliteStore::list_events(const EventFilter& filter, std::uint64_t after_sequence,
                                                          std::size_t limit) {
  return read_events(filter.account.empty() ? kOldest : kOldestOfAccount, filter, after_sequence, limit);
}

Result<std::vector<StoredEvent>> SqliteStore::list_last_events(const EventFilter& filter, std::size_t limit) {
  auto events = read_events(filter.account.empty() ? kNewest : kNewestOfAccount, filter, 0, limit);
  if (events) std::ranges::reverse(*events);
  return events;
}

}  // namespace postern::account::sqlite
