#include "edge/ipc/server/admin_accounts.hpp"

#include <algorithm>
#include <map>

#include "account/audit.hpp"
#include "account/import.hpp"
#include "account/names.hpp"
#include "account/password.hpp"

namespace postern::ipc {
namespace {

constexpr std::uint64_t kDefaultOldAfterDays = 365;
constexpr std::uint64_t kMaxOldAfterDays = 36'500;
constexpr const char* kAllowBreached = "danger_allow_breached";

std::unexpected<Error> wrong(std::string_view field, std::string message) {
  return fail(ErrorCode::invalid_input, field, Error::kNoOffset, std::move(message));
}

Result<void> check_breached(const NtHash& hash, bool allowed, const authority::Authority& authority) {
  const auto list = authority.breached_hashes();
  if (!list || allowed) return {};
  POSTERN_TRY(seen, list->find(hash));
  if (!seen) return {};
  auto refused = fail(ErrorCode::conflict, "password", Error::kNoOffset,
                      "the password was seen " + std::to_string(*seen) + " times in data breaches: everybody who guesses tries it");
  refused.error().hint = "choose another one, or set it all the same with --danger-allow-breached";
  return refused;
}

Json names(const std::vector<std::string>& list) { return Json(list); }

/// A row of the file, ready to be added.
struct Row {
  std::size_t line = 0;
  account::NewAccount account{};
};

std::unexpected<Error> at_line(std::size_t line, const Error& error) {
  const std::string field = error.field.empty() ? std::string{} : std::string{error.field} + ": ";
  Error told = error;
  told.field = "file";
  told.message = "line " + std::to_string(line) + ": " + field + error.message;
  told.offset = Error::kNoOffset;
  return std::unexpected{std::move(told)};
}

}  // namespace

Result<account::AccountChange> change_of(const AdminRequest& request) {
  account::AccountChange change;
  bool asked = false;
  const auto has = [&](const char* name) {
    const bool there = request.has(name);
    asked = asked || there;
    return there;
  };
  if (has("logon_hours")) {
    POSTERN_TRY(text, request.text("logon_hours"));
    POSTERN_TRY(hours, account::LogonHours::parse(text));
    change.logon_hours = hours;
  }
  if (has("workstations")) {
    POSTERN_TRY(workstations, request.texts("workstations"));
    change.workstations = std::move(workstations);
  }
  if (has("networks")) {
    POSTERN_TRY(texts, request.texts("networks"));
    change.networks.emplace();
    for (const std::string& text : texts) {
      const auto network = IpNetwork::parse(text);
      if (!network)
        return wrong("networks", text + " is no network: write 10.0.0.0/8 or 2001:db8::/32, without bits past the prefix");
      change.networks->push_back(*network);
    }
  }
  if (has("expires")) {
    POSTERN_TRY(expires, request.time("expires"));
    change.expires_at = expires;
  }
  for (const auto& [name, member] : {std::pair{"ntlm_allowed", &change.ntlm_allowed},
                                     std::pair{"protected", &change.protected_user}, std::pair{"canary", &change.canary}}) {
    has(name);
    POSTERN_TRY(value, request.optional_flag(name));
    *member = value;
  }
  has("must_change");
  POSTERN_TRY(must_change, request.optional_flag("must_change"));
  if (must_change) change.must_change = *must_change ? account::MustChange::yes : account::MustChange::no;
  if (!asked) return wrong("account.set", "nothing is to be changed");
  return change;
}

void add_restrictions(Json& json, const account::Account& account) {
  Json networks = Json::array();
  for (const IpNetwork& network : account.networks) networks.push_back(network.to_text());
  json["logon_hours"] = account.logon_hours.to_text();
  json["workstations"] = account.workstations;
  json["networks"] = std::move(networks);
  json["ntlm_allowed"] = account.ntlm_allowed;
  json["protected"] = account::is_protected_user(account);
  json["canary"] = account.canary;
  json["aes_keys"] = account.aes_keys;
}

Result<void> check_new_password(const SecretBytes& password, const AdminRequest& request, const authority::Authority& authority) {
  POSTERN_CHECK(account::check_password_length(password, authority.password_rules().min_chars));
  POSTERN_TRY(allowed, request.flag(kAllowBreached));
  POSTERN_TRY(hash, account::nt_hash_of(password));
  return check_breached(hash, allowed, authority);
}

Result<account::PasswordTerms> password_terms_of(const AdminRequest& request, const authority::Authority& authority) {
  POSTERN_TRY(must_change, request.flag("must_change"));
  POSTERN_TRY(revoke_old, request.flag("revoke_old"));
  POSTERN_TRY(by_owner, request.flag("by_owner"));
  const account::PasswordRules rules = authority.password_rules();
  account::PasswordTerms terms{must_change ? account::MustChange::yes : account::MustChange::no};
  if (revoke_old) terms.old_password = account::OldPassword::revoked;
  terms.history = rules.history;
  if (by_owner) {
    terms.reuse = account::Reuse::refused;
    terms.min_age = rules.min_age;
  }
  return terms;
}

Result<Json> audit_accounts(account::Store& store, const authority::Authority& authority, const AdminRequest& request,
                            FileTime now) {
  POSTERN_TRY(days, request.number_or("old_after_days", kDefaultOldAfterDays));
  if (days > kMaxOldAfterDays) return wrong("old_after_days", "is more than 36500");
  const auto breached = authority.breached_hashes();
  POSTERN_TRY(audit, account::audit(store, {.now = now,
                                            .lockout = authority.lockout(),
                                            .old_after = std::chrono::days{static_cast<std::int64_t>(days)},
                                            .breached = breached.get()}));
  Json shared = Json::array();
  for (const auto& group : audit.shared_passwords) shared.push_back(names(group));
  Json json{{"accounts", audit.accounts}, {"shared_passwords", std::move(shared)}};
  // Without a list nothing is known, and nothing is said.
  if (audit.breached_checked) json["breached"] = names(audit.breached);
  json["never_used"] = names(audit.never_used);
  json["ntlm_only"] = names(audit.ntlm_only);
  json["without_aes_keys"] = names(audit.without_aes_keys);
  json["old_passwords"] = names(audit.old_passwords);
  json["old_after_days"] = days;
  json["must_change"] = names(audit.must_change);
  json["disabled"] = names(audit.disabled);
  json["expired"] = names(audit.expired);
  json["locked"] = names(audit.locked);
  json["protected"] = names(audit.protected_users);
  json["canaries"] = names(audit.canaries);
  return Json{{"audit", std::move(json)}};
}

Result<Json> import_accounts(account::Store& store, const authority::Authority& authority, const AdminRequest& request,
                             const FindPlace& find_place, FileTime now) {
  POSTERN_TRY(file, request.secret("file"));
  POSTERN_TRY(check_only, request.flag("check"));
  POSTERN_TRY(allow_breached, request.flag(kAllowBreached));
  POSTERN_TRY(rows, account::parse_import(file.reveal_text()));
  std::vector<account::NewAccount> accounts;
  accounts.reserve(rows.size());
  std::map<std::string, std::size_t> lines;  // of each account, by domain and name
  std::size_t with_password = 0;
  for (account::ImportedAccount& row : rows) {
    auto place = find_place(row.account);
    if (!place) return at_line(row.line, place.error());
    account::NewAccount& fields = row.fields;
    fields.domain = place->domain.id;
    fields.name = std::move(place->name);
    const std::string key = place->domain.netbios_name + "\\" + account::name_key(fields.name);
    if (const auto [earlier, is_new] = lines.emplace(key, row.line); !is_new) {
      return at_line(row.line,
                     {ErrorCode::conflict, "name", Error::kNoOffset, "the account of line " + std::to_string(earlier->second), {}});
    }
    POSTERN_TRY(existing, store.show_account(fields.domain, fields.name));
    if (existing) return at_line(row.line, {ErrorCode::conflict, "name", Error::kNoOffset, "the account exists", {}});
    if (const auto named = account::check_account_name(fields.name); !named) return at_line(row.line, named.error());
    if (fields.kind == account::AccountKind::machine && !fields.name.ends_with('$')) {
      return at_line(row.line, {ErrorCode::invalid_input, "name", Error::kNoOffset, "the name of a machine ends with $", {}});
    }
    Result<void> fits;
    if (fields.nt_hash) {
      fits = check_breached(*fields.nt_hash, allow_breached, authority);
    } else {
      ++with_password;
      fits = check_new_password(fields.password, request, authority);
    }
    if (!fits) return at_line(row.line, fits.error());
    accounts.push_back(std::move(fields));
  }
  if (!check_only) {
    const auto added = store.add_accounts(accounts, now);
    if (!added && added.error().offset < rows.size()) return at_line(rows[added.error().offset].line, added.error());
    POSTERN_CHECK(added);
  }
  Json told{{"imported", check_only ? std::size_t{0} : accounts.size()},
            {"accounts", accounts.size()},
            {"with_password", with_password},
            {"with_nt_hash", accounts.size() - with_password},
            {"checked_only", check_only}};
  return Json{{"import", std::move(told)}};
}

}  // namespace postern::ipc
