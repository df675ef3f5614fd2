// Our Initiator against our Acceptor: every combination of flags that matters, and the types that keep the order of the steps.
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <type_traits>

#include "ntlm_test_support.hpp"
#include "support/paths.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

// ---- what the types forbid ---------------------------------------------------------------------------------------------------

template <typename State>
concept StepsTwice = requires(State& state, ByteView message) { state.on_authenticate(message); };
template <typename State>
concept AnswersTwice = requires(State& state, ByteView message, InitiatorRandom random) {
  state.on_challenge(message, std::move(random), FileTime{});
};
template <typename State>
concept EstablishesTwice = requires(State& state, ResponseVerified verified, MicProof mic, BindingsProof bindings,
                                    TargetNameProof name, LogonAllowed allowed) {
  state.establish(std::move(verified), std::move(mic), std::move(bindings), std::move(name), std::move(allowed));
};
static_assert(!StepsTwice<AwaitingAuthenticate> && !AnswersTwice<AwaitingChallenge> && !EstablishesTwice<PendingVerification>,
              "a step consumes its state");

template <typename T>
inline constexpr bool kMovesOnly =
    std::is_move_constructible_v<T> && !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(kMovesOnly<AwaitingAuthenticate> && kMovesOnly<AwaitingChallenge> && kMovesOnly<PendingVerification> &&
              kMovesOnly<Established> && kMovesOnly<ClientEstablished> && kMovesOnly<ResponseVerified> && kMovesOnly<Credentials>);
static_assert(!std::is_default_constructible_v<ResponseVerified> && !std::is_default_constructible_v<MicVerified> &&
                  !std::is_default_constructible_v<BindingsVerified> && !std::is_default_constructible_v<Established> &&
                  !std::is_default_constructible_v<MicNotRequired> && !std::is_default_constructible_v<BindingsNotRequired> &&
                  !std::is_default_constructible_v<TargetNameNotRequired> && !std::is_default_constructible_v<LogonAllowed>,
              "a proof, and the absence of one, is never made from nothing");
static_assert(!std::is_constructible_v<Established, Claims, wire::ResponseVersion, NegotiateFlags, ExportedSessionKey>);

// ---- helpers -----------------------------------------------------------------------------------------------------------------

InitiatorConfig client_config(NegotiateFlags offered, std::string_view password = kPassword, std::string_view user = kUser) {
  InitiatorConfig config;
  config.credentials = {std::string{user}, std::string{kDomain}, hash_of(password)};
  config.workstation = "PC7";
  config.offered = offered;
  return config;
}

constexpr std::string_view kRandomSessionKey = "101112131415161718191a1b1c1d1e1f";

InitiatorRandom client_random() { return {client_challenge(), fixed<ExportedSessionKey>(kRandomSessionKey)}; }

struct Logon {
  std::optional<ClientEstablished> client{};
  Result<Established> server = fail(ErrorCode::internal, "not reached");
};

Logon log_on(InitiatorConfig client, const AcceptorConfig& server, const NtHash& hash, const Demands& demands = {}) {
  Logon logon;
  auto start = Initiator::start(std::move(client)).value();
  auto awaiting = Acceptor::on_negotiate(start.negotiate_message(), server, server_challenge(), kNow).value();
  auto answer = std::move(start).on_challenge(awaiting.challenge_message(), client_random(), kNow);
  if (!answer) {
    logon.server = std::unexpected{answer.error()};
    return logon;
  }
  logon.client = std::move(*answer);
  logon.server = finish(std::move(awaiting), logon.client->authenticate_message(), hash, demands);
  return logon;
}

struct Switch {
  NegotiateFlag flag;
  const char* name;
};
constexpr Switch kSwitches[] = {{NegotiateFlag::version, "VERSION"},
                                {NegotiateFlag::key_exchange, "KEY_EXCH"},
                                {NegotiateFlag::sign, "SIGN"},
                                {NegotiateFlag::seal, "SEAL"},
                                {NegotiateFlag::extended_session_security, "ESS"},
                                {NegotiateFlag::key_128, "128"},
                                {NegotiateFlag::key_56, "56"},
                                {NegotiateFlag::request_target, "REQUEST_TARGET"},
                                {NegotiateFlag::target_info, "TARGET_INFO"}};

