// A man in the middle between our own client and our own authority, in this process: what he changes, takes out or carries to
// another server fails at `always`, and at `when-supported` it fails as well or is on record. Nothing leaves the test.
#include <set>

#include "authority_fixture.hpp"
#include "ntlm/ntlm_test_support.hpp"
#include "ntlm/spnego_initiator.hpp"
#include "spnego/token.hpp"
#include "wire/av_pairs.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::authority {
namespace {

using wire::AvId;
using wire::NegotiateFlag;

const ntlm::ChannelBindingHash kServersCertificate{std::array<std::uint8_t, 16>{1}};
const ntlm::ChannelBindingHash kHisCertificate{std::array<std::uint8_t, 16>{2}};
constexpr std::string_view kOurName = "HTTP/web.example.org";
constexpr std::string_view kElsewhere = "HTTP/intranet.example.org";

/// What the man in the middle does with each message; an empty one passes it on.
struct Middle {
  std::function<void(Bytes&)> negotiate{};
  std::function<void(Bytes&)> challenge{};
  std::function<void(Bytes&)> authenticate{};
};

void pass(const std::function<void(Bytes&)>& change, Bytes& message) {
  if (change) change(message);
}

// ---- his tools: each rewrites a message and leaves it well formed

using PairChange = std::function<std::optional<Bytes>(AvId, ByteView)>;  // nothing: the pair is left out

Bytes changed_pairs(ByteView list, const PairChange& change, const std::function<void(wire::AvPairsBuilder&)>& more = {}) {
  const auto pairs = wire::AvPairs::parse(list, "pairs").value();
  wire::AvPairsBuilder builder;
  pairs.for_each([&](const wire::AvPair& pair) {
    if (const auto value = change(pair.id, pair.value)) builder.add(pair.id, *value);
  });
  if (more) more(builder);
  return std::move(builder).finish();
}
std::optional<Bytes> kept(ByteView value) { return to_bytes(value); }

/// Changes the target info of a CHALLENGE.
std::function<void(Bytes&)> challenge_pairs(PairChange change, std::function<void(wire::AvPairsBuilder&)> more = {}) {
  return [change = std::move(change), more = std::move(more)](Bytes& message) {
    auto challenge = wire::ChallengeMessage::parse(message).value();
    const Bytes pairs = changed_pairs(challenge.target_info, change, more);
    challenge.target_info = pairs;
    message = challenge.write().value();
  };
}

const PairChange kWithoutTime = [](AvId id, ByteView value) { return id == AvId::timestamp ? std::nullopt : kept(value); };

enum class Layout { with_mic, without_mic };

/// Writes an AUTHENTICATE anew after `change`; its MIC, if there is one, is carried over as it was.
void rewrite(Bytes& message, Layout layout, const std::function<void(wire::AuthenticateMessage&)>& change) {
  const Bytes before = message;
  auto authenticate = wire::AuthenticateMessage::parse(before).value();
  const auto mic = authenticate.mic;
  if (layout == Layout::without_mic) authenticate.mic.reset();
  change(authenticate);
  message = authenticate.write().value();
  if (layout == Layout::with_mic && mic) {
    std::ranges::copy(mic->bytes(), message.begin() + wire::AuthenticateMessage::kMicOffset);
  }
}

/// Changes the pairs inside the NTLMv2 response, under its proof.
std::function<void(Bytes&)> response_pairs(PairChange change) {
  return [change = std::move(change)](Bytes& message) {
    const Bytes before = message;
    const auto authenticate = wire::AuthenticateMessage::parse(before).value();
    const auto response = wire::Ntlmv2Response::parse(authenticate.nt_response, 0).value();
    Bytes nt = to_bytes(authenticate.nt_response.first(wire::kNtProofBytes + wire::Ntlmv2Response::kAvPairsOffset));
    const Bytes pairs = changed_pairs(response.blob.subspan(wire::Ntlmv2Response::kAvPairsOffset), change);
    nt.insert(nt.end(), pairs.begin(), pairs.end());
    nt.resize(nt.size() + 4);
    rewrite(message, Layout::with_mic, [&](wire::AuthenticateMessage& out) { out.nt_response = nt; });
  };
}

class Mitm : public AuthorityTest {
 protected:
  using Settings = std::vector<std::pair<std::string_view, std::string_view>>;
  void start_with_all(const Settings& settings) {
    Config changed = config();
    for (const auto& [name, value] : settings) EXPECT_TRUE(policy::set(changed.services[0].policy, name, value)) << name;
    start(std::move(changed));
  }
  void all_three(std::string_view level) {
    start_with_all({{policy::kRequireMic, level}, {policy::kExtendedProtection, level}, {policy::kTargetNameCheck, level}});
  }

