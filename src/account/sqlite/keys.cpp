// SqliteStore: secrets at rest, the check of the key file, and rotation.
#include "account/key_file.hpp"
#include "account/sqlite/sqlite_store.hpp"

namespace postern::account::sqlite {
namespace {

struct SealedRow {
  BlobPlace place{};
  SealedBlob blob{};
};

Result<std::vector<SealedRow>> read_all_sealed(Connection& connection) {
  std::vector<SealedRow> rows;
  Query query{connection,
              "SELECT a.id, a.kind, a.key_version, s.key_id, s.nonce, s.sealed FROM account a JOIN account_secret s ON "
              "s.account_id = a.id"};
  while (true) {
    POSTERN_TRY(row, query.step());
    if (!row) return rows;
    POSTERN_TRY(blob, blob_at(query, 3));
    const BlobPlace place{AccountId{query.integer_at(0)}, static_cast<AccountKind>(query.integer_at(1)),
                          static_cast<std::uint32_t>(query.integer_at(2))};
    rows.push_back({place, std::move(blob)});
  }
}

}  // namespace

Result<SealedBlob> blob_at(const Query& query, int first_column) {
  SealedBlob blob;
  blob.key_id = static_cast<KeyId>(query.integer_at(first_column));
  const ByteView nonce = query.blob_at(first_column + 1);
  if (nonce.size() != blob.nonce.size())
    return fail(ErrorCode::io, "account.secrets", Error::kNoOffset, "a nonce has another size");
  std::copy(nonce.begin(), nonce.end(), blob.nonce.begin());
  blob.sealed = to_bytes(query.blob_at(first_column + 2));
  return blob;
}

Result<void> write_key_check(Connection& connection, const KeyRing& keys) {
  POSTERN_TRY(blob, keys.seal(kKeyCheckPlace, as_bytes("key check")));
  Query query{connection,
              "INSERT INTO key_check (one, key_id, nonce, sealed) VALUES (1, ?1, ?2, ?3) "
              "ON CONFLICT (one) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed"};
  return query.integer(blob.key_id).blob(blob.nonce).blob(blob.sealed).run();
}

Result<void> verify_key_check(Connection& connection, const KeyRing& keys) {
  Query query{connection, "SELECT key_id, nonce, sealed FROM key_check"};
  POSTERN_TRY(row, query.step());
  if (!row) return fail(ErrorCode::not_found, "key_file", Error::kNoOffset, "the database has no key check");
  POSTERN_TRY(blob, blob_at(query, 0));
  auto opened = keys.open(kKeyCheckPlace, blob);
  if (opened) return {};
  Error error = std::move(opened).error();
  if (error.code == ErrorCode::denied) {
    error.code = ErrorCode::conflict;
    error.message = "the key file belongs to another database";
  }
  error.field = "key_file";
  return std::unexpected{std::move(error)};
}

std::shared_ptr<const KeyRing> SqliteStore::keys() const {
  const std::scoped_lock lock{keys_mutex_};
  return keys_;
}

Result<SecretBytes> SqliteStore::open_blob(const BlobPlace& place, const SealedBlob& blob) {
  counting_->blobs_opened.fetch_add(1, std::memory_order_relaxed);
  return keys()->open(place, blob);
}

Result<void> SqliteStore::rotate_key() {
  POSTERN_TRY(lock, lock_writer());
  KeyRing ring = keys()->duplicate();
  POSTERN_TRY(key, make_storage_key());
  POSTERN_CHECK(ring.add(ring.ids().back() + 1, std::move(key)));
  // 1. The file first: from here on both keys are durable, whatever crashes.
  POSTERN_CHECK(save_key_file(key_file_, ring));
  const auto shared = std::make_shared<const KeyRing>(ring.duplicate());
  {
    // Old keys stay in memory, for readers that have fetched a row and not yet opened it.
    const std::scoped_lock keys_lock{keys_mutex_};
    keys_ = shared;
  }
  // 2. Every blob and the check, all or none.
  auto sealed_again = in_transaction(*writer_, [&](Connection& connection) -> Result<void> {
    POSTERN_TRY(rows, read_all_sealed(connection));
    for (const SealedRow& row : rows) {
      POSTERN_TRY(plain, open_blob(row.place, row.blob));
      POSTERN_TRY(sealed, shared->seal(row.place, plain.reveal()));
      POSTERN_CHECK(store_secret(connection, row.place.account, sealed));
    }
    return write_key_check(connection, *shared);
  });
  POSTERN_CHECK(std::move(sealed_again));
  // 3. The blobs under the old keys leave the log, then the old keys leave the file.
  POSTERN_CHECK(writer_->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  ring.remove_all_but_active();
  return save_key_file(key_file_, ring);
}

}  // namespace postern::account::sqlite