NegotiateFlags offer_of(unsigned mask, NegotiateFlags charset, std::string* name) {
  NegotiateFlags offer = charset.with(NegotiateFlag::ntlm);
  for (std::size_t i = 0; i < std::size(kSwitches); ++i) {
    if ((mask >> i & 1) == 0) continue;
    offer = offer.with(kSwitches[i].flag);
    *name += std::string{" "} + kSwitches[i].name;
  }
  return offer;
}

// ---- the flags ---------------------------------------------------------------------------------------------------------------

TEST(Handshake, EveryOfferOfFlagsEndsInOneKeyAndAVerifiedMicAndRefusesAWrongPassword) {
  const NegotiateFlags unicode{1}, oem{2}, both{3};
  int handshakes = 0;
  for (const NegotiateFlags charset : {unicode, oem, both}) {
    for (unsigned mask = 0; mask < 1u << std::size(kSwitches); ++mask) {
      std::string name = charset.to_hex();
      const NegotiateFlags offer = offer_of(mask, charset, &name);
      AcceptorConfig server = server_config();
      server.target_type = mask % 3 == 0 ? TargetType::server : TargetType::domain;
      const Logon right = log_on(client_config(offer), server, right_hash(), {kNtlmv2Only, std::nullopt, {}, kBindingsWaiver});
      ASSERT_TRUE(right.server) << name << ": " << right.server.error().to_line();
      ASSERT_EQ(to_hex(right.server->exported_session_key().reveal()), to_hex(right.client->exported_session_key().reveal()))
          << name;
      ASSERT_EQ(right.server->claims().mic, MicState::verified) << name;
      ASSERT_TRUE(right.client->sent_mic()) << name;
      ASSERT_EQ(right.server->negotiated(), right.client->negotiated()) << name;
      ASSERT_EQ(right.server->version(), wire::ResponseVersion::ntlm_v2) << name;
      ASSERT_EQ(right.server->claims().user, kUser);
      ASSERT_EQ(right.server->claims().domain, kDomain);
      ASSERT_EQ(right.server->claims().workstation, "PC7");
      // The random key of the test is the exported one exactly when KEY_EXCH is agreed.
      const bool exchanged = to_hex(right.server->exported_session_key().reveal()) == kRandomSessionKey;
      ASSERT_EQ(exchanged, offer.has(NegotiateFlag::key_exchange)) << name;

      const Logon wrong = log_on(client_config(offer, kWrongPassword), server, right_hash());
      ASSERT_EQ(code_of(wrong.server), "wrong_password") << name;
      ++handshakes;
    }
  }
  EXPECT_EQ(handshakes, 3 * 512);
}

TEST(Handshake, R10_TheServerTakesNoFlagThatWasNotOffered) {
  const NegotiateFlags guarded{0xe0080030 | 0x80 | 0x40};  // KEY_EXCH 128 56 ESS SIGN SEAL LM_KEY DATAGRAM
  for (unsigned bit = 0; bit < 32; ++bit) {
    const NegotiateFlags offer = NegotiateFlags{1u << bit}.with(NegotiateFlag::unicode);
    const NegotiateFlags chosen = choose_flags(offer, TargetType::domain);
    EXPECT_EQ(chosen.wire() & guarded.wire() & ~offer.wire(), 0u) << offer.to_hex();
    EXPECT_FALSE(chosen.has(NegotiateFlag::lm_key)) << offer.to_hex();
    EXPECT_FALSE(chosen.has(NegotiateFlag::datagram)) << offer.to_hex();
    EXPECT_TRUE(chosen.has(NegotiateFlag::target_info)) << offer.to_hex();
    EXPECT_NE(chosen.has(NegotiateFlag::unicode), chosen.has(NegotiateFlag::oem)) << "one charset, not both (S6)";
  }
}

