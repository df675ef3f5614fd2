// R16, R17, R20, R21, R22: what somebody on the way, or at the other end, may try.
#include <gtest/gtest.h>

#include "base/reader.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::AvId;
using wire::AvPairsBuilder;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

constexpr NegotiateFlags kOffer{0xa2088205};  // no KEY_EXCH: the exported key is the key exchange key

// ---- R20: the MIC ------------------------------------------------------------------------------------------------------------

/// A client that announces a MIC, and what becomes of its message on the way.
class Announced {
 public:
  explicit Announced(std::uint32_t av_flags = 2, std::size_t payload_offset = 88) {
    AvPairsBuilder builder;
    builder.add(AvId::nb_domain_name, utf16(kDomain));
    builder.add_flags(av_flags);
    auto response = v2_response(response_key(right_hash()), v2_blob(std::move(builder).finish()));
    message_.flags = kOffer;
    message_.user = utf16(kUser);
    message_.domain = utf16(kDomain);
    message_.nt = std::move(response.response);
    message_.payload_offset = payload_offset;
    key_.emplace(response.key_exchange_key.reveal());
    bytes_ = message_.write();
    if (payload_offset >= 88) sign();
  }
  void sign() { put_mic(bytes_, *key_, negotiate_, begin(kOffer).challenge_message()); }
  RawAuthenticate& message() { return message_; }
  Bytes& bytes() { return bytes_; }
  [[nodiscard]] std::string decide(std::optional<Waiver> waiver = kMicWaiver) const {
    return code_of(finish(begin(kOffer), bytes_, right_hash(), {kNtlmv2Only, waiver, {}, kBindingsWaiver}));
  }
  [[nodiscard]] MicState state() const { return begin(kOffer).on_authenticate(bytes_).value().claims().mic; }

 private:
  RawAuthenticate message_;
  Bytes negotiate_ = negotiate_of(kOffer);
  std::optional<ExportedSessionKey> key_;
  Bytes bytes_;
};

TEST(Mic, R20_AnAnnouncedMicIsAcceptedIfItIsRightAndRefusedIfOneByteIsNot) {
  EXPECT_EQ(Announced{}.decide(), "accepted");
  EXPECT_EQ(Announced{}.decide(std::nullopt), "accepted");
  for (std::size_t i = 0; i < wire::kMicBytes; ++i) {
    Announced client;
    client.bytes()[72 + i] = static_cast<std::uint8_t>(client.bytes()[72 + i] ^ 1);
    EXPECT_EQ(client.decide(), "mic_wrong") << i;
  }
}

TEST(Mic, R20_ZeroingAnAnnouncedMicIsRefused) {
  Announced client;
  std::fill_n(client.bytes().begin() + 72, 16, std::uint8_t{0});
  EXPECT_EQ(client.decide(), "mic_wrong");
  EXPECT_EQ(client.state(), MicState::announced_missing);
}

TEST(Mic, R20_RemovingTheMicsBytesFromTheMessageIsRefused) {
  // Drop the MIC (CVE-2019-1040): the payload moves up by 16 (VERSION stays) or by 24 bytes (VERSION goes too).
  for (const std::size_t payload_offset : {72u, 64u}) {
    Announced client{2, payload_offset};
    EXPECT_EQ(client.state(), MicState::announced_missing) << payload_offset;
    EXPECT_EQ(client.decide(), "mic_wrong") << payload_offset;
  }
}

TEST(Mic, R20_ClearingTheVersionFlagDoesNotMoveTheMic) {
  // Chromium clears the flag itself and leaves the 8 bytes (S2); on somebody else's message the change breaks the MIC.
  Announced honest;
  honest.message().flags = kOffer.without(NegotiateFlag::version);
  honest.bytes() = honest.message().write();
  honest.sign();
  EXPECT_EQ(honest.decide(), "accepted");
  Announced altered;
  altered.bytes()[63] = static_cast<std::uint8_t>(altered.bytes()[63] & ~0x02);
  EXPECT_EQ(altered.decide(), "mic_wrong");
}

