// Half-open handshakes: good once, soon, on the connection that began them; and what a peer may ask for.
#include "authority_fixture.hpp"

namespace postern::authority {
namespace {

TEST_F(AuthorityTest, R40_AHandshakeIsGoodOnce) {
  Begun handshake = begun({});
  const ntlm::FinishRequest again = handshake.finish;
  EXPECT_EQ(verdict_of(finish(std::move(handshake.finish))).status, NtStatus::success);
  EXPECT_EQ(verdict_of(finish(again)).status, NtStatus::request_not_accepted) << "the same AUTHENTICATE once more";
  const event::LogonEvent event = last_event();
  EXPECT_EQ(event.outcome, event::Outcome::failure);
  ASSERT_EQ(event.findings.size(), 1U);
  EXPECT_EQ(event.findings[0].id, "unknown-challenge");
  EXPECT_EQ(event.findings[0].severity, event::Severity::warning);
}

TEST_F(AuthorityTest, R40_AHandshakeIsUsedUpByAFailureAsWell) {
  Begun handshake = begun({.password = std::string{kWrongPassword}});
  const ntlm::HandshakeId id = handshake.finish.handshake;
  EXPECT_EQ(verdict_of(finish(std::move(handshake.finish))).status, NtStatus::wrong_password);
  Begun right = begun({});
  right.finish.handshake = id;
  EXPECT_EQ(verdict_of(finish(std::move(right.finish))).status, NtStatus::request_not_accepted);
}

TEST_F(AuthorityTest, R40_AHandshakeEndsAfterSixtySecondsAndLivesUntilThen) {
  Begun late = begun({});
  environment_.pass(60);
  EXPECT_EQ(verdict_of(finish(std::move(late.finish))).status, NtStatus::request_not_accepted);
  EXPECT_EQ(last_event().findings.at(0).id, "unknown-challenge");
  Begun in_time = begun({});
  environment_.pass(59);
  EXPECT_EQ(verdict_of(finish(std::move(in_time.finish))).status, NtStatus::success);
}

TEST_F(AuthorityTest, R40_AHandshakeBelongsToTheConnectionThatBeganIt) {
  Begun handshake = begun({}, 1);
  const ntlm::FinishRequest stolen = handshake.finish;
  EXPECT_EQ(verdict_of(finish(stolen, 2)).status, NtStatus::request_not_accepted);
  EXPECT_EQ(last_event().findings.at(0).id, "unknown-challenge");
  EXPECT_EQ(verdict_of(finish(std::move(handshake.finish), 1)).status, NtStatus::success) << "the thief did not use it up";
}

TEST_F(AuthorityTest, R40_AResponseToAnotherChallengeIsRefused) {
  Begun recorded = begun({});
  Begun fresh = begun({});
  fresh.finish.token = recorded.finish.token;
  EXPECT_EQ(verdict_of(finish(std::move(fresh.finish))).status, NtStatus::wrong_password);
}

TEST_F(AuthorityTest, R40_NoTwoChallengesAreTheSame) {
  const Begun one = begun({});
  const Begun two = begun({});
  EXPECT_NE(to_hex(ByteView{one.challenge}.subspan(24, 8)), to_hex(ByteView{two.challenge}.subspan(24, 8)));
  EXPECT_FALSE(one.finish.handshake == two.finish.handshake);
}

TEST_F(AuthorityTest, CancelAndTheEndOfAConnectionDropHandshakes) {
  Begun cancelled = begun({}, 1);
  const Begun kept = begun({}, 2);
  EXPECT_EQ(authority_->half_open(), 2U);
  authority_->cancel(2, {cancelled.finish.handshake});
  EXPECT_EQ(authority_->half_open(), 2U) << "another connection's";
  authority_->cancel(1, {cancelled.finish.handshake});
  EXPECT_EQ(authority_->half_open(), 1U);
  EXPECT_EQ(verdict_of(finish(std::move(cancelled.finish), 1)).status, NtStatus::request_not_accepted);
  authority_->connection_closed(2);
  EXPECT_EQ(authority_->half_open(), 0U);
}

TEST_F(AuthorityTest, R31_HalfOpenHandshakesAreLimitedForAPeerOverAllItsConnections) {
  Peer small = peer();
  small.max_half_open = 3;
  for (PeerConnection connection = 1; connection <= 3; ++connection) begun({}, connection, small);
  const auto first = ntlm::Initiator::start(initiator_config({})).value();
  ntlm::Verdict refused = verdict_of(begin(begin_of({}, first.negotiate_message()), 4, small));
  EXPECT_EQ(refused.status, NtStatus::request_not_accepted);
  Peer other = peer();
  other.uid = 1001;
  begun({}, 5, other);  // another peer is not held up
  environment_.pass(61);
  begun({}, 4, small);  // what is too old on the other connections makes room
  authority_->connection_closed(4);
  EXPECT_EQ(authority_->half_open(), 1U);
}

TEST_F(AuthorityTest, R34_ANegotiateLongerThanAnyClientsIsNotKept) {
  Bytes negotiate = to_bytes(ntlm::Initiator::start(initiator_config({})).value().negotiate_message());
  negotiate.resize(ntlm::kMaxNegotiateBytes);
  EXPECT_TRUE(std::holds_alternative<ntlm::Continue>(begin(begin_of({}, negotiate))));
  negotiate.resize(ntlm::kMaxNegotiateBytes + 1);
  EXPECT_EQ(verdict_of(begin(begin_of({}, negotiate))).status, NtStatus::invalid_parameter);
}

TEST_F(AuthorityTest, R31_APeerSpeaksOnlyForItsServices) {
  const auto client = ntlm::Initiator::start(initiator_config({})).value();
  for (const char* service : {"ldap", "nothing", ""}) {
    const ntlm::Verdict refused = verdict_of(begin(begin_of({.service = service}, client.negotiate_message())));
    EXPECT_EQ(refused.status, NtStatus::access_denied) << service;
    EXPECT_EQ(last_event().findings.at(0).id, "service-not-allowed") << service;
    EXPECT_EQ(last_event().server.name, service);
  }
  Peer directory = peer();
  directory.services = {"ldap"};
  EXPECT_TRUE(
      std::holds_alternative<ntlm::Continue>(begin(begin_of({.service = "ldap"}, client.negotiate_message()), 1, directory)));
}

TEST_F(AuthorityTest, R31_AServiceThatAReloadTookAwayLetsNobodyInAnyMore) {
  Begun handshake = begun({});
  Config without = config();
  without.services.erase(without.services.begin());
  authority_->reconfigure(without);
  EXPECT_EQ(verdict_of(finish(std::move(handshake.finish))).status, NtStatus::access_denied);
  EXPECT_EQ(last_event().server.name, "web");
}

TEST_F(AuthorityTest, R31_ASessionKeyGoesOnlyToAPeerWithTheRightAndOnlyIfItAsks) {
  EXPECT_FALSE(log_on({.wants_session_key = true}).session_key) << "no right";
  Peer trusted = peer();
  trusted.session_keys = SessionKeys::released;
  Begun silent = begun({}, 1, trusted);
  EXPECT_FALSE(verdict_of(finish(std::move(silent.finish), 1, trusted)).session_key) << "not asked for";
  Begun asking = begun({.wants_session_key = true}, 1, trusted);
  const ntlm::Verdict verdict = verdict_of(finish(std::move(asking.finish), 1, trusted));
  ASSERT_TRUE(verdict.session_key);
  EXPECT_TRUE(constant_time_equal(verdict.session_key->reveal(), asking.key.reveal()));
  Begun wrong = begun({.password = std::string{kWrongPassword}, .wants_session_key = true}, 1, trusted);
  EXPECT_FALSE(verdict_of(finish(std::move(wrong.finish), 1, trusted)).session_key) << "denied";
}

}  // namespace
}  // namespace postern::authority