TEST(Handshake, NamesBeyondAsciiLogOnInEachCodePage) {
  const std::string user = "j\xc3\xbcrgen";  // jürgen
  const NegotiateFlags oem{0xe2888216};
  for (const CodePage page : {CodePage::cp850, CodePage::latin1, CodePage::utf8}) {
    AcceptorConfig server = server_config();
    server.oem_code_page = page;
    InitiatorConfig client = client_config(oem, kPassword, user);
    client.oem_code_page = page;
    const Logon logon = log_on(std::move(client), server, right_hash());
    ASSERT_TRUE(logon.server) << name_of(page) << logon.server.error().to_line();
    EXPECT_EQ(logon.server->claims().user, user) << name_of(page);

    // One setting away: the two sides read the same byte as different letters, so the proof is of another name.
    InitiatorConfig other = client_config(oem, kPassword, user);
    other.oem_code_page = page == CodePage::cp850 ? CodePage::latin1 : CodePage::cp850;
    EXPECT_FALSE(log_on(std::move(other), server, right_hash()).server) << name_of(page);
  }
}

TEST(Handshake, AUserNameInOtherCaseLogsOnAndADomainInOtherCaseDoesNot) {
  const auto attempt = [](std::string_view user, std::string_view domain) {
    RawAuthenticate message;
    message.flags = NegotiateFlags{0x00080201};
    message.user = utf16(user);
    message.domain = utf16(domain);
    message.nt = v2_response(response_key(right_hash()), v2_blob(wire::AvPairsBuilder{}.finish())).response;
    return code_of(finish(begin(message.flags), message.write(), right_hash()));
  };
  EXPECT_EQ(attempt("alice", "EXAMPLE"), "accepted");
  EXPECT_EQ(attempt("ALICE", "EXAMPLE"), "accepted");
  EXPECT_EQ(attempt("alice", "example"), "wrong_password");
}

// ---- target information, with and without ------------------------------------------------------------------------------------

enum class Info { none, without_time, with_time };

TEST(Handshake, WithoutTheServersTimeTheClientUsesItsOwnAndSendsLmv2AndNoMic) {
  for (const Info info : {Info::none, Info::without_time, Info::with_time}) {
    wire::AvPairsBuilder builder;
    builder.add(wire::AvId::nb_domain_name, utf16("EXAMPLE"));
    if (info == Info::with_time) builder.add_timestamp(kNow);
    const Bytes list = std::move(builder).finish();
    wire::ChallengeMessage challenge;
    challenge.flags = NegotiateFlags{0xe2888215};
    challenge.server_challenge = server_challenge();
    const Bytes target = utf16("EXAMPLE");
    challenge.target_name = target;
    if (info != Info::none) challenge.target_info = list;
    const Bytes challenge_bytes = challenge.write().value();

    auto start = Initiator::start(client_config(InitiatorConfig::kDefaultOffer)).value();
    RecordedExchange recorded;
    const Bytes negotiate = to_bytes(start.negotiate_message());
    recorded.negotiate = negotiate;
    recorded.challenge = challenge_bytes;
    const FileTime own_clock{kNow.ticks() + 77};
    const auto client = std::move(start).on_challenge(challenge_bytes, client_random(), own_clock);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->sent_mic(), info == Info::with_time);
    const auto message = wire::AuthenticateMessage::parse(client->authenticate_message()).value();
    const auto response = wire::Ntlmv2Response::parse(message.nt_response, 0).value();
    EXPECT_EQ(response.time, info == Info::with_time ? kNow : own_clock);
    EXPECT_EQ(constant_time_is_zero(message.lm_response), info == Info::with_time);

    const auto await = [&] { return danger_await_recorded(recorded).value(); };
    const auto done = finish(await(), client->authenticate_message(), right_hash());
    ASSERT_TRUE(done) << done.error().to_line();
    EXPECT_EQ(to_hex(done->exported_session_key().reveal()), to_hex(client->exported_session_key().reveal()));
    EXPECT_EQ(done->claims().mic, info == Info::with_time ? MicState::verified : MicState::absent);
    EXPECT_EQ(code_of(finish(await(), client->authenticate_message(), wrong_hash())), "wrong_password");
  }
}