  /// The client's and the server's connection as they are when nobody stands in between.
  static Attempt honest() {
    return {.spn = std::string{kOurName},
            .bindings = kServersCertificate,
            .accepted_bindings = {kServersCertificate},
            .accepted_names = {std::string{kOurName}}};
  }
  /// A client that can send neither bindings nor a name.
  static Attempt bare() { return {.accepted_bindings = {kServersCertificate}, .accepted_names = {std::string{kOurName}}}; }

  /// A logon through the middle. `client` is whom the client believes to talk to, `server` what the server sees.
  ntlm::Verdict log_on_through(const Attempt& client, const Middle& middle) {
    auto initiator = ntlm::Initiator::start(initiator_config(client)).value();
    Bytes token = to_bytes(initiator.negotiate_message());
    pass(middle.negotiate, token);
    ntlm::Reply reply = begin(begin_of(client, token));
    auto* next = std::get_if<ntlm::Continue>(&reply);
    if (next == nullptr) return std::get<ntlm::Verdict>(std::move(reply));
    Bytes challenge = next->token;
    pass(middle.challenge, challenge);
    environment_.pass(1);  // the client's clock is its own
    ntlm::InitiatorRandom random;
    random.client_challenge = environment_.random_value<ntlm::ClientChallenge>();
    random.random_session_key = environment_.random_value<ntlm::ExportedSessionKey>();
    auto done = std::move(initiator).on_challenge(challenge, std::move(random), environment_.now());
    if (!done) {
      client_refused_ = done.error().code;
      return {.status = NtStatus::request_not_accepted};
    }
    Bytes authenticate = to_bytes(done->authenticate_message());
    pass(middle.authenticate, authenticate);
    return verdict_of(finish(finish_of(client, next->handshake, std::move(authenticate))));
  }
  NtStatus status_through(const Attempt& client, const Middle& middle) { return log_on_through(client, middle).status; }

  /// What the setting said of the last logon.
  event::PolicyDecision decision_on(std::string_view setting) {
    for (const event::PolicyDecision& each : last_event().policy) {
      if (each.setting == setting) return each;
    }
    return {};
  }

  /// What detection said of the last logon.
  std::set<std::string> findings() {
    std::set<std::string> ids;
    for (const event::Finding& each : last_event().findings) ids.insert(each.id);
    return ids;
  }
  /// Logons that the authority learns this client's habits from.
  void honest_logons() {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(status_through(honest(), {}), NtStatus::success);
    EXPECT_EQ(findings(), Ids{});
  }