TEST(Mic, R20_MovingAnyPayloadFieldOverTheMicIsRefused) {
  // Each of the six fields in turn says that it starts at 72, so that "there is no room for a MIC".
  for (std::size_t field = 0; field < 6; ++field) {
    Announced client;
    Bytes moved = client.bytes();
    const std::size_t header = 12 + 8 * field;
    const bool empty = load_le<std::uint16_t>(&moved[header]) == 0;
    store_le(&moved[header + 4], std::uint32_t{72});
    client.bytes() = moved;
    EXPECT_NE(client.decide(), "accepted") << "field " << field << (empty ? " (empty)" : "");
  }
  // The workstation, which nothing proves, over the MIC: the same bytes serve as text and as MIC.
  Announced client;
  store_le(&client.bytes()[12 + 8 * 4], std::uint16_t{16});
  store_le(&client.bytes()[12 + 8 * 4 + 4], std::uint32_t{72});
  client.sign();
  EXPECT_EQ(client.state(), MicState::announced_missing);
  EXPECT_EQ(client.decide(), "mic_wrong");
}

TEST(Mic, R20_OtherBitsBesideTheMicBitDoNotHideIt) {
  for (unsigned bit = 0; bit < 32; ++bit) {
    Announced client{2u | 1u << bit};
    EXPECT_EQ(client.decide(), "accepted") << bit;
    client.bytes()[80] = static_cast<std::uint8_t>(client.bytes()[80] ^ 1);
    EXPECT_EQ(client.decide(), "mic_wrong") << bit;
  }
}

TEST(Mic, R20_RequireMicRefusesAClientThatAnnouncesNone) {
  Announced silent{0};
  EXPECT_EQ(silent.decide(), "accepted");
  EXPECT_EQ(silent.decide(std::nullopt), "mic_wrong");
  EXPECT_EQ(silent.state(), MicState::absent) << "16 bytes that nobody announced are no MIC";
  std::fill_n(silent.bytes().begin() + 72, 16, std::uint8_t{0});
  EXPECT_EQ(silent.state(), MicState::zero);
  EXPECT_EQ(silent.decide(std::nullopt), "mic_wrong");
}

TEST(Mic, R20_TheStateIsPresentUntilItIsVerified) {
  EXPECT_EQ(Announced{}.state(), MicState::present);
  EXPECT_EQ(name_of(MicState::announced_missing), "announced-missing");
  EXPECT_EQ(name_of(MicState::not_applicable), "not-applicable");
}

// ---- R21: AvFlags ------------------------------------------------------------------------------------------------------------

std::string answer_with(ByteView av_pairs, std::optional<Waiver> waiver = kMicWaiver) {
  RawAuthenticate message;
  message.flags = kOffer;
  message.user = utf16(kUser);
  message.domain = utf16(kDomain);
  message.nt = v2_response(response_key(right_hash()), v2_blob(av_pairs)).response;
  return code_of(finish(begin(kOffer), message.write(), right_hash(), {kNtlmv2Only, waiver, {}, kBindingsWaiver}));
}

TEST(AvFlags, R21_ASecondAvFlagsInTheResponseIsRefusedInEitherOrder) {
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add_flags(0)).finish()), "accepted");
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add_flags(0).add_flags(2)).finish()), "duplicate");
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add_flags(2).add_flags(0)).finish()), "duplicate");
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add_flags(0).add(AvId::nb_domain_name, utf16("X")).add_flags(0)).finish()),
            "duplicate");
}

TEST(AvFlags, R21_AvFlagsBehindTheEndOfTheListOrOfAnotherSizeIsNone) {
  Bytes behind = std::move(AvPairsBuilder{}.add(AvId::nb_domain_name, utf16("X"))).finish();
  const Bytes hidden = std::move(AvPairsBuilder{}.add_flags(2)).finish();
  behind.insert(behind.end(), hidden.begin(), hidden.end());
  EXPECT_EQ(answer_with(behind), "accepted");
  EXPECT_EQ(answer_with(behind, std::nullopt), "mic_wrong") << "not announced, so absent, so refused where one is required";
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add(AvId::flags, hex("0200"))).finish()), "malformed");
  EXPECT_EQ(answer_with(std::move(AvPairsBuilder{}.add(AvId::flags, hex("0200000000000000"))).finish()), "malformed");
}