TEST(Handshake, ARecordedExchangeWithoutItsOtherMessagesCannotProveAMic) {
  const auto start = Initiator::start(client_config(InitiatorConfig::kDefaultOffer)).value();
  Logon logon = log_on(client_config(InitiatorConfig::kDefaultOffer), server_config(), right_hash());
  RecordedExchange recorded;
  recorded.server_challenge = server_challenge();
  auto pending = danger_await_recorded(recorded).value().on_authenticate(logon.client->authenticate_message()).value();
  EXPECT_FALSE(pending.can_check_mic());
  EXPECT_EQ(code_of(finish(std::move(pending), right_hash())), "unsupported");
}

// ---- R10, R40 ----------------------------------------------------------------------------------------------------------------

TEST(Handshake, R10_AFlagThatEitherSideRequiresAndTheExchangeLacksEndsIt) {
  for (const NegotiateFlag flag :
       {NegotiateFlag::sign, NegotiateFlag::seal, NegotiateFlag::key_128, NegotiateFlag::extended_session_security}) {
    const NegotiateFlags full = InitiatorConfig::kDefaultOffer.with(NegotiateFlag::seal);
    AcceptorConfig demanding = server_config();
    demanding.required = NegotiateFlags{}.with(flag);
    EXPECT_TRUE(log_on(client_config(full), demanding, right_hash()).server);
    EXPECT_EQ(code_of(log_on(client_config(full.without(flag)), demanding, right_hash()).server), "policy");

    // The client requires it, and what arrives as the server's choice lacks it.
    const auto answer = [&](bool stripped) {
      InitiatorConfig config = client_config(full);
      config.required = NegotiateFlags{}.with(flag);
      auto start = Initiator::start(std::move(config)).value();
      const auto offered = stripped ? full.without(flag) : full;
      const auto challenge = to_bytes(begin(offered).challenge_message());
      return code_of(std::move(start).on_challenge(challenge, client_random(), kNow));
    };
    EXPECT_EQ(answer(false), "accepted");
    EXPECT_EQ(answer(true), "policy");
  }
}

TEST(Handshake, R10_FlagsOfTheAuthenticateAreNeitherBelievedNorRefused) {
  // S4: curl, axios and perl echo the server's flags; Chromium keeps only its own. What counts is what the server chose.
  for (const std::uint32_t claimed : {0u, 0x1u, 0x2u, 0xffff'ffffu, 0x4000'0000u, 0x00088207u}) {
    RawAuthenticate message;
    message.flags = NegotiateFlags{claimed};
    message.user = utf16(kUser);
    message.domain = utf16(kDomain);
    message.nt = v2_response(response_key(right_hash()), v2_blob(wire::AvPairsBuilder{}.finish())).response;
    const auto done = finish(begin(NegotiateFlags{0x00080201}), message.write(), right_hash());
    ASSERT_TRUE(done) << std::hex << claimed;
    EXPECT_FALSE(done->negotiated().has(NegotiateFlag::key_exchange));
    EXPECT_EQ(code_of(finish(begin(NegotiateFlags{0x00080201}), message.write(), wrong_hash())), "wrong_password");
  }
}

TEST(Handshake, R40_AResponseToAnotherChallengeIsRefused) {
  Logon logon = log_on(client_config(InitiatorConfig::kDefaultOffer), server_config(), right_hash());
  ASSERT_TRUE(logon.server);
  const Bytes message = to_bytes(logon.client->authenticate_message());
  for (std::size_t bit = 0; bit < 64; ++bit) {
    auto bytes = to_bytes(server_challenge().bytes());
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
    const wire::ServerChallenge other{std::span<const std::uint8_t, 8>{bytes}};
    auto awaiting = Acceptor::on_negotiate(negotiate_of(InitiatorConfig::kDefaultOffer), server_config(), other, kNow).value();
    EXPECT_EQ(code_of(finish(std::move(awaiting), message, right_hash())), "wrong_password") << bit;
  }
}

