// The passwords that an account had: remembered under seal, and what they are good for.
#include "account/password.hpp"
#include "account/sealed_blob.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

std::string hash_of(std::string_view password) {
  const auto secrets = derive_secrets(SecretBytes{password}, "");
  return secrets ? to_hex(secrets->nt_hash.reveal()) : secrets.error().to_line();
}

class HistoryTest : public StoreTest {
 protected:
  void set(std::string_view password, const PasswordTerms& terms = MustChange::no, FileTime now = kNow) {
    const auto done = store_->set_password(id_, SecretBytes{password}, terms, now);
    EXPECT_TRUE(done) << line_of(done);
  }
  std::vector<std::string> history() {
    const auto found = store_->find_account(domain_.id, "alice");
    EXPECT_TRUE(found && *found) << line_of(found);
    std::vector<std::string> hashes;
    if (found && *found) {
      for (const NtHash& hash : (*found)->secrets.history) hashes.push_back(to_hex(hash.reveal()));
    }
    return hashes;
  }
  void SetUp() override {
    StoreTest::SetUp();
    id_ = add("alice", "first").id;
  }
  AccountId id_{};
};

TEST_F(HistoryTest, IsNewestFirstAndSurvivesARestartAndARotation) {
  EXPECT_TRUE(history().empty());
  set("second");
  set("third");
  const std::vector<std::string> expected{hash_of("second"), hash_of("first")};
  EXPECT_EQ(history(), expected);
  ASSERT_TRUE(store_->rotate_key());
  reopen();
  EXPECT_EQ(history(), expected);
  EXPECT_EQ(nt_hash_of("alice"), hash_of("third"));
}

TEST_F(HistoryTest, IsAsLongAsTheTermsSayAndNeverUnderTwo) {
  PasswordTerms terms{MustChange::no};
  terms.history = 3;
  for (const char* password : {"b", "c", "d", "e"}) set(password, terms);
  EXPECT_EQ(history(), (std::vector<std::string>{hash_of("d"), hash_of("c"), hash_of("b")}));
  terms.history = 0;
  set("f", terms);
  EXPECT_EQ(history(), (std::vector<std::string>{hash_of("e"), hash_of("d")})) << "the N-2 rule needs two";
  terms.history = 1'000;
  for (int i = 0; i < 30; ++i) set("p" + std::to_string(i), terms);
  EXPECT_EQ(history().size(), kMaxPasswordHistory);
}

TEST_F(HistoryTest, RefusesARememberedPasswordWhereTheTermsDo) {
  set("second");
  set("third");
  PasswordTerms terms{MustChange::no};
  terms.reuse = Reuse::refused;
  for (const char* password : {"first", "second", "third"}) {
    EXPECT_EQ(store_->set_password(id_, SecretBytes{std::string_view{password}}, terms, kNow).error().code, ErrorCode::conflict)
        << password;
  }
  EXPECT_EQ(nt_hash_of("alice"), hash_of("third"));
  EXPECT_EQ(show("alice").key_version, 3U) << "a refusal changes nothing";
  terms.history = 1;
  set("first", terms);  // two back
  set("fresh", terms);
}

