// The JSON that admins speak (docs/admin-protocol.md).
#include "edge/ipc/server/admin.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "authority/authority_fixture.hpp"

namespace postern::authority {
namespace {

using Json = nlohmann::json;

class AdminTest : public AuthorityTest {
 protected:
  Json ask(const Json& request) { return ask_text(request.dump()); }
  Json ask_text(std::string_view text) {
    ipc::Admin admin{*store_, *authority_, environment_};
    return Json::parse(admin.handle(text, {0, ipc::AdminRights::everything}));
  }
  std::string error_of(const Json& request) {
    const Json answer = ask(request);
    return answer.contains("error") ? answer["error"]["code"].get<std::string>() : "ok: " + answer.dump();
  }
};

TEST_F(AdminTest, ADomainAndAnAccountAddedHereLogOnAtOnce) {
  const Json domain = ask({{"op", "domain.add"}, {"name", "LAB"}, {"dns", "lab.test"}});
  ASSERT_TRUE(domain.contains("ok")) << domain;
  EXPECT_EQ(domain["ok"]["domain"]["realm"], "LAB.TEST");
  EXPECT_TRUE(domain["ok"]["domain"]["sid"].get<std::string>().starts_with("S-1-5-21-"));
  const Json account = ask({{"op", "account.add"}, {"account", "LAB\\carol"}, {"password", kPassword}, {"groups", {"b", "a"}}});
  ASSERT_TRUE(account.contains("ok")) << account;
  EXPECT_EQ(account["ok"]["account"]["account"], "LAB\\carol");
  EXPECT_EQ(account["ok"]["account"]["groups"], Json::parse(R"(["a","b"])"));
  EXPECT_EQ(account["ok"]["account"]["locked"], false);
  EXPECT_EQ(account.dump().find(kPassword), std::string::npos);
  EXPECT_EQ(status_of_logon({.user = "carol", .domain = "LAB"}), NtStatus::success);
  EXPECT_EQ(ask({{"op", "domain.list"}})["ok"]["domains"].size(), 2U);
  EXPECT_EQ(ask({{"op", "domain.show"}, {"name", "lab.test"}})["ok"]["domain"]["name"], "LAB");
  EXPECT_EQ(error_of({{"op", "account.show"}, {"account", "carol"}}), "invalid_input") << "there are several domains";
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "carol@lab.test"}})["ok"]["account"]["name"], "carol");
}

TEST_F(AdminTest, R44_EachChangeTakesEffectOnTheNextLogon) {
  const auto done = [&](Json request) {
    request["account"] = "DEMO\\alice";
    const Json answer = ask(request);
    EXPECT_TRUE(answer.contains("ok")) << answer;
    return answer["ok"];
  };
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(done({{"op", "account.disable"}})["account"]["enabled"], false);
  EXPECT_EQ(status_of_logon(), NtStatus::account_disabled);
  done({{"op", "account.enable"}});
  done({{"op", "account.passwd"}, {"password", "Correct.Horse.3"}});
  EXPECT_EQ(status_of_logon(), NtStatus::wrong_password);
  done({{"op", "account.passwd"}, {"password", kPassword}, {"must_change", true}});
  EXPECT_EQ(status_of_logon(), NtStatus::password_must_change);
  EXPECT_EQ(done({{"op", "account.must_change"}})["account"]["must_change_password"], false);
  done({{"op", "account.expire"}, {"expires", "2001-01-01T00:00:00Z"}});
  EXPECT_EQ(status_of_logon(), NtStatus::account_expired);
  EXPECT_FALSE(done({{"op", "account.expire"}, {"expires", ""}})["account"].contains("expires"));
  EXPECT_EQ(done({{"op", "account.groups"}, {"groups", {"ops"}}})["account"]["groups"][0], "ops");
  EXPECT_EQ(log_on().groups, std::vector<std::string>{"ops"});
  for (int i = 0; i < 5; ++i) wrong_logon_from_anew();
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "alice"}})["ok"]["account"]["locked"], true);
  EXPECT_EQ(done({{"op", "account.unlock"}})["account"]["locked"], false);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(done({{"op", "account.remove"}})["removed"], "DEMO\\alice");
  EXPECT_EQ(status_of_logon(), NtStatus::no_such_user);
}

