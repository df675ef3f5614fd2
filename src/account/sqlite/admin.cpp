// SqliteStore: the commands of an admin.
#include <algorithm>
#include <map>

#include "account/names.hpp"
#include "account/password.hpp"
#include "account/sqlite/sqlite_store.hpp"

namespace postern::account::sqlite {
namespace {

constexpr std::int64_t kMaxRid = 0x3FFF'FFFF;  // 30 bits (MS-SAMR 3.1.1.9.2.1); the table CHECKs it

Result<std::uint32_t> take_rid(Connection& connection, DomainId domain) {
  Query query{connection, "UPDATE domain SET next_rid = next_rid + 1 WHERE id = ?1 AND next_rid < ?2 RETURNING next_rid - 1"};
  query.integer(number_of(domain)).integer(kMaxRid);
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::conflict, "account.rid", Error::kNoOffset, "the domain has no free RID");
  const auto rid = static_cast<std::uint32_t>(query.integer_at(0));
  POSTERN_TRY(more, query.step());  // RETURNING is complete only when it has been stepped to the end
  if (more) return fail(ErrorCode::internal, "two domains have one id");
  return rid;
}

Result<bool> has_row(Query& query) { return query.step(); }

/// The sorted groups without doubles, as they are read back.
std::vector<std::string> normalised(std::span<const std::string> groups) {
  std::map<std::string, std::string> by_key;
  for (const std::string& group : groups) by_key.emplace(name_key(group), group);
  std::vector<std::string> sorted;
  for (auto& [key, group] : by_key) sorted.push_back(group);
  return sorted;
}

}  // namespace

Result<std::optional<AccountRow>> read_account_row(Connection& connection, AccountId id) {
  Query query{connection, "SELECT id, domain_id, name, name_key, kind, key_version, password_set_at FROM account WHERE id = ?1"};
  query.integer(number_of(id));
  POSTERN_TRY(row, query.step());
  if (!row) return std::nullopt;
  return AccountRow{.id = AccountId{query.integer_at(0)},
                    .domain = DomainId{query.integer_at(1)},
                    .name = query.text_at(2),
                    .name_key = query.text_at(3),
                    .kind = static_cast<AccountKind>(query.integer_at(4)),
                    .key_version = static_cast<std::uint32_t>(query.integer_at(5)),
                    .password_set_at = query.time_at(6)};
}

Result<Domain> existing_domain(Connection& connection, DomainId id) {
  POSTERN_TRY(domain, read_domain(connection, id));
  if (!domain) return fail(ErrorCode::not_found, "account.domain", Error::kNoOffset, "there is no such domain");
  return *domain;
}

Result<void> check_groups(std::span<const std::string> groups) {
  if (groups.size() > kMaxGroupsPerAccount) {
    return fail(ErrorCode::invalid_input, "account.groups", Error::kNoOffset, "more than 1024 groups");
  }
  for (const std::string& group : groups) POSTERN_CHECK(check_group_name(group));
  return {};
}

Result<void> store_groups(Connection& connection, AccountId account, std::span<const std::string> groups) {
  {
    Query query{connection, "DELETE FROM account_group WHERE account_id = ?1"};
    POSTERN_CHECK(query.integer(number_of(account)).run());
  }
  for (const std::string& group : normalised(groups)) {
    const std::string key = name_key(group);
    Query query{connection, "INSERT INTO account_group (account_id, name_key, name) VALUES (?1, ?2, ?3)"};
    POSTERN_CHECK(query.integer(number_of(account)).text(key).text(group).run());
  }
  return {};
}

Result<void> store_secret(Connection& connection, AccountId account, const SealedBlob& blob) {
  Query query{connection,
              "INSERT INTO account_secret (account_id, key_id, nonce, sealed) VALUES (?1, ?2, ?3, ?4) "
              "ON CONFLICT (account_id) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed"};
  return query.integer(number_of(account)).integer(blob.key_id).blob(blob.nonce).blob(blob.sealed).run();
}

