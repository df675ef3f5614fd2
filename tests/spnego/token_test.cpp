#include <gtest/gtest.h>

#include "spnego/vectors.hpp"

namespace postern::spnego {
namespace {

using test::hex;

TEST(Oid, ConstantsReadAsTheirDocumentsWriteThem) {
  EXPECT_EQ(kSpnego.to_dotted(), "1.3.6.1.5.5.2");
  EXPECT_EQ(kNtlmssp.to_dotted(), "1.3.6.1.4.1.311.2.2.10");
  EXPECT_EQ(kKerberos5.to_dotted(), "1.2.840.113554.1.2.2");
  EXPECT_EQ(kMsKerberos5.to_dotted(), "1.2.840.48018.1.2.2");
  EXPECT_EQ(kKerberosUserToUser.to_dotted(), "1.2.840.113554.1.2.2.3");
  EXPECT_EQ(kNegoEx.to_dotted(), "1.3.6.1.4.1.311.2.2.30");
  EXPECT_EQ(kIakerb.to_dotted(), "1.3.6.1.5.2.5");
}

TEST(Oid, WritesArcsOfAnySize) {
  EXPECT_EQ(Oid::parse(hex("00"))->to_dotted(), "0.0");
  EXPECT_EQ(Oid::parse(hex("27"))->to_dotted(), "0.39");
  EXPECT_EQ(Oid::parse(hex("4f"))->to_dotted(), "1.39");
  EXPECT_EQ(Oid::parse(hex("50"))->to_dotted(), "2.0");
  EXPECT_EQ(Oid::parse(hex("883703"))->to_dotted(), "2.999.3");  // X.690 8.19.5, its example
  EXPECT_EQ(Oid::parse(hex("8118"))->to_dotted(), "2.72");
  // X.667: 2.25.(the UUID f81d4fae-7dec-11d0-a765-00a0c91e6bf6 as a number), the standard's own example.
  EXPECT_EQ(Oid::parse(hex("6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776"))->to_dotted(),
            "2.25.329800735698586629295641978511506172918");
}

TEST(Oid, RefusesEmptyUnfinishedPaddedAndOverlongContent) {
  EXPECT_EQ(Oid::parse({}).error().code, ErrorCode::malformed);
  EXPECT_EQ(Oid::parse(hex("2b86")).error().code, ErrorCode::malformed);
  EXPECT_EQ(Oid::parse(hex("2b8001")).error().code, ErrorCode::malformed);
  EXPECT_TRUE(Oid::parse(Bytes(Oid::kMaxBytes, 0x2b)));
  EXPECT_EQ(Oid::parse(Bytes(Oid::kMaxBytes + 1, 0x2b)).error().code, ErrorCode::too_large);
  EXPECT_EQ(Oid::parse(hex("2b86"), 40).error().offset, 40U);
}

TEST(SpnegoWrite, NegotiateAnswerHasTheFormOfMitAndSamba) {
  const Bytes challenge(200, 0x11);
  const Bytes mic(16, 0x22);
  NegTokenResp token;
  token.state = NegState::accept_incomplete;
  token.supported_mech = kNtlmssp;
  token.response_token = challenge;
  token.mech_list_mic = mic;
  // The lengths counted by hand: fields of 5, 14, 206 and 20 octets make 245 (f5), and 248 (f8) with their header.
  EXPECT_EQ(to_hex(write(token).value()),
            "a181f8"
            "3081f5"
            "a0030a0101"
            "a10c060a2b06010401823702020a"
            "a281cb0481c8" +
                to_hex(challenge) + "a3120410" + to_hex(mic));
  EXPECT_EQ(to_hex(write(NegTokenResp{}).value()), "a1023000");
}

TEST(SpnegoWrite, RefusesAnInitWithoutMechanismsWithTooManyOrWithHintsInTheWrongForm) {
  NegTokenInit token;
  EXPECT_EQ(write(token).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(write_mech_type_list({}).error().code, ErrorCode::invalid_input);
  token.mech_types.assign(kMaxMechTypes, kNtlmssp);
  EXPECT_TRUE(write(token));
  token.mech_types.push_back(kNtlmssp);
  EXPECT_EQ(write(token).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(write_mech_type_list(token.mech_types).error().code, ErrorCode::invalid_input);
  token.mech_types = {kNtlmssp};
  token.hint_name = as_bytes("hint");
  EXPECT_EQ(write(token).error().code, ErrorCode::invalid_input);
  token.form = InitForm::neg_token_init2;
  EXPECT_TRUE(write(token));
}

TEST(SpnegoWrite, R17_RefusesPartsOfASizeThatNoMemoryHolds) {
  const std::uint8_t byte = 0;
  NegTokenResp token;
  for (const std::size_t size : {std::size_t{0x7fffffff}, std::size_t{0x100000001}, SIZE_MAX / 2, SIZE_MAX}) {
    token.response_token = ByteView{&byte, size};  // never read: the size is judged first
    EXPECT_EQ(write(token).error().code, ErrorCode::invalid_input) << size;
  }
  NegTokenInit init;
  init.mech_types = {kNtlmssp};
  init.mech_token = ByteView{&byte, SIZE_MAX};
  EXPECT_EQ(write(init).error().code, ErrorCode::invalid_input);
}

TEST(SpnegoWrite, R16_ReadsBackAtEverySizeAroundALongerLength) {
  const Bytes inner(66000, 0x33);
  for (const std::size_t size : {0U, 1U, 90U, 100U, 110U, 120U, 127U, 128U, 200U, 255U, 256U, 65500U, 65535U, 65536U}) {
    NegTokenInit token;
    token.mech_types = {kMsKerberos5, kNtlmssp};
    token.mech_token = ByteView{inner}.first(size);
    token.mech_list_mic = ByteView{inner}.first(16);
    const Bytes written = write(token).value();
    const auto parsed = parse(written);
    ASSERT_TRUE(parsed) << size << ": " << parsed.error().to_line();
    const auto& again = std::get<NegTokenInit>(*parsed);
    EXPECT_EQ(again.mech_types, token.mech_types);
    EXPECT_EQ(again.mech_token->size(), size);
    EXPECT_EQ(as_text(*again.mech_token), as_text(*token.mech_token));
    EXPECT_EQ(again.mech_list_mic->size(), 16U);
  }
}

TEST(SpnegoRecognise, TellsTokensByTheirFirstBytes) {
  EXPECT_EQ(recognise(hex("4e544c4d5353500001000000")), TokenKind::ntlmssp_raw);
  EXPECT_EQ(recognise(hex("600806062b0601050502")), TokenKind::spnego_init);
  EXPECT_EQ(recognise(hex("a0023000")), TokenKind::spnego_init);
  EXPECT_EQ(recognise(hex("a1023000")), TokenKind::spnego_resp);
  EXPECT_EQ(recognise(hex("600d06092a864886f7120102020100")), TokenKind::gss_other_mech);
}

TEST(SpnegoRecognise, CallsTheRestUnknown) {
  for (const char* text : {"", "4e544c4d535350", "4e544c4d53535001", "60", "60800000", "600406062b06", "6002a000", "6000",
                           "60020600", "a000", "a1020400", "a0020400", "3000", "504b0304"}) {
    EXPECT_EQ(recognise(hex(text)), TokenKind::unknown) << text;
  }
}

}  // namespace
}  // namespace postern::spnego
