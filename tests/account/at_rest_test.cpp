// Secrets at rest: what the files give away, who may read them, and keys that come and go.
#include <sys/stat.h>
#include <unistd.h>

#include "account/key_file.hpp"
#include "account/private_file.hpp"
#include "account/sealed_blob.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

namespace fs = std::filesystem;

StorageKey key_of(std::uint8_t fill) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(fill);
  return StorageKey{bytes};
}

TEST(SealedBlob, R44_OpensInItsOwnPlaceOnly) {
  KeyRing ring;
  ASSERT_TRUE(ring.add(1, key_of(1)));
  const BlobPlace place{AccountId{5}, AccountKind::domain, 2};
  const auto blob = ring.seal(place, as_bytes("secret"));
  ASSERT_TRUE(blob);
  const auto opened = ring.open(place, *blob);
  ASSERT_TRUE(opened) << line_of(opened);
  EXPECT_EQ(opened->reveal_text(), "secret");
  EXPECT_EQ(ring.open({AccountId{6}, AccountKind::domain, 2}, *blob).error().code, ErrorCode::denied);
  EXPECT_EQ(ring.open({AccountId{5}, AccountKind::machine, 2}, *blob).error().code, ErrorCode::denied);
  EXPECT_EQ(ring.open({AccountId{5}, AccountKind::domain, 1}, *blob).error().code, ErrorCode::denied);
}

TEST(SealedBlob, R30_RefusesEachFlippedBitAndTheWrongKey) {
  KeyRing ring;
  ASSERT_TRUE(ring.add(1, key_of(1)));
  const auto blob = ring.seal({}, as_bytes("secret"));
  ASSERT_TRUE(blob);
  for (std::size_t i = 0; i < blob->sealed.size(); ++i) {
    SealedBlob changed = *blob;
    changed.sealed[i] ^= 0x10;
    EXPECT_EQ(ring.open({}, changed).error().code, ErrorCode::denied) << i;
  }
  SealedBlob changed = *blob;
  changed.nonce[0] ^= 1;
  EXPECT_EQ(ring.open({}, changed).error().code, ErrorCode::denied);
  changed = *blob;
  changed.sealed.resize(15);
  EXPECT_EQ(ring.open({}, changed).error().code, ErrorCode::denied);
  KeyRing other;
  ASSERT_TRUE(other.add(1, key_of(2)));
  EXPECT_EQ(other.open({}, *blob).error().code, ErrorCode::denied);
  KeyRing renumbered;
  ASSERT_TRUE(renumbered.add(2, key_of(1)));
  EXPECT_EQ(renumbered.open({}, *blob).error().code, ErrorCode::not_found);
}

TEST(SealedBlob, NeverSealsTwiceWithOneNonce) {
  KeyRing ring;
  ASSERT_TRUE(ring.add(1, key_of(1)));
  EXPECT_NE(ring.seal({}, as_bytes("x"))->nonce, ring.seal({}, as_bytes("x"))->nonce);
}

TEST(SecretsEncoding, RoundTripsAndRefusesEveryTruncation) {
  AccountSecrets secrets;
  secrets.nt_hash.reveal_for_writing()[0] = 1;
  secrets.aes256.reveal_for_writing()[0] = 2;
  secrets.aes128.reveal_for_writing()[0] = 3;
  secrets.salt = "salt";
  const SecretBytes plain = encode_secrets(secrets);
  const auto decoded = decode_secrets(plain.reveal());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->nt_hash.reveal()[0], 1);
  EXPECT_EQ(decoded->aes256.reveal()[0], 2);
  EXPECT_EQ(decoded->aes128.reveal()[0], 3);
  EXPECT_EQ(decoded->salt, "salt");
  for (std::size_t size = 0; size < 65; ++size) EXPECT_FALSE(decode_secrets(plain.reveal().first(size))) << size;
  Bytes other_format = to_bytes(plain.reveal());
  other_format[0] = 3;
  EXPECT_EQ(decode_secrets(other_format).error().code, ErrorCode::unsupported);
}

TEST(KeyFile, RoundTripsKeysAndTheActiveOne) {
  KeyRing ring;
  ASSERT_TRUE(ring.add(1, key_of(1)));
  ASSERT_TRUE(ring.add(7, key_of(7)));
  ASSERT_TRUE(ring.activate(1));
  const SecretBytes text = write_key_file(ring);
  const auto read = parse_key_file(text.reveal_text());
  ASSERT_TRUE(read) << line_of(read);
  EXPECT_EQ(read->active(), 1U);
  EXPECT_EQ(read->ids(), (std::vector<KeyId>{1, 7}));
  const StorageKey seventh = key_of(7);
  EXPECT_TRUE(constant_time_equal(read->find(7)->reveal(), seventh.reveal()));
}

