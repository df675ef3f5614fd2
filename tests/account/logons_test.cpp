// Logon commits: all or nothing, stale counters, equal work, and a database that fails.
#include "account/sqlite/open.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

using std::chrono::milliseconds;

LogonCommit failure_of(std::string id, std::optional<AccountId> account, std::uint64_t counters_version = 0) {
  return {.event = event_of(std::move(id)),
          .counters = CounterUpdate{.account = account,
                                    .counters_version = counters_version,
                                    .bad_passwords = {.count = 3, .last_bad = kNow, .locked_at = kNow}}};
}

std::vector<CounterOutcome> commit(Store& store, const std::vector<LogonCommit>& commits) {
  auto outcomes = store.commit_logons(commits);
  EXPECT_TRUE(outcomes) << line_of(outcomes);
  return outcomes ? *outcomes : std::vector<CounterOutcome>{};
}

std::vector<std::string> ids_of(const Result<std::vector<StoredEvent>>& events) {
  EXPECT_TRUE(events) << line_of(events);
  std::vector<std::string> ids;
  if (events) {
    for (const StoredEvent& stored : *events) ids.push_back(stored.event.id);
  }
  return ids;
}

using Ids = std::vector<std::string>;
using Outcomes = std::vector<CounterOutcome>;

TEST_F(StoreTest, CommitsOverwriteAReservedLogAndAreThereAfterwards) {
  const auto log_bytes = [this] { return std::filesystem::file_size(database().string() + "-wal"); };
  constexpr std::uint64_t kReserved = 1024 * 1024;
  config_.reserved_log_bytes = kReserved;
  reopen();
  EXPECT_EQ(log_bytes(), kReserved);
  commit(*store_, {{.event = event_of("1")}});
  commit(*store_, {{.event = event_of("2")}});
  EXPECT_EQ(log_bytes(), kReserved);
  reopen();
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), (Ids{"1", "2"}));
}

TEST_F(StoreTest, CommitsEventsAndCountersOfABatch) {
  const Account alice = add("alice");
  LogonCommit success{.event = event_of("3", "DEMO\\alice", "success"),
                      .counters = CounterUpdate{.account = alice.id, .last_logon = FileTime{kNow.ticks() + 7}}};
  EXPECT_EQ(commit(*store_, {failure_of("1", alice.id), {.event = event_of("2")}}),
            (Outcomes{CounterOutcome::applied, CounterOutcome::none}));
  reopen();
  EXPECT_EQ(show("alice").bad_passwords, (BadPasswordState{.count = 3, .last_bad = kNow, .locked_at = kNow}));
  EXPECT_EQ(show("alice").last_logon, std::nullopt);
  EXPECT_EQ(commit(*store_, {success}), Outcomes{CounterOutcome::applied});
  EXPECT_EQ(commit(*store_, {failure_of("4", alice.id)}), Outcomes{CounterOutcome::applied});
  EXPECT_EQ(show("alice").last_logon, FileTime{kNow.ticks() + 7}) << "a failure leaves the last logon";
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), (Ids{"1", "2", "3", "4"}));
  EXPECT_EQ((*store_->list_events({}, 0, 1))[0].event, event_of("1"));
}

TEST_F(StoreTest, DropsCountersThatWereReadBeforeAPasswordSetAnUnlockOrARemoval) {
  const Account alice = add("alice");
  ASSERT_TRUE(store_->set_password(alice.id, SecretBytes{"new"}, MustChange::no, kNow));
  EXPECT_EQ(commit(*store_, {failure_of("1", alice.id, alice.counters_version)}), Outcomes{CounterOutcome::stale});
  EXPECT_EQ(show("alice").bad_passwords, BadPasswordState{});
  const std::uint64_t version = show("alice").counters_version;
  EXPECT_EQ(commit(*store_, {failure_of("2", alice.id, version)}), Outcomes{CounterOutcome::applied});
  ASSERT_TRUE(store_->unlock(alice.id));
  EXPECT_EQ(show("alice").bad_passwords, (BadPasswordState{.last_bad = kNow}));
  EXPECT_EQ(commit(*store_, {failure_of("3", alice.id, version)}), Outcomes{CounterOutcome::stale});
  EXPECT_EQ(show("alice").bad_passwords, (BadPasswordState{.last_bad = kNow}));
  ASSERT_TRUE(store_->remove_account(alice.id));
  EXPECT_EQ(commit(*store_, {failure_of("4", alice.id, version + 1)}), Outcomes{CounterOutcome::stale});
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), (Ids{"1", "2", "3", "4"})) << "the event is kept all the same";
}

