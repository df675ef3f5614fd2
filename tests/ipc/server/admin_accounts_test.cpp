// Restrictions, rules for passwords, the audit and the import, as admins ask for them (docs/admin-protocol.md).
#include <fstream>
#include <nlohmann/json.hpp>

#include "account/password.hpp"
#include "authority/authority_fixture.hpp"
#include "edge/ipc/server/admin.hpp"

namespace postern::authority {
namespace {

using Json = nlohmann::json;

class AdminAccountsTest : public AuthorityTest {
 protected:
  Json ask(const Json& request) {
    ipc::Admin admin{*store_, *authority_, environment_};
    last_answer_ = admin.handle(request.dump(), {0, ipc::AdminRights::everything});
    return Json::parse(last_answer_);
  }
  std::string error_of(const Json& request) {
    const Json answer = ask(request);
    return answer.contains("error") ? answer["error"]["code"].get<std::string>() : "ok: " + answer.dump();
  }
  Json set(Json members) {
    members["op"] = "account.set";
    members["account"] = "alice";
    const Json answer = ask(members);
    EXPECT_TRUE(answer.contains("ok")) << answer;
    return answer["ok"]["account"];
  }
  static std::string upper_hex(std::string_view password) {
    std::string digits = to_hex(account::nt_hash_of(SecretBytes{password})->reveal());
    for (char& digit : digits) digit = static_cast<char>(digit >= 'a' ? digit - 32 : digit);
    return digits;
  }
  void start_with_breached(std::string_view password) {
    const std::filesystem::path path = directory_.path() / "breached";
    std::ofstream{path} << upper_hex(password) << ":77\n";
    auto list = account::BreachedHashes::open(path);
    ASSERT_TRUE(list) << account::line_of(list);
    Config changed = config();
    changed.breached_hashes = std::make_shared<const account::BreachedHashes>(std::move(*list));
    start(std::move(changed));
  }
  std::string last_answer_{};
};

TEST_F(AdminAccountsTest, RestrictionsAreSetAndShownAndHoldForTheNextLogon) {
  Json shown = set({{"logon_hours", "never"},
                    {"workstations", {"WS7"}},
                    {"networks", {"10.0.0.0/8"}},
                    {"ntlm_allowed", false},
                    {"protected", true},
                    {"canary", true},
                    {"expires", "2030-01-01T00:00:00Z"},
                    {"must_change", true}});
  EXPECT_EQ(shown["logon_hours"], "never");
  EXPECT_EQ(shown["workstations"], Json::parse(R"(["WS7"])"));
  EXPECT_EQ(shown["networks"], Json::parse(R"(["10.0.0.0/8"])"));
  EXPECT_EQ(shown["ntlm_allowed"], false);
  EXPECT_EQ(shown["protected"], true);
  EXPECT_EQ(shown["canary"], true);
  EXPECT_EQ(shown["expires"], "2030-01-01T00:00:00.000000Z");
  EXPECT_EQ(shown["must_change_password"], true);
  EXPECT_FALSE(log_on().allowed());
  shown = set({{"logon_hours", "always"},
               {"workstations", Json::array()},
               {"networks", Json::array()},
               {"ntlm_allowed", true},
               {"protected", false},
               {"canary", false},
               {"expires", ""},
               {"must_change", false}});
  EXPECT_FALSE(shown.contains("expires"));
  EXPECT_EQ(shown["groups"], Json::parse(R"(["staff"])"));
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AdminAccountsTest, WhatIsWrongWithARestrictionIsNamed) {
  const auto field = [&](const char* member, const Json& value) {
    const Json answer = ask({{"op", "account.set"}, {"account", "alice"}, {member, value}});
    return answer.contains("error") ? answer["error"]["field"].get<std::string>() : "ok";
  };
  EXPECT_EQ(field("logon_hours", "Monday"), "logon_hours");
  EXPECT_EQ(field("networks", Json::array({"10.0.0.1/8"})), "networks");
  EXPECT_EQ(field("workstations", Json::array({"a b"})), "account.workstations");
  EXPECT_EQ(field("ntlm_allowed", "off"), "ntlm_allowed");
  EXPECT_EQ(field("expires", "tomorrow"), "expires");
  EXPECT_EQ(error_of({{"op", "account.set"}, {"account", "alice"}}), "invalid_input") << "nothing to set";
  EXPECT_EQ(error_of({{"op", "account.set"}, {"account", "nobody"}, {"canary", true}}), "not_found");
}

TEST_F(AdminAccountsTest, RootOnTheAdminSocketIsNeverLockedOut) {
  for (int i = 0; i < 8; ++i) wrong_logon_from_anew();
  EXPECT_EQ(status_of_logon(), NtStatus::account_locked_out);
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "alice"}})["ok"]["account"]["locked"], true);
  EXPECT_TRUE(ask({{"op", "account.set"}, {"account", "alice"}, {"canary", true}}).contains("ok"));
  EXPECT_TRUE(ask({{"op", "account.passwd"}, {"account", "alice"}, {"password", kPassword}}).contains("ok"));
  EXPECT_EQ(ask({{"op", "account.unlock"}, {"account", "alice"}})["ok"]["account"]["locked"], false);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AdminAccountsTest, ABreachedPasswordIsRefusedUnlessTheDangerIsAskedFor) {
  start_with_breached("Password.1");
  Json request{{"op", "account.add"}, {"account", "carol"}, {"password", "Password.1"}};
  const Json refused = ask(request);
  ASSERT_TRUE(refused.contains("error")) << refused;
  EXPECT_EQ(refused["error"]["code"], "conflict");
  EXPECT_NE(refused["error"]["message"].get<std::string>().find("77 times"), std::string::npos);
  EXPECT_EQ(error_of({{"op", "account.passwd"}, {"account", "alice"}, {"password", "Password.1"}}), "conflict");
  EXPECT_EQ(status_of_logon(), NtStatus::success) << "nothing was changed";
  request["danger_allow_breached"] = true;
  EXPECT_TRUE(ask(request).contains("ok"));
  EXPECT_TRUE(ask({{"op", "account.add"}, {"account", "dave"}, {"password", "Password.2"}}).contains("ok"));
  EXPECT_EQ(ask({{"op", "account.audit"}})["ok"]["audit"]["breached"], Json::parse(R"(["DEMO\\carol"])"));
}