TEST_F(AdminTest, LockedFollowsTheLockoutPolicyOfAReload) {
  for (int i = 0; i < 5; ++i) wrong_logon_from_anew();
  environment_.pass(60);
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "alice"}})["ok"]["account"]["locked"], true);
  Config shorter = config();
  shorter.lockout.duration = std::chrono::seconds{30};
  authority_->reconfigure(shorter);
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "alice"}})["ok"]["account"]["locked"], false);
}

TEST_F(AdminTest, WhatIsWrongWithARequestIsNamed) {
  EXPECT_EQ(ask_text("{")["error"]["code"], "malformed");
  EXPECT_EQ(ask_text("[1]")["error"]["code"], "malformed");
  EXPECT_EQ(ask_text("")["error"]["code"], "malformed");
  EXPECT_EQ(error_of(Json::object()), "invalid_input");
  EXPECT_EQ(error_of({{"op", 5}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "account.steal"}}), "unsupported");
  EXPECT_EQ(ask({{"op", "account.add"}, {"account", "x"}})["error"]["field"], "password");
  EXPECT_EQ(ask({{"op", "account.add"}, {"account", "x"}, {"password", 1}})["error"]["message"], "is no text");
  EXPECT_EQ(error_of({{"op", "account.add"}, {"account", "x"}, {"password", ""}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "account.add"}, {"account", "alice"}, {"password", "p"}}), "conflict");
  EXPECT_EQ(error_of({{"op", "account.add"}, {"account", "x"}, {"password", "p"}, {"kind", "god"}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "account.show"}, {"account", "nobody"}}), "not_found");
  EXPECT_EQ(error_of({{"op", "account.show"}, {"account", "OTHER\\alice"}}), "not_found");
  EXPECT_EQ(error_of({{"op", "account.expire"}, {"account", "alice"}, {"expires", "tomorrow"}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "events"}, {"limit", -1}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "events"}, {"newest", "yes"}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "domain.add"}, {"name", "BAD NAME?"}, {"dns", "a.b"}}), "invalid_input");
}

TEST_F(AdminTest, EventsAreFilteredAndFollowed) {
  log_on();
  wrong_logon();
  const Json all = ask({{"op", "events"}})["ok"];
  ASSERT_EQ(all["events"].size(), 2U);
  const auto first = Json::parse(all["events"][0].get<std::string>());
  EXPECT_EQ(first["outcome"], "success");
  EXPECT_EQ(ask({{"op", "events"}, {"outcome", "failure"}})["ok"]["events"].size(), 1U);
  EXPECT_EQ(ask({{"op", "events"}, {"account", "demo\\ALICE"}})["ok"]["events"].size(), 2U);
  EXPECT_EQ(ask({{"op", "events"}, {"account", "demo\\bob"}})["ok"]["events"].size(), 0U);
  EXPECT_EQ(ask({{"op", "events"}, {"limit", 1}, {"newest", true}})["ok"]["events"][0], all["events"][1]);
  log_on();
  const Json more = ask({{"op", "events"}, {"after", all["last"]}})["ok"];
  EXPECT_EQ(more["events"].size(), 1U);
  EXPECT_GT(more["last"], all["last"]);
}

TEST_F(AdminTest, TheListOfAccountsIsLimitedOverAllDomainsAndPagedInOne) {
  add_account("bob");
  const account::Domain second = add_domain("SECOND", "second.example.org", "");
  add_account_in(second.id, "zoe");
  EXPECT_EQ(ask({{"op", "account.list"}})["ok"]["accounts"].size(), 3U);
  EXPECT_EQ(ask({{"op", "account.list"}, {"limit", 2}})["ok"]["accounts"].size(), 2U);
  EXPECT_EQ(ask({{"op", "account.list"}, {"domain", "DEMO"}, {"after", "alice"}})["ok"]["accounts"][0]["name"], "bob");
  EXPECT_EQ(error_of({{"op", "account.list"}, {"after", "alice"}}), "invalid_input");
}

