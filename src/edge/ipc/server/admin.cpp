#include "edge/ipc/server/admin.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <spdlog/spdlog.h>
#include <utility>

#include "authority/name_resolution.hpp"
#include "base/file_time.hpp"
#include "edge/ipc/server/admin_accounts.hpp"
#include "edge/ipc/server/admin_request.hpp"

namespace postern::ipc {
namespace {

constexpr std::size_t kMaxAccountsPerReply = 10'000;
constexpr std::size_t kDefaultEvents = 100;
constexpr std::size_t kMaxEventBytesPerReply = std::size_t{16} << 20;  // quoted inside JSON they grow; a reply has 64 MiB at most

Json json_of(const account::Domain& domain) {
  return {{"name", domain.netbios_name},
          {"dns", domain.dns_name},
          {"realm", domain.realm},
          {"sid", domain.sid.to_text()},
          {"created", domain.created.to_rfc3339()}};
}

Json json_of(const account::Account& account, const std::string& domain, const account::LockoutPolicy& lockout, FileTime now) {
  Json json{{"account", domain + "\\" + account.name},
            {"domain", domain},
            {"name", account.name},
            {"sid", account.sid},
            {"kind", account::name_of(account.kind)},
            {"enabled", account.enabled},
            {"locked", account::is_locked(account.bad_passwords, lockout, now)},
            {"bad_password_count", account.bad_passwords.count},
            {"must_change_password", account.password_must_change},
            {"password_set", account.password_set_at.to_rfc3339()},
            {"key_version", account.key_version},
            {"groups", account.groups},
            {"created", account.created.to_rfc3339()}};
  if (account.bad_passwords.last_bad) json["last_bad_password"] = account.bad_passwords.last_bad->to_rfc3339();
  if (account.last_logon) json["last_logon"] = account.last_logon->to_rfc3339();
  if (account.expires_at) json["expires"] = account.expires_at->to_rfc3339();
  add_restrictions(json, account);
  return json;
}

/// One request's work, with what it needs at hand.
class Command {
 public:
  Command(account::Store& store, authority::Authority& authority, authority::Environment& environment, const AdminRequest& request)
      : store_{store}, authority_{authority}, environment_{environment}, lockout_{authority.lockout()}, request_{request} {}

  Result<Json> domain_add() {
    account::NewDomain domain;
    POSTERN_TRY(name, request_.text("name"));
    POSTERN_TRY(dns, request_.text("dns"));
    POSTERN_TRY(realm, request_.text_or_empty("realm"));
    domain.netbios_name = std::move(name);
    domain.dns_name = std::move(dns);
    domain.realm = std::move(realm);
    environment_.random(domain.sid_random);
    POSTERN_TRY(added, store_.add_domain(domain, environment_.now()));
    POSTERN_CHECK(authority_.refresh_domains());
    return Json{{"domain", json_of(added)}};
  }
  Result<Json> domain_list() {
    POSTERN_TRY(domains, store_.list_domains());
    Json list = Json::array();
    for (const account::Domain& domain : domains) list.push_back(json_of(domain));
    return Json{{"domains", std::move(list)}};
  }
  Result<Json> domain_show() {
    POSTERN_TRY(name, request_.text("name"));
    POSTERN_TRY(domain, find_domain(name));
    return Json{{"domain", json_of(domain)}};
  }

