// What the tests of the authority share: its surroundings under control, a store in which calls fail on command, and a client.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "account/store_fixture.hpp"
#include "authority/authority.hpp"
#include "base/reader.hpp"
#include "base/writer.hpp"
#include "event/reader/parse_event.hpp"
#include "ntlm/initiator.hpp"

namespace postern::authority {

inline constexpr std::string_view kPassword = "Correct.Horse.1";
inline constexpr std::string_view kWrongPassword = "Correct.Horse.2";
inline constexpr std::uint64_t kSecond = 10'000'000;  // ticks

class FakeEnvironment final : public Environment {
 public:
  FileTime now() override { return FileTime{now_.load()}; }
  std::uint64_t monotonic_ticks() override { return monotonic_.load(); }
  void random(MutableByteView out) override {  // SplitMix64: different each time, the same in each run
    for (std::uint8_t& byte : out) {
      std::uint64_t mixed = state_.fetch_add(0x9E3779B97F4A7C15ULL) + 0x9E3779B97F4A7C15ULL;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
      byte = static_cast<std::uint8_t>(mixed >> 24);
    }
  }
  void pass(std::uint64_t seconds) {
    now_ += seconds * kSecond;
    monotonic_ += seconds * kSecond;
  }

 private:
  std::atomic<std::uint64_t> now_{account::kNow.ticks()};
  std::atomic<std::uint64_t> monotonic_{1'000 * kSecond};
  std::atomic<std::uint64_t> state_{1};
};

class MemorySink final : public event::Sink {
 public:
  Result<void> write(const event::LogonEvent& event) override {
    const std::lock_guard lock{mutex_};
    if (fails) return fail(ErrorCode::io, "the sink is full");
    events_.push_back(event);
    return {};
  }
  [[nodiscard]] std::vector<event::LogonEvent> events() const {
    const std::lock_guard lock{mutex_};
    return events_;
  }
  std::atomic<bool> fails{false};

 private:
  mutable std::mutex mutex_{};
  std::vector<event::LogonEvent> events_{};
};

/// A store before another one: any call fails on command, and commits can be held up.
class FaultyStore final : public account::Store {
 public:
  explicit FaultyStore(account::Store& inner) : inner_{inner} {}

  std::atomic<bool> fail_find{false}, fail_commit{false}, fail_list{false};
  std::atomic<int> commit_calls{0};
  std::function<void()> before_commit{};  ///< set while nothing is on its way

