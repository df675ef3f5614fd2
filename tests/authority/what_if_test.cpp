// What-if says what the authority does: random clients before a real authority, their stored events before the evaluator.
#include "advise/what_if.hpp"

#include <algorithm>
#include <random>

#include "advise/predict_at.hpp"
#include "authority_fixture.hpp"
#include "event/json.hpp"
#include "ntlm/ntlm_test_support.hpp"
#include "policy/evaluate.hpp"
#include "wire/av_pairs.hpp"

namespace postern::authority {
namespace {

using advise::Effect;
using event::Outcome;
using event::Stage;
using wire::NegotiateFlag;

constexpr unsigned kRounds = 40;         // each with two random policies
constexpr unsigned kLogonsARound = 250;  // 10 000 logons, each before both
constexpr std::uint32_t kSeed = 20'261'125;

enum class Kind : std::uint8_t { modern, own_time, copied_time, announced_and_missing, v1, v1_ess, lm_v2, lm, anonymous };

/// A client and the connection that it comes over: enough to log on twice in the same way.
struct Behaviour {
  Kind kind = Kind::modern;
  std::string user{};
  std::string password{kPassword};
  std::string service = "web";
  std::string address = "192.0.2.10";
  bool tls = true;
  std::uint64_t seconds_off = 0;  ///< of the client's clock, where it has its own
  bool clock_ahead = false;
  std::optional<ntlm::ChannelBindingHash> bindings{};
  std::vector<ntlm::ChannelBindingHash> accepted_bindings{};
  std::string spn{};
  bool untrusted_spn = false;
  std::vector<std::string> accepted_names{};
  wire::NegotiateFlags flags{};
  bool breaks_mic = false;
  std::string workstation{};
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_{seed} {}
  std::size_t upto(std::size_t count) { return random_() % count; }
  bool one_in(std::size_t count) { return upto(count) == 0; }
  template <typename T>
  T of(const std::vector<T>& list) {
    return list[upto(list.size())];
  }

