// A client with somebody between it and the authority, in process: what the two say can be changed on its way.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "authority_fixture.hpp"
#include "wire/av_pairs.hpp"
#include "wire/messages.hpp"

namespace postern::authority {

/// A logon with the middle's hands in it.
struct Play : Attempt {
  std::function<void(Bytes&)> on_negotiate{};  ///< on its way to the authority
  std::function<void(Bytes&)> on_challenge{};  ///< on its way to the client
  ntlm::ResponseKind response = ntlm::ResponseKind::ntlm_v2;
  Bytes single_host{};
  std::optional<Bytes> client_challenge{};  ///< eight bytes; none: random
};

class DetectionTest : public AuthorityTest {
 protected:
  using Severities = std::map<std::string, event::Severity>;
  static constexpr event::Severity kInfo = event::Severity::info;
  static constexpr event::Severity kWarning = event::Severity::warning;
  static constexpr event::Severity kAlarm = event::Severity::alarm;

  using AuthorityTest::start;
  void start_with_policy(const std::vector<std::pair<std::string_view, std::string_view>>& settings) {
    Config changed = config();
    for (const auto& [name, value] : settings) EXPECT_TRUE(policy::set(changed.services[0].policy, name, value)) << name;
    start(std::move(changed));
  }

  void add_machine(std::string name) {
    const auto added = sqlite_->add_account({.domain = domain_.id,
                                             .name = std::move(name),
                                             .kind = account::AccountKind::machine,
                                             .password = SecretBytes{kPassword},
                                             .groups = {}},
                                            environment_.now());
    ASSERT_TRUE(added) << account::line_of(added);
  }

  /// The AUTHENTICATE is written and not sent.
  ntlm::FinishRequest prepare(const Play& play) {
    ntlm::InitiatorConfig config = initiator_config(play);
    config.response = play.response;
    config.single_host = play.single_host;
    auto client = ntlm::Initiator::start(std::move(config)).value();
    Bytes negotiate = to_bytes(client.negotiate_message());
    if (play.on_negotiate) play.on_negotiate(negotiate);
    ntlm::Reply reply = begin(begin_of(play, negotiate));
    auto* next = std::get_if<ntlm::Continue>(&reply);
    if (next == nullptr) {
      ADD_FAILURE() << "refused at begin: " << std::get<ntlm::Verdict>(reply).why;
      return {};
    }
    Bytes challenge = next->token;
    if (play.on_challenge) play.on_challenge(challenge);
    ntlm::InitiatorRandom random;
    random.client_challenge = environment_.random_value<ntlm::ClientChallenge>();
    if (play.client_challenge) {
      random.client_challenge = ntlm::ClientChallenge{ByteView{*play.client_challenge}.first<ntlm::ClientChallenge::kSize>()};
    }
    random.random_session_key = environment_.random_value<ntlm::ExportedSessionKey>();
    auto done = std::move(client).on_challenge(challenge, std::move(random), environment_.now());
    EXPECT_TRUE(done) << done.error().to_line();
    Bytes authenticate = to_bytes(done->authenticate_message());
    if (play.tamper) play.tamper(authenticate);
    return finish_of(play, next->handshake, std::move(authenticate));
  }
  NtStatus plays(const Play& play) {
    const NtStatus status = verdict_of(finish(prepare(play))).status;
    environment_.pass(1);
    return status;
  }
  /// So often that whatever this client does is its habit.
  void used_to(const Play& play, int times = 4) {
    for (int i = 0; i < times; ++i) ASSERT_EQ(plays(play), NtStatus::success);
  }
  /// Until the account's networks and workstations are known.
  void warm_up(const Play& play) {
    used_to(play, 10);
    environment_.pass(86'400);
    used_to(play, 1);
  }

  /// What the last event found.
  Severities found() {
    Severities severities;
    for (const event::Finding& finding : last_event().findings) severities[finding.id] = finding.severity;
    return severities;
  }
  std::string evidence(std::string_view id) {
    for (const event::Finding& finding : last_event().findings) {
      if (finding.id == id) return finding.evidence.value_or("");
    }
    return "no such finding";
  }

  /// A CHALLENGE whose target information went through `change`, which gets each pair and says what becomes of it.
  using Change = std::function<std::optional<Bytes>(wire::AvId, ByteView)>;
  static std::function<void(Bytes&)> with_target_info(Change change) {
    return [change](Bytes& message) {
      const auto parsed = wire::ChallengeMessage::parse(message).value();
      wire::AvPairsBuilder builder;
      wire::AvPairs::parse(parsed.target_info, "test").value().for_each([&](const wire::AvPair& pair) {
        if (const auto value = change(pair.id, pair.value)) builder.add(pair.id, *value);
      });
      const Bytes target_info = std::move(builder).finish();
      wire::ChallengeMessage changed = parsed;
      changed.target_info = target_info;
      message = changed.write().value();
    };
  }
  /// So that the client sends no MIC, and changes stay unseen by it.
  static std::function<void(Bytes&)> without_timestamp() {
    return with_target_info(
        [](wire::AvId id, ByteView value) { return id == wire::AvId::timestamp ? std::nullopt : std::optional{to_bytes(value)}; });
  }
  static std::function<void(Bytes&)> without_timestamp_and_as(std::string_view computer) {
    const Bytes name = utf8_to_utf16le(computer, "test").value();
    return with_target_info([name](wire::AvId id, ByteView value) -> std::optional<Bytes> {
      if (id == wire::AvId::timestamp) return std::nullopt;
      return id == wire::AvId::nb_computer_name ? name : to_bytes(value);
    });
  }
  /// Single_Host_Data with this MachineID (MS-NLMP 2.2.2.2).
  static Bytes single_host(std::uint8_t id) {
    Bytes data(48, 0);
    data[0] = 48;
    std::fill(data.begin() + 16, data.end(), id);
    return data;
  }
};

}  // namespace postern::authority