TEST(KeyFile, RefusesWhatIsNotOne) {
  const std::string hex(64, 'a');
  const std::string good = "postern-storage-keys 1\nactive 1\nkey 1 " + hex + "\n";
  EXPECT_TRUE(parse_key_file(good));
  EXPECT_TRUE(parse_key_file("# comment\n\n" + good));
  EXPECT_EQ(parse_key_file("").error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file("postern-storage-keys 2\nactive 1\nkey 1 " + hex).error().code, ErrorCode::unsupported);
  EXPECT_EQ(parse_key_file("active 1\nkey 1 " + hex).error().code, ErrorCode::unsupported);
  EXPECT_EQ(parse_key_file("postern-storage-keys 1\nkey 1 " + hex).error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file("postern-storage-keys 1\nactive 2\nkey 1 " + hex).error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file(good + "active 1\n").error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file(good + "key 1 " + hex).error().code, ErrorCode::conflict);
  EXPECT_EQ(parse_key_file(good + "key 0 " + hex).error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file(good + "key 2").error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file(good + "key 2 " + hex + "aa").error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_key_file(good + "key 2 " + std::string(64, 'g')).error().code, ErrorCode::malformed);
  const auto unknown = parse_key_file(good + "secret 2\n");
  EXPECT_EQ(unknown.error().code, ErrorCode::malformed);
  EXPECT_EQ(unknown.error().offset, good.size());
}

TEST_F(StoreTest, R30_TheFilesHoldNeitherPasswordNorHashNorKeys) {
  add("alice", "Password");
  const auto found = store_->find_account(domain_.id, "alice");
  ASSERT_TRUE(found && *found);
  const AccountSecrets& secrets = (*found)->secrets;
  const std::vector<std::string> needles{"Password",
                                         std::string{"P\0a\0s\0s\0w\0", 10},
                                         std::string{as_text(secrets.nt_hash.reveal())},
                                         to_hex(secrets.nt_hash.reveal()),
                                         std::string{as_text(secrets.aes256.reveal())},
                                         std::string{as_text(secrets.aes128.reveal())}};
  std::string all;
  for (const auto& entry : fs::directory_iterator{config_.directory}) all += content_of(entry.path());
  EXPECT_NE(all.find("alice"), std::string::npos) << "the search must see what is there";
  for (const std::string& needle : needles) EXPECT_EQ(all.find(needle), std::string::npos);
  EXPECT_EQ(content_of(config_.key_file).find("Password"), std::string::npos);
}

TEST_F(StoreTest, R30_ADatabaseWithoutItsKeyFileIsUseless) {
  add("alice");
  store_.reset();
  const std::string away = config_.key_file + ".away";
  fs::rename(config_.key_file, away);
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(config_.key_file)) << "a new key must not take the lost one's place";
  KeyRing other;
  ASSERT_TRUE(other.add(1, key_of(9)));
  ASSERT_TRUE(save_key_file(config_.key_file, other));
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::conflict);
  KeyRing newer;
  ASSERT_TRUE(newer.add(2, key_of(9)));
  ASSERT_TRUE(save_key_file(config_.key_file, newer));
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::not_found);
  fs::rename(away, config_.key_file);
  reopen();
  EXPECT_NE(nt_hash_of("alice"), "unknown");
}

TEST_F(StoreTest, R44_ABlobThatWasMovedToAnotherRowDoesNotOpen) {
  add("alice", "Password");
  add("victim", "something else");
  const std::string copy =
      "UPDATE account_secret SET key_id = s.key_id, nonce = s.nonce, sealed = s.sealed FROM "
      "(SELECT * FROM account_secret WHERE account_id = (SELECT id FROM account WHERE name = 'alice')) s "
      "WHERE account_secret.account_id = (SELECT id FROM account WHERE name = 'victim')";
  sql(database(), copy);
  const auto victim = store_->find_account(domain_.id, "victim");
  ASSERT_FALSE(victim) << "the attacker's own password opens another's account";
  EXPECT_EQ(victim.error().code, ErrorCode::denied);
  EXPECT_NE(nt_hash_of("alice"), "unknown");
}

TEST_F(StoreTest, R44_AnOldBlobOfTheSameAccountDoesNotOpenAfterAPasswordChange) {
  const Account alice = add("alice", "leaked");
  sql(database(), "CREATE TABLE saved AS SELECT * FROM account_secret");
  ASSERT_TRUE(store_->set_password(alice.id, SecretBytes{"new"}, MustChange::no, kNow));
  sql(database(), "UPDATE account_secret SET nonce = (SELECT nonce FROM saved), sealed = (SELECT sealed FROM saved)");
  EXPECT_EQ(store_->find_account(domain_.id, "alice").error().code, ErrorCode::denied);
}