 private:
  std::mt19937 random_;
};

Behaviour random_behaviour(Dice& dice, unsigned number) {
  static const ntlm::ChannelBindingHash ours{std::array<std::uint8_t, 16>{1}}, other{std::array<std::uint8_t, 16>{2}};
  using Hashes = std::vector<ntlm::ChannelBindingHash>;
  using Names = std::vector<std::string>;
  Behaviour b;
  b.kind = dice.one_in(2) ? Kind::modern : static_cast<Kind>(dice.upto(9));
  b.user = dice.of<std::string>({"alice", "alice", "bob", "carol", "nobody"});
  if (dice.one_in(8)) b.password = kWrongPassword;
  b.service = dice.of<std::string>({"web", "web", "ldap"});
  b.address = dice.of<std::string>({"192.0.2.10", "198.51.100.7", "127.0.0.1", "2001:db8::7"});
  b.tls = !dice.one_in(4);
  b.seconds_off = dice.of<std::uint64_t>({0, 30, 4'000, 200'000});
  b.clock_ahead = dice.one_in(2);
  b.bindings = dice.of<std::optional<ntlm::ChannelBindingHash>>({std::nullopt, ours, other});
  b.accepted_bindings = dice.of<Hashes>({{}, {ours}, {ours, other}});
  b.spn = dice.of<std::string>({"", "HTTP/web.demo.example.org", "cifs/files.demo.example.org"});
  b.untrusted_spn = dice.one_in(4);
  b.accepted_names = dice.of<Names>({{}, {"HTTP/web.demo.example.org"}});
  b.flags = wire::NegotiateFlags{}.with(NegotiateFlag::unicode).with(NegotiateFlag::ntlm);
  for (const NegotiateFlag flag : {NegotiateFlag::sign, NegotiateFlag::seal, NegotiateFlag::key_128, NegotiateFlag::key_56,
                                   NegotiateFlag::extended_session_security}) {
    if (dice.one_in(2)) b.flags = b.flags.with(flag);
  }
  if (b.kind == Kind::v1_ess) b.flags = b.flags.with(NegotiateFlag::extended_session_security);
  b.breaks_mic = dice.one_in(15);
  b.workstation = "WS" + std::to_string(number);  // of its own, so that the back-off holds nobody up
  return b;
}

/// Settings and values that a random policy is made of. A name that this build does not know yet is passed over.
policy::Policy random_policy(Dice& dice) {
  static const std::vector<std::pair<std::string_view, std::vector<std::string_view>>> kSettings{
      {"LmCompatibilityLevel", {"0", "3", "4", "5"}},
      {"AllowAnonymous", {"never", "always"}},
      {"RequireMic", {"never", "when-supported", "always"}},
      {"ExtendedProtection", {"never", "when-supported", "always"}},
      {"TargetNameCheck", {"never", "when-supported", "always"}},
      {"PlainHttp", {"never", "loopback", "always"}},
      {"ClockSkew", {"off", "36h", "60m", "10s"}},
      {"LegacyCrypto", {"allow", "allow", "allow", "allow", "allow", "refuse"}},
      {"RestrictReceivingNTLMTraffic", {"0", "0", "0", "1", "2"}},
      {"AuditReceivingNTLMTraffic", {"0", "1", "2"}},
      {"RestrictNTLMInDomain", {"0", "0", "0", "0", "1", "3", "5", "7"}},
      {"AuditNTLMInDomain", {"0", "1", "3", "5", "7"}},
      {"DCAllowedNTLMServers", {"", "SRV1", "web", "s*1"}},
      {"NtlmMinServerSec", {"0", "0", "0x20", "0x20000000", "0x20080000"}},
      {"LdapEnforceChannelBinding", {"0", "1", "2"}},
      {"DenyVersions", {"", "", "NTLMv1", "LM, LMv2"}},
      {"DenyServices", {"", "", "", "ldap"}},
      {"AllowClientNetworks", {"", "", "192.0.2.0/24, 127.0.0.0/8"}},
      {"DenyClientNetworks", {"", "", "198.51.100.0/24"}},
  };
  policy::Policy policy;
  for (const auto& [name, values] : kSettings) {
    if (dice.one_in(2)) static_cast<void>(policy::set(policy, name, values[dice.upto(values.size())]));
  }
  return policy;
}

bool says_the_account(const event::PolicyDecision& decision) {
  return decision.setting == policy::kAccountState || decision.setting == policy::kAccountNtlm ||
         decision.setting == policy::kAccountNetworks || decision.setting == policy::kProtectedUsers;
}

std::string described(const Behaviour& b, const event::LogonEvent& event) {
  return "kind " + std::to_string(static_cast<int>(b.kind)) + " password " + b.password + "\n" + event::to_json(event);
}

class WhatIfAgreement : public AuthorityTest {
 protected:
  static constexpr PeerConnection kConnection = 7;

  void SetUp() override {
    AuthorityTest::SetUp();
    add_account("bob");
    const auto carol = add_account("carol");
    ASSERT_TRUE(sqlite_->set_enabled(carol.id, account::Enabled::no));
  }

  static Config config_with(const policy::Policy& policy) {
    Config changed = config();
    changed.lockout.threshold = 0;  // whether an account is locked depends on what came before, and is no policy of the logon's
    for (Service& service : changed.services) service.policy = policy;
    changed.peers = {speaker()};
    return changed;
  }
  static Peer speaker() {
    Peer both = peer();
    both.services = {"web", "ldap"};
    return both;
  }