TEST_F(StoreTest, ABatchWithOneBadEventChangesNothing) {
  const Account alice = add("alice");
  ASSERT_EQ(commit(*store_, {{.event = event_of("1")}}).size(), 1U);
  const std::vector<LogonCommit> twice{failure_of("2", alice.id), {.event = event_of("1")}};
  EXPECT_EQ(store_->commit_logons(twice).error().code, ErrorCode::conflict);
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), Ids{"1"});
  EXPECT_EQ(show("alice").bad_passwords, BadPasswordState{});

  EventRecord unnamed = event_of("");
  const std::vector<LogonCommit> without_id{{.event = unnamed}};
  EXPECT_EQ(store_->commit_logons(without_id).error().code, ErrorCode::invalid_input);
  EventRecord huge = event_of("3");
  huge.json.assign(kMaxEventBytes, 'x');
  const std::vector<LogonCommit> too_large{{.event = huge}};
  EXPECT_EQ(store_->commit_logons(too_large).error().code, ErrorCode::too_large);
  EventRecord binary = event_of("3");
  binary.server = "\xFF";
  const std::vector<LogonCommit> no_text{{.event = binary}};
  EXPECT_EQ(store_->commit_logons(no_text).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(commit(*store_, {failure_of("3", alice.id)}), Outcomes{CounterOutcome::applied});
}

TEST_F(StoreTest, FiltersEventsByEachField) {
  EventRecord odd = event_of("2", "DEMO\\bob", "success");
  odd.server = "mail";
  odd.version = "NTLMv1";
  odd.time = FileTime{kNow.ticks() + 10};
  commit(*store_, {{.event = event_of("1")}, {.event = odd}, {.event = event_of("3")}});
  EXPECT_EQ(ids_of(store_->list_events({.account = "demo\\BOB"}, 0, 10)), Ids{"2"});
  EXPECT_EQ(ids_of(store_->list_events({.server = "MAIL"}, 0, 10)), Ids{"2"});
  EXPECT_EQ(ids_of(store_->list_events({.version = "NTLMv1"}, 0, 10)), Ids{"2"});
  EXPECT_EQ(ids_of(store_->list_events({.outcome = "success"}, 0, 10)), Ids{"2"});
  EXPECT_EQ(ids_of(store_->list_events({.from = odd.time}, 0, 10)), Ids{"2"});
  EXPECT_EQ(ids_of(store_->list_events({.until = odd.time}, 0, 10)), (Ids{"1", "3"}));
  EXPECT_EQ(ids_of(store_->list_events({.account = "DEMO\\bob", .outcome = "failure"}, 0, 10)), Ids{});
  EXPECT_EQ(store_->list_events({.account = "\xFF"}, 0, 10).error().code, ErrorCode::invalid_input);
}

TEST_F(StoreTest, PagesThroughEventsInTheOrderOfCommits) {
  commit(*store_, {{.event = event_of("b")}, {.event = event_of("c")}});
  commit(*store_, {{.event = event_of("a", "DEMO\\bob")}});
  const auto first = store_->list_events({}, 0, 2);
  EXPECT_EQ(ids_of(first), (Ids{"b", "c"}));
  EXPECT_EQ(ids_of(store_->list_events({}, first->back().sequence, 2)), Ids{"a"})
      << "an id that sorts lower, committed later, is not missed";
  EXPECT_EQ(ids_of(store_->list_last_events({}, 2)), (Ids{"c", "a"}));
  EXPECT_EQ(ids_of(store_->list_last_events({.account = "DEMO\\alice"}, 1)), Ids{"c"});
}