  Result<Json> account_add() {
    POSTERN_TRY(place, domain_and_name());
    POSTERN_TRY(password, request_.secret("password"));
    POSTERN_TRY(kind_name, request_.text_or_empty("kind"));
    POSTERN_TRY(groups, request_.texts("groups"));
    POSTERN_TRY(must_change, request_.flag("must_change"));
    POSTERN_CHECK(check_new_password(password, request_, authority_));
    account::NewAccount account;
    account.domain = place.domain.id;
    account.name = place.name;
    account.password = std::move(password);
    account.groups = std::move(groups);
    account.must_change = must_change ? account::MustChange::yes : account::MustChange::no;
    if (!kind_name.empty()) {
      const auto kind = account::account_kind_from_name(kind_name);
      if (!kind) return fail(ErrorCode::invalid_input, "kind", Error::kNoOffset, "is none of domain, local, machine");
      account.kind = *kind;
    }
    POSTERN_TRY(added, store_.add_account(account, environment_.now()));
    return shown(added, place.domain);
  }
  Result<Json> account_passwd() {
    POSTERN_TRY(found, find_account());
    POSTERN_TRY(password, request_.secret("password"));
    POSTERN_CHECK(check_new_password(password, request_, authority_));
    POSTERN_TRY(terms, password_terms_of(request_, authority_));
    POSTERN_CHECK(store_.set_password(found.account.id, password, terms, environment_.now()));
    return show_again(found);
  }
  Result<Json> account_list() {
    POSTERN_TRY(name, request_.text_or_empty("domain"));
    POSTERN_TRY(after, request_.text_or_empty("after"));
    POSTERN_TRY(limit, request_.number_or("limit", kMaxAccountsPerReply));
    std::vector<account::Domain> domains;
    if (name.empty()) {
      POSTERN_TRY(all, store_.list_domains());
      domains = std::move(all);
    } else {
      POSTERN_TRY(one, find_domain(name));
      domains.push_back(std::move(one));
    }
    if (!after.empty() && domains.size() > 1) {
      return fail(ErrorCode::invalid_input, "after", Error::kNoOffset, "goes on within one domain: say which");
    }
    const std::size_t count = std::min<std::size_t>(limit, kMaxAccountsPerReply);
    Json list = Json::array();
    for (const account::Domain& domain : domains) {
      POSTERN_TRY(accounts, store_.list_accounts(domain.id, after, count - list.size()));
      for (const account::Account& account : accounts) {
        list.push_back(json_of(account, domain.netbios_name, lockout_, environment_.now()));
      }
    }
    return Json{{"accounts", std::move(list)}};
  }
  Result<Json> account_show() {
    POSTERN_TRY(found, find_account());
    return shown(found.account, found.domain);
  }
  Result<Json> account_enable() {
    return change([&](account::AccountId id) { return store_.set_enabled(id, account::Enabled::yes); });
  }
  Result<Json> account_disable() {
    return change([&](account::AccountId id) { return store_.set_enabled(id, account::Enabled::no); });
  }
  Result<Json> account_unlock() {
    return change([&](account::AccountId id) { return store_.unlock(id); });
  }
  Result<Json> account_expire() {
    POSTERN_TRY(expires, request_.time("expires"));
    return change([&](account::AccountId id) { return store_.set_expiry(id, expires); });
  }
  Result<Json> account_must_change() {
    POSTERN_TRY(must_change, request_.flag("must_change"));
    return change([&](account::AccountId id) {
      return store_.set_must_change(id, must_change ? account::MustChange::yes : account::MustChange::no);
    });
  }
  Result<Json> account_groups() {
    POSTERN_TRY(groups, request_.texts("groups"));
    return change([&](account::AccountId id) { return store_.set_groups(id, std::move(groups)); });
  }
  Result<Json> account_set() {
    POSTERN_TRY(wanted, change_of(request_));
    return change([&](account::AccountId id) { return store_.change(id, wanted); });
  }
  Result<Json> account_audit() { return audit_accounts(store_, authority_, request_, environment_.now()); }
  Result<Json> account_import() {
    return import_accounts(
        store_, authority_, request_, [this](const std::string& written) { return place_of(written); }, environment_.now());
  }
  Result<Json> account_remove() {
    POSTERN_TRY(found, find_account());
    POSTERN_CHECK(store_.remove_account(found.account.id));
    return Json{{"removed", found.domain.netbios_name + "\\" + found.account.name}};
  }

  Result<Json> events() {
    account::EventFilter filter;
    POSTERN_TRY(account, request_.text_or_empty("account"));
    POSTERN_TRY(server, request_.text_or_empty("server"));
    POSTERN_TRY(version, request_.text_or_empty("version"));
    POSTERN_TRY(outcome, request_.text_or_empty("outcome"));
    POSTERN_TRY(from, request_.time("from"));
    POSTERN_TRY(until, request_.time("until"));
    POSTERN_TRY(limit, request_.number_or("limit", kDefaultEvents));
    POSTERN_TRY(after, request_.number_or("after", 0));
    POSTERN_TRY(newest, request_.flag("newest"));
    POSTERN_TRY(client, request_.text_or_empty("client"));
    POSTERN_TRY(finding, request_.text_or_empty("finding"));
    POSTERN_TRY(setting, request_.text_or_empty("setting"));
    filter = {std::move(account), std::move(server),  std::move(version), std::move(outcome), from, until,
              std::move(client),  std::move(finding), std::move(setting)};
    const std::size_t count = std::min<std::size_t>(limit, account::kMaxEventsPerRead);
    POSTERN_TRY(extent, store_.event_extent());  // before the events: what is committed in between is read again, never skipped
    POSTERN_TRY(events, newest ? store_.list_last_events(filter, count) : store_.list_events(filter, after, count));
    Json list = Json::array();
    Json sequences = Json::array();
    std::uint64_t last = after;
    std::size_t bytes = 0;
    for (const account::StoredEvent& event : events) {
      bytes += event.event.json.size();
      if (bytes > kMaxEventBytesPerReply && !list.empty()) break;  // the client asks for the rest with `after`
      list.push_back(event.event.json);  // each is a JSON text of its own: the client prints it as it was stored
      sequences.push_back(event.sequence);
      last = event.sequence;
    }
    const bool all_read = list.size() == events.size() && (newest || events.size() < count);
    const std::uint64_t next = all_read ? std::max(last, extent.last) : last;
    return Json{{"events", std::move(list)}, {"last", last},      {"sequences", std::move(sequences)}, {"next", next},
                {"first", extent.first},     {"end", extent.last}};
  }