TEST_F(AdminAccountsTest, APasswordIsAsLongAsConfiguredAndItsOwnerMayNotSetAnOldOne) {
  Config changed = config();
  changed.password_rules = {.min_chars = 8, .history = 2, .min_age = std::chrono::hours{24}};
  start(std::move(changed));
  EXPECT_EQ(error_of({{"op", "account.add"}, {"account", "x"}, {"password", "1234567"}}), "invalid_input");
  EXPECT_EQ(error_of({{"op", "account.add"}, {"account", "x"}, {"password", "\u00e4\u00f6\u00fc4567"}}), "invalid_input")
      << "characters, not bytes";
  EXPECT_TRUE(ask({{"op", "account.add"}, {"account", "x"}, {"password", "12345678"}}).contains("ok"));
  Json own{{"op", "account.passwd"}, {"account", "x"}, {"password", "12345678"}, {"by_owner", true}};
  EXPECT_EQ(error_of(own), "conflict") << "too young";
  environment_.pass(86'400);
  EXPECT_EQ(error_of(own), "conflict") << "the same";
  own["password"] = "another one";
  EXPECT_TRUE(ask(own).contains("ok"));
  EXPECT_TRUE(ask({{"op", "account.passwd"}, {"account", "x"}, {"password", "12345678"}}).contains("ok")) << "an admin may";
}

TEST_F(AdminAccountsTest, RevokingTheOldPasswordEndsItsGrace) {
  Config changed = config();
  changed.old_password.allowed = std::chrono::minutes{60};
  start(std::move(changed));
  ASSERT_TRUE(ask({{"op", "account.passwd"}, {"account", "alice"}, {"password", "Another.1"}}).contains("ok"));
  EXPECT_EQ(status_of_logon(), NtStatus::success) << "the old password, in its grace";
  ASSERT_TRUE(
      ask({{"op", "account.passwd"}, {"account", "alice"}, {"password", "Another.2"}, {"revoke_old", true}}).contains("ok"));
  EXPECT_EQ(status_of_logon({.password = "Another.1"}), NtStatus::wrong_password);
}

TEST_F(AdminAccountsTest, R29_TheAuditHoldsNoHashOrAnythingLikeOne) {
  add_account("twin");
  const Json answer = ask({{"op", "account.audit"}, {"old_after_days", 0}})["ok"]["audit"];
  EXPECT_EQ(answer["shared_passwords"], Json::parse(R"([["DEMO\\alice","DEMO\\twin"]])"));
  EXPECT_FALSE(answer.contains("breached")) << "no list, so nothing is known";
  std::string upper = upper_hex(kPassword);
  std::string lower = to_hex(account::nt_hash_of(SecretBytes{kPassword})->reveal());
  for (std::size_t at = 0; at + 6 <= lower.size(); at += 2) {
    EXPECT_EQ(last_answer_.find(lower.substr(at, 6)), std::string::npos);
    EXPECT_EQ(last_answer_.find(upper.substr(at, 6)), std::string::npos);
  }
  std::size_t digits = 0;
  for (const char letter : last_answer_) {
    digits = std::isxdigit(static_cast<unsigned char>(letter)) != 0 ? digits + 1 : 0;
    EXPECT_LT(digits, 12U) << "a run of hexadecimal digits in " << last_answer_;
  }
  EXPECT_EQ(error_of({{"op", "account.audit"}, {"old_after_days", 1'000'000}}), "invalid_input");
}

TEST_F(AdminAccountsTest, AFileOfAccountsIsImportedWholeOrNotAtAll) {
  const std::string good =
      "name,password,nt_hash,groups\nDEMO\\u1,Long.Password.1,,staff\nu2@demo.example.org,," + upper_hex("Long.Password.2") + ",\n";
  Json checked = ask({{"op", "account.import"}, {"file", good}, {"check", true}});
  ASSERT_TRUE(checked.contains("ok")) << checked;
  EXPECT_EQ(checked["ok"]["import"],
            Json::parse(R"({"imported":0,"accounts":2,"with_password":1,"with_nt_hash":1,"checked_only":true})"));
  EXPECT_EQ(status_of_logon({.user = "u1", .password = "Long.Password.1"}), NtStatus::no_such_user) << "only checked";
  const auto message = [&](const std::string& file) {
    const Json answer = ask({{"op", "account.import"}, {"file", file}});
    return answer.contains("error") ? answer["error"]["message"].get<std::string>() : "ok";
  };
  EXPECT_TRUE(message(good + "alice,Long.Password.3,,\n").starts_with("line 4: name: the account exists"));
  EXPECT_TRUE(message(good + "U1,Long.Password.3,,\n").starts_with("line 4: name: the account of line 2"));
  EXPECT_TRUE(message(good + "OTHER\\u3,Long.Password.3,,\n").starts_with("line 4: domain: "));
  EXPECT_TRUE(message(good + "u/3,Long.Password.3,,\n").starts_with("line 4: account.name: "));
  EXPECT_EQ(status_of_logon({.user = "u1", .password = "Long.Password.1"}), NtStatus::no_such_user) << "nothing of a wrong file";
  EXPECT_EQ(message(good), "ok");
  EXPECT_EQ(last_answer_.find("Long.Password"), std::string::npos);
  EXPECT_EQ(status_of_logon({.user = "u1", .password = "Long.Password.1"}), NtStatus::success);
  EXPECT_EQ(status_of_logon({.user = "u2", .password = "Long.Password.2"}), NtStatus::success) << "from its hash alone";
  EXPECT_EQ(ask({{"op", "account.show"}, {"account", "u2"}})["ok"]["account"]["aes_keys"], false);
}

TEST_F(AdminAccountsTest, AnImportIsHeldToTheListOfBreachedPasswordsByHashToo) {
  start_with_breached("Password.1");
  const Json by_password{{"op", "account.import"}, {"file", "name,password\nu1,Password.1\n"}};
  Json by_hash{{"op", "account.import"}, {"file", "name,nt_hash\nu1," + upper_hex("Password.1") + "\n"}};
  EXPECT_EQ(error_of(by_password), "conflict");
  EXPECT_EQ(error_of(by_hash), "conflict");
  by_hash["danger_allow_breached"] = true;
  EXPECT_TRUE(ask(by_hash).contains("ok"));
}

}  // namespace
}  // namespace postern::authority
