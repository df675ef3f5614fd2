// R32: a process that is killed at random moments loses nothing that it acknowledged, and leaves a database that opens.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "account/password.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

constexpr int kRounds = 30;
constexpr std::uint32_t kSeed = 20'240'229;  // the moments are random, and the same in each run as far as the machine allows

/// One acknowledgement a line. A pipe keeps what was written before the kill.
void acknowledge(int pipe, const std::string& what) {
  const std::string line = what + "\n";
  if (::write(pipe, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(3);
}

std::string derived(const std::string& password) {
  const auto secrets = derive_secrets(SecretBytes{password}, "");
  return secrets ? to_hex(secrets->nt_hash.reveal()) : secrets.error().to_line();
}

std::uint64_t show_version(Store& store, DomainId domain) {
  const auto alice = store.show_account(domain, "alice");
  if (!alice || !*alice) ::_exit(11);
  return (*alice)->counters_version;
}

/// The child: opens the store and writes until it is killed.
[[noreturn]] void write_for_ever(const sqlite::Config& config, int round, int pipe) {
  auto opened = sqlite::open(config);
  if (!opened) ::_exit(4);
  Store& store = **opened;
  auto domain = store.find_domain("DEMO");
  if (!domain || !*domain) ::_exit(5);
  const std::string tag = std::to_string(round) + "-";
  const DomainId domain_id = (*domain)->id;
  const auto alice = store.show_account(domain_id, "alice");
  if (!alice || !*alice) ::_exit(6);
  for (int i = 0;; ++i) {
    const std::string id = tag + std::to_string(i);
    const auto now = show_version(store, domain_id);
    std::vector<LogonCommit> batch;
    for (const char* part : {"a", "b", "c"}) batch.push_back({.event = event_of(id + part)});
    batch[0].counters =
        CounterUpdate{.account = (*alice)->id, .counters_version = now, .bad_passwords = {.count = static_cast<std::uint16_t>(i)}};
    if (!store.commit_logons(batch)) ::_exit(7);
    acknowledge(pipe, "events " + id);
    if (i % 4 == 0) {
      if (!store.add_account({.domain = domain_id, .name = "u" + id, .password = SecretBytes{id}}, kNow)) ::_exit(8);
      acknowledge(pipe, "account u" + id);
    }
    if (i % 4 == 2) {
      if (!store.set_password((*alice)->id, SecretBytes{id}, MustChange::no, kNow)) ::_exit(9);
      acknowledge(pipe, "password " + id);
    }
    if (i % 8 == 1) {
      NewAccount pair[2];
      for (const int which : {0, 1}) {
        pair[which].domain = domain_id;
        pair[which].name = (which == 0 ? "l" : "r") + id;
        pair[which].nt_hash.emplace();
      }
      if (!store.add_accounts(pair, kNow)) ::_exit(12);
      acknowledge(pipe, "pair " + id);
    }
    if (i % 8 == 5) {
      const AccountChange change{
          .workstations = std::vector<std::string>{"WS" + id}, .canary = i % 16 == 5, .protected_user = i % 16 == 5};
      if (!store.change((*alice)->id, change)) ::_exit(13);
      acknowledge(pipe, "change " + id);
    }
    if (i % 16 == 15) {
      if (!store.rotate_key()) ::_exit(10);
      acknowledge(pipe, "rotated " + id);
    }
  }
}

/// Runs `body(pipe)` in a child, kills it after `delay` and returns what it acknowledged. Fails if the child ended by itself.
template <typename Body>
std::vector<std::string> run_and_kill(std::chrono::microseconds delay, Body&& body) {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) throw std::runtime_error{"pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    body(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  // What is read while the child lives keeps the pipe from filling.
  std::string text;
  std::thread killer{[&] {
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGKILL);
  }};
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  killer.join();
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : 0, 0) << "the child failed by itself";
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST_F(StoreTest, R32_AKillAtAnyMomentLosesNothingThatWasAcknowledged) {
  add("alice", "first");
  store_.reset();
  std::mt19937 random{kSeed};
  std::uniform_int_distribution<int> delay_microseconds{40'000, 260'000};
  std::string password = "first";
  std::size_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto lines = run_and_kill(std::chrono::microseconds{delay_microseconds(random)},
                                    [&](int pipe) { write_for_ever(config_, round, pipe); });
    acknowledged += lines.size();
    reopen();
    ASSERT_NE(store_, nullptr) << "round " << round;
    ASSERT_EQ(sql(database(), "PRAGMA integrity_check"), "ok") << "round " << round;
    ASSERT_EQ(sql(database(), "SELECT count(*) FROM pragma_foreign_key_check"), "0");
    ASSERT_EQ(sql(database(),
                  "SELECT count(*) FROM account WHERE id NOT IN (SELECT account_id FROM account_secret) OR id NOT IN "
                  "(SELECT account_id FROM logon_state)"),
              "0")
        << "half an account";
    ASSERT_EQ(sql(database(),
                  "SELECT count(*) FROM event WHERE substr(id, 1, length(id) - 1) IN "
                  "(SELECT substr(id, 1, length(id) - 1) FROM event GROUP BY 1 HAVING count(*) <> 3)"),
              "0")
        << "half a batch";
    ASSERT_EQ(sql(database(),
                  "SELECT count(*) FROM account l WHERE name LIKE 'l%' AND NOT EXISTS "
                  "(SELECT 1 FROM account r WHERE r.name = 'r' || substr(l.name, 2))"),
              "0")
        << "half an import";
    const Account alice = show("alice");
    ASSERT_EQ(alice.canary, is_protected_user(alice)) << "half a change";
    for (const std::string& line : lines) {
      const std::string what = line.substr(0, line.find(' '));
      const std::string value = line.substr(line.find(' ') + 1);
      if (what == "events") {
        ASSERT_EQ(sql(database(), "SELECT count(*) FROM event WHERE id IN ('" + value + "a','" + value + "b','" + value + "c')"),
                  "3")
            << "round " << round << " lost event " << value;
      } else if (what == "account") {
        ASSERT_EQ(show(value).name, value);
        ASSERT_EQ(nt_hash_of(value).size(), 32U) << nt_hash_of(value);
      } else if (what == "pair") {
        ASSERT_EQ(show("l" + value).aes_keys, false);
        ASSERT_EQ(show("r" + value).aes_keys, false);
      } else if (what == "password") {
        password = value;
      }
    }
    // The last acknowledged password, or the one whose acknowledgement the kill cut off: then the key version is one ahead.
    const std::string hash = nt_hash_of("alice");
    ASSERT_EQ(hash.size(), 32U) << hash;
    const std::string expected = derived(password);
    if (hash != expected) {
      const std::size_t dash = password.find('-');
      const bool this_round = dash != std::string::npos && password.substr(0, dash) == std::to_string(round);
      const std::string next =
          std::to_string(round) + "-" + std::to_string(this_round ? std::stoi(password.substr(dash + 1)) + 4 : 2);
      ASSERT_EQ(hash, derived(next)) << "round " << round << ": neither the acknowledged password nor the one after it";
      password = next;
    }
    store_.reset();
  }
  EXPECT_GT(acknowledged, static_cast<std::size_t>(kRounds)) << "the children were killed before they did anything";
}

TEST(StoreOpen, R32_AKillWhileTheDatabaseIsMadeLeavesOneThatOpens) {
  std::mt19937 random{kSeed};
  std::uniform_int_distribution<int> delay_microseconds{0, 60'000};
  for (int round = 0; round < 15; ++round) {
    TemporaryDirectory directory;
    const sqlite::Config config = config_in(directory.path());
    run_and_kill(std::chrono::microseconds{delay_microseconds(random)}, [&](int) {
      if (!sqlite::open(config)) ::_exit(4);
    });
    auto opened = sqlite::open(config);
    ASSERT_TRUE(opened) << "round " << round << ": " << line_of(opened);
    ASSERT_TRUE((*opened)->add_domain({.netbios_name = "DEMO", .dns_name = "demo.org"}, kNow));
  }
}

}  // namespace
}  // namespace postern::account