  Result<Json> status() {
    const auto counters = authority_.counters();
    const auto committed = authority_.committed();
    const auto store = store_.counters();
    POSTERN_TRY(extent, store_.event_extent());
    return Json{{"half_open", authority_.half_open()},
                {"begun", counters.begun},
                {"allowed", counters.allowed},
                {"denied", counters.denied},
                {"comparisons", counters.comparisons},
                {"backed_off", counters.backed_off},
                {"committed", committed.committed},
                {"commit_failures", committed.failed},
                {"transactions", store.transactions},
                {"sink_failures", committed.sink_failures},
                {"waiting", authority_.statistics().waiting.load()},
                {"queued_commits", authority_.queued_commits()},
                {"logons", logons()},
                {"seconds", seconds()},
                {"store", {{"first", extent.first}, {"last", extent.last}}}};
  }

 private:
  [[nodiscard]] Json logons() const {
    Json list = Json::array();
    for (const auto& [kind, count] : authority_.statistics().logons.snapshot()) {
      Json one{{"outcome", event::name_of(kind.outcome)}};
      if (kind.version) one["version"] = event::name_of(*kind.version);
      if (kind.decision) one["decision"] = event::name_of(*kind.decision);
      if (!kind.setting.empty()) one["setting"] = kind.setting;
      one["count"] = count;
      list.push_back(std::move(one));
    }
    return list;
  }
  /// Histograms of durations: `up_to` are the upper ends of the steps, each count is of its step alone.
  [[nodiscard]] Json seconds() const {
    constexpr double kTicksPerSecond = 1e7;
    const authority::Statistics& statistics = authority_.statistics();
    Json up_to = Json::array();
    for (const std::uint64_t bound : authority::Histogram::kBounds) up_to.push_back(static_cast<double>(bound) / kTicksPerSecond);
    Json json{{"up_to", std::move(up_to)}};
    for (const auto& [name, histogram] : {std::pair{"queue", &statistics.queue}, std::pair{"compare", &statistics.compare},
                                          std::pair{"commit", &statistics.commit}}) {
      const auto snapshot = histogram->snapshot();
      json[name] = Json{{"counts", snapshot.counts}, {"sum", static_cast<double>(snapshot.sum_ticks) / kTicksPerSecond}};
    }
    return json;
  }

  using Place = AccountPlace;
  struct Found {
    account::Domain domain;
    account::Account account;
  };

  Result<account::Domain> find_domain(const std::string& name) {
    POSTERN_TRY(domain, store_.find_domain(name));
    if (!domain) {
      auto error = fail(ErrorCode::not_found, "domain", Error::kNoOffset, "no domain named " + name);
      error.error().hint = "`postern domain list` shows those that are there";
      return error;
    }
    return std::move(*domain);
  }

  /// `DOMAIN\name`, `name@domain` or, where there is one domain, `name`.
  Result<Place> domain_and_name() {
    POSTERN_TRY(typed, request_.text("account"));
    return place_of(typed);
  }
  Result<Place> place_of(const std::string& typed) {
    authority::ClaimedName claimed = authority::take_apart({}, typed);
    if (!claimed.domain.empty()) {
      POSTERN_TRY(domain, find_domain(claimed.domain));
      return Place{std::move(domain), std::move(claimed.name)};
    }
    POSTERN_TRY(domains, store_.list_domains());
    if (domains.size() != 1) {
      return fail(ErrorCode::invalid_input, "account", Error::kNoOffset,
                  domains.empty() ? "there is no domain yet: add one with `postern domain add`"
                                  : "there are several domains: write DOMAIN\\name");
    }
    return Place{std::move(domains.front()), std::move(claimed.name)};
  }

