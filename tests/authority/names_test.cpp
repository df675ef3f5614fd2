// Which account a client means, and how many are kept in memory.
#include "account/names.hpp"

#include "authority/name_resolution.hpp"
#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

TEST_F(AuthorityTest, EveryWayToWriteANameFindsTheAccount) {
  const std::vector<std::pair<std::string, std::string>> forms{
      {"DEMO", "alice"},
      {"demo", "ALICE"},
      {"demo.example.org", "alice"},
      {"Demo.Realm", "alice"},
      {"", "alice"},
      {"", "alice@demo.example.org"},
      {"", "alice@DEMO.REALM"},
      {"", "Alice@demo"},
      {"", "DEMO\\alice"},
      {"", "demo.example.org\\alice"},
  };
  for (const auto& [domain, user] : forms) {
    const ntlm::Verdict verdict = log_on({.user = user, .domain = domain});
    EXPECT_EQ(verdict.status, NtStatus::success) << domain << " and " << user;
    EXPECT_EQ(verdict.identity.name, "alice") << user;
    EXPECT_EQ(verdict.identity.domain, "DEMO") << user;
  }
}

TEST_F(AuthorityTest, AnUnknownDomainIsRefusedInEveryForm) {
  const std::vector<std::pair<std::string, std::string>> forms{
      {"OTHER", "alice"}, {"", "alice@other.example.org"}, {"", "OTHER\\alice"}, {"demo.example", "alice"}, {"", "alice@"},
  };
  for (const auto& [domain, user] : forms) {
    environment_.pass(20);  // no back-off between them
    const NtStatus status = status_of_logon({.user = user, .domain = domain});
    // "alice@" names no domain at all, which is the default one.
    EXPECT_EQ(status, user == "alice@" ? NtStatus::success : NtStatus::no_such_user) << domain << " and " << user;
  }
}

TEST_F(AuthorityTest, ANameWithoutDomainNeedsADefaultOneOfSeveral) {
  const account::Domain second = add_domain("SECOND", "second.example.org", "");
  add_account_in(second.id, "bob");
  ASSERT_TRUE(authority_->refresh_domains());
  EXPECT_EQ(status_of_logon({.domain = ""}), NtStatus::no_such_user);
  EXPECT_EQ(status_of_logon({.user = "bob", .domain = "SECOND"}), NtStatus::success);
  EXPECT_EQ(status_of_logon({.user = "bob", .domain = "DEMO"}), NtStatus::no_such_user);
  Config with_default = config();
  with_default.default_domain = "second";
  authority_->reconfigure(with_default);
  EXPECT_EQ(log_on({.user = "bob", .domain = ""}).identity.domain, "SECOND");
  EXPECT_EQ(status_of_logon({.domain = ""}), NtStatus::no_such_user);
}

TEST(ClipUtf8, CutsBetweenCharacters) {
  EXPECT_EQ(clip_utf8("abc", 3), "abc");
  EXPECT_EQ(clip_utf8("abcd", 3), "abc");
  EXPECT_EQ(clip_utf8("a\xC3\xA4", 2), "a");
  EXPECT_EQ(clip_utf8("\xF0\x9F\x98\x80", 3), "");
}

TEST(Names, ANameTooLongForAnAccountCannotBeCutToOne) {
  Domains domains;
  domains.domains.push_back({.id = account::DomainId{7}, .netbios_name = "DEMO"});
  const std::string longest(3 * account::kMaxAccountNameChars, 'x');
  EXPECT_EQ(resolve(domains, {"DEMO", longest}).domain, account::DomainId{7});
  const AccountKey key = resolve(domains, {"DEMO", longest + "y"});
  EXPECT_EQ(key.domain, account::DomainId{0});
  EXPECT_LE(key.name_key.size(), longest.size());
}

class CacheTest : public AuthorityTest {
 protected:
  static AccountKey key(int number) { return {account::DomainId{1}, "USER" + std::to_string(number)}; }
  void SetUp() override {
    AuthorityTest::SetUp();
    cache_.emplace(*sqlite_, NtHash{}, 4);
  }

  std::optional<AccountCache> cache_{};
};

TEST_F(CacheTest, R44_TheCacheIsBounded) {
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(cache_->lock(key(i)));
  EXPECT_EQ(cache_->size(), 4U);
}

TEST_F(CacheTest, R39_ASlotWithACommitOnItsWayIsNotEvicted) {
  std::shared_ptr<AccountSlot> on_its_way;
  {
    auto locked = cache_->lock(key(0));
    ASSERT_TRUE(locked);
    (*locked)->bad_passwords.count = 4;
    on_its_way = locked->share();
  }
  for (int i = 1; i < 20; ++i) EXPECT_TRUE(cache_->lock(key(i)));
  EXPECT_EQ((*cache_->lock(key(0)))->bad_passwords.count, 4);
  on_its_way.reset();
  for (int i = 1; i < 20; ++i) EXPECT_TRUE(cache_->lock(key(i)));
  EXPECT_EQ((*cache_->lock(key(0)))->bad_passwords.count, 0) << "forgotten once nothing holds it";
}

TEST_F(AuthorityTest, R39_GuessesAreCountedAlsoWhenTheCacheHoldsOneAccountAndTheStoreLags) {
  Config tiny = config();
  tiny.cached_accounts = 1;
  start(tiny);
  std::vector<Begun> handshakes;
  for (int i = 0; i < 8; ++i) {
    handshakes.push_back(begun({.password = std::string{kWrongPassword}, .workstation = "W" + std::to_string(i)}));
    handshakes.push_back(begun({.user = "nobody" + std::to_string(i)}));
  }
  store_->hold_commits();
  std::vector<std::future<ntlm::Reply>> replies;
  for (Begun& handshake : handshakes) {
    auto answered = std::make_shared<std::promise<ntlm::Reply>>();
    replies.push_back(answered->get_future());
    authority_->finish(peer(), 1, std::move(handshake.finish),
                       [answered](ntlm::Reply reply) { answered->set_value(std::move(reply)); });
  }
  store_->release_commits();
  int wrong = 0;
  for (auto& reply : replies) wrong += verdict_of(reply.get()).status == NtStatus::wrong_password ? 1 : 0;
  EXPECT_EQ(wrong, 5);
}

}  // namespace
}  // namespace postern::authority