  Bytes raw_authenticate(const Behaviour& b, ByteView challenge_message) {
    namespace support = ntlm::testing_support;
    const auto parsed = wire::ChallengeMessage::parse(challenge_message).value();
    const wire::ServerChallenge challenge = parsed.server_challenge;
    const NtHash hash = ntlm::nt_hash_of_password(SecretBytes{b.password}).value();
    const auto client = environment_.random_value<ntlm::ClientChallenge>();
    const auto bytes = [](const auto& response) { return Bytes{response.begin(), response.end()}; };
    support::RawAuthenticate message;
    message.flags = b.flags;
    message.user = support::utf16(b.user);
    message.domain = support::utf16("DEMO");
    message.workstation = support::utf16(b.workstation);
    message.payload_offset = 64;
    const auto respond_v2 = [&](bool copies_time, std::uint32_t av_flags) {
      wire::AvPairsBuilder pairs;
      const FileTime now = environment_.now();
      const std::uint64_t off = b.seconds_off * kSecond;
      FileTime time{b.clock_ahead ? now.ticks() + off + 7 : now.ticks() - off - 7};
      if (copies_time) {
        time = now;  // what the CHALLENGE carries: the clock of this test stands still
        pairs.add_timestamp(time);
      }
      if (b.untrusted_spn) av_flags |= static_cast<std::uint32_t>(wire::AvFlag::untrusted_spn);
      if (av_flags != 0) pairs.add_flags(av_flags);
      if (b.bindings) pairs.add(wire::AvId::channel_bindings, b.bindings->bytes());
      if (!b.spn.empty()) pairs.add(wire::AvId::target_name, support::utf16(b.spn));
      message.nt = support::v2_response(support::response_key(hash, b.user, "DEMO"),
                                        support::v2_blob(std::move(pairs).finish(), 4, time), challenge)
                       .response;
    };
    switch (b.kind) {
      case Kind::modern: break;
      case Kind::own_time: respond_v2(false, 0); break;
      case Kind::copied_time: respond_v2(true, 0); break;
      case Kind::announced_and_missing: respond_v2(true, static_cast<std::uint32_t>(wire::AvFlag::mic_present)); break;
      case Kind::v1: message.nt = message.lm = bytes(ntlm::desl(hash.reveal(), challenge.bytes())); break;
      case Kind::v1_ess:
        message.nt = bytes(ntlm::desl(hash.reveal(), ntlm::ess_challenge(challenge, client.bytes())));
        message.lm = to_bytes(client.bytes());
        message.lm.resize(24);
        break;
      case Kind::lm_v2:
        message.lm = bytes(ntlm::lmv2_response(support::response_key(hash, b.user, "DEMO"), challenge, client));
        break;
      case Kind::lm: message.lm.assign(24, 0x55); break;
      case Kind::anonymous:
        message.user.clear();
        message.domain.clear();
        message.lm.assign(1, 0);
        break;
    }
    return message.write();
  }

