// SqliteStore: what logons and people read.
#include <algorithm>

#include "account/names.hpp"
#include "account/sqlite/sqlite_store.hpp"
#include "base/text.hpp"

namespace postern::account::sqlite {
namespace {

// Group names hold no control characters, so U+001F ends each.
#define POSTERN_ACCOUNT_COLUMNS                                                                                                 \
  "a.id, a.domain_id, a.name, a.rid, a.kind, a.enabled, a.must_change, a.expires_at, a.password_set_at, a.created, "            \
  "a.key_version, l.counters_version, l.bad_password_count, l.last_bad_password, l.locked_at, l.last_logon, d.sid_a, d.sid_b, " \
  "d.sid_c, (SELECT group_concat(name, char(31)) FROM (SELECT name FROM account_group WHERE account_id = a.id ORDER BY "        \
  "name_key)), a.logon_hours, a.workstations, a.networks, a.ntlm_allowed, a.canary, a.aes_keys, a.old_password_revoked"
#define POSTERN_ACCOUNT_TABLES "account a JOIN domain d ON d.id = a.domain_id JOIN logon_state l ON l.account_id = a.id"

constexpr std::string_view kFindAccount =
    "SELECT " POSTERN_ACCOUNT_COLUMNS ", s.key_id, s.nonce, s.sealed FROM " POSTERN_ACCOUNT_TABLES
    " JOIN account_secret s ON s.account_id = a.id WHERE a.domain_id = ?1 AND a.name_key = ?2";
constexpr std::string_view kShowAccount =
    "SELECT " POSTERN_ACCOUNT_COLUMNS " FROM " POSTERN_ACCOUNT_TABLES " WHERE a.domain_id = ?1 AND a.name_key = ?2";
constexpr std::string_view kListAccounts = "SELECT " POSTERN_ACCOUNT_COLUMNS " FROM " POSTERN_ACCOUNT_TABLES
                                           " WHERE a.domain_id = ?1 AND a.name_key > ?2 ORDER BY a.name_key LIMIT ?3";
constexpr std::string_view kListSecrets =
    "SELECT " POSTERN_ACCOUNT_COLUMNS ", s.key_id, s.nonce, s.sealed FROM " POSTERN_ACCOUNT_TABLES
    " JOIN account_secret s ON s.account_id = a.id WHERE a.domain_id = ?1 AND a.name_key > ?2 "
    "ORDER BY a.name_key LIMIT ?3";
constexpr int kSecretColumn = 27;

#undef POSTERN_ACCOUNT_COLUMNS
#undef POSTERN_ACCOUNT_TABLES

constexpr std::string_view kDomainByName =
    "SELECT id, netbios_name, dns_name, realm, sid_a, sid_b, sid_c, created FROM domain WHERE netbios_key = ?1 OR dns_key = ?1";
constexpr std::string_view kDomainById =
    "SELECT id, netbios_name, dns_name, realm, sid_a, sid_b, sid_c, created FROM domain WHERE id = ?1";
constexpr std::string_view kListDomains =
    "SELECT id, netbios_name, dns_name, realm, sid_a, sid_b, sid_c, created FROM domain ORDER BY netbios_key";

DomainSid sid_at(const Query& query, int column) {
  DomainSid sid;
  for (int part = 0; part < 3; ++part) {
    sid.sub_authorities[static_cast<std::size_t>(part)] = static_cast<std::uint32_t>(query.integer_at(column + part));
  }
  return sid;
}

Domain domain_at(const Query& query) {
  return {.id = DomainId{query.integer_at(0)},
          .netbios_name = query.text_at(1),
          .dns_name = query.text_at(2),
          .realm = query.text_at(3),
          .sid = sid_at(query, 4),
          .created = query.time_at(7)};
}

constexpr char kGroupSeparator = '\x1F';

Account account_at(const Query& query) {
  Account account;
  account.id = AccountId{query.integer_at(0)};
  account.domain = DomainId{query.integer_at(1)};
  account.name = query.text_at(2);
  account.rid = static_cast<std::uint32_t>(query.integer_at(3));
  account.kind = static_cast<AccountKind>(query.integer_at(4));  // CHECKed by the table
  account.enabled = query.integer_at(5) != 0;
  account.password_must_change = query.integer_at(6) != 0;
  account.expires_at = query.optional_time_at(7);
  account.password_set_at = query.time_at(8);
  account.created = query.time_at(9);
  account.key_version = static_cast<std::uint32_t>(query.integer_at(10));
  account.counters_version = static_cast<std::uint64_t>(query.integer_at(11));
  account.bad_passwords.count = static_cast<std::uint16_t>(query.integer_at(12));
  account.bad_passwords.last_bad = query.optional_time_at(13);
  account.bad_passwords.locked_at = query.optional_time_at(14);
  account.last_logon = query.optional_time_at(15);
  account.sid = sid_at(query, 16).to_text(account.rid);
  account.groups = split_list(query.text_at(19), kGroupSeparator);
  if (const ByteView hours = query.blob_at(20); hours.size() == LogonHours::kBytes) {
    account.logon_hours = LogonHours{hours.first<LogonHours::kBytes>()};
  }
  account.workstations = split_list(query.text_at(21), ',');
  for (const std::string& text : split_list(query.text_at(22), ',')) {
    // What cannot be read binds to a network that no client is of: the account gets no freer by it.
    account.networks.push_back(IpNetwork::parse(text).value_or(IpNetwork{}));
  }
  account.ntlm_allowed = query.integer_at(23) != 0;
  account.canary = query.integer_at(24) != 0;
  account.aes_keys = query.integer_at(25) != 0;
  account.old_password_revoked = query.integer_at(26) != 0;
  return account;
}

/// The key of a name to look for; nothing if no stored name can equal it.
std::optional<std::string> searchable_key(std::string_view name) {
  if (!is_utf8(name)) return std::nullopt;
  return name_key(name);
}

}  // namespace

Result<std::optional<Domain>> read_domain(Connection& connection, DomainId id) {
  Query query{connection, kDomainById};
  query.integer(static_cast<std::int64_t>(id));
  POSTERN_TRY(row, query.step());
  if (!row) return std::nullopt;
  return domain_at(query);
}

Result<std::optional<Domain>> SqliteStore::find_domain(std::string_view name) {
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  const std::string key = searchable_key(name).value_or("");
  Query query{lease.connection(), kDomainByName};
  query.text(key);
  POSTERN_TRY(row, query.step());
  if (!row) return std::nullopt;
  return domain_at(query);
}

Result<std::vector<Domain>> SqliteStore::list_domains() {
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  std::vector<Domain> domains;
  Query query{lease.connection(), kListDomains};
  while (true) {
    POSTERN_TRY(row, query.step());
    if (!row) return domains;
    domains.push_back(domain_at(query));
  }
}

Result<std::optional<AccountWithSecrets>> SqliteStore::find_account(DomainId domain, std::string_view name) {
  // A name that is no UTF-8 matches nothing, after the same work.
  const std::string key = searchable_key(name).value_or("");
  // Before the read: a change that the read does not see yet then shows in the stamp.
  AccountWithSecrets found{.change_stamp = stamps_.of(domain, key)};
  BlobPlace place = kKeyCheckPlace;
  SealedBlob blob;
  bool known = false;
  {
    POSTERN_TRY(lease, readers_.borrow(timeout_));
    Query query{lease.connection(), kFindAccount};
    query.integer(static_cast<std::int64_t>(domain)).text(key);
    POSTERN_TRY(row, query.step());
    known = row;
    if (known) {
      found.account = account_at(query);
      place = {found.account.id, found.account.kind, found.account.key_version};
      POSTERN_TRY(stored, blob_at(query, kSecretColumn));
      blob = std::move(stored);
    }
  }
  POSTERN_TRY(plain, open_blob(place, known ? blob : decoy_));
  POSTERN_TRY(secrets, decode_secrets(plain.reveal()));
  if (!known) return std::nullopt;
  found.secrets = std::move(secrets);
  return found;
}

Result<std::optional<Account>> SqliteStore::show_account(DomainId domain, std::string_view name) {
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  const std::string key = searchable_key(name).value_or("");
  Query query{lease.connection(), kShowAccount};
  query.integer(static_cast<std::int64_t>(domain)).text(key);
  POSTERN_TRY(row, query.step());
  if (!row) return std::nullopt;
  return account_at(query);
}

Result<std::vector<Account>> SqliteStore::list_accounts(DomainId domain, std::string_view after, std::size_t limit) {
  const auto after_key = searchable_key(after);
  if (!after_key) return fail(ErrorCode::invalid_input, "after", 0, "the name is not UTF-8");
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  std::vector<Account> accounts;
  Query query{lease.connection(), kListAccounts};
  const std::size_t rows = std::min<std::size_t>(limit, kMaxAccountsPerRead);
  query.integer(static_cast<std::int64_t>(domain)).text(*after_key).integer(static_cast<std::int64_t>(rows));
  while (true) {
    POSTERN_TRY(row, query.step());
    if (!row) return accounts;
    accounts.push_back(account_at(query));
  }
}

Result<std::vector<AccountWithSecrets>> SqliteStore::list_secrets(DomainId domain, std::string_view after, std::size_t limit) {
  const auto after_key = searchable_key(after);
  if (!after_key) return fail(ErrorCode::invalid_input, "after", 0, "the name is not UTF-8");
  POSTERN_TRY(lease, readers_.borrow(timeout_));
  std::vector<AccountWithSecrets> accounts;
  Query query{lease.connection(), kListSecrets};
  const std::size_t rows = std::min<std::size_t>(limit, kMaxAccountsPerRead);
  query.integer(static_cast<std::int64_t>(domain)).text(*after_key).integer(static_cast<std::int64_t>(rows));
  while (true) {
    POSTERN_TRY(row, query.step());
    if (!row) return accounts;
    AccountWithSecrets found{.account = account_at(query)};
    POSTERN_TRY(blob, blob_at(query, kSecretColumn));
    POSTERN_TRY(plain, open_blob({found.account.id, found.account.kind, found.account.key_version}, blob));
    POSTERN_TRY(secrets, decode_secrets(plain.reveal()));
    found.secrets = std::move(secrets);
    accounts.push_back(std::move(found));
  }
}

}  // namespace postern::account::sqlite