struct Answered {
  std::optional<ClientEstablished> client{};
  std::vector<std::pair<AvId, Bytes>> pairs{};
};
Answered initiator_answers(ByteView target_info, std::string_view spn = {}, std::optional<ChannelBindingHash> bindings = {}) {
  wire::ChallengeMessage challenge;
  challenge.flags = NegotiateFlags{0xe2888215};
  challenge.server_challenge = server_challenge();
  challenge.target_info = target_info;
  InitiatorConfig config;
  config.credentials = {std::string{kUser}, std::string{kDomain}, right_hash().duplicate()};
  config.target_name = spn;
  config.channel_bindings = bindings;
  auto done = Initiator::start(std::move(config)).value().on_challenge(challenge.write().value(), {}, kNow);
  if (!done) return {};
  Answered answered;
  answered.client = std::move(*done);
  const auto message = wire::AuthenticateMessage::parse(answered.client->authenticate_message()).value();
  const auto response = wire::Ntlmv2Response::parse(message.nt_response, 0).value();
  response.av_pairs.for_each([&](const wire::AvPair& pair) { answered.pairs.emplace_back(pair.id, to_bytes(pair.value)); });
  return answered;
}
std::vector<Bytes> values_of(const Answered& answered, AvId id) {
  std::vector<Bytes> values;
  for (const auto& [pair_id, value] : answered.pairs) {
    if (pair_id == id) values.push_back(value);
  }
  return values;
}

TEST(Initiator, R21_DoesNotRepeatWhatTheServerPutsUnderTheClientsIds) {
  AvPairsBuilder smuggled;
  smuggled.add(AvId::nb_domain_name, utf16("EXAMPLE"))
      .add_flags(0)
      .add(AvId::single_host, Bytes(48, 0x41))
      .add(AvId::target_name, utf16("cifs/elsewhere"))
      .add(AvId::channel_bindings, Bytes(16, 0x42))
      .add_timestamp(kNow)
      .add(static_cast<AvId>(0x77), hex("0102"));
  const Bytes list = std::move(smuggled).finish();
  const Answered plain = initiator_answers(list);
  ASSERT_TRUE(plain.client);
  EXPECT_TRUE(plain.client->sent_mic());
  EXPECT_EQ(values_of(plain, AvId::flags), std::vector<Bytes>{hex("02000000")}) << "its own, not the server's";
  EXPECT_EQ(values_of(plain, AvId::channel_bindings), std::vector<Bytes>{Bytes(16, 0)}) << "none is zero, not the server's";
  EXPECT_TRUE(values_of(plain, AvId::single_host).empty());
  EXPECT_TRUE(values_of(plain, AvId::target_name).empty());
  EXPECT_EQ(values_of(plain, AvId::nb_domain_name), std::vector<Bytes>{utf16("EXAMPLE")}) << "the server's own pairs are repeated";
  EXPECT_EQ(values_of(plain, static_cast<AvId>(0x77)), std::vector<Bytes>{hex("0102")});

  const auto bindings = fixed<ChannelBindingHash>("00112233445566778899aabbccddeeff");
  const Answered own = initiator_answers(list, "HTTP/www.example.org", bindings);
  EXPECT_EQ(values_of(own, AvId::channel_bindings), std::vector<Bytes>{to_bytes(bindings.bytes())});
  EXPECT_EQ(values_of(own, AvId::target_name), std::vector<Bytes>{utf16("HTTP/www.example.org")});
}

TEST(Initiator, R21_RefusesAChallengeWithTwoPairsOfOneKind) {
  EXPECT_TRUE(initiator_answers(std::move(AvPairsBuilder{}.add_timestamp(kNow)).finish()).client);
  EXPECT_FALSE(initiator_answers(std::move(AvPairsBuilder{}.add_timestamp(kNow).add_timestamp(kNow)).finish()).client);
  EXPECT_FALSE(initiator_answers(std::move(AvPairsBuilder{}.add_flags(0).add_flags(0)).finish()).client);
}

// ---- R22: LMv2 only ----------------------------------------------------------------------------------------------------------