  using Ids = std::set<std::string>;
  std::optional<ErrorCode> client_refused_{};
};

TEST_F(Mitm, WithoutAManInTheMiddleTheLogonPassesEveryLevel) {
  for (const std::string_view level : {"never", "when-supported", "always"}) {
    all_three(level);
    EXPECT_EQ(status_through(honest(), {}), NtStatus::success) << level;
    EXPECT_EQ(last_event().ntlm.mic, event::Mic::verified);
    EXPECT_EQ(findings(), Ids{}) << level;
  }
}

// ---- relay to another server

TEST_F(Mitm, R23_ARelayedLogonThatWasMeantForAnotherServerIsRefusedWhereNamesAreLookedAt) {
  Attempt relayed = honest();
  relayed.spn = kElsewhere;
  for (const std::string_view level : {"when-supported", "always"}) {
    start_with(policy::kTargetNameCheck, level);
    EXPECT_EQ(status_through(relayed, {}), NtStatus::access_denied) << level;
    EXPECT_EQ(last_event().ntlm.spn_check, event::SpnCheck::refused);
    EXPECT_EQ(last_event().outcome, event::Outcome::blocked);
  }
  start_with(policy::kTargetNameCheck, "never");
  EXPECT_EQ(status_through(relayed, {}), NtStatus::success) << "the twin: nothing else stops it";
  EXPECT_EQ(findings(), Ids{"relay-target-host"});
}

TEST_F(Mitm, R23_ARelayedLogonOverAnotherCertificateIsRefusedWhereBindingsAreLookedAt) {
  Attempt relayed = honest();
  relayed.bindings = kHisCertificate;
  for (const std::string_view level : {"when-supported", "always"}) {
    start_with(policy::kExtendedProtection, level);
    EXPECT_EQ(status_through(relayed, {}), NtStatus::bad_bindings) << level;
    EXPECT_EQ(last_event().ntlm.channel_binding, event::ChannelBinding::mismatched);
  }
  start_with(policy::kExtendedProtection, "never");
  EXPECT_EQ(status_through(relayed, {}), NtStatus::success);
  EXPECT_EQ(findings(), Ids{"relay-bindings"});
}

TEST_F(Mitm, R23_ARelayedLogonOfAClientThatSaysNothingIsRefusedAtAlwaysOnly) {
  all_three("when-supported");
  EXPECT_EQ(status_through(bare(), {}), NtStatus::success);
  EXPECT_EQ(findings(), Ids{}) << "many clients say nothing";
  all_three("when-supported");
  honest_logons();
  EXPECT_EQ(status_through(bare(), {}), NtStatus::success);
  EXPECT_EQ(findings(), (Ids{"downgrade-bindings", "downgrade-target-name"})) << "this one did";
  EXPECT_EQ(decision_on(policy::kExtendedProtection).why, "no channel bindings came, and the client need not send any");
  for (const std::string_view setting : {policy::kExtendedProtection, policy::kTargetNameCheck}) {
    start_with(setting, "always");
    EXPECT_FALSE(log_on_through(bare(), {}).allowed()) << setting;
    EXPECT_EQ(last_event().policy.front().setting, setting);
  }
}

TEST_F(Mitm, R23_ALogonFromTlsRelayedToAPlainConnectionIsOnRecordAndRefusedAtAlways) {
  Attempt relayed = honest();
  relayed.accepted_bindings.clear();
  relayed.tls = false;
  start_with_all({{policy::kExtendedProtection, "when-supported"}, {policy::kPlainHttp, "always"}});
  EXPECT_EQ(status_through(relayed, {}), NtStatus::success);
  EXPECT_EQ(decision_on(policy::kExtendedProtection).decision, event::Decision::audit);
  EXPECT_EQ(findings(), Ids{"relay-bindings"});
  start_with_all({{policy::kExtendedProtection, "always"}, {policy::kPlainHttp, "always"}});
  EXPECT_EQ(status_through(relayed, {}), NtStatus::bad_bindings);
}

// ---- the MIC stripped

TEST_F(Mitm, R20_DroppingTheMicAndSigningIsRefusedAtEveryLevel) {
  // CVE-2019-1040: VERSION and MIC out of the AUTHENTICATE, SIGN out of every message.
  const auto unsigned_flags = [](wire::NegotiateFlags flags) {
    return wire::NegotiateFlags{flags.wire() & ~wire::NegotiateFlags{}
                                                    .with(NegotiateFlag::sign)
                                                    .with(NegotiateFlag::always_sign)
                                                    .with(NegotiateFlag::key_exchange)
                                                    .with(NegotiateFlag::version)
                                                    .wire()};
  };
  const Middle middle{
      .negotiate =
          [&](Bytes& message) {
            const Bytes before = message;
            auto negotiate = wire::NegotiateMessage::parse(before).value();
            negotiate.flags = unsigned_flags(negotiate.flags);
            negotiate.version.reset();
            message = negotiate.write().value();
          },
      .authenticate =
          [&](Bytes& message) {
            rewrite(message, Layout::without_mic, [&](wire::AuthenticateMessage& out) {
              out.flags = unsigned_flags(out.flags);
              out.version.reset();
            });
          },
  };
  for (const std::string_view level : {"never", "when-supported", "always"}) {
    start_with(policy::kRequireMic, level);
    EXPECT_EQ(status_through(honest(), middle), NtStatus::invalid_parameter) << level;
    EXPECT_EQ(last_event().ntlm.mic, event::Mic::announced_missing);
    EXPECT_EQ(decision_on(policy::kRequireMic).decision, event::Decision::deny);
    EXPECT_EQ(findings(), Ids{"mic-missing"});
  }
  EXPECT_EQ(shown().bad_passwords.count, 0) << "R39: the password was right";
}

TEST_F(Mitm, R20_ATamperedMessageUnderAnMicIsRefusedAtEveryLevel) {
  const Middle tampering[] = {
      {.negotiate = [](Bytes& message) { message[12] ^= 0x20; }},  // an offer changed
      {.challenge = [](Bytes& message) { message[20] ^= 0x20; }},  // a choice changed
      {.authenticate = [](Bytes& message) { message[60] ^= 0x20; }},
      {.authenticate = [](Bytes& message) { message[72] ^= 1; }},
      {.authenticate = [](Bytes& message) { std::fill_n(message.begin() + 72, 16, std::uint8_t{0}); }},
  };
  start_with(policy::kRequireMic, "never");
  for (const Middle& middle : tampering) {
    const ntlm::Verdict verdict = log_on_through(honest(), middle);
    EXPECT_FALSE(verdict.allowed()) << verdict.why;
    EXPECT_EQ(verdict.status, NtStatus::invalid_parameter) << verdict.why;
    EXPECT_EQ(findings(), Ids{last_event().ntlm.mic == event::Mic::wrong ? "mic-wrong" : "mic-missing"}) << verdict.why;
  }
}

TEST_F(Mitm, R21_AFlagsPairSmuggledIntoTheChallengeDoesNotMakeTheClientForgetItsMic) {
  // CVE-2019-1166: a client that echoes a forged MsvAvFlags announces no MIC.
  bool sent_announcement = false;
  const auto look = [&](Bytes& message) {
    const auto authenticate = wire::AuthenticateMessage::parse(message).value();
    const auto response = wire::Ntlmv2Response::parse(authenticate.nt_response, 0).value();
    sent_announcement = response.av_pairs.has(wire::AvFlag::mic_present);
  };
  const auto smuggle =
      challenge_pairs([](AvId, ByteView value) { return kept(value); }, [](wire::AvPairsBuilder& pairs) { pairs.add_flags(0); });
  start_with(policy::kRequireMic, "never");
  EXPECT_EQ(status_through(honest(), {.challenge = smuggle, .authenticate = look}), NtStatus::invalid_parameter);
  EXPECT_TRUE(sent_announcement) << "strict parsing: one MsvAvFlags, and it is the client's own";
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::wrong) << "he cannot make one for the CHALLENGE that he changed";

