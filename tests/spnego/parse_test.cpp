#include <gtest/gtest.h>
#include <list>

#include "spnego/vectors.hpp"

namespace postern::spnego {
namespace {

using test::hex;
using test::init_of;
using test::kNtlmOid;
using test::ntlm_only;
using test::resp_of;
using test::tlv;

ErrorCode code_of(const Bytes& token) {
  const auto parsed = parse(token);
  if (parsed) {
    ADD_FAILURE() << "taken: " << to_hex(token);
    return ErrorCode::internal;
  }
  EXPECT_FALSE(parsed.error().field.empty());
  EXPECT_LE(parsed.error().offset, token.size());
  return parsed.error().code;
}

/// Tokens hold views, so what they were read from must stay.
const Bytes& keep(Bytes token) {
  static std::list<Bytes> kept;
  return kept.emplace_back(std::move(token));
}

NegTokenInit taken_init(Bytes bytes) {
  const Bytes& token = keep(std::move(bytes));
  auto parsed = parse(token);
  if (!parsed || !std::holds_alternative<NegTokenInit>(*parsed)) {
    ADD_FAILURE() << to_hex(token) << ' ' << (parsed ? "NegTokenResp" : parsed.error().to_line());
    return {};
  }
  return std::get<NegTokenInit>(*parsed);
}

NegTokenResp taken_resp(Bytes bytes) {
  const Bytes& token = keep(std::move(bytes));
  auto parsed = parse(token);
  if (!parsed || !std::holds_alternative<NegTokenResp>(*parsed)) {
    ADD_FAILURE() << to_hex(token) << ' ' << (parsed ? "NegTokenInit" : parsed.error().to_line());
    return {};
  }
  return std::get<NegTokenResp>(*parsed);
}

Bytes octets(std::uint8_t tag, std::string_view content) { return tlv(tag, {tlv(0x04, {hex(content)})}); }

TEST(SpnegoParse, TakesTheSmallestInitFramedAndBare) {
  EXPECT_EQ(taken_init(init_of({ntlm_only()})).mech_types, std::vector<Oid>{kNtlmssp});
  EXPECT_EQ(taken_init(tlv(0xa0, {tlv(0x30, {ntlm_only()})})).mech_types, std::vector<Oid>{kNtlmssp});
}

TEST(SpnegoParse, R19_RefusesIndefiniteLengths) {
  EXPECT_EQ(code_of(hex("60800000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(hex("a18030800000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(tlv(0xa1, {hex("30800000")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({tlv(0xa0, {hex("3080060a2b06010401823702020a0000")})})), ErrorCode::malformed);
}

TEST(SpnegoParse, R19_RefusesLengthsOfMoreThanFourOctets) {
  EXPECT_EQ(code_of(hex("a18500000000023000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(hex("a1ff00")), ErrorCode::malformed);
}

TEST(SpnegoParse, TakesLengthsOfUpToFourOctetsThoughDerWantsFewer) {
  EXPECT_FALSE(taken_resp(hex("a181023000")).state);
  EXPECT_FALSE(taken_resp(hex("a18400000002"
                              "3000"))
                   .state);
  // The MechTypeList in BER is kept as it came, for mechListMIC covers these bytes.
  const NegTokenInit init = taken_init(init_of({tlv(0xa0, {hex("3082000c060a2b06010401823702020a")})}));
  EXPECT_EQ(to_hex(init.mech_types_der), "3082000c060a2b06010401823702020a");
}

TEST(SpnegoParse, R19_RefusesLengthsPastTheEndAtEveryDepth) {
  EXPECT_EQ(code_of(hex("604806062b0601050502")), ErrorCode::truncated);
  EXPECT_EQ(code_of(hex("a1033000")), ErrorCode::truncated);
  EXPECT_EQ(code_of(hex("a1023001")), ErrorCode::truncated);
  EXPECT_EQ(code_of(hex("a184ffffffff3000")), ErrorCode::truncated);
  EXPECT_EQ(code_of(hex("a18400")), ErrorCode::truncated);
  EXPECT_EQ(code_of(resp_of({hex("a2040404aabb")})), ErrorCode::truncated);
  EXPECT_EQ(code_of(init_of({hex("a00430020604")})), ErrorCode::truncated);
}

TEST(SpnegoParse, R19_RefusesTrailingBytesAtEveryDepth) {
  Bytes token = resp_of({octets(0xa2, "01")});
  taken_resp(token);
  token.push_back(0);
  EXPECT_EQ(code_of(token), ErrorCode::malformed);
  EXPECT_EQ(code_of(tlv(0xa1, {hex("3000"), hex("3000")})), ErrorCode::malformed);               // after the SEQUENCE
  EXPECT_EQ(code_of(resp_of({tlv(0xa2, {hex("040101"), hex("0400")})})), ErrorCode::malformed);  // in the field
  EXPECT_EQ(code_of(tlv(0x60, {hex("06062b0601050502"), hex("a0023000"), hex("0500")})), ErrorCode::malformed);  // in the frame
  EXPECT_EQ(code_of(init_of({tlv(0xa0, {tlv(0x30, {kNtlmOid}), hex("0500")})})), ErrorCode::malformed);
}

TEST(SpnegoParse, RefusesTheFrameOfAnotherMechanismAndSaysSo) {
  EXPECT_EQ(code_of(hex("600e06062a864886f70da0043002a000")), ErrorCode::unsupported);
  EXPECT_EQ(code_of(tlv(0x60, {hex("06092a864886f712010202"), hex("0100")})), ErrorCode::unsupported);
}

TEST(SpnegoParse, RefusesWrongTags) {
  EXPECT_EQ(code_of({}), ErrorCode::truncated);
  EXPECT_EQ(code_of(hex("3000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(hex("a2023000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(hex("80023000")), ErrorCode::malformed);
  EXPECT_EQ(code_of(hex("bf01023000")), ErrorCode::malformed);                                      // a tag of two octets
  EXPECT_EQ(code_of(hex("a1023100")), ErrorCode::malformed);                                        // SET
  EXPECT_EQ(code_of(tlv(0x60, {hex("06062b0601050502"), hex("a1023000")})), ErrorCode::malformed);  // a framed NegTokenResp
  EXPECT_EQ(code_of(resp_of({hex("a20324010a")})), ErrorCode::malformed);                           // constructed OCTET STRING
  EXPECT_EQ(code_of(resp_of({hex("82020400")})), ErrorCode::malformed);                             // a field of primitive form
  EXPECT_EQ(code_of(resp_of({hex("a1040402"
                                 "2b06")})),
            ErrorCode::malformed);                                                               // supportedMech that is no OID
  EXPECT_EQ(code_of(init_of({tlv(0xa0, {tlv(0x30, {hex("04012a")})})})), ErrorCode::malformed);  // mechType that is no OID
}

TEST(SpnegoParse, RefusesAMissingOrEmptyMechanismList) {
  EXPECT_EQ(code_of(init_of({})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({octets(0xa2, "01")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({tlv(0xa0, {hex("3000")})})), ErrorCode::malformed);
}

TEST(SpnegoParse, RefusesDuplicateAndOutOfOrderFields) {
  taken_init(init_of({ntlm_only(), octets(0xa2, "01"), octets(0xa3, "02")}));
  EXPECT_EQ(code_of(init_of({ntlm_only(), octets(0xa3, "02"), octets(0xa2, "01")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({ntlm_only(), octets(0xa2, "01"), octets(0xa2, "01")})), ErrorCode::duplicate);
  EXPECT_EQ(code_of(init_of({ntlm_only(), ntlm_only()})), ErrorCode::duplicate);
  EXPECT_EQ(code_of(resp_of({octets(0xa3, "01"), hex("a0030a0100")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(resp_of({hex("a0030a0100"), hex("a0030a0101")})), ErrorCode::duplicate);
}

TEST(SpnegoParse, TakesTheFourStatesAndNoOther) {
  for (std::uint8_t state = 0; state < 4; ++state) {
    EXPECT_EQ(taken_resp(resp_of({tlv(0xa0, {tlv(0x0a, {Bytes{state}})})})).state, static_cast<NegState>(state));
  }
  EXPECT_EQ(code_of(resp_of({hex("a0030a0104")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(resp_of({hex("a0030a01ff")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(resp_of({hex("a0040a020001")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(resp_of({hex("a0020a00")})), ErrorCode::malformed);
  EXPECT_EQ(code_of(resp_of({hex("a003020101")})), ErrorCode::malformed);  // INTEGER
}

TEST(SpnegoParse, TellsMechListMicFromHintsByTheTagInside) {
  const NegTokenInit mic = taken_init(init_of({ntlm_only(), octets(0xa3, "aabb")}));
  EXPECT_EQ(mic.form, InitForm::rfc4178);
  ASSERT_TRUE(mic.mech_list_mic);
  EXPECT_EQ(to_hex(*mic.mech_list_mic), "aabb");
  const Bytes hints = tlv(0xa3, {tlv(0x30, {tlv(0xa0, {tlv(0x1b, {hex("6869")})}), octets(0xa1, "7f")})});
  const Bytes both = init_of({ntlm_only(), hints, octets(0xa4, "ccdd")});
  const NegTokenInit init2 = taken_init(both);
  EXPECT_EQ(init2.form, InitForm::neg_token_init2);
  ASSERT_TRUE(init2.hint_name && init2.hint_address && init2.mech_list_mic);
  EXPECT_EQ(as_text(*init2.hint_name), "hi");
  EXPECT_EQ(to_hex(*init2.hint_address), "7f");
  EXPECT_EQ(to_hex(*init2.mech_list_mic), "ccdd");
  EXPECT_EQ(write(init2).value(), both);
  EXPECT_EQ(taken_init(init_of({ntlm_only(), octets(0xa4, "01")})).form, InitForm::neg_token_init2);
}

TEST(SpnegoParse, RefusesTwoMechListMicsAndHintsThatDoNotExist) {
  EXPECT_EQ(code_of(init_of({ntlm_only(), octets(0xa3, "aa"), octets(0xa4, "bb")})), ErrorCode::duplicate);
  EXPECT_EQ(code_of(init_of({ntlm_only(), tlv(0xa3, {tlv(0x30, {octets(0xa2, "00")})})})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({ntlm_only(), tlv(0xa3, {tlv(0x30, {octets(0xa0, "00")})})})), ErrorCode::malformed);
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a300")})), ErrorCode::truncated);
}

TEST(SpnegoParse, ReadsContextFlagsOf32BitsAndShortened) {
  const Bytes full = init_of({ntlm_only(), hex("a107030500c0000001")});
  EXPECT_EQ(taken_init(full).req_flags, 0xc0000001U);
  EXPECT_EQ(write(taken_init(full)).value(), full);
  EXPECT_EQ(taken_init(init_of({ntlm_only(), hex("a104030206c0")})).req_flags, 0xc0000000U);
  EXPECT_EQ(taken_init(init_of({ntlm_only(), hex("a103030100")})).req_flags, 0U);
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a104030206c1")})), ErrorCode::malformed);          // an unused bit is set
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a104030208c0")})), ErrorCode::malformed);          // eight unused bits
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a103030101")})), ErrorCode::malformed);            // unused bits of nothing
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a1020300")})), ErrorCode::malformed);              // no count
  EXPECT_EQ(code_of(init_of({ntlm_only(), hex("a108030600c000000100")})), ErrorCode::malformed);  // 40 bits
}

TEST(SpnegoParse, SkipsWellFormedExtensionsAndRefusesBrokenOnes) {
  taken_init(init_of({ntlm_only(), hex("a5020500")}));
  taken_resp(resp_of({hex("a0030a0100"), hex("a4020500"), hex("a900")}));
  EXPECT_EQ(code_of(resp_of({hex("a0030a0100"), hex("a4030500")})), ErrorCode::truncated);
  EXPECT_EQ(code_of(resp_of({hex("a4020500"), hex("a0030a0100")})), ErrorCode::malformed);
}

TEST(SpnegoParse, KeepsTheTokenThatWindows2000RepeatsAsMechListMic) {
  const NegTokenResp resp = taken_resp(resp_of({hex("a0030a0100"), octets(0xa2, "4e544c4d"), octets(0xa3, "4e544c4d")}));
  ASSERT_TRUE(resp.response_token && resp.mech_list_mic);
  EXPECT_EQ(as_text(*resp.response_token), as_text(*resp.mech_list_mic));
}

TEST(SpnegoParse, R19_TakesAsManyMechanismsAsTheLimitAndNotOneMore) {
  Bytes list;
  for (std::size_t i = 0; i < kMaxMechTypes; ++i) list.insert(list.end(), kNtlmOid.begin(), kNtlmOid.end());
  EXPECT_EQ(taken_init(init_of({tlv(0xa0, {tlv(0x30, {list})})})).mech_types.size(), kMaxMechTypes);
  EXPECT_EQ(code_of(init_of({tlv(0xa0, {tlv(0x30, {list, kNtlmOid})})})), ErrorCode::too_large);
}

TEST(SpnegoParse, R19_TakesATokenAsLongAsTheLimitAndNotOneByteMore) {
  NegTokenInit init;
  init.mech_types = {kNtlmssp};
  Bytes inner(kMaxTokenBytes, 0x55);
  std::size_t overhead = 0;
  for (std::size_t size = kMaxTokenBytes - 100; size <= kMaxTokenBytes; ++size) {
    init.mech_token = ByteView{inner}.first(size);
    const auto written = write(init);
    if (written) {
      overhead = written->size() - size;
      EXPECT_TRUE(parse(*written)) << size;
    } else {
      EXPECT_EQ(written.error().code, ErrorCode::invalid_input);
      EXPECT_GT(size + overhead, kMaxTokenBytes);
    }
  }
  EXPECT_GT(overhead, 0U);
  Bytes large(kMaxTokenBytes + 1, 0);
  large[0] = 0xa1;
  EXPECT_EQ(code_of(large), ErrorCode::too_large);
}

TEST(SpnegoParse, R6_TruncationAtEveryByteIsAnErrorForEveryPeerToken) {
  for (const auto& [name, bytes] : test::peer_tokens()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes cut{bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(size)};  // its own allocation, so ASan sees the end
      const auto parsed = parse(cut);
      ASSERT_FALSE(parsed) << name << " cut at " << size;
      ASSERT_EQ(parsed.error().code, ErrorCode::truncated) << name << " cut at " << size;
      (void)recognise(cut);
    }
  }
}

TEST(SpnegoParse, R5_EveryFlippedBitGivesAnErrorOrATokenThatStaysInsideTheInput) {
  const auto inside = [](ByteView whole, const std::optional<ByteView>& part) {
    return !part || (part->data() >= whole.data() && part->data() + part->size() <= whole.data() + whole.size());
  };
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (const auto& [name, bytes] : test::peer_tokens()) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes flipped = bytes;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      const auto parsed = parse(flipped);
      parsed ? ++taken : ++refused;
      if (!parsed) continue;
      if (const auto* init = std::get_if<NegTokenInit>(&*parsed)) {
        ASSERT_TRUE(inside(flipped, init->mech_types_der) && inside(flipped, init->mech_token) &&
                    inside(flipped, init->mech_list_mic) && inside(flipped, init->hint_name) && inside(flipped, init->hint_address))
            << name << " bit " << bit;
      } else {
        const auto& resp = std::get<NegTokenResp>(*parsed);
        ASSERT_TRUE(inside(flipped, resp.response_token) && inside(flipped, resp.mech_list_mic)) << name << " bit " << bit;
      }
    }
  }
  EXPECT_GT(refused, 500U);
  EXPECT_GT(taken, 500U);  // bits of the NTLM message inside are not ours to judge
}

}  // namespace
}  // namespace postern::spnego