TEST(LmV2, R22_ProvesNoMicNoBindingsAndNoTargetName) {
  RawAuthenticate message;
  message.flags = kOffer;
  message.user = utf16(kUser);
  message.domain = utf16(kDomain);
  message.lm = to_bytes(lmv2_response(response_key(right_hash()), server_challenge(), client_challenge()));
  Bytes bytes = message.write();
  {  // with a MIC that is right, put where one would be
    const SessionBaseKey base = session_base_key_v2(response_key(right_hash()), std::span{message.lm}.first<16>());
    put_mic(bytes, ExportedSessionKey{base.reveal()}, negotiate_of(kOffer), begin(kOffer).challenge_message());
  }
  auto pending = begin(kOffer).on_authenticate(bytes).value();
  EXPECT_EQ(pending.claims().mic, MicState::not_applicable);
  EXPECT_FALSE(pending.claims().spn);
  EXPECT_FALSE(pending.claims().channel_binding);
  EXPECT_TRUE(pending.proof().empty());
  const auto zero_hash = ChannelBindingHash{};
  EXPECT_EQ(pending.binding_state({&zero_hash, 1}), BindingState::not_applicable);

  const auto verified = verify_response(pending.request(), right_hash(), {wire::ResponseVersion::lm_v2});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->version(), wire::ResponseVersion::lm_v2);
  EXPECT_EQ(code_of(pending.prove_mic(*verified, std::nullopt)), "mic_wrong");
  EXPECT_EQ(code_of(pending.prove_bindings({&zero_hash, 1}, std::nullopt)), "bindings_wrong");
  const auto mic = pending.prove_mic(*verified, kMicWaiver);
  ASSERT_TRUE(mic);
  EXPECT_TRUE(std::holds_alternative<MicNotRequired>(*mic)) << "waived, never verified";
  const auto bindings = pending.prove_bindings({&zero_hash, 1}, kBindingsWaiver);
  ASSERT_TRUE(bindings);
  EXPECT_TRUE(std::holds_alternative<BindingsNotRequired>(*bindings));
}

// ---- channel bindings: absent, zero, of another channel ----------------------------------------------------------------------

TEST(Bindings, R23_OnlyAHashOfThisConnectionIsAMatch) {
  const auto mine = fixed<ChannelBindingHash>("00112233445566778899aabbccddeeff");
  const auto other = fixed<ChannelBindingHash>("00112233445566778899aabbccddee00");
  const auto state_of = [&](std::optional<ChannelBindingHash> sent, std::vector<ChannelBindingHash> accepted) {
    AvPairsBuilder builder;
    if (sent) builder.add(AvId::channel_bindings, sent->bytes());
    RawAuthenticate message;
    message.flags = kOffer;
    message.user = utf16(kUser);
    message.nt = v2_response(response_key(right_hash(), kUser, ""), v2_blob(std::move(builder).finish())).response;
    const Bytes bytes = message.write();
    const auto pending = begin(kOffer).on_authenticate(bytes).value();
    const bool required = finish(begin(kOffer), bytes, right_hash(), {kNtlmv2Only, kMicWaiver, accepted, std::nullopt}).has_value();
    return std::pair{name_of(pending.binding_state(accepted)), required};
  };
  using State = std::pair<std::string_view, bool>;
  EXPECT_EQ(state_of(mine, {mine}), (State{"matched", true}));
  EXPECT_EQ(state_of(mine, {other, mine}), (State{"matched", true}));
  EXPECT_EQ(state_of(mine, {other}), (State{"mismatched", false}));
  EXPECT_EQ(state_of(mine, {}), (State{"present", false}));
  EXPECT_EQ(state_of({}, {mine}), (State{"absent", false}));
  EXPECT_EQ(state_of(ChannelBindingHash{}, {mine}), (State{"zero", false}));
  EXPECT_EQ(state_of(ChannelBindingHash{}, {ChannelBindingHash{}}), (State{"zero", false})) << "zero means none, even if listed";
}

// ---- R16, R17: sizes ---------------------------------------------------------------------------------------------------------

