// Each setting that the authority enforces, with its refusing twin.
#include "authority_fixture.hpp"
#include "ntlm/ntlm_test_support.hpp"

namespace postern::authority {
namespace {

using wire::NegotiateFlag;

class PolicyTest : public AuthorityTest {
 protected:
  using Settings = std::vector<std::pair<std::string_view, std::string_view>>;
  void start_with_all(const Settings& settings) {
    Config changed = config();
    for (const auto& [name, value] : settings) EXPECT_TRUE(policy::set(changed.services[0].policy, name, value)) << name;
    start(std::move(changed));
  }

  enum class Old { ntlm_v1, ntlm_v1_ess, lm_v2, lm_only };
  /// A client of the last century.
  ntlm::Verdict old_logon(Old kind, std::string_view password = kPassword) {
    wire::NegotiateFlags flags = wire::NegotiateFlags{}.with(NegotiateFlag::unicode).with(NegotiateFlag::ntlm);
    if (kind == Old::ntlm_v1_ess) flags = flags.with(NegotiateFlag::extended_session_security);
    ntlm::Reply reply = begin(begin_of({}, ntlm::testing_support::negotiate_of(flags)));
    const auto& next = std::get<ntlm::Continue>(reply);
    const wire::ServerChallenge challenge = wire::ChallengeMessage::parse(next.token).value().server_challenge;
    const NtHash hash = ntlm::nt_hash_of_password(SecretBytes{password}).value();
    const ntlm::ClientChallenge client = environment_.random_value<ntlm::ClientChallenge>();
    ntlm::testing_support::RawAuthenticate message;
    message.flags = flags;
    message.user = ntlm::testing_support::utf16("alice");
    message.domain = ntlm::testing_support::utf16("DEMO");
    const auto bytes = [](const auto& response) { return Bytes{response.begin(), response.end()}; };
    switch (kind) {
      case Old::ntlm_v1:
        message.nt = bytes(ntlm::desl(hash.reveal(), challenge.bytes()));
        message.lm = message.nt;
        break;
      case Old::ntlm_v1_ess:
        message.nt = bytes(ntlm::desl(hash.reveal(), ntlm::ess_challenge(challenge, client.bytes())));
        message.lm = to_bytes(client.bytes());
        message.lm.resize(24);
        break;
      case Old::lm_v2:
        message.lm = bytes(ntlm::lmv2_response(ntlm::testing_support::response_key(hash, "alice", "DEMO"), challenge, client));
        break;
      case Old::lm_only: message.lm.assign(24, 0x55); break;
    }
    return verdict_of(finish(finish_of({}, next.handshake, message.write())));
  }
};

TEST_F(PolicyTest, R12_OldResponsesAreRefusedByDefaultAndNothingIsChargedOrCompared) {
  for (const Old kind : {Old::ntlm_v1, Old::ntlm_v1_ess, Old::lm_v2, Old::lm_only}) {
    EXPECT_EQ(old_logon(kind).status, NtStatus::logon_failure) << static_cast<int>(kind);
    EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
    EXPECT_EQ(last_event().policy.front().setting, policy::kLmCompatibilityLevel);
  }
  EXPECT_EQ(authority_->counters().comparisons, 0U);
  EXPECT_EQ(shown().bad_passwords.count, 0);
}

TEST_F(PolicyTest, R12_OldResponsesAreVerifiedWhenTheServicesPolicySaysSo) {
  start_with_all({{policy::kLmCompatibilityLevel, "4"}, {policy::kExtendedProtection, "never"}});
  EXPECT_EQ(old_logon(Old::ntlm_v1).status, NtStatus::success);
  EXPECT_EQ(last_event().ntlm.version, event::NtlmVersion::ntlm_v1);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::not_applicable);
  EXPECT_EQ(old_logon(Old::ntlm_v1_ess).facts.version, "NTLMv1-ESS");
  EXPECT_EQ(old_logon(Old::lm_v2).status, NtStatus::success);
  EXPECT_EQ(last_event().ntlm.version, event::NtlmVersion::lm_v2);
  for (const Old kind : {Old::ntlm_v1, Old::ntlm_v1_ess, Old::lm_v2}) {
    EXPECT_FALSE(old_logon(kind, kWrongPassword).allowed()) << static_cast<int>(kind);
  }
  EXPECT_FALSE(old_logon(Old::lm_only).allowed());
}

TEST_F(PolicyTest, R22_Lmv2AloneMeetsNoPolicyThatAsksForBindings) {
  start_with_all({{policy::kLmCompatibilityLevel, "4"}});
  const ntlm::Verdict verdict = old_logon(Old::lm_v2);
  EXPECT_EQ(verdict.status, NtStatus::bad_bindings) << verdict.why;
}

TEST_F(PolicyTest, R23_ExtendedProtectionAtEachLevel) {
  const ntlm::ChannelBindingHash ours{std::array<std::uint8_t, 16>{1}};
  const ntlm::ChannelBindingHash other{std::array<std::uint8_t, 16>{2}};
  const Attempt matching{.bindings = ours, .accepted_bindings = {ours}};
  const Attempt wrong{.bindings = other, .accepted_bindings = {ours}};
  const Attempt none{.accepted_bindings = {ours}};
  const auto statuses = [&](std::string_view level) {
    start_with(policy::kExtendedProtection, level);
    return std::vector{status_of_logon(matching), status_of_logon(wrong), status_of_logon(none)};
  };
  EXPECT_EQ(statuses("never"), (std::vector{NtStatus::success, NtStatus::success, NtStatus::success}));
  EXPECT_EQ(statuses("when-supported"), (std::vector{NtStatus::success, NtStatus::bad_bindings, NtStatus::success}));
  EXPECT_EQ(statuses("always"), (std::vector{NtStatus::success, NtStatus::bad_bindings, NtStatus::bad_bindings}));
}

TEST_F(PolicyTest, R20_RequireMicRefusesAClientWithoutAndAcceptsOneWith) {
  // The AV flags of the response are under its proof: a client without a MIC is one that never announced it, and makes its own
  // time.
  const auto without = [&]() {
    const wire::NegotiateFlags flags = wire::NegotiateFlags{}.with(NegotiateFlag::unicode).with(NegotiateFlag::ntlm);
    ntlm::Reply reply = begin(begin_of({}, ntlm::testing_support::negotiate_of(flags)));
    const auto& next = std::get<ntlm::Continue>(reply);
    const wire::ServerChallenge challenge = wire::ChallengeMessage::parse(next.token).value().server_challenge;
    const NtHash hash = ntlm::nt_hash_of_password(SecretBytes{kPassword}).value();
    ntlm::testing_support::RawAuthenticate message;
    message.flags = flags;
    message.user = ntlm::testing_support::utf16("alice");
    message.domain = ntlm::testing_support::utf16("DEMO");
    message.payload_offset = 64;
    message.nt =
        ntlm::testing_support::v2_response(
            ntlm::testing_support::response_key(hash, "alice", "DEMO"),
            ntlm::testing_support::v2_blob(wire::AvPairsBuilder{}.finish(), 4, FileTime{environment_.now().ticks() + 7}), challenge)
            .response;
    return verdict_of(finish(finish_of({}, next.handshake, message.write())));
  };
  EXPECT_EQ(without().status, NtStatus::success) << "by default no MIC is demanded (peers)";
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::absent);
  start_with(policy::kRequireMic, "always");
  EXPECT_EQ(without().status, NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().policy.front().setting, policy::kRequireMic);
  EXPECT_EQ(status_of_logon(), NtStatus::success);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::verified);
}

