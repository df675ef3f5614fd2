// R1, R5, R6, R16, R17, R26: lengths, offsets and sizes.
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "raw_message.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::wire {
namespace {

using namespace test;

constexpr std::uint32_t kOem = 0x202;  // text of any length is fine, so that only bounds decide
constexpr std::uint32_t kUnicode = 0x201;

RawMessage full_negotiate() {
  RawMessage message{1, 40};
  message.u32(at::kNegotiateFlags, kOem | 0x0200'3000).field(at::kNegotiateDomain, ascii("DOMAIN"));
  return message.field(at::kNegotiateWorkstation, ascii("WORKSTATION"));
}

RawMessage full_challenge(std::uint32_t flags = kOem) {
  RawMessage message{2, 56};
  message.u32(at::kChallengeFlags, flags | 0x0280'0000).put(at::kServerChallenge, hex("0123456789abcdef"));
  message.field(at::kTargetName, flags == kOem ? ascii("DOMAIN") : utf16("DOMAIN"));
  return message.field(at::kTargetInfo, av(2, utf16("DOMAIN")) + av(7, Bytes(8, 1)) + kEol);
}

RawMessage full_authenticate(std::uint32_t flags = kOem) {
  const auto text = [&](std::string_view value) { return flags == kOem ? ascii(value) : utf16(value); };
  RawMessage message{3, 88};
  message.u32(at::kAuthenticateFlags, flags | 0x0200'0000).put(at::kMic, Bytes(16, 0xbb));
  message.field(at::kDomain, text("DOMAIN")).field(at::kUser, text("alice")).field(at::kWorkstation, text("WS"));
  message.field(at::kLm, Bytes(24)).field(at::kNt, ntlmv2_response(av(2, utf16("DOMAIN")) + kEol + Bytes(4)));
  return message.field(at::kSessionKey, Bytes(16, 0x55));
}

/// Every power of two that a field of `bits` bits can hold, and one beside on both sides.
std::vector<std::uint32_t> boundary_values(unsigned bits) {
  std::set<std::uint32_t> values;
  const std::uint64_t limit = (1ULL << bits) - 1;
  for (unsigned k = 0; k <= bits; ++k) {
    for (const std::uint64_t value : {(1ULL << k) - 1, 1ULL << k, (1ULL << k) + 1}) {
      if (value <= limit) values.insert(static_cast<std::uint32_t>(value));
    }
  }
  return {values.begin(), values.end()};
}

/// Sweeps one field over all boundary lengths and offsets, and those around the message's own size. The field must be exactly the
/// bytes it names if they lie inside the message, and an error otherwise.
template <typename Message>
void sweep(
    const RawMessage& original, std::size_t header_offset, ByteView Message::* member,
    const std::function<bool(std::uint32_t)>& length_is_valid = [](std::uint32_t) { return true; }) {
  const std::size_t size = original.bytes().size();
  auto lengths = boundary_values(16);
  auto offsets = boundary_values(32);
  for (const std::size_t near : {size - 1, size, size + 1}) {
    lengths.push_back(static_cast<std::uint32_t>(near));
    offsets.push_back(static_cast<std::uint32_t>(near));
    offsets.push_back(static_cast<std::uint32_t>(0x1'0000'0000ULL - near));  // offset + length would wrap to a small number
  }
  int accepted = 0;
  int refused = 0;
  for (const std::uint32_t length : lengths) {
    for (const std::uint32_t offset : offsets) {
      RawMessage changed = original;
      changed.point(header_offset, length, offset);
      const ExactCopy copy{changed.bytes()};
      const auto parsed = Message::parse(copy.view());
      const bool inside = length == 0 || std::uint64_t{offset} + length <= size;
      if (inside && length_is_valid(length)) {
        ++accepted;
        ASSERT_TRUE(parsed) << length << " at " << offset << ": " << parsed.error().to_line();
        const ByteView field = (*parsed).*member;
        ASSERT_EQ(field.size(), length);
        if (length != 0) {
          ASSERT_EQ(field.data(), copy.view().data() + offset);
        }
      } else {
        ++refused;
        ASSERT_FALSE(parsed) << length << " at " << offset << " of " << size;
        EXPECT_EQ(parsed.error().code, inside ? ErrorCode::malformed : ErrorCode::out_of_bounds);
        EXPECT_EQ(parsed.error().offset, header_offset);
      }
    }
  }
  EXPECT_GT(accepted, 50);
  EXPECT_GT(refused, 1000);
}

TEST(NegotiateParse, R1_SweepOfEveryLengthAndOffset) {
  sweep(full_negotiate(), at::kNegotiateDomain, &NegotiateMessage::domain_name);
  sweep(full_negotiate(), at::kNegotiateWorkstation, &NegotiateMessage::workstation);
}

TEST(ChallengeParse, R1_SweepOfEveryLengthAndOffset) {
  sweep(full_challenge(), at::kTargetName, &ChallengeMessage::target_name);
  sweep(full_challenge(), at::kTargetInfo, &ChallengeMessage::target_info);
}

TEST(AuthenticateParse, R1_SweepOfEveryLengthAndOffset) {
  sweep(full_authenticate(), at::kLm, &AuthenticateMessage::lm_response);
  sweep(full_authenticate(), at::kNt, &AuthenticateMessage::nt_response);
  sweep(full_authenticate(), at::kDomain, &AuthenticateMessage::domain_name);
  sweep(full_authenticate(), at::kUser, &AuthenticateMessage::user_name);
  sweep(full_authenticate(), at::kWorkstation, &AuthenticateMessage::workstation);
  sweep(full_authenticate(), at::kSessionKey, &AuthenticateMessage::encrypted_random_session_key,
        [](std::uint32_t length) { return length == 0 || length == 16; });
}

TEST(AuthenticateParse, R1_RefusesOffsetPlusLengthPastTheEnd) {
  const RawMessage good = full_authenticate();
  const auto size = static_cast<std::uint32_t>(good.bytes().size());
  RawMessage last = good;
  last.point(at::kUser, 4, size - 4);
  EXPECT_TRUE(AuthenticateMessage::parse(last.bytes()));
  RawMessage past = good;
  past.point(at::kUser, 4, size - 3);
  EXPECT_EQ(code_of(AuthenticateMessage::parse(past.bytes())), ErrorCode::out_of_bounds);
}

TEST(AuthenticateParse, R6_RefusesTruncationAtEveryByte) {
  for (const std::uint32_t flags : {kOem, kUnicode}) {
    const Bytes message = full_authenticate(flags).bytes();
    ASSERT_TRUE(AuthenticateMessage::parse(message));
    for (std::size_t size = 0; size < message.size(); ++size) {
      const ExactCopy copy{ByteView{message}.first(size)};
      EXPECT_FALSE(AuthenticateMessage::parse(copy.view())) << size;
      Anomalies anomalies;
      EXPECT_FALSE(AuthenticateMessage::parse(copy.view(), std::nullopt, &anomalies)) << size;
    }
  }
}

TEST(ChallengeParse, R6_RefusesTruncationAtEveryByte) {
  for (const std::uint32_t flags : {kOem, kUnicode}) {
    const Bytes message = full_challenge(flags).bytes();
    ASSERT_TRUE(ChallengeMessage::parse(message));
    for (std::size_t size = 0; size < message.size(); ++size) {
      const ExactCopy copy{ByteView{message}.first(size)};
      EXPECT_FALSE(ChallengeMessage::parse(copy.view())) << size;
    }
  }
}

// A NEGOTIATE may end anywhere behind its flags (S1), so a cut one is refused as soon as a field that points past the end is whole.
TEST(NegotiateParse, R6_RefusesTruncationAtEveryByteButReadsTheShortFormsThatPeersSend) {
  const Bytes message = full_negotiate().bytes();
  ASSERT_TRUE(NegotiateMessage::parse(message));
  for (std::size_t size = 0; size < message.size(); ++size) {
    const ExactCopy copy{ByteView{message}.first(size)};
    const auto parsed = NegotiateMessage::parse(copy.view());
    const bool only_the_flags = size >= at::kNegotiateDomain && size < at::kNegotiateDomain + 8;
    EXPECT_EQ(parsed.has_value(), only_the_flags) << size;
    if (parsed) {
      EXPECT_TRUE(parsed->domain_name.empty() && parsed->workstation.empty() && !parsed->version);
    }
  }
}

TEST(Ntlmv2Response, R6_R7_RefusesTruncationAtEveryByteOfTheProofAndTheBlob) {
  const Bytes response = ntlmv2_response(av(2, utf16("DOMAIN")) + kEol);
  ASSERT_TRUE(Ntlmv2Response::parse(response, 0));
  for (std::size_t size = 0; size < response.size(); ++size) {
    const ExactCopy copy{ByteView{response}.first(size)};
    EXPECT_FALSE(Ntlmv2Response::parse(copy.view(), 0)) << size;
  }
}

TEST(MessageType, R6_IsRefusedForShortForeignAndUnknownInput) {
  EXPECT_EQ(code_of(type_of({})), ErrorCode::truncated);
  EXPECT_EQ(code_of(type_of(hex("4e544c4d53535000010000"))), ErrorCode::truncated);
  EXPECT_EQ(code_of(type_of(hex("4e544c4d5353500100000000"))), ErrorCode::malformed);
  EXPECT_EQ(code_of(type_of(ascii("ntlmssp\1\1\1\1\1"))), ErrorCode::malformed);
  for (const std::uint32_t type : {0u, 4u, 0x100u, 0x0100'0000u, 0xffff'ffffu}) {
    EXPECT_EQ(code_of(type_of(RawMessage{type, 88}.bytes())), ErrorCode::malformed) << type;
  }
  EXPECT_EQ(type_of(RawMessage{2, 12}.bytes()), MessageType::challenge);
  EXPECT_FALSE(has_signature(hex("4e544c4d535350")));
}

TEST(MessageType, OneMessageIsNotReadAsAnother) {
  EXPECT_EQ(code_of(AuthenticateMessage::parse(full_challenge().bytes())), ErrorCode::unexpected_message);
  EXPECT_EQ(code_of(ChallengeMessage::parse(full_negotiate().bytes())), ErrorCode::unexpected_message);
  EXPECT_EQ(code_of(NegotiateMessage::parse(full_authenticate().bytes())), ErrorCode::unexpected_message);
}

TEST(MessageSize, R5_R26_SixtyFourKiBAreReadAndOneByteMoreIsRefused) {
  for (const RawMessage& original : {full_negotiate(), full_challenge(), full_authenticate()}) {
    Bytes message = original.bytes();
    message.resize(kMaxMessageBytes);  // trailing bytes that no field names
    const auto parses = [&] {
      return NegotiateMessage::parse(message).has_value() || ChallengeMessage::parse(message).has_value() ||
             AuthenticateMessage::parse(message).has_value();
    };
    EXPECT_TRUE(parses());
    message.push_back(0);
    EXPECT_FALSE(parses());
    EXPECT_EQ(code_of(type_of(message)), ErrorCode::too_large);
  }
}

// R16: curl's AUTHENTICATE buffer overflowed at about 1000 bytes of TargetInfo (CVE-2019-3822); Samba's limit is 2888.
TEST(MessageWrite, R16_SizeIsComputedBeforeWritingForAnyTargetInfo) {
  for (const std::size_t size : {0u, 1u, 1'000u, 2'888u, 65'480u}) {
    const Bytes target_info(size, 0x5a);
    ChallengeMessage challenge;
    challenge.flags = NegotiateFlags{kUnicode};
    challenge.target_info = target_info;
    const auto written = challenge.write();
    ASSERT_TRUE(written) << size;
    EXPECT_EQ(written->size(), 56 + size);
    const auto parsed = ChallengeMessage::parse(*written);
    ASSERT_TRUE(parsed) << size;
    EXPECT_EQ(to_bytes(parsed->target_info), target_info);
    EXPECT_EQ(parsed->target_info_offset, size == 0 ? 0u : 56u);
  }
  for (const std::size_t size : {65'481u, 65'535u, 65'536u, 65'537u}) {
    const Bytes target_info(size);
    ChallengeMessage challenge;
    challenge.target_info = target_info;
    EXPECT_EQ(code_of(challenge.write()), ErrorCode::too_large) << size;
  }
}

TEST(MessageWrite, R16_AuthenticateCarriesOrRefusesTheResponseToAnyTargetInfo) {
  constexpr std::size_t kHeader = 88;
  for (const std::size_t target_info : {0u, 1u, 1'000u, 2'888u, 65'535u}) {
    const Bytes response(16 + 28 + target_info + 4);
    AuthenticateMessage message;
    message.nt_response = response;
    message.mic.emplace();
    const auto written = message.write();
    ASSERT_EQ(written.has_value(), kHeader + response.size() <= kMaxMessageBytes) << target_info;
    if (written) {
      EXPECT_EQ(written->size(), kHeader + response.size());
    }
  }
}

// R17 with what a machine can hold: no field over 65 535 bytes and no sum over the limit is written, in whichever field it comes.
TEST(MessageWrite, R17_RefusesFieldsThatALengthOf16BitsCannotCarry) {
  for (const std::size_t size : {65'535u, 65'536u, 65'537u, 131'072u}) {
    const Bytes big(size, 'x');
    for (ByteView AuthenticateMessage::* member :
         {&AuthenticateMessage::user_name, &AuthenticateMessage::domain_name, &AuthenticateMessage::workstation,
          &AuthenticateMessage::lm_response, &AuthenticateMessage::nt_response,
          &AuthenticateMessage::encrypted_random_session_key}) {
      AuthenticateMessage message;
      message.*member = big;
      EXPECT_EQ(code_of(message.write()), ErrorCode::too_large) << size;
    }
    NegotiateMessage negotiate;
    negotiate.workstation = big;
    EXPECT_EQ(code_of(negotiate.write()), ErrorCode::too_large);
  }
}

TEST(MessageWrite, R17_RefusesASumThatWouldWrapSixteenBits) {
  const Bytes half(32'768, 'x');
  AuthenticateMessage message;
  message.user_name = half;
  EXPECT_TRUE(message.write());
  message.domain_name = half;
  EXPECT_EQ(code_of(message.write()), ErrorCode::too_large);
  const Bytes fits(kMaxMessageBytes - 72 - half.size(), 'x');
  message.domain_name = fits;
  EXPECT_TRUE(message.write());
}

}  // namespace
}  // namespace postern::wire
