// SqliteStore: an account's password, and those that it had before.
#include <algorithm>

#include "account/password.hpp"
#include "account/sqlite/sqlite_store.hpp"

namespace postern::account::sqlite {
namespace {

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::conflict, "account.password", Error::kNoOffset, std::move(message));
}

Result<void> check_terms(const AccountRow& row, const AccountSecrets& before, const NtHash& next, const PasswordTerms& terms,
                         FileTime now) {
  const auto min_ticks = static_cast<std::uint64_t>(std::max<std::int64_t>(terms.min_age.count(), 0)) * FileTime::kTicksPerSecond;
  if (min_ticks > 0 && (now < row.password_set_at || now.ticks() - row.password_set_at.ticks() < min_ticks)) {
    return refuse("the password that is there is younger than passwords must be before they are changed");
  }
  if (terms.reuse == Reuse::allowed) return {};
  bool known = constant_time_equal(before.nt_hash.reveal(), next.reveal());
  for (std::size_t i = 0; i < std::min(terms.history, before.history.size()); ++i) {
    known = constant_time_equal(before.history[i].reveal(), next.reveal()) || known;
  }
  return known ? Result<void>{refuse("the password is one that the account has or had before")} : Result<void>{};
}

/// `next` remembers the password that `before` is.
void remember(AccountSecrets& next, AccountSecrets before, std::size_t history) {
  const std::size_t count = std::clamp(history, kHarmlessOldPasswords, kMaxPasswordHistory);
  next.history.clear();
  next.history.reserve(before.history.size() + 1);  // no reallocation leaves hashes behind
  next.history.push_back(std::move(before.nt_hash));
  for (NtHash& hash : before.history) {
    if (next.history.size() == count) break;
    next.history.push_back(std::move(hash));
  }
}

}  // namespace

Result<AccountSecrets> SqliteStore::read_secrets(Connection& connection, const AccountRow& row) {
  Query query{connection, "SELECT key_id, nonce, sealed FROM account_secret WHERE account_id = ?1"};
  query.integer(number_of(row.id));
  POSTERN_TRY(found, query.step());
  if (!found) return fail(ErrorCode::io, "account.secrets", Error::kNoOffset, "the account has no secrets");
  POSTERN_TRY(blob, blob_at(query, 0));
  POSTERN_TRY(plain, open_blob({row.id, row.kind, row.key_version}, blob));
  return decode_secrets(plain.reveal());
}

Result<void> SqliteStore::set_password(AccountId account, const SecretBytes& password, const PasswordTerms& terms, FileTime now) {
  POSTERN_CHECK(check_password(password));
  std::string salt;
  {
    POSTERN_TRY(lease, readers_.borrow(timeout_));
    POSTERN_TRY(row, read_account_row(lease.connection(), account));
    if (!row) return fail(ErrorCode::not_found, "account.id", Error::kNoOffset, "there is no such account");
    POSTERN_TRY(domain, existing_domain(lease.connection(), row->domain));
    salt = kerberos_salt(domain, row->kind, row->name);
  }
  // The key derivation takes milliseconds, so it is done before the lock. A domain's realm and names do not change.
  POSTERN_TRY(secrets, derive_secrets(password, std::move(salt)));
  return change_account(account, [&](Connection& connection, const AccountRow& row) -> Result<void> {
    const std::uint32_t key_version = row.key_version + 1;
    if (key_version == 0) return fail(ErrorCode::conflict, "account.key_version", Error::kNoOffset, "the key version is used up");
    POSTERN_TRY(before, read_secrets(connection, row));
    POSTERN_CHECK(check_terms(row, before, secrets.nt_hash, terms, now));
    remember(secrets, std::move(before), terms.history);
    {
      Query query{connection,
                  "UPDATE account SET key_version = ?2, must_change = ?3, password_set_at = ?4, old_password_revoked = ?5, "
                  "aes_keys = 1 WHERE id = ?1"};
      query.integer(number_of(account)).integer(key_version).integer(terms.must_change == MustChange::yes ? 1 : 0);
      POSTERN_CHECK(query.time(now).integer(terms.old_password == OldPassword::revoked ? 1 : 0).run());
    }
    {
      // Logons that were judged by the old password no longer count.
      Query query{connection, "UPDATE logon_state SET counters_version = counters_version + 1 WHERE account_id = ?1"};
      POSTERN_CHECK(query.integer(number_of(account)).run());
    }
    const SecretBytes plain = encode_secrets(secrets);
    POSTERN_TRY(blob, keys()->seal({account, row.kind, key_version}, plain.reveal()));
    return store_secret(connection, account, blob);
  });
}

}  // namespace postern::account::sqlite
