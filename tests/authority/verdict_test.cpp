// What a logon ends with: statuses that stay apart inside, one face outside, and an event for each.
#include <algorithm>
#include <cctype>
#include <set>
#include <thread>

#include "authority_fixture.hpp"
#include "event/json.hpp"

namespace postern::authority {
namespace {

using event::Decision;

TEST_F(AuthorityTest, TheRightPasswordLogsOnWithIdentityGroupsAndAnEvent) {
  const ntlm::Verdict verdict = log_on();
  EXPECT_EQ(verdict.status, NtStatus::success) << verdict.why;
  EXPECT_EQ(verdict.identity, (ntlm::Identity{"DEMO", "alice", alice_.sid, ntlm::AccountKind::domain}));
  EXPECT_EQ(verdict.groups, std::vector<std::string>{"staff"});
  EXPECT_EQ(verdict.facts.package, "NTLM");
  EXPECT_EQ(verdict.facts.version, "NTLMv2");
  EXPECT_EQ(verdict.facts.mic, "verified");
  EXPECT_EQ(verdict.facts.workstation, "WS1");
  const event::LogonEvent event = last_event();
  EXPECT_EQ(event.id->text(), verdict.event_id);
  EXPECT_EQ(event.outcome, event::Outcome::success);
  EXPECT_EQ(shown().last_logon, environment_.now());
}

TEST_F(AuthorityTest, R28_WrongPasswordAccountStateNoStoreAndMalformedHaveFourStatuses) {
  std::vector<NtStatus> statuses{wrong_logon()};
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  statuses.push_back(status_of_logon());
  store_->fail_find = true;
  statuses.push_back(status_of_logon({.user = "bob"}));
  store_->fail_find = false;
  statuses.push_back(status_of_logon({.tamper = [](Bytes& token) { token.resize(40); }}));
  EXPECT_EQ(statuses, (std::vector{NtStatus::wrong_password, NtStatus::account_disabled, NtStatus::no_logon_servers,
                                   NtStatus::invalid_parameter}));
}

TEST_F(AuthorityTest, R28_ToThePeerTheDenialsDifferInNothingButWhatTheLogSays) {
  const Attempt wrong{.password = std::string{kWrongPassword}, .wants_session_key = true};
  std::vector<ntlm::Verdict> denials;
  denials.push_back(log_on(wrong));
  denials.push_back(log_on({.user = "nobody", .wants_session_key = true}));
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::no));
  denials.push_back(log_on({.wants_session_key = true}));
  ASSERT_TRUE(sqlite_->set_enabled(alice_.id, account::Enabled::yes));
  store_->fail_commit = true;
  denials.push_back(log_on({.wants_session_key = true}));
  store_->fail_find = true;
  denials.push_back(log_on({.user = "bob", .wants_session_key = true}));
  std::set<NtStatus> statuses;
  for (const ntlm::Verdict& denial : denials) {
    statuses.insert(denial.status);
    EXPECT_FALSE(denial.allowed());
    EXPECT_TRUE(denial.token.empty()) << denial.why;
    EXPECT_TRUE(denial.identity.sid.empty()) << denial.why;
    EXPECT_EQ(denial.identity.kind, ntlm::AccountKind::unknown) << denial.why;
    EXPECT_TRUE(denial.groups.empty()) << denial.why;
    EXPECT_FALSE(denial.session_key) << denial.why;
  }
  EXPECT_EQ(statuses,
            (std::set{NtStatus::wrong_password, NtStatus::no_such_user, NtStatus::account_disabled, NtStatus::no_logon_servers}));
}

TEST_F(AuthorityTest, R28_DomainsThatCouldNotBeReadAreNoUnknownAccount) {
  store_->fail_list = true;
  start(config());
  EXPECT_EQ(status_of_logon(), NtStatus::no_logon_servers);
  store_->fail_list = false;
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AuthorityTest, R33_ACommitThatFailsDeniesTheRightPasswordAndLeavesNoEvent) {
  store_->fail_commit = true;
  const ntlm::Verdict verdict = log_on({.wants_session_key = true});
  EXPECT_EQ(verdict.status, NtStatus::no_logon_servers);
  EXPECT_TRUE(verdict.event_id.empty());
  EXPECT_TRUE(stored().empty());
  EXPECT_TRUE(sink_.events().empty());
  EXPECT_EQ(authority_->committed().failed, 1U);
  store_->fail_commit = false;
  EXPECT_EQ(status_of_logon(), NtStatus::success);
}

