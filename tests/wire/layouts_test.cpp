// The layouts that real clients and servers send (docs/peers.md), each put together here byte by byte.
#include <algorithm>
#include <gtest/gtest.h>

#include "raw_message.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::wire {
namespace {

using namespace test;

bool same(ByteView a, const Bytes& b) { return std::ranges::equal(a, b); }

// curl, wget, Java, Chromium, Firefox, Qt, impacket: 32 bytes, no Version field, offsets zero.
TEST(NegotiateLayout, S1_ThirtyTwoBytesWithoutVersion) {
  const Bytes curl = RawMessage{1, 32}.u32(at::kNegotiateFlags, 0x00088206).bytes();
  const auto parsed = NegotiateMessage::parse(curl);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->flags.wire(), 0x00088206u);
  EXPECT_TRUE(parsed->domain_name.empty() && parsed->workstation.empty());
  EXPECT_FALSE(parsed->version);
}

TEST(NegotiateLayout, S1_SixteenBytesAndUpAndFifteenRefused) {
  Bytes message = RawMessage{1, 32}.u32(at::kNegotiateFlags, 0x207).bytes();
  for (const std::size_t size : {32u, 31u, 24u, 17u, 16u}) {
    message.resize(size);
    EXPECT_TRUE(NegotiateMessage::parse(message)) << size;
  }
  message.resize(15);
  EXPECT_EQ(code_of(NegotiateMessage::parse(message)), ErrorCode::truncated);
}