TEST_F(AdminTest, R31_AnObserverGetsEventsAndStatusAndNothingElse) {
  log_on();
  const auto code = [this](const Json& request) {
    ipc::Admin admin{*store_, *authority_, environment_};
    const Json answer = Json::parse(admin.handle(request.dump(), {1234, ipc::AdminRights::observe}));
    return answer.contains("error") ? answer["error"]["code"].get<std::string>() : std::string{"ok"};
  };
  EXPECT_EQ(code({{"op", "events"}}), "ok");
  EXPECT_EQ(code({{"op", "status"}}), "ok");
  for (const char* op :
       {"domain.add", "domain.list", "domain.show", "account.add", "account.passwd", "account.list", "account.show",
        "account.enable", "account.disable", "account.unlock", "account.expire", "account.must_change", "account.groups",
        "account.remove", "account.import", "account.audit", "account.set", "policy.show", "policy.reload"}) {
    EXPECT_EQ(code({{"op", op}, {"account", "DEMO\\alice"}, {"password", kPassword}, {"name", "DEMO"}}), "denied") << op;
  }
  EXPECT_EQ(code({{"op", "no.such"}}), "unsupported");
  EXPECT_EQ(status_of_logon(), NtStatus::success) << "alice is as she was";
}

TEST_F(AdminTest, AFollowerGoesOnWhereTheAnswerSaysAndMissesNothing) {
  for (int i = 0; i < 5; ++i) log_on();
  wrong_logon();
  const Json two = ask({{"op", "events"}, {"limit", 2}})["ok"];
  EXPECT_EQ(two["sequences"], Json::parse("[1,2]"));
  EXPECT_EQ(two["next"], 2) << "the limit was reached: there may be more";
  EXPECT_EQ(two["first"], 1);
  EXPECT_EQ(two["end"], 6);
  const Json none = ask({{"op", "events"}, {"outcome", "blocked"}, {"newest", true}})["ok"];
  EXPECT_EQ(none["events"].size(), 0U);
  EXPECT_EQ(none["next"], 6) << "what is there does not match: a follower need not see it again";
  log_on();
  EXPECT_EQ(ask({{"op", "events"}, {"after", none["next"]}})["ok"]["sequences"], Json::parse("[7]"));
}

TEST_F(AdminTest, EventsAreFoundByClientSettingAndVersion) {
  log_on();
  wrong_logon();
  const auto found = [this](const char* key, const std::string& value) {
    return ask({{"op", "events"}, {key, value}})["ok"]["events"].size();
  };
  const auto address = Json::parse(ask({{"op", "events"}})["ok"]["events"][0].get<std::string>())["client"]["address"];
  EXPECT_EQ(found("client", address), 2U);
  EXPECT_EQ(found("client", "203.0.113.99"), 0U);
  EXPECT_EQ(found("version", "NTLMv2"), 2U);
  EXPECT_EQ(found("version", "NTLMv1"), 0U);
  EXPECT_EQ(found("finding", "no-such-finding"), 0U);
  EXPECT_EQ(found("setting", "NoSuchSetting"), 0U);
}

TEST_F(AdminTest, StatusTellsLogonsByKindAndHowLongTheyTook) {
  log_on();
  log_on();
  wrong_logon();
  const Json status = ask({{"op", "status"}})["ok"];
  std::map<std::string, int> by_outcome;
  for (const Json& kind : status["logons"]) by_outcome[kind["outcome"]] += kind["count"].get<int>();
  EXPECT_EQ(by_outcome, (std::map<std::string, int>{{"failure", 1}, {"success", 2}}));
  EXPECT_EQ(status["seconds"]["up_to"].size() + 1, status["seconds"]["commit"]["counts"].size());
  int commits = 0;
  for (const Json& count : status["seconds"]["commit"]["counts"]) commits += count.get<int>();
  EXPECT_EQ(commits, 3);
  EXPECT_EQ(status["store"]["last"], 3);
  EXPECT_EQ(status["queued_commits"], 0);
}

TEST_F(AdminTest, StatusCounts) {
  log_on();
  wrong_logon();
  const Json status = ask({{"op", "status"}})["ok"];
  EXPECT_EQ(status["begun"], 2);
  EXPECT_EQ(status["allowed"], 1);
  EXPECT_EQ(status["denied"], 1);
  EXPECT_EQ(status["comparisons"], 2);
  EXPECT_EQ(status["committed"], 2);
}

}  // namespace
}  // namespace postern::authority
