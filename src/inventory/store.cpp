#include "inventory/store.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "entropy/entropy.hpp"
#include "inventory/database.hpp"

namespace postern::inventory {
namespace {

using event::from_name;
using event::name_of;
using sqlite::Connection;
using sqlite::Query;

constexpr std::string_view kField = "inventory";
constexpr std::int64_t kOwnOrigin = 1;  // the first row, made with the file

std::optional<FileTime> file_time_of(const std::optional<event::Timestamp>& time) {
  if (!time) return std::nullopt;
  return time->file_time();
}
std::optional<event::Timestamp> time_at(const Query& query, int column) {
  const auto time = query.optional_time_at(column);
  if (!time) return std::nullopt;
  return event::Timestamp{*time};
}

template <typename E>
std::string_view word(const std::optional<E>& value) {
  return value ? name_of(*value) : std::string_view{};
}

template <typename E>
E word_at(const Query& query, int column) {
  return from_name<E>(query.text_at(column)).value_or(E{});
}

/// The columns of `dependency` from `other` on, in order; `read` and `bind_all` follow it.
#define POSTERN_DEPENDENCY_COLUMNS                                                                                               \
  "other, client, account_kind, account, server, service, package, version, mic, bindings, spn, signing, tls, events, "          \
  "succeeded, failed, blocked, first_seen, last_seen, reason_id, reason_name, reason_confidence, reason_evidence, reason_time, " \
  "has_reason, finding_id, finding_severity, finding_text, finding_evidence, example, example_time"

Dependency read(const Query& row, int at) {
  Dependency d;
  const auto next = [&at] { return at++; };
  d.key.other = row.integer_at(next()) != 0;
  d.key.client = row.text_at(next());
  d.key.account_kind = word_at<event::AccountKind>(row, next());
  d.key.account = row.text_at(next());
  d.key.server = row.text_at(next());
  d.key.service = from_name<event::Service>(row.text_at(next()));
  d.key.package = from_name<event::Package>(row.text_at(next()));
  d.key.version = from_name<event::NtlmVersion>(row.text_at(next()));
  d.key.posture.mic = word_at<MicClass>(row, next());
  d.key.posture.bindings = word_at<BindingClass>(row, next());
  d.key.posture.spn = word_at<SpnClass>(row, next());
  d.key.posture.signing = word_at<SigningClass>(row, next());
  d.key.posture.tls = word_at<TlsClass>(row, next());
  d.events = row.count_at(next());
  d.succeeded = row.count_at(next());
  d.failed = row.count_at(next());
  d.blocked = row.count_at(next());
  d.first_seen = time_at(row, next());
  d.last_seen = time_at(row, next());
  DatedReason reason;
  const int id = next();
  if (!row.is_null(id)) reason.reason.id = static_cast<std::uint32_t>(row.integer_at(id));
  reason.reason.name = row.optional_text_at(next());
  reason.reason.confidence = from_name<event::Confidence>(row.text_at(next()));
  reason.reason.evidence = row.optional_text_at(next());
  reason.time = time_at(row, next());
  if (row.integer_at(next()) != 0) d.reason = std::move(reason);
  event::Finding finding;
  const int finding_id = next();
  finding.id = row.text_at(finding_id);
  finding.severity = word_at<event::Severity>(row, next());
  finding.text = row.text_at(next());
  finding.evidence = row.optional_text_at(next());
  if (!row.is_null(finding_id)) d.finding = std::move(finding);
  d.example = row.text_at(next());
  d.example_time = time_at(row, next());
  return d;
}

void bind_all(Query& query, const Dependency& d) {
  query.integer(d.key.other ? 1 : 0).text(d.key.client).text(name_of(d.key.account_kind)).text(d.key.account).text(d.key.server);
  query.text(word(d.key.service)).text(word(d.key.package)).text(word(d.key.version));
  const Posture& posture = d.key.posture;
  query.text(name_of(posture.mic)).text(name_of(posture.bindings)).text(name_of(posture.spn));
  query.text(name_of(posture.signing)).text(name_of(posture.tls));
  query.count(d.events)
      .count(d.succeeded)
      .count(d.failed)
      .count(d.blocked)
      .time(file_time_of(d.first_seen))
      .time(file_time_of(d.last_seen));
  if (d.reason) {
    const event::Reason& reason = d.reason->reason;
    reason.id ? query.integer(*reason.id) : query.null();
    query.optional_text(reason.name)
        .text(word(reason.confidence))
        .optional_text(reason.evidence)
        .time(file_time_of(d.reason->time))
        .integer(1);
  } else {
    query.null().null().null().null().null().integer(0);
  }
  if (d.finding) {
    query.text(d.finding->id).text(name_of(d.finding->severity)).text(d.finding->text).optional_text(d.finding->evidence);
  } else {
    query.null().null().null().null();
  }
  query.text(d.example).time(file_time_of(d.example_time));
}

Result<std::string> random_name() {
  std::array<std::uint8_t, 16> bytes{};
  if (!entropy::from_system(bytes)) return fail(ErrorCode::io, "the operating system gives no random bytes");
  return to_hex(bytes);
}

/// How much of [first, last] the ledger holds, over all origins. No two ranges of a stream overlap: each was refused if it did.
Result<std::uint64_t> numbers_in(Connection& database, const BatchId& batch) {
  Query query{
      database,
      "SELECT coalesce(sum(min(last, ?3) - max(first, ?2) + 1), 0) FROM ledger WHERE stream = ?1 AND first <= ?3 AND last >= "
      "?2"};
  query.text(batch.stream).count(batch.first).count(batch.last);
  POSTERN_TRY(row, query.step());
  return row ? query.count_at(0) : 0;
}

/// Enters a range and joins it with its neighbours.
Result<void> enter(Connection& database, const BatchId& batch) {
  BatchId joined = batch;
  {
    Query before{database, "SELECT first FROM ledger WHERE origin = ?1 AND stream = ?2 AND last = ?3"};
    before.integer(kOwnOrigin).text(batch.stream).count(batch.first - 1);
    POSTERN_TRY(row, before.step());
    if (row) joined.first = before.count_at(0);
  }
  {
    Query after{database, "SELECT last FROM ledger WHERE origin = ?1 AND stream = ?2 AND first = ?3"};
    after.integer(kOwnOrigin).text(batch.stream).count(batch.last + 1);
    POSTERN_TRY(row, after.step());
    if (row) joined.last = after.count_at(0);
  }
  {
    Query drop{database, "DELETE FROM ledger WHERE origin = ?1 AND stream = ?2 AND first >= ?3 AND last <= ?4"};
    POSTERN_CHECK(drop.integer(kOwnOrigin).text(batch.stream).count(joined.first).count(joined.last).run());
  }
  Query insert{database, "INSERT INTO ledger (origin, stream, first, last) VALUES (?1, ?2, ?3, ?4)"};
  return insert.integer(kOwnOrigin).text(batch.stream).count(joined.first).count(joined.last).run();
}

Result<void> check(const BatchId& batch) {
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() - 1);
  if (batch.stream.empty() || batch.stream.size() > kMaxStreamBytes) {
    return fail(ErrorCode::invalid_input, kField, Error::kNoOffset, "a stream has a name of 1 to 256 bytes");
  }
  if (batch.first == 0 || batch.last < batch.first || batch.last > kLargest) {
    return fail(ErrorCode::invalid_input, kField, Error::kNoOffset, "a batch has numbers from 1 on, the first not after the last");
  }
  return {};
}

Result<std::size_t> distinct_of(Connection& database, std::int64_t origin) {
  Query query{database, "SELECT count(*) FROM dependency WHERE origin = ?1 AND other = 0"};
  POSTERN_TRY(row, query.integer(origin).step());
  return row ? static_cast<std::size_t>(query.count_at(0)) : 0;
}

}  // namespace

