// Messages laid out as real clients lay them out (docs/peers.md S1 to S11), against the acceptor: accepted with the right password,
// and refused with another.
#include <gtest/gtest.h>

#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::AvId;
using wire::AvPairsBuilder;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

struct Outcome {
  std::string code;
  std::optional<Established> established{};
};
Outcome decide(AwaitingAuthenticate server, ByteView message, const NtHash& hash = right_hash()) {
  auto done = finish(std::move(server), message, hash);
  Outcome outcome{code_of(done), {}};
  if (done) outcome.established = std::move(*done);
  return outcome;
}

/// The CHALLENGE's target information, as a client takes it over.
Bytes offered_info(const AwaitingAuthenticate& server) {
  return to_bytes(wire::ChallengeMessage::parse(server.challenge_message()).value().target_info);
}

TEST(Peers, S1_S3_CurlOffersOemAloneIn32BytesAndSendsLmv2ItsOwnTimeAndNoVersion) {
  const NegotiateFlags offer{0x00088206};
  auto server = begin(offer);
  const auto chosen = wire::ChallengeMessage::parse(server.challenge_message()).value().flags;
  EXPECT_FALSE(chosen.has(NegotiateFlag::unicode)) << "never a charset that was not offered";
  const auto message_for = [&](const NtHash& hash) {
    RawAuthenticate message;
    message.flags = chosen;  // echoed whole
    message.payload_offset = 64;
    message.user = to_bytes(as_bytes(kUser));
    message.domain = to_bytes(as_bytes(kDomain));
    message.workstation = to_bytes(as_bytes("WORKSTATION"));
    message.lm = to_bytes(lmv2_response(response_key(hash), server_challenge(), client_challenge()));
    message.nt = v2_response(response_key(hash), v2_blob(offered_info(server), 4, FileTime{kNow.ticks() + 12'345})).response;
    return message.write();
  };
  const Outcome right = decide(begin(offer), message_for(right_hash()));
  ASSERT_TRUE(right.established) << right.code;
  EXPECT_EQ(right.established->claims().user, kUser);
  EXPECT_EQ(right.established->claims().workstation, "WORKSTATION");
  EXPECT_EQ(right.established->claims().mic, MicState::absent);
  EXPECT_EQ(decide(begin(offer), message_for(wrong_hash())).code, "wrong_password");
}

TEST(Peers, S3_WgetClaimsUnicodeInItsAuthenticateAndWritesOem) {
  const NegotiateFlags offer{0x00000202};
  RawAuthenticate message;
  message.flags = NegotiateFlags{0x00000201};
  message.payload_offset = 64;
  message.user = to_bytes(as_bytes(kUser));
  message.nt = to_bytes(desl(right_hash().reveal(), server_challenge().bytes()));
  message.lm = to_bytes(desl(wrong_hash().reveal(), server_challenge().bytes()));  // an LM response: of no interest
  const Demands v1{{wire::ResponseVersion::ntlm_v1}, kMicWaiver, {}, kBindingsWaiver};
  const auto done = finish(begin(offer), message.write(), right_hash(), v1);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(done->claims().user, kUser) << "read by the server's choice of charset, not by the client's claim";
  EXPECT_EQ(code_of(finish(begin(offer), message.write(), wrong_hash(), v1)), "wrong_password");
  EXPECT_EQ(code_of(finish(begin(offer), message.write(), right_hash())), "policy") << "NTLMv2 alone is the default";
}

TEST(Peers, S2_ChromiumClearsTheVersionFlagKeepsItsEightBytesAndPutsTheMicAt72) {
  const NegotiateFlags offer{0x00088207};
  auto server = begin(offer);
  const Bytes challenge = to_bytes(server.challenge_message());
  const auto message_for = [&](const NtHash& hash, std::uint8_t damage) {
    AvPairsBuilder builder;
    const Bytes offered = offered_info(server);
    wire::AvPairs::parse(offered, "test").value().for_each([&](const wire::AvPair& pair) { builder.add(pair.id, pair.value); });
    builder.add_flags(2).add(AvId::channel_bindings, Bytes(16, 0)).add(AvId::target_name, utf16("HTTP/127.0.0.1:8080"));
    auto response = v2_response(response_key(hash), v2_blob(std::move(builder).finish()));
    RawAuthenticate message;
    message.flags = NegotiateFlags{0x00088201};
    message.user = utf16(kUser);
    message.domain = utf16(kDomain);
    message.lm = Bytes(24, 0);
    message.nt = std::move(response.response);
    Bytes bytes = message.write();
    put_mic(bytes, ExportedSessionKey{response.key_exchange_key.reveal()}, negotiate_of(offer), challenge);
    bytes[87] = static_cast<std::uint8_t>(bytes[87] ^ damage);
    return bytes;
  };
  const Outcome right = decide(begin(offer), message_for(right_hash(), 0));
  ASSERT_TRUE(right.established) << right.code;
  EXPECT_EQ(right.established->claims().mic, MicState::verified);
  EXPECT_EQ(right.established->claims().spn, "HTTP/127.0.0.1:8080");
  EXPECT_EQ(decide(begin(offer), message_for(right_hash(), 1)).code, "mic_wrong");
  EXPECT_EQ(decide(begin(offer), message_for(wrong_hash(), 0)).code, "wrong_password");
}

TEST(Peers, S2_CntlmSetsTheVersionFlagWithoutAVersionFieldInItsNegotiate) {
  // Payload (domain and workstation) at 32, where VERSION would stand.
  const Bytes domain = to_bytes(as_bytes("EXAMPLE")), workstation = to_bytes(as_bytes("PC7"));
  Writer out;
  out.bytes(as_bytes(std::string_view{"NTLMSSP\0", 8}));
  out.u32(1);
  out.u32(0xa208b205);
  for (const auto& [size, offset] : {std::pair{domain.size(), std::size_t{32}}, {workstation.size(), 32 + domain.size()}}) {
    out.u16(static_cast<std::uint16_t>(size));
    out.u16(static_cast<std::uint16_t>(size));
    out.u32(static_cast<std::uint32_t>(offset));
  }
  out.bytes(domain);
  out.bytes(workstation);
  const Bytes negotiate = std::move(out).take();
  EXPECT_FALSE(wire::NegotiateMessage::parse(negotiate).value().version);
  EXPECT_TRUE(Acceptor::on_negotiate(negotiate, server_config(), server_challenge(), kNow));
}

TEST(Peers, S4_AnEchoedKeyExchangeFlagWithoutAKeyIsNoKeyExchange) {
  // Curl and axios echo KEY_EXCH if the server sets it; offered here, so that it is agreed, and the field stays empty.
  const NegotiateFlags offer{0x40088205};
  auto response = v2_response(response_key(right_hash()), v2_blob(AvPairsBuilder{}.finish()));
  RawAuthenticate message;
  message.flags = offer;
  message.payload_offset = 64;
  message.user = utf16(kUser);
  message.domain = utf16(kDomain);
  message.nt = response.response;
  const Outcome without = decide(begin(offer), message.write());
  ASSERT_TRUE(without.established) << without.code;
  EXPECT_EQ(to_hex(without.established->exported_session_key().reveal()), to_hex(response.key_exchange_key.reveal()));

  message.key = hex("00112233445566778899aabbccddeeff");
  const Outcome with = decide(begin(offer), message.write());
  ASSERT_TRUE(with.established) << with.code;
  const ExportedSessionKey exchanged = exchange_key(response.key_exchange_key, message.key);
  EXPECT_EQ(to_hex(with.established->exported_session_key().reveal()), to_hex(exchanged.reveal()));

  for (const std::size_t size : {1u, 8u, 15u, 17u, 32u}) {
    message.key = Bytes(size, 1);
    EXPECT_EQ(decide(begin(offer), message.write()).code, "malformed") << size;
  }
}

TEST(Peers, S4_ASessionKeyFromWhoNeverOfferedKeyExchangeIsIgnored) {
  // Apache HttpClient for Java: flags a2088201, and 16 key bytes all the same.
  const NegotiateFlags offer{0xa2088201};
  auto response = v2_response(response_key(right_hash()), v2_blob(AvPairsBuilder{}.finish()));
  RawAuthenticate message;
  message.flags = offer.with(NegotiateFlag::key_exchange);  // and even if it claims so now
  message.payload_offset = 72;
  message.user = utf16(kUser);
  message.domain = utf16(kDomain);
  message.nt = response.response;
  message.key = hex("00112233445566778899aabbccddeeff");
  const Outcome right = decide(begin(offer), message.write());
  ASSERT_TRUE(right.established) << right.code;
  EXPECT_FALSE(right.established->negotiated().has(NegotiateFlag::key_exchange));
  EXPECT_EQ(to_hex(right.established->exported_session_key().reveal()), to_hex(response.key_exchange_key.reveal()));
  EXPECT_EQ(decide(begin(offer), message.write(), wrong_hash()).code, "wrong_password");
}

TEST(Peers, S10_TheProofIsOfExactlyTheStringsInTheMessage) {
  const NegotiateFlags offer{0x00088207};
  const auto attempt = [&](std::string_view user, std::string_view domain) {
    RawAuthenticate message;
    message.flags = offer;
    message.payload_offset = 64;
    message.user = utf16(user);
    message.domain = utf16(domain);
    message.nt = v2_response(response_key(right_hash(), user, domain), v2_blob(AvPairsBuilder{}.finish())).response;
    return decide(begin(offer), message.write());
  };
  const std::pair<std::string_view, std::string_view> forms[] = {
      {"alice@example.org", ""}, {"EXAMPLE\\alice", ""}, {"alice", ""}, {"alice", "EXAMPLE"}, {"alice", "example.org"}};
  for (const auto& [user, domain] : forms) {
    const Outcome outcome = attempt(user, domain);
    ASSERT_TRUE(outcome.established) << user << " " << outcome.code;
    EXPECT_EQ(outcome.established->claims().user, user);
    EXPECT_EQ(outcome.established->claims().domain, domain);
  }
}

TEST(Peers, S10_CurlWidensEachByteOfAUtf8NameByItself) {
  // "å" as UTF-8 is C3 A5; in OEM text those two bytes go out as they are, and NTOWFv2 takes each as one character (Latin-1).
  const NegotiateFlags offer{0x00088206};
  const std::string widened = "\xc3\x83\xc2\xa5sa";  // "Ã¥sa"
  RawAuthenticate message;
  message.flags = offer;
  message.payload_offset = 64;
  message.user = hex("c3a57361");
  message.nt = v2_response(response_key(right_hash(), widened, ""), v2_blob(AvPairsBuilder{}.finish())).response;
  AcceptorConfig latin1 = server_config();
  latin1.oem_code_page = CodePage::latin1;
  const Outcome taken = decide(begin(offer, latin1), message.write());
  ASSERT_TRUE(taken.established) << taken.code;
  EXPECT_EQ(taken.established->claims().user, widened);
  AcceptorConfig utf8 = server_config();
  utf8.oem_code_page = CodePage::utf8;
  EXPECT_EQ(decide(begin(offer, utf8), message.write()).code, "wrong_password");
}

TEST(Peers, S11_AnyTailBehindTheAvListIsPartOfWhatIsProved) {
  const NegotiateFlags offer{0x00088207};
  for (const std::size_t tail : {0u, 4u, 8u, 12u, 100u}) {  // Firefox and libsoup, most others, WinPR
    RawAuthenticate message;
    message.flags = offer;
    message.payload_offset = 64;
    message.user = utf16(kUser);
    message.domain = utf16(kDomain);
    message.nt = v2_response(response_key(right_hash()), v2_blob(offered_info(begin(offer)), tail)).response;
    EXPECT_EQ(decide(begin(offer), message.write()).code, "accepted") << tail;
    message.nt.push_back(0);
    EXPECT_EQ(decide(begin(offer), message.write()).code, "wrong_password") << tail << " and a byte that was not hashed";
    message.nt.pop_back();
    if (tail == 0) continue;
    message.nt.back() = 1;
    EXPECT_EQ(decide(begin(offer), message.write()).code, "wrong_password") << tail;
  }
}

TEST(Peers, TheMachineIdIsReadFromSingleHost) {
  Bytes single_host(48, 0);
  for (std::size_t i = 16; i < 48; ++i) single_host[i] = static_cast<std::uint8_t>(i);
  RawAuthenticate message;
  message.flags = NegotiateFlags{0x00088207};
  message.user = utf16(kUser);
  message.nt = v2_response(response_key(right_hash(), kUser, ""),
                           v2_blob(std::move(AvPairsBuilder{}.add(AvId::single_host, single_host)).finish()))
                   .response;
  const Outcome outcome = decide(begin(message.flags), message.write());
  ASSERT_TRUE(outcome.established) << outcome.code;
  EXPECT_EQ(outcome.established->claims().machine_id, Bytes(single_host.begin() + 16, single_host.end()));
}

}  // namespace
}  // namespace postern::ntlm