  /// The logon before one authority; the events of a round are collected afterwards.
  void run(Authority& authority, const Behaviour& b, std::vector<std::future<ntlm::Reply>>& answers) {
    Attempt attempt{.user = b.user, .password = b.password, .workstation = b.workstation, .spn = b.spn, .bindings = b.bindings};
    std::optional<ntlm::AwaitingChallenge> client;
    Bytes negotiate;
    if (b.kind == Kind::modern) {
      client.emplace(ntlm::Initiator::start(initiator_config(attempt)).value());
      negotiate = to_bytes(client->negotiate_message());
    } else {
      negotiate = ntlm::testing_support::negotiate_of(b.flags);
    }
    const auto ask = [&answers](auto&& call) {
      auto promise = std::make_shared<std::promise<ntlm::Reply>>();
      answers.push_back(promise->get_future());
      call([promise](ntlm::Reply reply) { promise->set_value(std::move(reply)); });
    };
    ask([&](const Authority::Answer& answer) {
      authority.begin(speaker(), kConnection,
                      {b.service, ntlm::Carrier::ntlm, {{b.address, 50'000}, {"192.0.2.1", 443}, b.tls}, negotiate}, answer);
    });
    if (answers.back().wait_for(std::chrono::seconds{0}) != std::future_status::ready) return;  // refused: its event is on its way
    ntlm::Reply reply = answers.back().get();
    answers.pop_back();
    const auto* next = std::get_if<ntlm::Continue>(&reply);
    if (next == nullptr) return;
    Bytes authenticate;
    if (client) {
      ntlm::InitiatorRandom random;
      random.client_challenge = environment_.random_value<ntlm::ClientChallenge>();
      random.random_session_key = environment_.random_value<ntlm::ExportedSessionKey>();
      auto done = std::move(*client).on_challenge(next->token, std::move(random), environment_.now());
      ASSERT_TRUE(done) << done.error().to_line();
      authenticate = to_bytes(done->authenticate_message());
      constexpr std::size_t kMicOffset = 72;
      if (b.breaks_mic) authenticate[kMicOffset] ^= 1;
    } else {
      authenticate = raw_authenticate(b, next->token);
    }
    ask([&](const Authority::Answer& answer) {
      authority.finish(speaker(), kConnection,
                       {next->handshake, std::move(authenticate), b.accepted_bindings, b.accepted_names, false}, answer);
    });
  }

  /// The events of the behaviours, as the store has them, in their order.
  std::vector<event::LogonEvent> events_of(const policy::Policy& policy, const std::vector<Behaviour>& behaviours) {
    Authority authority{config_with(policy), *store_, environment_, nullptr};
    std::vector<event::LogonEvent> events;
    std::vector<std::future<ntlm::Reply>> answers;  // waited for together: one commit for many
    for (const Behaviour& behaviour : behaviours) run(authority, behaviour, answers);
    for (auto& answer : answers) answer.wait();
    const auto stored = sqlite_->list_events({}, last_sequence_, account::kMaxEventsPerRead);
    EXPECT_TRUE(stored) << account::line_of(stored);
    for (const auto& one : stored.value_or(std::vector<account::StoredEvent>{})) {
      last_sequence_ = one.sequence;
      const auto parsed = event::parse_event(one.event.json);
      EXPECT_TRUE(parsed) << account::line_of(parsed);
      events.push_back(parsed.value_or(event::LogonEvent{}));
    }
    EXPECT_EQ(events.size(), behaviours.size()) << "each logon is on record once";
    events.resize(behaviours.size());
    return events;
  }

  /// The evaluator under the authority's own policy says what the authority did.
  static void expect_agreement(const policy::Policy& policy, const Behaviour& b, const event::LogonEvent& event) {
    std::optional<policy::Decisions> denial;
    Stage denied_at = Stage::verified;
    bool undecided = false;
    for (const Stage stage : {Stage::negotiate, Stage::response, Stage::verified}) {
      policy::Decisions decisions = policy::evaluate(policy, advise::facts_at(event, stage), stage);
      if (decisions.denied()) {
        denial = std::move(decisions);
        denied_at = stage;
        break;
      }
      undecided = stage == Stage::verified && decisions.verdict() == event::Decision::depends;
      if (stage == Stage::verified && event.outcome == Outcome::success) {
        EXPECT_TRUE(decisions.allowed()) << described(b, event);
      }
    }
    switch (event.outcome) {
      case Outcome::blocked:
        EXPECT_NE(event.status->code, 0U) << described(b, event);
        if (undecided) break;  // which lets nobody in either
        ASSERT_TRUE(denial) << described(b, event);
        EXPECT_EQ(static_cast<std::uint32_t>(policy::status_for(*denial)), event.status->code) << described(b, event);
        EXPECT_EQ(denial->entries().front().setting, event.policy.front().setting) << described(b, event);
        break;
      case Outcome::success: EXPECT_FALSE(denial) << described(b, event); break;
      default:
        // A wrong password ends before the last stage is asked.
        EXPECT_TRUE(!denial || denied_at == Stage::verified) << described(b, event);
        break;
    }
  }

  /// What-if about `before` says what `after`, the same client under the other policy, came to.
  void expect_prediction(const policy::Policy& other, const Behaviour& b, const event::LogonEvent& before,
                         const event::LogonEvent& after) {
    const advise::Prediction prediction = advise::predict_at(policy::Points::authority(), other, before);
    ++seen_[static_cast<std::size_t>(prediction.effect)];
    const std::string both = described(b, before) + "\n" + event::to_json(after);
    const auto same_status = [&] { return static_cast<std::uint32_t>(prediction.status) == after.status->code; };
    // An MIC that is due and cannot come ends in the handshake, which calls it a failure.
    const bool by_handshake = after.outcome == Outcome::failure && prediction.status == NtStatus::invalid_parameter &&
                              prediction.decisive->setting == policy::kRequireMic && same_status();
    const bool blocked = after.outcome == Outcome::blocked || by_handshake;
    switch (prediction.effect) {
      case Effect::allowed:
      case Effect::audited: EXPECT_EQ(after.outcome, Outcome::success) << both; break;
      case Effect::newly_blocked: EXPECT_TRUE(blocked && same_status()) << both; break;
      case Effect::still_blocked:
        if (!blocked && prediction.decisive->stage == Stage::verified) {
          EXPECT_EQ(after.outcome, Outcome::failure) << "a wrong password, which the first policy never came to see\n" << both;
        } else {
          EXPECT_TRUE(blocked && same_status()) << both;
        }
        break;
      case Effect::released:
        // A policy that blocks before the account is asked leaves its state off the record.
        EXPECT_TRUE(!blocked || says_the_account(after.policy.front())) << both;
        break;
      case Effect::failed_anyway:
        if (prediction.decisive) {
          EXPECT_TRUE(blocked && same_status()) << both;
        } else if (!blocked) {
          EXPECT_EQ(after.status, before.status) << both;
        } else {
          // It fails either way; where a fact is missing that the policy asks for, policy may be first to say so.
          EXPECT_EQ(policy::evaluate(other, event::facts_of(before), Stage::verified).verdict(), event::Decision::depends) << both;
        }
        break;
      case Effect::undecided:
      case Effect::not_ntlm: break;
    }
  }

  std::array<std::uint64_t, advise::kEffects> seen_{};
  std::uint64_t last_sequence_ = 0;
};

TEST_F(WhatIfAgreement, EvaluatorAuthorityAndWhatIfAgreeOnTenThousandRandomLogons) {
  Dice dice{kSeed};
  unsigned number = 0;
  unsigned successes = 0, blocks = 0, failures = 0;
  for (unsigned round = 0; round < kRounds && !HasFailure(); ++round) {
    const policy::Policy first = random_policy(dice);
    const policy::Policy second = random_policy(dice);
    std::vector<Behaviour> behaviours;
    for (unsigned i = 0; i < kLogonsARound; ++i) behaviours.push_back(random_behaviour(dice, ++number));
    const auto before = events_of(first, behaviours);
    const auto after = events_of(second, behaviours);
    for (std::size_t i = 0; i < behaviours.size(); ++i) {
      expect_agreement(first, behaviours[i], before[i]);
      expect_agreement(second, behaviours[i], after[i]);
      expect_prediction(second, behaviours[i], before[i], after[i]);
      successes += before[i].outcome == Outcome::success ? 1U : 0U;
      blocks += before[i].outcome == Outcome::blocked ? 1U : 0U;
      failures += before[i].outcome == Outcome::failure ? 1U : 0U;
    }
  }
  // The test would agree with anything if it never saw the other side.
  EXPECT_GT(successes, 300U);
  EXPECT_GT(blocks, 500U);
  EXPECT_GT(failures, 300U);
  for (const Effect effect : {Effect::allowed, Effect::audited, Effect::newly_blocked, Effect::undecided, Effect::still_blocked,
                              Effect::released, Effect::failed_anyway}) {
    EXPECT_GT(seen_[static_cast<std::size_t>(effect)], 20U) << event::name_of(effect);
  }
}

}  // namespace
}  // namespace postern::authority