TEST_F(AuthorityTest, R33_AFullQueueDeniesAtOnceAndWhatIsQueuedIsAnswered) {
  Config small = config();
  small.max_queued_commits = 2;
  start(small);
  std::vector<Begun> handshakes;
  for (int i = 0; i < 6; ++i) handshakes.push_back(begun({}));
  store_->hold_commits();
  std::vector<std::shared_ptr<std::promise<NtStatus>>> answers;
  const auto send = [&](Begun& handshake) {
    auto answered = std::make_shared<std::promise<NtStatus>>();
    answers.push_back(answered);
    authority_->finish(peer(), 1, std::move(handshake.finish),
                       [answered](ntlm::Reply reply) { answered->set_value(std::get<ntlm::Verdict>(reply).status); });
  };
  send(handshakes[0]);
  store_->wait_for_a_held_commit();
  for (std::size_t i = 1; i < handshakes.size(); ++i) send(handshakes[i]);
  // One is being written, two wait, three found no room: those are answered while the store still hangs.
  for (std::size_t i = 3; i < 6; ++i) EXPECT_EQ(answers[i]->get_future().get(), NtStatus::no_logon_servers);
  store_->release_commits();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(answers[i]->get_future().get(), NtStatus::success);
  EXPECT_EQ(stored().size(), 3U);
}

TEST_F(AuthorityTest, R33_OneEventThatTheStoreRefusesDoesNotDenyTheOthersOfItsBatch) {
  Committer committer{*store_, &sink_, 100};
  store_->hold_commits();
  std::vector<std::future<bool>> outcomes;
  const auto submit = [&](account::EventRecord record) {
    auto done = std::make_shared<std::promise<bool>>();
    outcomes.push_back(done->get_future());
    EXPECT_TRUE(committer.submit({.commit = {std::move(record), {}},
                                  .event = std::make_shared<const event::LogonEvent>(),
                                  .done = [done](Committer::Outcome outcome) { done->set_value(outcome.has_value()); }}));
  };
  submit(account::event_of("first"));
  store_->wait_for_a_held_commit();
  submit(account::event_of("good"));
  account::EventRecord poison = account::event_of("poison");
  poison.json.assign(account::kMaxEventBytes + 1, 'x');
  submit(poison);
  submit(account::event_of("also good"));
  store_->release_commits();
  std::vector<bool> recorded;
  for (auto& outcome : outcomes) recorded.push_back(outcome.get());
  EXPECT_EQ(recorded, (std::vector{true, true, false, true}));
  EXPECT_EQ(stored().size(), 3U);
  EXPECT_EQ(committer.counters().failed, 1U);
}