TEST(Handshake, AnyAlteredBitOfTheAuthenticateIsRefusedOnceAMicIsAnnounced) {
  const Logon logon = log_on(client_config(InitiatorConfig::kDefaultOffer), server_config(), right_hash());
  const Bytes original = to_bytes(logon.client->authenticate_message());
  auto start = Initiator::start(client_config(InitiatorConfig::kDefaultOffer)).value();
  const auto await = [&] {
    return Acceptor::on_negotiate(start.negotiate_message(), server_config(), server_challenge(), kNow).value();
  };
  ASSERT_EQ(code_of(finish(await(), original, right_hash())), "accepted");
  for (std::size_t bit = 0; bit < original.size() * 8; ++bit) {
    Bytes altered = original;
    altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(finish(await(), altered, right_hash())) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

TEST(Handshake, AnyAlteredBitOfTheFirstTwoMessagesIsSeenByWhoChecksTheMic) {
  auto start = Initiator::start(client_config(InitiatorConfig::kDefaultOffer)).value();
  const Bytes negotiate = to_bytes(start.negotiate_message());
  // 12 to 15 are the flags: then the CHALLENGE differs too. Behind them nothing changes our answer, and the MIC still sees it.
  for (std::size_t byte = 16; byte < negotiate.size(); ++byte) {
    Bytes altered = negotiate;
    altered[byte] = static_cast<std::uint8_t>(altered[byte] ^ 0x40);
    auto awaiting = Acceptor::on_negotiate(altered, server_config(), server_challenge(), kNow);
    if (!awaiting) continue;  // a length that points outside
    auto client = Initiator::start(client_config(InitiatorConfig::kDefaultOffer)).value();
    auto done = std::move(client).on_challenge(awaiting->challenge_message(), client_random(), kNow).value();
    EXPECT_EQ(code_of(finish(std::move(*awaiting), done.authenticate_message(), right_hash())), "mic_wrong") << byte;
  }
}

// ---- R27 ---------------------------------------------------------------------------------------------------------------------

TEST(Handshake, R27_KeysAreWipedWhenTheirHolderGoes) {
  static_assert(!std::is_copy_constructible_v<NtHash> && !std::is_copy_constructible_v<SessionBaseKey> &&
                !std::is_copy_constructible_v<KeyExchangeKey> && !std::is_copy_constructible_v<ExportedSessionKey> &&
                !std::is_copy_constructible_v<SigningKey> && !std::is_copy_constructible_v<ResponseKeyNt>);
  const auto bytes_left = []<typename Key>(Key key) {
    alignas(Key) std::array<std::uint8_t, sizeof(Key)> place{};
    Key* const held = new (place.data()) Key{std::move(key)};
    const bool was_there = !constant_time_is_zero(place);
    held->~Key();
    return std::pair{was_there, constant_time_is_zero(place)};
  };
  const auto expected = std::pair{true, true};
  EXPECT_EQ(bytes_left(hash_of(kPassword)), expected);
  EXPECT_EQ(bytes_left(response_key(right_hash())), expected);
  EXPECT_EQ(bytes_left(session_base_key_v1(right_hash())), expected);
  EXPECT_EQ(bytes_left(fixed<ExportedSessionKey>(kRandomSessionKey)), expected);
}

TEST(Handshake, R27_ProofMicAndBindingsAreComparedInConstantTimeAndByNothingElse) {
  int uses = 0;
  for (const char* file : {"verification.cpp", "acceptor.cpp"}) {
    std::ifstream in{std::string{POSTERN_SOURCE_DIR} + "/src/ntlm/" + file};
    ASSERT_TRUE(in) << file;
    std::stringstream text;
    text << in.rdbuf();
    const std::string source = text.str();
    for (std::size_t at = source.find("constant_time_equal("); at != std::string::npos;
         at = source.find("constant_time_equal(", at + 1)) {
      ++uses;
    }
    for (const char* leaky : {"memcmp", "ranges::equal", "std::equal", ".bytes() ==", ".reveal() =="}) {
      EXPECT_EQ(source.find(leaky), std::string::npos) << leaky << " in " << file;
    }
  }
  EXPECT_GE(uses, 3) << "the response, the MIC and the bindings";
}

}  // namespace
}  // namespace postern::ntlm