Store::Store(std::unique_ptr<sqlite::Connection> database, std::size_t max_dependencies)
    : database_{std::move(database)}, max_dependencies_{max_dependencies} {}
Store::Store(Store&& other) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::string& path, std::size_t max_dependencies) {
  POSTERN_TRY(database, open_database(path, sqlite::Access::write));
  POSTERN_TRY(name, random_name());
  Query origin{*database, "INSERT OR IGNORE INTO origin (id, name, generation) VALUES (?1, ?2, 0)"};
  POSTERN_CHECK(origin.integer(kOwnOrigin).text(name).run());
  return Store{std::move(database), max_dependencies};
}

Result<Store> Store::open_to_read(const std::string& path) {
  POSTERN_TRY(database, open_database(path, sqlite::Access::read));
  return Store{std::move(database), 0};
}

Result<void> Store::add(std::int64_t origin, const Dependency& dependency, std::size_t& distinct) {
  const KeyDigest digest = digest_of(dependency.key);
  Dependency whole = dependency;
  std::int64_t id = 0;
  {
    Query query{*database_, "SELECT id, " POSTERN_DEPENDENCY_COLUMNS " FROM dependency WHERE origin = ?1 AND digest = ?2"};
    POSTERN_TRY(row, query.integer(origin).blob(digest).step());
    if (row) {
      id = query.integer_at(0);
      whole = read(query, 1);
    }
  }
  if (id != 0) {
    combine(whole, dependency);
  } else if (!dependency.key.other) {
    if (distinct >= max_dependencies_) {
      Dependency bucket = other_bucket();
      combine(bucket, dependency);
      return add(origin, bucket, distinct);
    }
    ++distinct;
  }
  {
    Query write{
        *database_,
        "INSERT INTO dependency (id, origin, digest, " POSTERN_DEPENDENCY_COLUMNS
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET (" POSTERN_DEPENDENCY_COLUMNS
        ") = (excluded.other, excluded.client, excluded.account_kind, excluded.account, excluded.server, excluded.service, "
        "excluded.package, excluded.version, excluded.mic, excluded.bindings, excluded.spn, excluded.signing, excluded.tls, "
        "excluded.events, excluded.succeeded, excluded.failed, excluded.blocked, excluded.first_seen, excluded.last_seen, "
        "excluded.reason_id, excluded.reason_name, excluded.reason_confidence, excluded.reason_evidence, "
        "excluded.reason_time, excluded.has_reason, excluded.finding_id, excluded.finding_severity, excluded.finding_text, "
        "excluded.finding_evidence, excluded.example, excluded.example_time)"};
    id != 0 ? write.integer(id) : write.null();
    write.integer(origin).blob(digest);
    bind_all(write, whole);
    POSTERN_CHECK(write.run());
    if (id == 0) id = database_->last_insert_id();
  }
  for (const auto& [day, events] : dependency.days) {
    Query count{
        *database_,
        "INSERT INTO day (dependency, day, events) VALUES (?1, ?2, ?3) ON CONFLICT (dependency, day) DO UPDATE SET events = "
        "events + excluded.events"};
    POSTERN_CHECK(count.integer(id).integer(day).count(events).run());
  }
  Query prune{
      *database_,
      "DELETE FROM day WHERE dependency = ?1 AND day < (SELECT day FROM day WHERE dependency = ?1 ORDER BY day DESC LIMIT 1 "
      "OFFSET ?2)"};
  return prune.integer(id).count(kMaxHistoryDays - 1).run();
}

Result<Merged> Store::merge(const BatchId& batch, std::span<const event::LogonEvent> events) {
  POSTERN_CHECK(check(batch));
  std::map<KeyDigest, Dependency> sums;  // by digest, so that the cap falls the same way each time
  for (const event::LogonEvent& event : events) {
    Dependency one = dependency_of(event);
    const auto [at, is_new] = sums.try_emplace(digest_of(one.key), one);
    if (!is_new) combine(at->second, one);
  }
  return in_transaction(*database_, [&](Connection&) -> Result<Merged> {
    POSTERN_TRY(in, numbers_in(*database_, batch));
    if (in == batch.last - batch.first + 1) return Merged::before;
    if (in != 0)
      return fail(ErrorCode::conflict, kField, Error::kNoOffset, "a part of the batch " + batch.stream + " is in already");
    POSTERN_TRY(distinct, distinct_of(*database_, kOwnOrigin));
    for (const auto& [digest, dependency] : sums) POSTERN_CHECK(add(kOwnOrigin, dependency, distinct));
    POSTERN_CHECK(enter(*database_, batch));
    Query count{*database_, "UPDATE origin SET generation = generation + 1 WHERE id = ?1"};
    POSTERN_CHECK(count.integer(kOwnOrigin).run());
    return Merged::now;
  });
}

Result<StoreMerge> Store::merge_store(const std::string& path) {
  POSTERN_CHECK(open_database(path, sqlite::Access::write));  // is it one, and of our schema
  {
    Query attach{*database_, "ATTACH DATABASE ?1 AS theirs"};
    POSTERN_CHECK(attach.text(path).run());
  }
  auto merged = in_transaction(*database_, [&](Connection&) -> Result<StoreMerge> {
    struct Origin {
      std::int64_t theirs = 0;
      std::string name{};
      std::int64_t generation = 0;
    };
    std::vector<Origin> origins;
    {
      Query query{*database_, "SELECT id, name, generation FROM theirs.origin ORDER BY id"};
      for (;;) {
        POSTERN_TRY(row, query.step());
        if (!row) break;
        origins.push_back({query.integer_at(0), query.text_at(1), query.integer_at(2)});
      }
    }
    StoreMerge outcome;
    for (const Origin& origin : origins) {
      std::int64_t ours = 0;
      {
        Query query{*database_, "SELECT id, generation FROM main.origin WHERE name = ?1"};
        POSTERN_TRY(row, query.text(origin.name).step());
        if (row && query.integer_at(1) >= origin.generation) {
          ++outcome.origins_before;
          continue;
        }
        if (row) ours = query.integer_at(0);
      }
      if (ours == kOwnOrigin) {
        return fail(ErrorCode::conflict, kField, Error::kNoOffset,
                    path + " has a newer state of this very inventory: is one a copy of the other?");
      }
      if (ours != 0) {
        Query drop{*database_, "DELETE FROM main.origin WHERE id = ?1"};  // with all that hangs on it
        POSTERN_CHECK(drop.integer(ours).run());
      }
      {
        Query clash{*database_,
                    "SELECT mine.stream FROM theirs.ledger AS other JOIN main.ledger AS mine ON mine.stream = other.stream AND "
                    "mine.first <= other.last AND mine.last >= other.first WHERE other.origin = ?1 LIMIT 1"};
        POSTERN_TRY(row, clash.integer(origin.theirs).step());
        if (row) {
          return fail(ErrorCode::conflict, kField, Error::kNoOffset,
                      path + " and this inventory both counted the batch " + clash.text_at(0) + ": its events would count twice");
        }
      }
      {
        Query insert{*database_, "INSERT INTO main.origin (name, generation) VALUES (?1, ?2)"};
        POSTERN_CHECK(insert.text(origin.name).integer(origin.generation).run());
        ours = database_->last_insert_id();
      }
      {
        Query ledger{
            *database_,
            "INSERT INTO main.ledger (origin, stream, first, last) SELECT ?1, stream, first, last FROM theirs.ledger WHERE "
            "origin = ?2"};
        POSTERN_CHECK(ledger.integer(ours).integer(origin.theirs).run());
      }
      {
        Query rows{*database_, "INSERT INTO main.dependency (origin, digest, " POSTERN_DEPENDENCY_COLUMNS
                               ") SELECT ?1, digest, " POSTERN_DEPENDENCY_COLUMNS " FROM theirs.dependency WHERE origin = ?2"};
        POSTERN_CHECK(rows.integer(ours).integer(origin.theirs).run());
      }
      {
        Query days{
            *database_,
            "INSERT INTO main.day (dependency, day, events) SELECT mine.id, d.day, d.events FROM theirs.day AS d JOIN "
            "theirs.dependency AS other ON other.id = d.dependency JOIN main.dependency AS mine ON mine.digest = other.digest "
            "WHERE other.origin = ?1 AND mine.origin = ?2"};
        POSTERN_CHECK(days.integer(origin.theirs).integer(ours).run());
      }
      ++outcome.origins_taken;
    }
    return outcome;
  });
  const auto detached = database_->execute("DETACH DATABASE theirs");
  if (merged) POSTERN_CHECK(detached);
  return merged;
}

Result<std::uint64_t> Store::merged_up_to(std::string_view stream, std::uint64_t from) {
  std::uint64_t reached = from == 0 ? 0 : from - 1;
  Query query{*database_, "SELECT first, last FROM ledger WHERE stream = ?1 AND last >= ?2 ORDER BY first"};
  query.text(stream).count(from);
  for (;;) {
    POSTERN_TRY(row, query.step());
    if (!row || query.count_at(0) > reached + 1) return reached;
    reached = std::max(reached, query.count_at(1));
  }
}

Result<std::vector<Dependency>> Store::dependencies() {
  std::map<std::string, Dependency> by_id;
  {
    std::map<std::int64_t, Dependency> by_row;
    Query query{*database_, "SELECT id, " POSTERN_DEPENDENCY_COLUMNS " FROM dependency"};
    for (;;) {
      POSTERN_TRY(row, query.step());
      if (!row) break;
      by_row.emplace(query.integer_at(0), read(query, 1));
    }
    Query days{*database_, "SELECT dependency, day, events FROM day"};
    for (;;) {
      POSTERN_TRY(row, days.step());
      if (!row) break;
      const auto found = by_row.find(days.integer_at(0));
      if (found != by_row.end()) found->second.days[days.integer_at(1)] = days.count_at(2);
    }
    for (auto& [row, dependency] : by_row) {
      std::string id = dependency.id();
      const auto found = by_id.find(id);
      if (found == by_id.end()) {
        by_id.emplace(std::move(id), std::move(dependency));
      } else {
        combine(found->second, dependency);
      }
    }
  }
  std::vector<Dependency> all;
  all.reserve(by_id.size());
  for (auto& [id, dependency] : by_id) all.push_back(std::move(dependency));
  return all;
}

Result<Totals> Store::totals() {
  Query query{*database_, "SELECT coalesce(sum(events), 0), count(DISTINCT digest), (SELECT count(*) FROM origin) FROM dependency"};
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::internal, "a sum gave no row");
  return Totals{query.count_at(0), static_cast<std::size_t>(query.count_at(1)), static_cast<std::size_t>(query.count_at(2))};
}

Result<std::string> Store::name() {
  Query query{*database_, "SELECT name FROM origin WHERE id = ?1"};
  POSTERN_TRY(row, query.integer(kOwnOrigin).step());
  return row ? query.text_at(0) : std::string{};
}

}  // namespace postern::inventory