  void hold_commits() {
    const std::lock_guard lock{mutex_};
    held_ = true;
  }
  void release_commits() {
    const std::lock_guard lock{mutex_};
    held_ = false;
    changed_.notify_all();
  }
  /// Until the writer's thread stands in front of the closed gate.
  void wait_for_a_held_commit() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return waiting_; });
  }

  Result<std::optional<account::Domain>> find_domain(std::string_view name) override { return inner_.find_domain(name); }
  Result<std::vector<account::Domain>> list_domains() override {
    if (fail_list) return broken();
    return inner_.list_domains();
  }
  Result<std::optional<account::AccountWithSecrets>> find_account(account::DomainId domain, std::string_view name) override {
    if (fail_find) return broken();
    return inner_.find_account(domain, name);
  }
  Result<std::optional<account::Account>> show_account(account::DomainId domain, std::string_view name) override {
    return inner_.show_account(domain, name);
  }
  Result<std::vector<account::Account>> list_accounts(account::DomainId domain, std::string_view after,
                                                      std::size_t limit) override {
    return inner_.list_accounts(domain, after, limit);
  }
  Result<std::vector<account::StoredEvent>> list_events(const account::EventFilter& filter, std::uint64_t after,
                                                        std::size_t limit) override {
    return inner_.list_events(filter, after, limit);
  }
  Result<std::vector<account::StoredEvent>> list_last_events(const account::EventFilter& filter, std::size_t limit) override {
    return inner_.list_last_events(filter, limit);
  }
  Result<account::Domain> add_domain(const account::NewDomain& domain, FileTime now) override {
    return inner_.add_domain(domain, now);
  }
  Result<account::Account> add_account(const account::NewAccount& account, FileTime now) override {
    return inner_.add_account(account, now);
  }
  Result<void> add_accounts(std::span<const account::NewAccount> accounts, FileTime now) override {
    return inner_.add_accounts(accounts, now);
  }
  Result<std::vector<account::AccountWithSecrets>> list_secrets(account::DomainId domain, std::string_view after,
                                                                std::size_t limit) override {
    return inner_.list_secrets(domain, after, limit);
  }
  Result<void> set_password(account::AccountId account, const SecretBytes& password, const account::PasswordTerms& terms,
                            FileTime now) override {
    return inner_.set_password(account, password, terms, now);
  }
  Result<void> change(account::AccountId account, const account::AccountChange& change) override {
    return inner_.change(account, change);
  }
  Result<void> set_enabled(account::AccountId account, account::Enabled enabled) override {
    return inner_.set_enabled(account, enabled);
  }
  Result<void> unlock(account::AccountId account) override { return inner_.unlock(account); }
  Result<void> remove_account(account::AccountId account) override { return inner_.remove_account(account); }
  Result<void> set_expiry(account::AccountId account, std::optional<FileTime> at) override {
    return inner_.set_expiry(account, at);
  }
  Result<void> set_must_change(account::AccountId account, account::MustChange must_change) override {
    return inner_.set_must_change(account, must_change);
  }
  Result<void> set_groups(account::AccountId account, std::vector<std::string> groups) override {
    return inner_.set_groups(account, std::move(groups));
  }
  Result<std::vector<account::CounterOutcome>> commit_logons(std::span<const account::LogonCommit> commits) override {
    ++commit_calls;
    {
      std::unique_lock lock{mutex_};
      waiting_ = held_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
      waiting_ = false;
    }
    if (before_commit) before_commit();
    if (fail_commit) return broken();
    return inner_.commit_logons(commits);
  }
  Result<std::size_t> remove_events(FileTime before, std::size_t limit) override { return inner_.remove_events(before, limit); }
  Result<account::EventExtent> event_extent() override { return inner_.event_extent(); }
  Result<std::size_t> remove_events_through(std::uint64_t sequence, std::size_t limit) override {
    return inner_.remove_events_through(sequence, limit);
  }
  std::uint64_t change_stamp(account::DomainId domain, std::string_view name) const override {
    return inner_.change_stamp(domain, name);
  }
  account::StoreCounters counters() const override { return inner_.counters(); }
  Result<void> rotate_key() override { return inner_.rotate_key(); }

 private:
  static std::unexpected<Error> broken() { return fail(ErrorCode::io, "database", Error::kNoOffset, "the disk is gone"); }

  account::Store& inner_;
  std::mutex mutex_{};
  std::condition_variable changed_{};
  bool held_ = false;
  bool waiting_ = false;
};