TEST(NegotiateLayout, S1_OffsetsOfEmptyFieldsMeanNothing) {
  RawMessage message{1, 40};
  message.u32(at::kNegotiateFlags, 0x207)
      .point(at::kNegotiateDomain, 0, 0xffff'ffff)
      .point(at::kNegotiateWorkstation, 0, 0x7fff'ffff);
  EXPECT_TRUE(NegotiateMessage::parse(message.bytes()));
  message.point(at::kNegotiateDomain, 1, 0xffff'ffff);
  EXPECT_EQ(code_of(NegotiateMessage::parse(message.bytes())), ErrorCode::out_of_bounds);
}

// cntlm sets VERSION in NEGOTIATE and lets the payload start where the field would stand.
TEST(NegotiateLayout, S2_VersionBitWithPayloadAt32) {
  RawMessage cntlm{1, 32};
  cntlm.u32(at::kNegotiateFlags, 0xa208b205)
      .field(at::kNegotiateWorkstation, ascii("HOST"))
      .field(at::kNegotiateDomain, ascii("LABDOMAI"));
  const auto parsed = NegotiateMessage::parse(cntlm.bytes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(as_text(parsed->domain_name), "LABDOMAI");
  EXPECT_EQ(as_text(parsed->workstation), "HOST");
  EXPECT_FALSE(parsed->version) << "these bytes are the workstation";
}

TEST(NegotiateLayout, VersionIsReadWhereTheBitIsSetAndThereIsRoom) {
  RawMessage message{1, 40};
  message.u32(at::kNegotiateFlags, 0xe2088297).put(at::kNegotiateVersion, hex("0a0063450000000f"));
  const auto with = NegotiateMessage::parse(message.bytes());
  ASSERT_TRUE(with && with->version);
  EXPECT_EQ(*with->version, (Version{10, 0, 17763, 15}));
  message.u32(at::kNegotiateFlags, 0xe0088297);
  EXPECT_FALSE(NegotiateMessage::parse(message.bytes())->version);
}

// axios supplies a domain without DOMAIN_SUPPLIED: the field decides, not the bit.
TEST(NegotiateLayout, DomainIsReadWhateverTheSuppliedBitsSay) {
  RawMessage message{1, 32};
  message.u32(at::kNegotiateFlags, 0x00088206).field(at::kNegotiateDomain, ascii("LAB"));
  EXPECT_EQ(as_text(NegotiateMessage::parse(message.bytes())->domain_name), "LAB");
}

TEST(NegotiateLayout, NeitherCharsetIsRefusedAndOnlyNotedForTheSensor) {
  const Bytes message = RawMessage{1, 32}.u32(at::kNegotiateFlags, 0x00088204).bytes();
  EXPECT_EQ(code_of(NegotiateMessage::parse(message)), ErrorCode::malformed);
  Anomalies anomalies;
  EXPECT_TRUE(NegotiateMessage::parse(message, &anomalies));
  EXPECT_EQ(anomalies.size(), 1u);
}

// The oldest servers end after the challenge; others after Reserved and TargetInfoFields.
TEST(ChallengeLayout, ThirtyTwoAndFortyEightBytesAndPayloadRightBehind) {
  for (const std::size_t header : {32u, 40u, 48u, 56u}) {
    RawMessage message{2, header};
    message.u32(at::kChallengeFlags, 0x202).put(at::kServerChallenge, hex("0123456789abcdef"));
    message.field(at::kTargetName, ascii("SRV"));
    const auto parsed = ChallengeMessage::parse(message.bytes());
    ASSERT_TRUE(parsed) << header;
    EXPECT_EQ(as_text(parsed->target_name), "SRV");
    EXPECT_TRUE(parsed->target_info.empty());
    EXPECT_EQ(to_hex(parsed->server_challenge.bytes()), "0123456789abcdef");
  }
}

TEST(ChallengeLayout, MaxLenAndReservedMeanNothing) {
  RawMessage message{2, 56};
  message.u32(at::kChallengeFlags, 0x201).field(at::kTargetName, utf16("SRV")).field(at::kTargetInfo, kEol);
  for (const std::uint32_t max_length : {0u, 1u, 0xffffu}) {
    message.u16(at::kTargetName + 2, max_length).u16(at::kTargetInfo + 2, max_length).put(at::kReserved, Bytes(8, 0xee));
    const auto parsed = ChallengeMessage::parse(message.bytes());
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(same(parsed->target_name, utf16("SRV")));
    EXPECT_TRUE(same(parsed->target_info, kEol));
    EXPECT_EQ(parsed->target_info_offset, 62u);
  }
}

TEST(ChallengeLayout, R2_UnicodeTargetNameOfOddLengthIsRefusedAndOemIsNot) {
  RawMessage message{2, 48};
  message.u32(at::kChallengeFlags, 0x201).field(at::kTargetName, ascii("SRV"));
  EXPECT_EQ(code_of(ChallengeMessage::parse(message.bytes())), ErrorCode::malformed);
  message.u32(at::kChallengeFlags, 0x202);
  EXPECT_TRUE(ChallengeMessage::parse(message.bytes()));
}

TEST(ChallengeLayout, VersionBitWithPayloadAt48) {
  RawMessage message{2, 48};
  message.u32(at::kChallengeFlags, 0x0200'0202).field(at::kTargetName, ascii("SERVERNAME"));
  const auto parsed = ChallengeMessage::parse(message.bytes());
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->version);
}

RawMessage authenticate(std::size_t header_bytes, std::uint32_t flags, const Bytes& nt_response) {
  RawMessage message{3, header_bytes};
  message.u32(at::kAuthenticateFlags, flags);
  message.field(at::kLm, Bytes(24)).field(at::kNt, nt_response);
  return message.field(at::kDomain, utf16("LAB")).field(at::kUser, utf16("alice")).field(at::kWorkstation, utf16("WS"));
}
const Bytes kMicAnnounced = ntlmv2_response(av(6, hex("02000000")) + kEol + Bytes(4));

// Chromium: no VERSION bit, still 8 zero bytes, MIC at 72, payload at 88.
TEST(AuthenticateLayout, S2_ChromiumHasItsMicAt72WithoutTheVersionBit) {
  RawMessage chromium = authenticate(88, 0x00088205, kMicAnnounced);
  chromium.put(at::kMic, hex("000102030405060708090a0b0c0d0e0f"));
  const auto parsed = AuthenticateMessage::parse(chromium.bytes());
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->version);
  ASSERT_TRUE(parsed->mic);
  EXPECT_EQ(to_hex(parsed->mic->bytes()), "000102030405060708090a0b0c0d0e0f");
}

// curl and axios echo the VERSION bit of the CHALLENGE, and their payload starts at 64.
TEST(AuthenticateLayout, S2_CurlHasNeitherVersionNorMicThoughTheBitIsSet) {
  const Bytes curl = authenticate(64, 0xe28a8215, ntlmv2_response(kEol)).bytes();
  const auto parsed = AuthenticateMessage::parse(curl);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->version);
  EXPECT_FALSE(parsed->mic);
  EXPECT_TRUE(same(parsed->user_name, utf16("alice")));
}

TEST(AuthenticateLayout, S2_PayloadAt72LeavesRoomForVersionButNotForAMic) {
  RawMessage message = authenticate(72, 0xe2888215, ntlmv2_response(kEol));
  message.put(at::kAuthenticateVersion, hex("0601b11d0000000f"));
  const auto parsed = AuthenticateMessage::parse(message.bytes());
  ASSERT_TRUE(parsed && parsed->version);
  EXPECT_EQ(*parsed->version, (Version{6, 1, 7601, 15}));
  EXPECT_FALSE(parsed->mic);
}

// R20: one payload byte inside the MIC's place, and there is no MIC any more, whatever AvFlags announces.
TEST(AuthenticateLayout, R20_PayloadThatReachesIntoTheMicsPlaceLeavesNoMic) {
  RawMessage message = authenticate(88, 0xe2888215, kMicAnnounced);
  ASSERT_TRUE(AuthenticateMessage::parse(message.bytes())->mic);
  message.point(at::kWorkstation, 2, 87);
  const auto parsed = AuthenticateMessage::parse(message.bytes());
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->mic);
  message.point(at::kWorkstation, 2, 88);
  EXPECT_TRUE(AuthenticateMessage::parse(message.bytes())->mic);
}

// wget claims UNICODE and sends OEM text: the server's choice decides.
TEST(AuthenticateLayout, S3_TheServersFlagsDecideTheCharset) {
  RawMessage wget{3, 64};
  wget.u32(at::kAuthenticateFlags, 0x8201).field(at::kLm, Bytes(24, 1)).field(at::kNt, Bytes(24, 2));
  wget.field(at::kDomain, {}).field(at::kUser, ascii("alice")).field(at::kWorkstation, {});
  const auto with_server = AuthenticateMessage::parse(wget.bytes(), NegotiateFlags{0x202});
  ASSERT_TRUE(with_server);
  EXPECT_EQ(with_server->charset, Charset::oem);
  EXPECT_EQ(as_text(with_server->user_name), "alice");
  EXPECT_EQ(code_of(AuthenticateMessage::parse(wget.bytes())), ErrorCode::malformed) << "by its own flags: UTF-16 of 5 bytes";
  EXPECT_EQ(code_of(AuthenticateMessage::parse(wget.bytes(), NegotiateFlags{0x201})), ErrorCode::malformed);
  Anomalies anomalies;
  EXPECT_TRUE(AuthenticateMessage::parse(wget.bytes(), std::nullopt, &anomalies));
  EXPECT_EQ(anomalies.size(), 1u);
}

TEST(AuthenticateLayout, R2_UnicodeTextOfOddLengthIsRefusedInEachNameField) {
  for (const std::size_t field : {at::kDomain, at::kUser, at::kWorkstation}) {
    for (const std::uint32_t length : {1u, 3u, 5u}) {
      RawMessage message = authenticate(88, 0x201, ntlmv2_response(kEol));
      message.point(field, length, 100);
      EXPECT_EQ(code_of(AuthenticateMessage::parse(message.bytes())), ErrorCode::malformed) << field;
      message.u32(at::kAuthenticateFlags, 0x202);
      EXPECT_TRUE(AuthenticateMessage::parse(message.bytes())) << field;
    }
  }
}

// curl, axios and perl echo KEY_EXCH with an empty session-key field; a key of another size is no key.
TEST(AuthenticateLayout, S4_KeyExchangeBitWithoutAKeyIsReadAsNoKey) {
  RawMessage message = authenticate(64, 0xe2888215, ntlmv2_response(kEol));
  const auto parsed = AuthenticateMessage::parse(message.bytes());
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->encrypted_random_session_key.empty());
  for (const std::uint32_t length : {1u, 8u, 15u, 17u, 32u}) {
    message.point(at::kSessionKey, length, 64);
    EXPECT_EQ(code_of(AuthenticateMessage::parse(message.bytes())), ErrorCode::malformed) << length;
  }
  message.point(at::kSessionKey, 16, 64);
  EXPECT_EQ(AuthenticateMessage::parse(message.bytes())->encrypted_random_session_key.size(), 16u);
}