TEST_F(AuthorityTest, R33_TextsOfAnyLengthMakeAnEventThatTheStoreTakes) {
  Attempt attempt;
  attempt.tamper = [&](Bytes& token) {
    // User, domain and workstation all point at one long payload behind the message.
    const std::size_t start = token.size();
    const std::size_t length = 60'000 - start % 2;
    token.insert(token.end(), length, 1);
    for (const std::size_t field : {28U, 36U, 44U}) {
      store_le(token.data() + field, static_cast<std::uint16_t>(length));
      store_le(token.data() + field + 2, static_cast<std::uint16_t>(length));
      store_le(token.data() + field + 4, static_cast<std::uint32_t>(start));
    }
  };
  const ntlm::Verdict verdict = log_on(attempt);
  EXPECT_EQ(verdict.status, NtStatus::no_such_user) << verdict.why;
  ASSERT_EQ(stored().size(), 1U);
  EXPECT_LT(stored()[0].event.json.size(), 32'000U);
  EXPECT_TRUE(ntlm::encode(ntlm::RequestNonce{}, ntlm::Reply{log_on(attempt)})) << "the answer fits a frame";
}

TEST_F(AuthorityTest, TheSinkGetsEachEventOnceItIsStoredAndItsFailureDeniesNobody) {
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  ASSERT_EQ(sink_.events().size(), 1U);
  EXPECT_EQ(sink_.events()[0], last_event());
  sink_.fails = true;
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(authority_->committed().sink_failures, 1U);
}

TEST_F(AuthorityTest, EachVerdictHasItsEventAlsoWhereNothingWasCompared) {
  const ntlm::Verdict allowed = log_on();
  EXPECT_EQ(allowed.event_id, last_event().id->text());
  const Bytes garbage{1, 2, 3};
  const ntlm::Verdict malformed = verdict_of(begin(begin_of({}, garbage)));
  EXPECT_EQ(malformed.status, NtStatus::invalid_parameter);
  EXPECT_EQ(malformed.event_id, last_event().id->text());
  EXPECT_EQ(last_event().client.address, "192.0.2.10");
  const ntlm::Verdict plain = verdict_of(begin(begin_of({.tls = false}, garbage)));
  EXPECT_EQ(plain.event_id, last_event().id->text());
  EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
  EXPECT_EQ(stored().size(), 3U);
}

TEST_F(AuthorityTest, TheFactsOfAnEventAreTrue) {
  const ntlm::ChannelBindingHash ours{std::array<std::uint8_t, 16>{1, 2, 3}};
  const ntlm::ChannelBindingHash other{std::array<std::uint8_t, 16>{9}};
  Attempt attempt{.spn = "HTTP/web.example.org",
                  .bindings = ours,
                  .accepted_bindings = {other, ours},
                  .accepted_names = {"HTTP/web.example.org"}};
  EXPECT_EQ(status_of_logon(attempt), NtStatus::success);
  const event::LogonEvent event = last_event();
  EXPECT_EQ(event.source.kind, event::SourceKind::authority);
  EXPECT_EQ(event.package, event::Package::ntlm);
  EXPECT_EQ(event.status->code, 0U);
  EXPECT_EQ(event.ntlm.version, event::NtlmVersion::ntlm_v2);
  EXPECT_EQ(event.ntlm.mic, event::Mic::verified);
  EXPECT_EQ(event.ntlm.channel_binding, event::ChannelBinding::matched);
  EXPECT_EQ(event.ntlm.spn, "HTTP/web.example.org");
  EXPECT_EQ(event.ntlm.spn_check, event::SpnCheck::accepted);
  EXPECT_EQ(event.ntlm.key_bits, 128);
  EXPECT_EQ(event.ntlm.timestamp_offered, true);
  EXPECT_EQ(event.ntlm.client_time, event.ntlm.server_time);
  EXPECT_EQ(event.ntlm.server_names.nb_computer, "SRV1");
  EXPECT_EQ(event.account.name, "alice");
  EXPECT_EQ(event.account.domain, "DEMO");
  EXPECT_EQ(event.account.sid, alice_.sid);
  EXPECT_EQ(event.account.kind, event::AccountKind::domain);
  EXPECT_EQ(event.client.address, "192.0.2.10");
  EXPECT_EQ(event.client.port, 50'000);
  EXPECT_EQ(event.client.workstation, "WS1");
  EXPECT_EQ(event.server.name, "web");
  EXPECT_EQ(event.transport.tls, true);
  EXPECT_EQ(event.authority.name, "SRV1");
  EXPECT_TRUE(event.correlation.challenge_digest && event.correlation.proof_digest);
  ASSERT_FALSE(event.policy.empty());
  EXPECT_EQ(event.policy.front().decision, Decision::allow);

  attempt.bindings = other;
  attempt.accepted_bindings = {ours};
  EXPECT_EQ(status_of_logon(attempt), NtStatus::bad_bindings);
  EXPECT_EQ(last_event().ntlm.channel_binding, event::ChannelBinding::mismatched);
  EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
  EXPECT_EQ(last_event().policy.front().setting, policy::kExtendedProtection);
  EXPECT_EQ(last_event().policy.front().decision, Decision::deny);
  EXPECT_FALSE(last_event().account.sid) << "nothing was proved";

  attempt.bindings.reset();
  EXPECT_EQ(status_of_logon(attempt), NtStatus::success);
  EXPECT_EQ(last_event().ntlm.channel_binding, event::ChannelBinding::zero);

  Attempt no_mic;
  no_mic.tamper = [](Bytes& token) { token[72] ^= 1; };
  EXPECT_EQ(status_of_logon(no_mic), NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::wrong);
  EXPECT_EQ(last_event().policy.front().setting, policy::kRequireMic);
  EXPECT_EQ(last_event().policy.front().decision, Decision::deny);

  EXPECT_EQ(wrong_logon(), NtStatus::wrong_password);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::present) << "nobody could verify it";
  EXPECT_EQ(last_event().outcome, event::Outcome::failure);
  EXPECT_FALSE(last_event().account.sid);
}

TEST_F(AuthorityTest, AReloadDuringAHandshakeKeepsTheNamesThatItsChallengeGave) {
  Begun handshake = begun({});
  Config renamed = config();
  renamed.names.nb_computer = "SRV2";
  authority_->reconfigure(renamed);
  EXPECT_EQ(verdict_of(finish(std::move(handshake.finish))).status, NtStatus::success);
  EXPECT_EQ(last_event().ntlm.server_names.nb_computer, "SRV1");
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(last_event().ntlm.server_names.nb_computer, "SRV2");
}

TEST_F(AuthorityTest, ADomainAddedDuringAReloadIsNotLost) {
  add_domain("OTHER", "other.example.org", "");
  std::thread reloads{[&] {
    for (int i = 0; i < 200; ++i) authority_->reconfigure(config());
  }};
  EXPECT_TRUE(authority_->refresh_domains());
  reloads.join();
  const account::Domain other = sqlite_->find_domain("OTHER").value().value();
  add_account_in(other.id, "oscar");
  EXPECT_EQ(status_of_logon({.user = "oscar", .domain = "OTHER"}), NtStatus::success);
}

/// `bytes` in the forms in which a log could hold them.
std::vector<std::string> printed_forms(ByteView bytes) {
  std::string hex = to_hex(bytes);
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<std::string> forms{hex, upper};
  // In base64 the place within a longer text shifts the letters: drop up to two bytes and cut the ends that neighbours touch.
  for (std::size_t skip = 0; skip < 3 && bytes.size() > skip + 6; ++skip) {
    const ByteView whole = bytes.subspan(skip, (bytes.size() - skip) / 3 * 3);
    forms.push_back(to_base64(whole));
  }
  return forms;
}

TEST_F(AuthorityTest, R29_NoChallengeResponseKeyOrHashIsInAnyEventOrVerdict) {
  std::vector<Bytes> secrets;
  const NtHash hash = ntlm::nt_hash_of_password(SecretBytes{kPassword}).value();
  secrets.push_back(to_bytes(hash.reveal()));
  std::vector<std::string> texts;
  for (const bool right : {true, false, true}) {
    Attempt attempt{.wants_session_key = true};
    if (!right) attempt.password = kWrongPassword;
    Begun handshake = begun(attempt);
    secrets.push_back(to_bytes(ByteView{handshake.challenge}.subspan(24, 8)));
    const ByteView token = handshake.finish.token;
    const std::size_t nt_length = load_le<std::uint16_t>(token.data() + 20);
    const std::size_t nt_offset = load_le<std::uint32_t>(token.data() + 24);
    secrets.push_back(to_bytes(token.subspan(nt_offset, 16)));         // the proof
    secrets.push_back(to_bytes(token.subspan(nt_offset + 32, 8)));     // the client's challenge
    secrets.push_back(to_bytes(token.subspan(nt_offset, nt_length)));  // the whole response
    secrets.push_back(to_bytes(token.subspan(72, 16)));                // the MIC
    secrets.push_back(to_bytes(handshake.key.reveal()));
    const ntlm::Verdict verdict = verdict_of(finish(std::move(handshake.finish)));
    texts.push_back(verdict.why);
    ntlm::Verdict replayed = verdict_of(finish(begun(attempt).finish, 2));
    texts.push_back(replayed.why);
  }
  for (const auto& event : stored()) texts.push_back(event.event.json);
  for (const auto& event : sink_.events()) texts.push_back(event::to_json(event));
  ASSERT_GE(texts.size(), 18U);
  for (const Bytes& secret : secrets) {
    for (const std::string& form : printed_forms(secret)) {
      for (const std::string& text : texts) EXPECT_EQ(text.find(form), std::string::npos) << form << " in " << text;
    }
  }
}

}  // namespace
}  // namespace postern::authority
