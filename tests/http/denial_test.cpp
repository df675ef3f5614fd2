// The page, the JSON and the log line of a denial that the authority explains, and of those that it does not.
#include "edge/http/denial.hpp"

#include <nlohmann/json.hpp>

#include "edge/http/log.hpp"
#include "gateway_fixture.hpp"

namespace postern::test {
namespace {

using ntlm::DenialPoint;
using ntlm::DenialStage;

ntlm::Explanation bindings_missing() {
  return {DenialPoint::server,        DenialStage::response,
          "ExtendedProtection",       "always",
          "no channel bindings came", "Use a client that sends bindings."};
}
ntlm::Explanation no_ntlm_here() {
  return {DenialPoint::server,         DenialStage::negotiate,  "RestrictReceivingNTLMTraffic", "2",
          "this server takes no NTLM", "Log on in another way."};
}
ntlm::Explanation account_disabled() {
  return {DenialPoint::account_dc,   DenialStage::verified,          "AccountState",
          "STATUS_ACCOUNT_DISABLED", "the account's own state says", "Enable the account."};
}
const std::string kJson = "Accept: application/json\r\n";

class DenialPage : public GatewayTest {
 protected:
  void deny_with(std::optional<ntlm::Explanation> told, std::optional<ntlm::Explanation> decided = std::nullopt) {
    authority->on_finish = [told, decided](const ntlm::FinishRequest&) {
      ntlm::Verdict verdict = FakeAuthority::denied("alice", "setting = value: why");
      verdict.told = told;
      verdict.decided = decided ? decided : told;
      return ntlm::Reply{std::move(verdict)};
    };
  }
  void deny_at_begin(const ntlm::Explanation& told) {
    authority->on_begin = [told](const ntlm::BeginRequest&) {
      ntlm::Verdict verdict = FakeAuthority::denied("", "setting = value: why");
      verdict.told = verdict.decided = told;
      return std::optional{ntlm::Reply{std::move(verdict)}};
    };
  }
  /// The gateway's log while `act` runs.
  template <typename Act>
  std::string logged(Act&& act) {
    http::log::set_level("info");
    ::testing::internal::CaptureStderr();
    act();
    return ::testing::internal::GetCapturedStderr();
  }
  static bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
  /// The answer to a NEGOTIATE.
  Answer first_answer(const std::string& headers = "") {
    RawClient client{port()};
    return client.ask(get("/", authorization("NTLM", kNtlmNegotiate) + headers)).value_or(Answer{});
  }
  Answer last_answer(const std::string& headers = "") {
    RawClient client{port()};
    (void)client.ask(get("/", authorization("NTLM", kNtlmNegotiate)));
    return client.ask(get("/", authorization("NTLM", authenticate_token("alice", "right")) + headers)).value_or(Answer{});
  }
};

TEST_F(DenialPage, AResponseThatThePolicyRefusesGets401WithOffersAndThePageSaysWhy) {
  deny_with(bindings_missing());
  start();
  const Answer answer = last_answer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.values("WWW-Authenticate"), (std::vector<std::string>{"Negotiate", "NTLM"}));
  EXPECT_EQ(answer.value("Connection"), "close");
  EXPECT_EQ(answer.value("Cache-Control"), "no-store");
  EXPECT_EQ(answer.value("Content-Type"), "text/html; charset=utf-8");
  for (const std::string_view part : {"ExtendedProtection", "always", "No channel bindings came.",
                                      "Use a client that sends bindings.", "server, response", "event-2"}) {
    EXPECT_TRUE(says(answer.body, part)) << part << "\n" << answer.body;
  }
}

TEST_F(DenialPage, NtlmThatIsRefusedToEverybodyGets403WithoutOffersOnAConnectionThatStays) {
  deny_at_begin(no_ntlm_here());
  start();
  RawClient client{port()};
  const auto answer = client.ask(get("/", authorization("NTLM", kNtlmNegotiate)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 403);
  EXPECT_TRUE(answer->values("WWW-Authenticate").empty()) << "another try would end in the same way";
  EXPECT_EQ(answer->value("Connection"), "");
  EXPECT_EQ(answer->value("Cache-Control"), "no-store");
  EXPECT_TRUE(says(answer->body, "RestrictReceivingNTLMTraffic"));
  EXPECT_TRUE(says(answer->body, "This server takes no NTLM."));
  authority->on_begin = {};
  EXPECT_EQ(log_on(client)->status, 200) << "the policy was changed, and the connection is still good";
}

TEST_F(DenialPage, JsonHasTheSameFieldsByName) {
  deny_with(bindings_missing());
  start();
  const Answer answer = last_answer(kJson);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.value("Content-Type"), "application/json");
  EXPECT_EQ(answer.value("Cache-Control"), "no-store");
  const auto json = nlohmann::json::parse(answer.body);
  EXPECT_EQ(json, (nlohmann::json{{"status", 401},
                                  {"message", "The policy of this service does not take this logon."},
                                  {"setting", "ExtendedProtection"},
                                  {"value", "always"},
                                  {"point", "server"},
                                  {"stage", "response"},
                                  {"reason", "no channel bindings came"},
                                  {"cure", "Use a client that sends bindings."},
                                  {"event_id", "event-2"}}));
}

TEST_F(DenialPage, AValueThatIsNotToldIsNotThere) {
  ntlm::Explanation told = no_ntlm_here();
  told.value.clear();
  deny_at_begin(told);
  start();
  EXPECT_FALSE(nlohmann::json::parse(first_answer(kJson).body).contains("value"));
  EXPECT_FALSE(says(first_answer().body, "Its value"));
  deny_at_begin(no_ntlm_here());
  EXPECT_TRUE(nlohmann::json::parse(first_answer(kJson).body).contains("value"));
  EXPECT_TRUE(says(first_answer().body, "Its value"));
}

TEST_F(DenialPage, TheLogLineSaysSettingValueReasonAndCureAndTheAllowedTwinDoesNot) {
  deny_with(bindings_missing());
  start();
  const std::string line = logged([&] { (void)last_answer(); });
  EXPECT_TRUE(
      says(line,
           "status=STATUS_LOGON_FAILURE event=event-2 setting=ExtendedProtection value=\"always\" point=server stage=response "
           "reason=\"no channel bindings came\" cure=\"Use a client that sends bindings.\""))
      << line;
  authority->on_finish = {};
  const std::string twin = logged([&] { EXPECT_EQ(last_answer().status, 200); });
  EXPECT_TRUE(says(twin, "logon allowed user=\"DEMO\\alice\"")) << twin;
  EXPECT_FALSE(says(twin, "setting=") || says(twin, "cure=")) << twin;
}

TEST_F(DenialPage, R37_WhatIsForTheLogAloneIsOnNoPageAndTheBytesAreThoseOfAWrongPassword) {
  start();
  const auto without_date = [](const Answer& answer) {
    std::string text = answer.head;
    const std::size_t start = text.find("\r\nDate: ");
    if (start != std::string::npos) text.erase(start, text.find("\r\n", start + 2) - start);
    return text + "\r\n" + answer.body;
  };
  for (const std::string& accept : {std::string{}, kJson}) {
    deny_with(std::nullopt);
    const Answer wrong_password = last_answer(accept);
    EXPECT_EQ(wrong_password.value("Connection"), "") << "it may try again";
    deny_with(std::nullopt, account_disabled());
    Answer disabled;
    const std::string line = logged([&] { disabled = last_answer(accept); });
    EXPECT_EQ(without_date(disabled), without_date(wrong_password));
    EXPECT_TRUE(says(line, "setting=AccountState value=\"STATUS_ACCOUNT_DISABLED\" point=account-dc stage=verified")) << line;
    for (const std::string_view part : {"AccountState", "DISABLED", "event-2", "verified"}) EXPECT_FALSE(says(disabled.body, part));
  }
}

TEST_F(DenialPage, TextsAreEscapedInHtmlJsonAndLog) {
  ntlm::Explanation told = bindings_missing();
  told.reason = "<script>alert('1')</script> & \"x\"\\\r\nlogon allowed user=\"DEMO\\eve\"";
  told.value = "\" setting=none";
  deny_with(told);
  start();
  std::string body;
  const std::string line = logged([&] { body = last_answer().body; });
  EXPECT_FALSE(says(body, "<script"));
  EXPECT_TRUE(says(body, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"));
  EXPECT_EQ(nlohmann::json::parse(last_answer(kJson).body)["reason"], told.reason);
  EXPECT_TRUE(says(line, "value=\"\\\" setting=none\"")) << line;
  EXPECT_TRUE(says(line, "\\\"x\\\"\\\\??logon allowed user=\\\"DEMO\\\\eve\\\"")) << line;
}

TEST_F(DenialPage, APageIsBoundedWhateverTheAuthoritySends) {
  const std::string longest(ntlm::kMaxExplanationBytes, '"');
  http::Denial denial{{DenialPoint::server, DenialStage::response, longest, longest, longest, longest}, longest};
  EXPECT_LE(http::denial_page(401, denial, false).body.size(), http::kMaxDenialPageBytes);
  EXPECT_LE(http::denial_page(401, denial, true).body.size(), http::kMaxDenialPageBytes);
  const std::string before = http::denial_page(401, denial, false).body + http::log_text(denial.explanation);
  denial.explanation.reason += std::string(100'000, '<');
  EXPECT_EQ(http::denial_page(401, denial, false).body.size() + http::log_text(denial.explanation).size(), before.size());
}

TEST_F(DenialPage, HeadIsAnsweredWithoutABodyAndABodyBeforeTheLogonIsRead) {
  deny_with(bindings_missing());
  start();
  RawClient client{port()};
  (void)client.ask(get("/", authorization("NTLM", kNtlmNegotiate)));
  const auto head = client.ask(
      "HEAD / HTTP/1.1\r\nHost: localhost\r\n" + authorization("NTLM", authenticate_token("alice", "right")) + "\r\n", true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 401);
  EXPECT_NE(head->value("Content-Length"), "0");
  EXPECT_TRUE(client.closed()) << "no byte of a body";
  deny_at_begin(no_ntlm_here());
  RawClient poster{port()};
  EXPECT_EQ(
      poster
          .ask("POST / HTTP/1.1\r\nHost: localhost\r\n" + authorization("NTLM", kNtlmNegotiate) + "Content-Length: 5\r\n\r\nhello")
          ->status,
      403);
  EXPECT_EQ(poster.ask(get())->status, 401) << "the body was no request";
}

TEST_F(DenialPage, RefusalsOfAConnectionAreCountedAlsoWhereNothingIsOffered) {
  deny_at_begin(no_ntlm_here());
  start();
  RawClient client{port()};
  const std::string request = get("/", authorization("NTLM", kNtlmNegotiate));
  EXPECT_EQ(client.ask(request)->value("Connection"), "");
  EXPECT_EQ(client.ask(request)->value("Connection"), "");
  EXPECT_EQ(client.ask(request)->value("Connection"), "close");
  EXPECT_EQ(metric("logons_total{outcome=\"denied\"}"), 3);
}

TEST_F(DenialPage, TheGatewaysOwnPlainHttpIsExplainedAsWell) {
  start("[authentication]\nplain_http = \"never\"\n");
  Answer answer;
  const std::string line = logged([&] { answer = first_answer(kJson); });
  EXPECT_EQ(answer.status, 403);
  EXPECT_TRUE(answer.values("WWW-Authenticate").empty());
  const auto json = nlohmann::json::parse(answer.body);
  EXPECT_EQ(json["setting"], "plain_http");
  EXPECT_EQ(json["value"], "never");
  EXPECT_FALSE(json["cure"].get<std::string>().empty());
  EXPECT_TRUE(says(line, "logon refused from=127.0.0.1 setting=plain_http value=\"never\"")) << line;
  EXPECT_TRUE(says(first_answer().body, "plain_http"));
}

}  // namespace
}  // namespace postern::test