// Firefox and libsoup end with MsvAvEOL, most add 4 zero bytes, WinPR 8 more. The proof covers what came, so `blob` keeps it.
TEST(BlobLayout, S11_TheTailVariesAndStaysInTheBlob) {
  const Bytes pairs = av(2, utf16("LAB")) + av(6, hex("02000000")) + kEol;
  for (const std::size_t tail : {0u, 4u, 12u}) {
    const Bytes response = ntlmv2_response(pairs + Bytes(tail));
    const auto parsed = Ntlmv2Response::parse(response, 0);
    ASSERT_TRUE(parsed) << tail;
    EXPECT_EQ(parsed->nt_proof_str.size(), 16u);
    EXPECT_EQ(parsed->blob.size(), 28 + pairs.size() + tail);
    EXPECT_EQ(parsed->blob.data(), response.data() + 16);
    EXPECT_TRUE(parsed->av_pairs.has(AvFlag::mic_present));
    EXPECT_EQ(to_hex(parsed->challenge_from_client), "aaaaaaaaaaaaaaaa");
    EXPECT_EQ(parsed->time.to_rfc3339(), "2003-06-17T10:00:00.000000Z");
  }
}

TEST(BlobLayout, R7_RespTypeOtherThanOneIsNoNtlmv2) {
  Bytes response = ntlmv2_response(kEol);
  for (const std::size_t place : {16u, 17u}) {
    for (const std::uint8_t value : std::initializer_list<std::uint8_t>{0, 2, 255}) {
      Bytes changed = response;
      changed[place] = value;
      const auto parsed = Ntlmv2Response::parse(changed, 1000);
      ASSERT_EQ(code_of(parsed), ErrorCode::malformed);
      EXPECT_EQ(parsed.error().offset, 1016u);
    }
  }
  response[20] = 0xff;  // reserved: without meaning, covered by the proof
  EXPECT_TRUE(Ntlmv2Response::parse(response, 0));
}

TEST(BlobLayout, R21_DuplicateAvFlagsInTheBlobAreRefusedWithTheirOffset) {
  const Bytes response = ntlmv2_response(av(6, hex("02000000")) + av(6, Bytes(4)) + kEol);
  const auto parsed = Ntlmv2Response::parse(response, 88);
  ASSERT_EQ(code_of(parsed), ErrorCode::duplicate);
  EXPECT_EQ(parsed.error().offset, 88u + 16 + 28 + 8);
  EXPECT_EQ(parsed.error().field, "AUTHENTICATE.NtChallengeResponse.AvPairs");
}

}  // namespace
}  // namespace postern::wire