  const auto strip = [](Bytes& message) { rewrite(message, Layout::without_mic, [](wire::AuthenticateMessage&) {}); };
  EXPECT_EQ(status_through(honest(), {.challenge = smuggle, .authenticate = strip}), NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::announced_missing);
}

TEST_F(Mitm, R20_ACandidateForNoMicAtAllIsOnRecordAndRefusedAtAlways) {
  // Without the server's time a client sends no MIC (MS-NLMP 3.1.5.1.2): that cannot be told from an old client.
  const Middle middle{.challenge = challenge_pairs(kWithoutTime)};
  start_with(policy::kRequireMic, "when-supported");
  EXPECT_EQ(status_through(honest(), middle), NtStatus::success);
  EXPECT_EQ(findings(), Ids{});
  start_with(policy::kRequireMic, "when-supported");
  honest_logons();
  EXPECT_EQ(status_through(honest(), middle), NtStatus::success);
  EXPECT_EQ(findings(), Ids{"downgrade-mic"}) << "one that did better before is told";
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::absent);
  EXPECT_TRUE(last_event().ntlm.timestamp_offered.value_or(false));
  EXPECT_NE(last_event().ntlm.client_time, last_event().ntlm.server_time);
  start_with(policy::kRequireMic, "always");
  EXPECT_EQ(status_through(honest(), middle), NtStatus::invalid_parameter);
}

// ---- what stands under the proof

TEST_F(Mitm, R23_ATargetNameOrBindingsChangedOnTheWayBreakTheProof) {
  const auto change = [](AvId id, std::optional<Bytes> to) {
    return response_pairs([id, to](AvId each, ByteView value) { return each == id ? to : kept(value); });
  };
  Attempt relayed = honest();
  relayed.spn = kElsewhere;
  relayed.bindings = kHisCertificate;
  const std::function<void(Bytes&)> changes[] = {
      change(AvId::target_name, ntlm::testing_support::utf16(kOurName)),
      change(AvId::target_name, std::nullopt),
      change(AvId::channel_bindings, to_bytes(kServersCertificate.bytes())),
      change(AvId::channel_bindings, Bytes(16)),
      change(AvId::channel_bindings, std::nullopt),
      change(AvId::flags, std::nullopt),
  };
  start_with_all({{policy::kExtendedProtection, "never"}, {policy::kTargetNameCheck, "never"}});
  EXPECT_EQ(status_through(relayed, {.authenticate = change(AvId::single_host, std::nullopt)}), NtStatus::success)
      << "the twin: written anew and nothing changed";
  for (const auto& each : changes) {
    EXPECT_EQ(status_through(relayed, {.authenticate = each}), NtStatus::wrong_password);
    ASSERT_TRUE(sqlite_->unlock(alice_.id));
    environment_.pass(120);  // past the back-off: each is compared
  }
  all_three("always");
  for (const auto& each : changes) EXPECT_FALSE(log_on_through(relayed, {.authenticate = each}).allowed());
}