  Result<Found> find_account() {
    POSTERN_TRY(place, domain_and_name());
    POSTERN_TRY(account, store_.show_account(place.domain.id, place.name));
    if (!account) {
      return fail(ErrorCode::not_found, "account", Error::kNoOffset,
                  "no account named " + place.domain.netbios_name + "\\" + place.name);
    }
    return Found{std::move(place.domain), std::move(*account)};
  }

  Result<Json> shown(const account::Account& account, const account::Domain& domain) {
    return Json{{"account", json_of(account, domain.netbios_name, lockout_, environment_.now())}};
  }
  Result<Json> show_again(const Found& found) {
    POSTERN_TRY(account, store_.show_account(found.domain.id, found.account.name));
    if (!account) return fail(ErrorCode::not_found, "account", Error::kNoOffset, "the account was removed meanwhile");
    return shown(*account, found.domain);
  }
  template <typename Change>
  Result<Json> change(Change&& apply) {
    POSTERN_TRY(found, find_account());
    POSTERN_CHECK(apply(found.account.id));
    return show_again(found);
  }

  account::Store& store_;
  authority::Authority& authority_;
  authority::Environment& environment_;
  const account::LockoutPolicy lockout_;  ///< as configured when the request came
  const AdminRequest& request_;
};

struct Operation {
  std::string_view name;
  Result<Json> (Command::*run)();
  bool changes;  ///< logged, with who asked
};
constexpr Operation kOperations[] = {
    {"domain.add", &Command::domain_add, true},
    {"domain.list", &Command::domain_list, false},
    {"domain.show", &Command::domain_show, false},
    {"account.add", &Command::account_add, true},
    {"account.passwd", &Command::account_passwd, true},
    {"account.list", &Command::account_list, false},
    {"account.show", &Command::account_show, false},
    {"account.enable", &Command::account_enable, true},
    {"account.disable", &Command::account_disable, true},
    {"account.unlock", &Command::account_unlock, true},
    {"account.expire", &Command::account_expire, true},
    {"account.must_change", &Command::account_must_change, true},
    {"account.groups", &Command::account_groups, true},
    {"account.set", &Command::account_set, true},
    {"account.audit", &Command::account_audit, true},
    {"account.import", &Command::account_import, true},
    {"account.remove", &Command::account_remove, true},
    {"events", &Command::events, false},
    {"status", &Command::status, false},
};

/// All that an observer may ask for: what changes nothing and shows no account.
constexpr std::string_view kObserved[] = {"events", "status"};

std::string error_text(const Error& error) {
  Json body{{"code", name_of(error.code)}, {"message", error.message}};
  if (!error.field.empty()) body["field"] = error.field;
  if (error.offset != Error::kNoOffset) body["offset"] = error.offset;
  if (!error.hint.empty()) body["hint"] = error.hint;
  return Json{{"error", std::move(body)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string Admin::handle(std::string_view text, const AdminPeer& peer) {
  const auto parsed = AdminRequest::parse(text);
  if (!parsed) return error_text(parsed.error());
  const AdminRequest& request = *parsed;
  const auto op = request.text("op");
  if (!op) return error_text(op.error());
  const bool may_ask = peer.rights == AdminRights::everything || std::ranges::find(kObserved, *op) != std::end(kObserved);
  const auto denied = [&] {
    spdlog::warn("admin: uid {} may only observe and asked for {}", peer.uid, *op);
    return error_text({ErrorCode::denied, "op", Error::kNoOffset, "an observer may not use " + *op, {}});
  };
  if (op->starts_with("policy.") && !may_ask) return denied();
  if (auto answer = policy_operation(*op, request.json(), authority_, policy_source_)) {
    if (!*answer) return error_text(answer->error());
    return Json{{"ok", std::move(**answer)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  for (const Operation& operation : kOperations) {
    if (operation.name != *op) continue;
    if (!may_ask) return denied();
    Command command{store_, authority_, environment_, request};
    auto answer = (command.*operation.run)();
    if (operation.changes) {
      const std::string subject = request.text(operation.name.starts_with("domain") ? "name" : "account").value_or("");
      spdlog::info("admin: uid {} {} {}: {}", peer.uid, *op, subject, answer ? "done" : answer.error().to_line());
    }
    if (!answer) return error_text(answer.error());
    return Json{{"ok", std::move(*answer)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return error_text({ErrorCode::unsupported, "op", Error::kNoOffset, "no operation named " + *op, {}});
}

}  // namespace postern::ipc