TEST_F(StoreTest, RemovesOldEventsAndNoOthers) {
  EventRecord old = event_of("old");
  old.time = FileTime{kNow.ticks() - 1};
  commit(*store_, {{.event = event_of("new")}, {.event = old}});
  EXPECT_EQ(*store_->remove_events(kNow, 10), 1U);
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), Ids{"new"});
}

TEST_F(StoreTest, R37_AnUnknownAccountCostsTheSameReadsWritesAndDecryptions) {
  const Account alice = add("alice", "Password", AccountKind::domain, {"staff"});
  const auto cost_of = [&](std::string_view name, const LogonCommit& logon) {
    const StoreCounters before = store_->counters();
    EXPECT_TRUE(store_->find_account(domain_.id, name));
    EXPECT_TRUE(store_->commit_logons({&logon, 1}));
    const StoreCounters after = store_->counters();
    return StoreCounters{.reads = after.reads - before.reads,
                         .writes = after.writes - before.writes,
                         .transactions = after.transactions - before.transactions,
                         .blobs_opened = after.blobs_opened - before.blobs_opened};
  };
  const StoreCounters known = cost_of("alice", failure_of("1", alice.id));
  // The event, what it is found by, the counters.
  EXPECT_EQ(known, (StoreCounters{.reads = 1, .writes = 3, .transactions = 1, .blobs_opened = 1}));
  EXPECT_EQ(cost_of("mallory", failure_of("2", std::nullopt)), known);
  EXPECT_EQ(cost_of("no\xFFtext", failure_of("3", std::nullopt)), known);
  EXPECT_EQ(cost_of("alice", failure_of("4", std::nullopt)).writes, known.writes);
  EXPECT_EQ(sql(database(), "SELECT count(*) FROM unknown_logon_state"), "256") << "invented names take no room";
  EXPECT_NE(sql(database(), "SELECT sum(bad_password_count) FROM unknown_logon_state"), "0")
      << "nothing was written for the unknown";
}

TEST_F(StoreTest, R33_AFullDatabaseIsAnErrorAndNeverHalfDone) {
  const Account alice = add("alice");
  config_.max_database_bytes = std::filesystem::file_size(database()) + 40 * 4096;
  reopen();
  const std::uint64_t version = show("alice").counters_version;
  std::string last_id;
  std::optional<Error> error;
  for (int i = 0; i < 200 && !error; ++i) {
    LogonCommit big = failure_of(std::to_string(i), alice.id, version);
    big.event.json.assign(20'000, 'x');
    big.counters->bad_passwords.count = static_cast<std::uint16_t>(i);
    auto done = store_->commit_logons({&big, 1});
    if (done) {
      last_id = big.event.id;
    } else {
      error = done.error();
    }
  }
  ASSERT_TRUE(error) << "the limit was never reached";
  EXPECT_EQ(error->code, ErrorCode::io);
  EXPECT_EQ(ids_of(store_->list_last_events({}, 1)), Ids{last_id});
  EXPECT_EQ(std::to_string(show("alice").bad_passwords.count), last_id) << "the counter of the failed commit was kept";
  config_.max_database_bytes = 0;
  reopen();
  EXPECT_EQ(commit(*store_, {failure_of("room again", alice.id, version)}), Outcomes{CounterOutcome::applied});
}

TEST_F(StoreTest, R33_ALockedDatabaseIsATimeoutAndReadsGoOn) {
  add("alice");
  config_.timeout = milliseconds{100};
  reopen();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(database().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const std::vector<LogonCommit> one{{.event = event_of("1")}};
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(store_->commit_logons(one).error().code, ErrorCode::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds{5});
  EXPECT_TRUE(*store_->find_account(domain_.id, "alice"));
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(commit(*store_, one).size(), 1U);
  EXPECT_EQ(ids_of(store_->list_events({}, 0, 10)), Ids{"1"});
}

TEST_F(StoreTest, R28_ABrokenDatabaseIsAnErrorAndNotAnUnknownAccount) {
  add("alice");
  sql(database(), "DROP TABLE account_secret");
  EXPECT_FALSE(store_->find_account(domain_.id, "alice")) << "a backend's error must not read as \"no such account\"";
  EXPECT_FALSE(store_->find_account(domain_.id, "mallory"));
}

}  // namespace
}  // namespace postern::account