TEST_F(HistoryTest, RefusesAChangeOfAPasswordThatIsTooYoung) {
  PasswordTerms terms{MustChange::no};
  terms.min_age = std::chrono::hours{24};
  const auto later = [](std::uint64_t seconds) { return FileTime{kNow.ticks() + seconds * FileTime::kTicksPerSecond}; };
  EXPECT_EQ(store_->set_password(id_, SecretBytes{std::string_view{"x"}}, terms, later(86'399)).error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->set_password(id_, SecretBytes{std::string_view{"x"}}, terms, FileTime{kNow.ticks() - 1}).error().code,
            ErrorCode::conflict);
  set("x", terms, later(86'400));
}

TEST_F(HistoryTest, R44_AHistoryThatWasMovedOrIsOlderThanThePasswordDoesNotOpen) {
  add("victim", "other");
  set("second");
  const std::string copy =
      "UPDATE account_secret SET key_id = s.key_id, nonce = s.nonce, sealed = s.sealed FROM "
      "(SELECT * FROM account_secret WHERE account_id = (SELECT id FROM account WHERE name = 'alice')) s "
      "WHERE account_secret.account_id = (SELECT id FROM account WHERE name = 'victim')";
  sql(database(),
      "CREATE TABLE saved AS SELECT * FROM account_secret WHERE account_id = (SELECT id FROM account WHERE name = 'alice')");
  sql(database(), copy);
  EXPECT_EQ(store_->find_account(domain_.id, "victim").error().code, ErrorCode::denied);
  set("third");
  sql(database(),
      "UPDATE account_secret SET nonce = (SELECT nonce FROM saved), sealed = (SELECT sealed FROM saved) "
      "WHERE account_id = (SELECT account_id FROM saved)");
  EXPECT_EQ(store_->find_account(domain_.id, "alice").error().code, ErrorCode::denied)
      << "an old blob would bring an old password back to the grace";
}

TEST_F(HistoryTest, R30_NoRememberedHashStandsInTheFiles) {
  set("second");
  set("third");
  const auto found = store_->find_account(domain_.id, "alice");
  ASSERT_TRUE(found && *found);
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator{config_.directory}) all += content_of(entry.path());
  EXPECT_NE(all.find("alice"), std::string::npos) << "the search must see what is there";
  ASSERT_EQ((*found)->secrets.history.size(), 2U);
  for (const NtHash& hash : (*found)->secrets.history) {
    EXPECT_EQ(all.find(as_text(hash.reveal())), std::string::npos);
    EXPECT_EQ(all.find(to_hex(hash.reveal())), std::string::npos);
  }
}

TEST_F(HistoryTest, R37_ABlobIsAsLongWithAHistoryAsWithout) {
  const std::string before = sql(database(), "SELECT length(sealed) FROM account_secret");
  for (int i = 0; i < 5; ++i) set("p" + std::to_string(i));
  EXPECT_EQ(sql(database(), "SELECT length(sealed) FROM account_secret"), before);
}

TEST(SecretsEncoding, ReadsTheFirstFormatAndRefusesAnUnknownFlagOrLength) {
  AccountSecrets secrets;
  secrets.nt_hash.reveal_for_writing()[0] = 1;
  secrets.salt = "salt";
  secrets.aes_keys = AesKeys::missing;
  secrets.history.resize(3);
  secrets.history[2].reveal_for_writing()[0] = 9;
  const SecretBytes plain = encode_secrets(secrets);
  const auto decoded = decode_secrets(plain.reveal());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->aes_keys, AesKeys::missing);
  ASSERT_EQ(decoded->history.size(), 3U);
  EXPECT_EQ(decoded->history[2].reveal()[0], 9);
  EXPECT_EQ(decoded->salt, "salt");
  Bytes changed = to_bytes(plain.reveal());
  changed[1] = 2;
  EXPECT_EQ(decode_secrets(changed).error().code, ErrorCode::unsupported);
  changed = to_bytes(plain.reveal());
  changed[2 + 16 + 32 + 16] = kMaxPasswordHistory + 1;
  EXPECT_EQ(decode_secrets(changed).error().code, ErrorCode::malformed);

  Bytes first{1};
  first.resize(1 + 16 + 32 + 16, 7);
  first.insert(first.end(), {'s', 'a', 'l', 't'});
  const auto old = decode_secrets(first);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->nt_hash.reveal()[0], 7);
  EXPECT_EQ(old->aes_keys, AesKeys::present);
  EXPECT_TRUE(old->history.empty());
  EXPECT_EQ(old->salt, "salt");
}

}  // namespace
}  // namespace postern::account