TEST_F(Mitm, R24_ServerNamesChangedInTheChallengeAreNotOursWhenTheyComeBack) {
  const auto rename = challenge_pairs([](AvId id, ByteView value) {
    return id == AvId::nb_computer_name ? std::optional{ntlm::testing_support::utf16("VICTIM")} : kept(value);
  });
  start_with(policy::kRequireMic, "never");
  EXPECT_EQ(status_through(honest(), {.challenge = rename}), NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::wrong);
}

// ---- downgrades

TEST_F(Mitm, R22_CuttingTheNtlmv2ResponseOffLeavesAnLmv2ThatMeetsNoPolicy) {
  // CVE-2019-1338: a client that keeps its own time sends LMv2 as well, which has no room for MIC, bindings or a name.
  const Middle middle{
      .challenge = challenge_pairs(kWithoutTime),
      .authenticate =
          [](Bytes& message) {
            rewrite(message, Layout::without_mic, [](wire::AuthenticateMessage& out) { out.nt_response = {}; });
          },
  };
  EXPECT_EQ(status_through(honest(), middle), NtStatus::logon_failure) << "LmCompatibilityLevel 5";
  for (const std::string_view level : {"when-supported", "always"}) {
    for (const std::string_view setting : {policy::kExtendedProtection, policy::kRequireMic, policy::kTargetNameCheck}) {
      Settings settings{{policy::kLmCompatibilityLevel, "4"},
                        {policy::kExtendedProtection, "never"},
                        {policy::kRequireMic, "never"},
                        {policy::kTargetNameCheck, "never"}};
      settings.emplace_back(setting, level);
      start_with_all(settings);
      EXPECT_FALSE(log_on_through(honest(), middle).allowed()) << setting << level;
      EXPECT_EQ(last_event().policy.front().setting, setting) << level;
    }
  }
  start_with_all(
      {{policy::kLmCompatibilityLevel, "4"}, {policy::kExtendedProtection, "never"}, {policy::kTargetNameCheck, "never"}});
  EXPECT_EQ(status_through(honest(), middle), NtStatus::success) << "the twin: nothing asked for what LMv2 cannot carry";
  EXPECT_EQ(last_event().ntlm.version, event::NtlmVersion::lm_v2);
}

TEST_F(Mitm, R10_FlagsTakenOutOfTheNegotiateAreSeenByTheMicAndByAClientThatNeedsThem) {
  const Middle middle{.negotiate = [](Bytes& message) {
    const Bytes before = message;
    auto negotiate = wire::NegotiateMessage::parse(before).value();
    negotiate.flags = wire::NegotiateFlags{
        negotiate.flags.wire() &
        ~wire::NegotiateFlags{}.with(NegotiateFlag::key_128).with(NegotiateFlag::extended_session_security).wire()};
    message = negotiate.write().value();
  }};
  start_with(policy::kRequireMic, "never");
  EXPECT_EQ(status_through(honest(), middle), NtStatus::invalid_parameter);
  EXPECT_EQ(last_event().ntlm.mic, event::Mic::wrong);

  ntlm::InitiatorConfig config = initiator_config(honest());
  config.required = wire::NegotiateFlags{}.with(NegotiateFlag::key_128);
  auto initiator = ntlm::Initiator::start(std::move(config)).value();
  Bytes token = to_bytes(initiator.negotiate_message());
  pass(middle.negotiate, token);
  const ntlm::Reply reply = begin(begin_of(honest(), token));
  const auto done = std::move(initiator).on_challenge(std::get<ntlm::Continue>(reply).token, {}, environment_.now());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::policy) << "nothing goes out";
}

// ---- SPNEGO