TEST_F(StoreTest, R30_RefusesFilesAndDirectoriesThatOthersMayUse) {
  store_.reset();
  const auto refused_with_mode = [&](const fs::path& path, mode_t mode, mode_t restored) {
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    const auto opened = sqlite::open(config_);
    EXPECT_EQ(::chmod(path.c_str(), restored), 0);
    return !opened && opened.error().code == ErrorCode::denied;
  };
  for (const mode_t extra : {0040U, 0004U, 0020U, 0002U, 0010U, 0001U}) {
    EXPECT_TRUE(refused_with_mode(database(), 0600 | extra, 0600)) << extra;
    EXPECT_TRUE(refused_with_mode(config_.key_file, 0600 | extra, 0600)) << extra;
    EXPECT_TRUE(refused_with_mode(config_.directory, 0700 | extra, 0700)) << extra;
    EXPECT_TRUE(refused_with_mode(directory_of(config_.key_file), 0700 | extra, 0700)) << extra;
  }
  reopen();
}

TEST_F(StoreTest, R30_RefusesAnotherUsersFilesAndSymbolicLinks) {
  store_.reset();
  fs::rename(config_.key_file, config_.key_file + ".real");
  fs::create_symlink(config_.key_file + ".real", config_.key_file);
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::denied);
  fs::remove(config_.key_file);
  fs::rename(config_.key_file + ".real", config_.key_file);
  if (::geteuid() == 0) {
    for (const fs::path& path : {database(), fs::path{config_.key_file}, fs::path{config_.directory}}) {
      ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
      EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::denied) << path;
      ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
    }
  }
  reopen();
}

TEST_F(StoreTest, R30_MakesItsFilesForTheOwnerOnlyWhateverTheUmask) {
  const mode_t umask_before = ::umask(0);
  TemporaryDirectory fresh;
  const sqlite::Config config = config_in(fresh.path());
  const auto opened = sqlite::open(config);
  ::umask(umask_before);
  ASSERT_TRUE(opened) << line_of(opened);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator{fresh.path()}) {
    ++files;
    EXPECT_EQ(entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all), fs::perms::none) << entry.path();
  }
  EXPECT_GE(files, 5U) << "data, keys, lock, database and key file";
}

TEST_F(StoreTest, RefusesASecondProcessAndAConfigurationWithoutSense) {
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::conflict);
  store_.reset();
  for (const auto spoil : {+[](sqlite::Config& c) { c.directory.clear(); }, +[](sqlite::Config& c) { c.key_file.clear(); },
                           +[](sqlite::Config& c) { c.readers = 0; }, +[](sqlite::Config& c) { c.readers = 65; },
                           +[](sqlite::Config& c) { c.timeout = std::chrono::milliseconds{0}; }}) {
    sqlite::Config config = config_;
    spoil(config);
    EXPECT_EQ(sqlite::open(config).error().code, ErrorCode::invalid_input);
  }
  reopen();
}

TEST_F(StoreTest, RotationSealsEverythingAnewAndDropsTheOldKey) {
  add("alice", "Password");
  const Account bob = add("bob", "other");
  const std::string alice_hash = nt_hash_of("alice");
  const std::string old_file = content_of(config_.key_file);
  const std::string old_blob = sql(database(), "SELECT hex(sealed) FROM account_secret LIMIT 1");
  ASSERT_TRUE(store_->rotate_key());
  EXPECT_EQ(sql(database(),
                "SELECT group_concat(DISTINCT key_id) FROM (SELECT key_id FROM account_secret UNION SELECT key_id FROM key_check)"),
            "2");
  EXPECT_NE(sql(database(), "SELECT hex(sealed) FROM account_secret LIMIT 1"), old_blob);
  EXPECT_EQ(nt_hash_of("alice"), alice_hash);
  ASSERT_TRUE(store_->set_password(bob.id, SecretBytes{"Password"}, MustChange::no, kNow));
  reopen();
  EXPECT_EQ(nt_hash_of("alice"), alice_hash);
  EXPECT_EQ(nt_hash_of("bob"), alice_hash);
  const auto keys = load_key_file(config_.key_file);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->ids(), std::vector<KeyId>{2});
  // The old file opens nothing any more.
  store_.reset();
  ASSERT_TRUE(write_private_file(config_.key_file, as_bytes(old_file)));
  EXPECT_EQ(sqlite::open(config_).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, OpensAfterARotationThatStoppedHalfway) {
  add("alice", "Password");
  const std::string hash = nt_hash_of("alice");
  store_.reset();
  auto keys = load_key_file(config_.key_file);
  ASSERT_TRUE(keys);
  ASSERT_TRUE(keys->add(2, key_of(2)));  // what a crash after the first step leaves
  ASSERT_TRUE(save_key_file(config_.key_file, *keys));
  reopen();
  EXPECT_EQ(nt_hash_of("alice"), hash);
  ASSERT_TRUE(store_->rotate_key());
  EXPECT_EQ(nt_hash_of("alice"), hash);
  EXPECT_EQ(load_key_file(config_.key_file)->ids(), std::vector<KeyId>{3});
}

}  // namespace
}  // namespace postern::account