Result<Domain> SqliteStore::add_domain(const NewDomain& domain, FileTime now) {
  POSTERN_CHECK(check_netbios_name(domain.netbios_name));
  POSTERN_CHECK(check_dns_name(domain.dns_name));
  const std::string realm = domain.realm.empty() ? name_key(domain.dns_name) : domain.realm;
  POSTERN_CHECK(check_realm(realm));
  const DomainSid sid = DomainSid::from_random(domain.sid_random);
  const std::string netbios_key = name_key(domain.netbios_name);
  const std::string dns_key = name_key(domain.dns_name);

  POSTERN_TRY(lock, lock_writer());
  return in_transaction(*writer_, [&](Connection& connection) -> Result<Domain> {
    {
      // Over both columns: a name finds one domain, whichever of its names is typed.
      Query query{connection, "SELECT 1 FROM domain WHERE netbios_key IN (?1, ?2) OR dns_key IN (?1, ?2)"};
      POSTERN_TRY(taken, has_row(query.text(netbios_key).text(dns_key)));
      if (taken) return fail(ErrorCode::conflict, "domain.name", Error::kNoOffset, "a domain with one of these names exists");
    }
    {
      Query query{
          connection,
          "INSERT INTO domain (netbios_name, netbios_key, dns_name, dns_key, realm, sid_a, sid_b, sid_c, next_rid, created) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
      query.text(domain.netbios_name).text(netbios_key).text(domain.dns_name).text(dns_key).text(realm);
      for (const std::uint32_t part : sid.sub_authorities) query.integer(part);
      POSTERN_CHECK(query.integer(kFirstRid).time(now).run());
    }
    POSTERN_TRY(added, existing_domain(connection, DomainId{connection.last_insert_id()}));
    return added;
  });
}

Result<SqliteStore::Prepared> SqliteStore::prepare(const NewAccount& account, const Domain& domain, FileTime now) {
  POSTERN_CHECK(check_account_name(account.name));
  if (account.kind == AccountKind::machine && !account.name.ends_with('$')) {
    return fail(ErrorCode::invalid_input, "account.name", account.name.size(), "the name of a machine ends with $");
  }
  POSTERN_CHECK(check_groups(account.groups));
  AccountSecrets secrets;
  secrets.salt = kerberos_salt(domain, account.kind, account.name);
  if (account.nt_hash) {
    if (!account.password.empty()) return fail(ErrorCode::invalid_input, "account.nt_hash", Error::kNoOffset, "beside a password");
    secrets.nt_hash = account.nt_hash->duplicate();
    secrets.aes_keys = AesKeys::missing;
  } else {
    POSTERN_CHECK(check_password(account.password));
    POSTERN_TRY(derived, derive_secrets(account.password, secrets.salt));
    secrets = std::move(derived);
  }
  Prepared prepared{.name_key = name_key(account.name), .secrets = encode_secrets(secrets)};
  prepared.account = {.domain = account.domain,
                      .name = account.name,
                      .kind = account.kind,
                      .enabled = account.enabled == Enabled::yes,
                      .password_must_change = account.must_change == MustChange::yes,
                      .expires_at = account.expires_at,
                      .password_set_at = account.password_set_at.value_or(now),
                      .created = now,
                      .key_version = 1,
                      .groups = normalised(account.groups),
                      .aes_keys = secrets.aes_keys == AesKeys::present};
  return prepared;
}

Result<Account> SqliteStore::insert(Connection& connection, const Domain& domain, Prepared& prepared) {
  Account& added = prepared.account;
  {
    Query query{connection, "SELECT 1 FROM account WHERE domain_id = ?1 AND name_key = ?2"};
    POSTERN_TRY(taken, has_row(query.integer(number_of(added.domain)).text(prepared.name_key)));
    if (taken) return fail(ErrorCode::conflict, "account.name", Error::kNoOffset, "an account with that name exists");
  }
  POSTERN_TRY(rid, take_rid(connection, added.domain));
  added.rid = rid;
  added.sid = domain.sid.to_text(rid);
  {
    Query query{connection,
                "INSERT INTO account (domain_id, name, name_key, rid, kind, enabled, must_change, expires_at, password_set_at, "
                "created, aes_keys, key_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1)"};
    query.integer(number_of(added.domain)).text(added.name).text(prepared.name_key).integer(rid);
    query.integer(static_cast<std::int64_t>(added.kind)).integer(added.enabled ? 1 : 0);
    query.integer(added.password_must_change ? 1 : 0).time(added.expires_at).time(added.password_set_at).time(added.created);
    POSTERN_CHECK(query.integer(added.aes_keys ? 1 : 0).run());
  }
  added.id = AccountId{connection.last_insert_id()};
  {
    Query query{connection, "INSERT INTO logon_state (account_id, counters_version, bad_password_count) VALUES (?1, 0, 0)"};
    POSTERN_CHECK(query.integer(number_of(added.id)).run());
  }
  POSTERN_CHECK(store_groups(connection, added.id, added.groups));
  POSTERN_TRY(blob, keys()->seal({added.id, added.kind, added.key_version}, prepared.secrets.reveal()));
  POSTERN_CHECK(store_secret(connection, added.id, blob));
  return added;
}

Result<Account> SqliteStore::add_account(const NewAccount& account, FileTime now) {
  POSTERN_CHECK(check_account_name(account.name));
  // The key derivation takes milliseconds, so it is done before the lock. A domain's realm and names do not change.
  std::optional<Domain> domain;
  {
    POSTERN_TRY(lease, readers_.borrow(timeout_));
    POSTERN_TRY(existing, existing_domain(lease.connection(), account.domain));
    domain = std::move(existing);
  }
  POSTERN_TRY(prepared, prepare(account, *domain, now));
  POSTERN_TRY(lock, lock_writer());
  auto done = in_transaction(*writer_, [&](Connection& connection) { return insert(connection, *domain, prepared); });
  stamps_.bump(account.domain, prepared.name_key);
  return done;
}

Result<void> SqliteStore::add_accounts(std::span<const NewAccount> accounts, FileTime now) {
  std::map<DomainId, Domain> domains;
  std::vector<Prepared> all;
  all.reserve(accounts.size());
  const auto at_index = [](Error error, std::size_t index) {
    error.offset = index;
    return std::unexpected{std::move(error)};
  };
  for (const NewAccount& account : accounts) {
    auto known = domains.find(account.domain);
    if (known == domains.end()) {
      POSTERN_TRY(lease, readers_.borrow(timeout_));
      auto domain = existing_domain(lease.connection(), account.domain);
      if (!domain) return at_index(std::move(domain).error(), all.size());
      known = domains.emplace(account.domain, std::move(*domain)).first;
    }
    auto prepared = prepare(account, known->second, now);
    if (!prepared) return at_index(std::move(prepared).error(), all.size());
    all.push_back(std::move(*prepared));
  }
  POSTERN_TRY(lock, lock_writer());
  auto done = in_transaction(*writer_, [&](Connection& connection) -> Result<void> {
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto added = insert(connection, domains.at(all[i].account.domain), all[i]);
      if (!added) return at_index(std::move(added).error(), i);
    }
    return {};
  });
  for (const Prepared& prepared : all) stamps_.bump(prepared.account.domain, prepared.name_key);
  return done;
}