TEST_F(Mitm, R20_InSpnegoAChangedMechanismListIsRefusedAtEveryLevel) {
  for (const bool tampered : {true, false}) {
    auto client = ntlm::SpnegoInitiator::start(initiator_config(honest())).value();
    Bytes first = to_bytes(client.token());
    if (tampered) {
      // He adds Kerberos behind NTLM: the list that the client signs is not the one that the server read.
      spnego::NegTokenInit init;
      init.mech_types = {spnego::kNtlmssp, spnego::kKerberos5};
      init.mech_token = client.negotiate_message();
      first = spnego::write(init).value();
    }
    ntlm::Reply reply = begin(begin_of(honest(), first, ntlm::Carrier::negotiate));
    ASSERT_TRUE(std::holds_alternative<ntlm::Continue>(reply));
    const auto& next = std::get<ntlm::Continue>(reply);
    auto answered = std::move(client).on_challenge(next.token, {}, environment_.now());
    ASSERT_TRUE(answered) << account::line_of(answered);
    const ntlm::Verdict verdict = verdict_of(finish(finish_of(honest(), next.handshake, to_bytes(answered->token()))));
    EXPECT_EQ(verdict.allowed(), !tampered) << verdict.why;
    if (tampered) {
      EXPECT_FALSE(answered->on_result(verdict.token)) << "and the client knows";
    }
  }
}

// ---- reflected to the sender

TEST_F(Mitm, R24_ALogonMeantForAMarshalledNameIsRefusedByOurClientAndByTheServerAtEveryLevel) {
  // CVE-2025-33073: DNS sends the name with the suffix to him, and the client believes to talk to the part before it.
  const std::string marshalled = std::string{kOurName} + "1UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA";
  Attempt ours = honest();
  ours.spn = marshalled;
  const auto refused = ntlm::Initiator::start(initiator_config(ours));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::policy) << "nothing goes out";

  /// A client that is not ours and names `spn`.
  const auto status_of_another = [&](std::string_view spn) {
    const wire::NegotiateFlags flags = wire::NegotiateFlags{}.with(NegotiateFlag::unicode).with(NegotiateFlag::ntlm);
    const ntlm::Reply reply = begin(begin_of(honest(), ntlm::testing_support::negotiate_of(flags)));
    const auto& next = std::get<ntlm::Continue>(reply);
    wire::AvPairsBuilder pairs;
    pairs.add(AvId::target_name, ntlm::testing_support::utf16(spn));
    const NtHash hash = ntlm::nt_hash_of_password(SecretBytes{kPassword}).value();
    ntlm::testing_support::RawAuthenticate message;
    message.flags = flags;
    message.user = ntlm::testing_support::utf16("alice");
    message.domain = ntlm::testing_support::utf16("DEMO");
    message.payload_offset = 64;
    message.nt = ntlm::testing_support::v2_response(
                     ntlm::testing_support::response_key(hash, "alice", "DEMO"),
                     ntlm::testing_support::v2_blob(std::move(pairs).finish(), 4, FileTime{environment_.now().ticks() + 7}),
                     wire::ChallengeMessage::parse(next.token).value().server_challenge)
                     .response;
    return verdict_of(finish(finish_of(honest(), next.handshake, message.write()))).status;
  };
  for (const std::string_view level : {"never", "when-supported", "always"}) {
    start_with_all({{policy::kTargetNameCheck, level}, {policy::kExtendedProtection, "never"}});
    EXPECT_EQ(status_of_another(marshalled), NtStatus::access_denied) << level;
    EXPECT_TRUE(findings().contains("reflection-marshalled-name"));
    EXPECT_EQ(status_of_another(kOurName), NtStatus::success) << "the twin";
    EXPECT_FALSE(findings().contains("reflection-marshalled-name"));
  }
}

TEST_F(Mitm, R40_AChallengeOfOneServerIsNoGoodAtAnother) {
  // He takes the CHALLENGE of one handshake to the client of another.
  auto client = ntlm::Initiator::start(initiator_config(honest())).value();
  ntlm::Reply first = begin(begin_of(honest(), client.negotiate_message()), 1);
  ntlm::Reply second = begin(begin_of(honest(), client.negotiate_message()), 2);
  auto done = std::move(client).on_challenge(std::get<ntlm::Continue>(first).token, {}, environment_.now()).value();
  const Bytes authenticate = to_bytes(done.authenticate_message());
  EXPECT_EQ(verdict_of(finish(finish_of(honest(), std::get<ntlm::Continue>(second).handshake, authenticate), 2)).status,
            NtStatus::wrong_password);
  EXPECT_EQ(verdict_of(finish(finish_of(honest(), std::get<ntlm::Continue>(first).handshake, authenticate), 2)).status,
            NtStatus::request_not_accepted)
      << "the connection that it was minted for";
}

}  // namespace
}  // namespace postern::authority