TEST_F(PolicyTest, R20_AnAnnouncedMicThatIsZeroOrCutOffIsRefusedWhateverThePolicy) {
  start_with(policy::kRequireMic, "never");
  EXPECT_EQ(status_of_logon({.tamper = [](Bytes& token) { std::fill_n(token.begin() + 72, 16, std::uint8_t{0}); }}),
            NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::announced_missing);
  EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
}

TEST_F(PolicyTest, R23_TargetNameCheckAtEachLevel) {
  const Attempt right{.spn = "HTTP/web.example.org:8443", .accepted_names = {"HTTP/web.example.org"}};
  const Attempt wrong{.spn = "cifs/web.example.org", .accepted_names = {"HTTP/web.example.org"}};
  const Attempt none{.accepted_names = {"HTTP/web.example.org"}};
  const auto statuses = [&](std::string_view level) {
    start_with(policy::kTargetNameCheck, level);
    return std::vector{status_of_logon(right), status_of_logon(wrong), status_of_logon(none)};
  };
  EXPECT_EQ(statuses("never"), (std::vector{NtStatus::success, NtStatus::success, NtStatus::success}));
  EXPECT_EQ(statuses("when-supported"), (std::vector{NtStatus::success, NtStatus::access_denied, NtStatus::success}));
  EXPECT_EQ(statuses("always"), (std::vector{NtStatus::success, NtStatus::access_denied, NtStatus::access_denied}));
}

TEST_F(PolicyTest, PlainHttpIsDecidedBeforeAChallengeIsMinted) {
  const auto client = ntlm::Initiator::start(initiator_config({})).value();
  const auto may_begin = [&](std::string address, bool tls) {
    ntlm::Reply reply = begin(begin_of({.address = std::move(address), .tls = tls}, client.negotiate_message()));
    const auto* verdict = std::get_if<ntlm::Verdict>(&reply);
    if (verdict != nullptr) {
      EXPECT_EQ(verdict->status, NtStatus::access_denied);
    }
    return verdict == nullptr;
  };
  EXPECT_FALSE(may_begin("192.0.2.9", false));
  EXPECT_EQ(last_event().policy.front().setting, policy::kPlainHttp);
  EXPECT_TRUE(may_begin("127.0.0.1", false));
  EXPECT_TRUE(may_begin("192.0.2.9", true));
  start_with(policy::kPlainHttp, "never");
  EXPECT_FALSE(may_begin("127.0.0.1", false));
  start_with(policy::kPlainHttp, "always");
  EXPECT_TRUE(may_begin("192.0.2.9", false));
}

TEST_F(PolicyTest, ClockSkewRefusesAnOldResponseAndOffTakesIt) {
  start_with(policy::kClockSkew, "30s");
  Begun slow = begun({});
  environment_.pass(31);
  EXPECT_EQ(verdict_of(finish(std::move(slow.finish))).status, NtStatus::time_difference_at_dc);
  start_with(policy::kClockSkew, "off");
  Begun late = begun({});
  environment_.pass(31);
  EXPECT_EQ(verdict_of(finish(std::move(late.finish))).status, NtStatus::success);
}

}  // namespace
}  // namespace postern::authority