TEST(Sizes, R16_TargetInfoOfEverySizeIsAnsweredOrRefusedAndNeverHalfWritten) {
  // Curl once wrote past its buffer at about 1000 bytes (CVE-2019-3822); Samba limits messages to 2888.
  for (const std::size_t size : {0u, 4u, 100u, 999u, 1000u, 1024u, 2888u, 16'384u, 65'000u}) {
    AvPairsBuilder builder;
    const std::size_t filler = size < 16 ? 0 : size - 4 - 12 - 4;
    if (filler != 0) builder.add_timestamp(kNow).add(static_cast<AvId>(0x55), Bytes(filler, 0x61));
    const Bytes list = size == 0 ? Bytes{} : std::move(builder).finish();
    if (filler != 0) {
      ASSERT_EQ(list.size(), size);
    }
    const Answered answered = initiator_answers(list);
    ASSERT_TRUE(answered.client) << size;
    const auto message = wire::AuthenticateMessage::parse(answered.client->authenticate_message()).value();
    EXPECT_GE(message.nt_response.size(), list.size()) << size;
    const std::vector<Bytes> expected = filler == 0 ? std::vector<Bytes>{} : std::vector<Bytes>{Bytes(filler, 0x61)};
    EXPECT_EQ(values_of(answered, static_cast<AvId>(0x55)), expected) << size;
  }
  // An answer that its 16-bit length could not carry is refused before a byte is written.
  wire::ChallengeMessage challenge;
  challenge.flags = NegotiateFlags{0xe2888215};
  const Bytes most = std::move(AvPairsBuilder{}.add(static_cast<AvId>(0x55), Bytes(65'460, 0x61))).finish();
  challenge.target_info = most;
  InitiatorConfig config;
  config.credentials = {std::string{kUser}, "", right_hash().duplicate()};
  const auto refused = Initiator::start(std::move(config)).value().on_challenge(challenge.write().value(), {}, kNow);
  EXPECT_EQ(code_of(refused), "too_large");
  // 65 535 bytes with a header do not fit into what is a message to us (R26).
  Bytes over(65'535 + 56);
  const Bytes small = wire::ChallengeMessage{.flags = NegotiateFlags{0xe2888215}}.write().value();
  std::ranges::copy(small, over.begin());
  store_le(&over[40], std::uint16_t{65'535});
  store_le(&over[44], std::uint32_t{56});
  InitiatorConfig again;
  again.credentials = {std::string{kUser}, "", right_hash().duplicate()};
  EXPECT_EQ(code_of(Initiator::start(std::move(again)).value().on_challenge(over, {}, kNow)), "too_large");
}

std::string start_with(std::string user, std::string domain, std::string target_name = {}, std::string workstation = {}) {
  InitiatorConfig config;
  config.credentials = {std::move(user), std::move(domain), right_hash().duplicate()};
  config.target_name = std::move(target_name);
  config.workstation = std::move(workstation);
  return code_of(Initiator::start(std::move(config)));
}

/// A text of that size whose pages are never touched.
std::string untouched(std::size_t size) {
  std::string text;
  text.resize_and_overwrite(size, [size](char*, std::size_t) { return size; });
  return text;
}

TEST(Sizes, R17_NamesAndPasswordsEndAtTheirLimit) {
  const std::string most(kMaxNameBytes, 'a');
  const std::string over(kMaxNameBytes + 1, 'a');
  EXPECT_EQ(start_with(most, most, std::string(kMaxTargetNameBytes, 'a'), most), "accepted");
  EXPECT_EQ(start_with(over, "D"), "too_large");
  EXPECT_EQ(start_with("u", over), "too_large");
  EXPECT_EQ(start_with("u", "D", std::string(kMaxTargetNameBytes + 1, 'a')), "too_large");
  EXPECT_EQ(start_with("u", "D", "", over), "too_large");
  EXPECT_EQ(start_with("", "D"), "invalid_input");
  EXPECT_EQ(code_of(nt_hash_of_password(SecretBytes{std::string_view{std::string(kMaxPasswordBytes, 'a')}})), "accepted");
  EXPECT_EQ(code_of(nt_hash_of_password(SecretBytes{std::string_view{std::string(kMaxPasswordBytes + 1, 'a')}})), "too_large");
}

TEST(Sizes, R17_LengthsAroundTheWrapOf32BitsAreRefused) {
  // CVE-2017-8816, CVE-2018-14618: a length that wraps in 32 bits looks small.
  for (const std::size_t size :
       {(std::size_t{1} << 31) - 1, (std::size_t{1} << 31) + 1, (std::size_t{1} << 32) - 1, (std::size_t{1} << 32) + 1}) {
    EXPECT_EQ(start_with(untouched(size), "D"), "too_large") << size;
  }
  const std::size_t past_the_wrap = (std::size_t{1} << 32) + 1;
  EXPECT_EQ(start_with("u", untouched(past_the_wrap)), "too_large");
  EXPECT_EQ(start_with("u", "D", untouched(past_the_wrap)), "too_large");
  // A password is compared with its limit in the same std::size_t; four gigabytes of it are not copied here for proof.
  static_assert(std::is_same_v<decltype(SecretBytes{}.size()), std::size_t> &&
                std::is_same_v<decltype(kMaxPasswordBytes), const std::size_t>);
}

TEST(Sizes, ServerNamesEndAtTheirLimit) {
  const auto start = [](std::size_t size) {
    AcceptorConfig config = server_config();
    config.names.dns_tree = std::string(size, 'a');
    return code_of(Acceptor::on_negotiate(negotiate_of(kOffer), config, server_challenge(), kNow));
  };
  EXPECT_EQ(start(kMaxServerNameBytes), "accepted");
  EXPECT_EQ(start(kMaxServerNameBytes + 1), "too_large");
}

}  // namespace
}  // namespace postern::ntlm
