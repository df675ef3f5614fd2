// SqliteStore: logons, events and counters in one transaction.
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

Result<void> check_event(const LogonCommit& commit) {
  const EventRecord& event = commit.event;
  if (event.id.empty()) return fail(ErrorCode::invalid_input, "event.id", Error::kNoOffset, "an event has no id");
  std::size_t bytes = 0;
  for (const std::string* text :
       {&event.id, &event.outcome, &event.status, &event.account, &event.server, &event.version, &event.client, &event.json}) {
    if (!is_utf8(*text)) return fail(ErrorCode::invalid_input, "event", Error::kNoOffset, "an event's text is not UTF-8");
    bytes += text->size();
  }
  if (commit.tags.size() > kMaxEventTags) {
    return fail(ErrorCode::too_large, "event.tags", kMaxEventTags, "an event has too many tags");
  }
  for (const std::string& tag : commit.tags) {
    if (!is_utf8(tag)) return fail(ErrorCode::invalid_input, "event.tags", Error::kNoOffset, "an event's text is not UTF-8");
  }
  if (bytes > kMaxEventBytes) return fail(ErrorCode::too_large, "event", kMaxEventBytes, "an event is too large");
  return {};
}

/// `text` as it stands between the quotes of a JSON text.
void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (code < 0x20) {
      out += "\\u00";
      out += kHex[code >> 4];
      out += kHex[code & 0xf];
      continue;
    }
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
}

Result<void> insert_event(Connection& connection, const LogonCommit& commit) {
  const EventRecord& event = commit.event;
  const std::string account_key = name_key(event.account);
  const std::string server_key = name_key(event.server);
  Query query{connection,
              "INSERT INTO event (id, time, outcome, status, account, account_key, server, server_key, version, json, "
              "client) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
  query.text(event.id).time(event.time).text(event.outcome).text(event.status).text(event.account).text(account_key);
  POSTERN_CHECK(query.text(event.server).text(server_key).text(event.version).text(event.json).text(event.client).run());
  const std::int64_t sequence = connection.last_insert_id();
  std::string tags = "[";
  const auto add_tag = [&tags](std::string_view tag) {
    if (tag.empty()) return;
    tags += tags.size() == 1 ? "\"" : ",\"";
    append_json(tags, tag);
    tags += '"';
  };
  add_tag(tag_of_outcome(event.outcome));
  add_tag(tag_of_version(event.version));
  for (const std::string& tag : commit.tags) add_tag(tag);
  tags += ']';
  // One statement for any number of them, also for none: how many writes a logon costs tells nothing about it (R37).
  Query tagged{connection, "INSERT OR IGNORE INTO event_tag (tag, sequence) SELECT value, ?2 FROM json_each(?1)"};
  POSTERN_CHECK(tagged.text(tags).integer(sequence).run());
  return {};
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
  for (const LogonCommit& commit : commits) POSTERN_CHECK(check_event(commit));
  std::vector<CounterOutcome> outcomes;
  if (commits.empty()) return outcomes;
  outcomes.reserve(commits.size());
  POSTERN_TRY(lock, lock_writer());
  auto committed = in_transaction(*writer_, [&](Connection& connection) -> Result<void> {
    for (const LogonCommit& commit : commits) {
      POSTERN_CHECK(insert_event(connection, commit));
      POSTERN_TRY(outcome, update_counters(connection, commit));
      outcomes.push_back(outcome);
    }
    return {};
  });
  POSTERN_CHECK(std::move(committed));
  return outcomes;
}

}  // namespace postern::account::sqlite