Result<void> SqliteStore::set_enabled(AccountId account, Enabled enabled) {
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    Query query{connection, "UPDATE account SET enabled = ?2 WHERE id = ?1"};
    return query.integer(number_of(account)).integer(enabled == Enabled::yes ? 1 : 0).run();
  });
}

Result<void> SqliteStore::unlock(AccountId account) {
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    Query query{connection,
                "UPDATE logon_state SET counters_version = counters_version + 1, bad_password_count = 0, locked_at = NULL "
                "WHERE account_id = ?1"};
    return query.integer(number_of(account)).run();
  });
}

Result<void> SqliteStore::remove_account(AccountId account) {
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    Query query{connection, "DELETE FROM account WHERE id = ?1"};
    return query.integer(number_of(account)).run();
  });
}

Result<void> SqliteStore::set_expiry(AccountId account, std::optional<FileTime> expires_at) {
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    Query query{connection, "UPDATE account SET expires_at = ?2 WHERE id = ?1"};
    return query.integer(number_of(account)).time(expires_at).run();
  });
}

Result<void> SqliteStore::set_must_change(AccountId account, MustChange must_change) {
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    Query query{connection, "UPDATE account SET must_change = ?2 WHERE id = ?1"};
    return query.integer(number_of(account)).integer(must_change == MustChange::yes ? 1 : 0).run();
  });
}

Result<void> SqliteStore::set_groups(AccountId account, std::vector<std::string> groups) {
  POSTERN_CHECK(check_groups(groups));
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    return store_groups(connection, account, groups);
  });
}

}  // namespace postern::account::sqlite