/// One logon as a client and its edge do it.
struct Attempt {
  std::string user = "alice";
  std::string domain = "DEMO";
  std::string password{kPassword};
  std::string workstation = "WS1";
  std::string spn{};
  std::optional<ntlm::ChannelBindingHash> bindings{};
  wire::NegotiateFlags offered = ntlm::InitiatorConfig::kDefaultOffer;
  std::string service = "web";
  std::string address = "192.0.2.10";
  bool tls = true;
  std::vector<ntlm::ChannelBindingHash> accepted_bindings{};
  std::vector<std::string> accepted_names{};
  bool wants_session_key = false;
  std::function<void(Bytes&)> tamper{};  ///< with the AUTHENTICATE on its way
};

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = account::sqlite::open(account::config_in(directory_.path()));
    ASSERT_TRUE(opened) << account::line_of(opened);
    sqlite_ = std::move(*opened);
    store_ = std::make_unique<FaultyStore>(*sqlite_);
    domain_ = add_domain("DEMO", "demo.example.org", "DEMO.REALM");
    alice_ = add_account("alice");
    ASSERT_EQ(alice_.name, "alice");
    start(config());
  }
  void TearDown() override {
    store_->release_commits();
    authority_.reset();
  }

  static Config config() {
    Config config;
    config.names = {"SRV1", "DEMO", "srv1.demo.example.org", "demo.example.org", ""};
    config.lockout = {.threshold = 5, .window = std::chrono::minutes{10}, .duration = std::chrono::minutes{10}};
    config.services = {Service{"web", event::Service::http, {}}, Service{"ldap", event::Service::ldap, {}}};
    config.peers = {peer()};
    return config;
  }
  static Peer peer() {
    Peer peer;
    peer.name = "gateway";
    peer.uid = 1000;
    peer.services = {"web"};
    return peer;
  }
  void start(Config config) {
    authority_.reset();
    authority_ = std::make_unique<Authority>(std::move(config), *store_, environment_, &sink_);
  }
  /// As `config()`, with one setting of the web service's policy.
  void start_with(std::string_view setting, std::string_view value) {
    Config changed = config();
    EXPECT_TRUE(policy::set(changed.services[0].policy, setting, value)) << setting;
    start(std::move(changed));
  }

  account::Domain add_domain(std::string name, std::string dns, std::string realm) {
    account::NewDomain domain{.netbios_name = std::move(name), .dns_name = std::move(dns), .realm = std::move(realm)};
    environment_.random(domain.sid_random);
    auto added = sqlite_->add_domain(domain, environment_.now());
    EXPECT_TRUE(added) << account::line_of(added);
    return added.value_or(account::Domain{});
  }
  account::Account add_account(std::string name, std::vector<std::string> groups = {"staff"}) {
    return add_account_in(domain_.id, std::move(name), kPassword, std::move(groups));
  }
  account::Account add_account_in(account::DomainId domain, std::string name, std::string_view password = kPassword,
                                  std::vector<std::string> groups = {}) {
    auto added = sqlite_->add_account(
        {.domain = domain, .name = std::move(name), .password = SecretBytes{password}, .groups = std::move(groups)},
        environment_.now());
    EXPECT_TRUE(added) << account::line_of(added);
    return added.value_or(account::Account{});
  }

  // ---- requests, each waited for

  ntlm::Reply begin(ntlm::BeginRequest request, PeerConnection connection = 1, const Peer& by = peer()) {
    return answer_of([&](const Authority::Answer& answer) { authority_->begin(by, connection, std::move(request), answer); });
  }
  ntlm::Reply finish(ntlm::FinishRequest request, PeerConnection connection = 1, const Peer& by = peer()) {
    return answer_of([&](const Authority::Answer& answer) { authority_->finish(by, connection, std::move(request), answer); });
  }
  template <typename Ask>
  static ntlm::Reply answer_of(Ask&& ask) {
    auto answered = std::make_shared<std::promise<ntlm::Reply>>();
    auto future = answered->get_future();
    ask([answered](ntlm::Reply reply) { answered->set_value(std::move(reply)); });
    if (future.wait_for(std::chrono::seconds{60}) != std::future_status::ready) {
      ADD_FAILURE() << "no answer: the authority hangs";
      return ntlm::Verdict{};
    }
    return future.get();
  }
  static ntlm::Verdict verdict_of(ntlm::Reply reply) {
    if (auto* verdict = std::get_if<ntlm::Verdict>(&reply)) return std::move(*verdict);
    ADD_FAILURE() << "the handshake goes on where a verdict was awaited";
    return {};
  }

  static ntlm::InitiatorConfig initiator_config(const Attempt& attempt) {
    ntlm::InitiatorConfig config;
    config.credentials = {attempt.user, attempt.domain, ntlm::nt_hash_of_password(SecretBytes{attempt.password}).value()};
    config.workstation = attempt.workstation;
    config.target_name = attempt.spn;
    config.channel_bindings = attempt.bindings;
    config.offered = attempt.offered;
    return config;
  }
  static ntlm::ConnectionFacts connection_of(const Attempt& attempt) {
    return {{attempt.address, 50'000}, {"192.0.2.1", 443}, attempt.tls};
  }
  static ntlm::BeginRequest begin_of(const Attempt& attempt, ByteView token, ntlm::Carrier carrier = ntlm::Carrier::ntlm) {
    return {attempt.service, carrier, connection_of(attempt), to_bytes(token)};
  }
  static ntlm::FinishRequest finish_of(const Attempt& attempt, const ntlm::HandshakeId& id, Bytes token) {
    return {id, std::move(token), attempt.accepted_bindings, attempt.accepted_names, attempt.wants_session_key};
  }

  /// A handshake whose AUTHENTICATE is written and not sent.
  struct Begun {
    ntlm::FinishRequest finish{};
    Bytes challenge{};
    ntlm::ExportedSessionKey key{};
  };
  Begun begun(const Attempt& attempt, PeerConnection connection = 1, const Peer& by = peer()) {
    auto client = ntlm::Initiator::start(initiator_config(attempt)).value();
    ntlm::Reply reply = begin(begin_of(attempt, client.negotiate_message()), connection, by);
    auto* next = std::get_if<ntlm::Continue>(&reply);
    if (next == nullptr) {
      ADD_FAILURE() << "refused at begin: " << std::get<ntlm::Verdict>(reply).why;
      return {};
    }
    ntlm::InitiatorRandom random;
    random.client_challenge = environment_.random_value<ntlm::ClientChallenge>();
    random.random_session_key = environment_.random_value<ntlm::ExportedSessionKey>();
    auto done = std::move(client).on_challenge(next->token, std::move(random), environment_.now());
    if (!done) {
      ADD_FAILURE() << done.error().to_line();
      return {};
    }
    Bytes authenticate = to_bytes(done->authenticate_message());
    if (attempt.tamper) attempt.tamper(authenticate);
    return {finish_of(attempt, next->handshake, std::move(authenticate)), next->token, done->exported_session_key().duplicate()};
  }
  ntlm::Verdict log_on(const Attempt& attempt = {}, PeerConnection connection = 1) {
    return verdict_of(finish(begun(attempt, connection).finish, connection));
  }
  NtStatus status_of_logon(const Attempt& attempt = {}) { return log_on(attempt).status; }
  NtStatus wrong_logon(Attempt attempt = {}) {
    attempt.password = kWrongPassword;
    return log_on(attempt).status;
  }
  /// A wrong password from a client that was never seen: the back-off holds nobody up.
  NtStatus wrong_logon_from_anew(Attempt attempt = {}) {
    attempt.workstation = "WS-" + std::to_string(++last_workstation_);
    return wrong_logon(attempt);
  }

  // ---- what is on record

  std::vector<account::StoredEvent> stored() {
    auto events = sqlite_->list_events({}, 0, account::kMaxEventsPerRead);
    EXPECT_TRUE(events) << account::line_of(events);
    return events.value_or(std::vector<account::StoredEvent>{});
  }
  event::LogonEvent last_event() {
    const auto events = stored();
    if (events.empty()) {
      ADD_FAILURE() << "no event";
      return {};
    }
    auto parsed = event::parse_event(events.back().event.json);
    EXPECT_TRUE(parsed) << account::line_of(parsed);
    return parsed.value_or(event::LogonEvent{});
  }
  account::Account shown(std::string_view name = "alice") {
    auto account = sqlite_->show_account(domain_.id, name);
    return account && *account ? **account : account::Account{};
  }

  account::TemporaryDirectory directory_{};
  FakeEnvironment environment_{};
  MemorySink sink_{};
  std::unique_ptr<account::Store> sqlite_{};
  std::unique_ptr<FaultyStore> store_{};
  account::Domain domain_{};
  account::Account alice_{};
  std::unique_ptr<Authority> authority_{};

 private:
  int last_workstation_ = 0;
};

}  // namespace postern::authority
