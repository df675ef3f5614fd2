// Writing and reading back; the version of a response by its shape.
#include "wire/messages.hpp"

#include <gtest/gtest.h>

#include "raw_message.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::wire {
namespace {

using namespace test;

TEST(RoundTrip, Negotiate) {
  const Bytes domain = ascii("MYDOMAIN");
  const Bytes workstation = ascii("MYPC");
  NegotiateMessage message;
  message.flags = NegotiateFlags{0x8108b201};  // a reserved bit as well
  message.domain_name = domain;
  message.workstation = workstation;
  for (const auto& version : {std::optional<Version>{}, std::optional{Version{10, 0, 20348, 15}}}) {
    message.version = version;
    const auto written = message.write();
    ASSERT_TRUE(written);
    const auto parsed = NegotiateMessage::parse(*written);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->flags, message.flags.with_if(version.has_value(), NegotiateFlag::version));
    EXPECT_EQ(to_bytes(parsed->domain_name), domain);
    EXPECT_EQ(to_bytes(parsed->workstation), workstation);
    EXPECT_EQ(parsed->version, version);
  }
}

TEST(RoundTrip, Challenge) {
  const Bytes name = utf16("LAB");
  const Bytes info = av(2, name) + kEol;
  ChallengeMessage message;
  message.flags = NegotiateFlags{0xe0898215};
  message.target_name = name;
  message.target_info = info;
  message.server_challenge = ServerChallenge{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}};
  message.version = Version{6, 3, 9600, 15};
  const auto written = message.write();
  ASSERT_TRUE(written);
  const auto parsed = ChallengeMessage::parse(*written);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->flags.wire(), 0xe2898215u);
  EXPECT_EQ(to_bytes(parsed->target_name), name);
  EXPECT_EQ(to_bytes(parsed->target_info), info);
  EXPECT_EQ(parsed->server_challenge, message.server_challenge);
  EXPECT_EQ(parsed->version, message.version);
}

TEST(RoundTrip, AuthenticateWithAndWithoutRoomForAMic) {
  const Bytes domain = utf16("LAB"), user = utf16("alice"), workstation = utf16("WS"), lm(24), key(16, 0x55);
  const Bytes nt = ntlmv2_response(av(6, hex("02000000")) + kEol + Bytes(4));
  AuthenticateMessage message;
  message.flags = NegotiateFlags{0xe0888215};
  message.domain_name = domain;
  message.user_name = user;
  message.workstation = workstation;
  message.lm_response = lm;
  message.nt_response = nt;
  message.encrypted_random_session_key = key;
  for (const auto& mic : {std::optional<Mic>{}, std::optional{Mic{std::array<std::uint8_t, 16>{9, 9, 9}}}}) {
    message.mic = mic;
    const auto written = message.write();
    ASSERT_TRUE(written);
    const auto parsed = AuthenticateMessage::parse(*written);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(to_bytes(parsed->domain_name), domain);
    EXPECT_EQ(to_bytes(parsed->user_name), user);
    EXPECT_EQ(to_bytes(parsed->workstation), workstation);
    EXPECT_EQ(to_bytes(parsed->lm_response), lm);
    EXPECT_EQ(to_bytes(parsed->nt_response), nt);
    EXPECT_EQ(to_bytes(parsed->encrypted_random_session_key), key);
    EXPECT_EQ(ByteView{*written}.subspan(parsed->nt_response_offset, nt.size()).data(), parsed->nt_response.data());
    EXPECT_EQ(parsed->flags.wire(), 0xe0888215u);
    ASSERT_EQ(parsed->mic.has_value(), mic.has_value());
    if (mic) {
      EXPECT_EQ(*parsed->mic, Mic{}) << "the MIC covers the finished message, so it is written as zeros";
    }
  }
}

Result<ResponseVersion> version_of(const Bytes& nt, const Bytes& lm, const Bytes& user = utf16("alice")) {
  AuthenticateMessage message;
  message.nt_response = nt;
  message.lm_response = lm;
  message.user_name = user;
  return response_version(message);
}

TEST(ResponseVersion, R12_IsDecidedByShape) {
  const Bytes ess = Bytes(8, 0xaa) + Bytes(16);
  EXPECT_EQ(version_of(Bytes(25), Bytes(24)), ResponseVersion::ntlm_v2);
  EXPECT_EQ(version_of(Bytes(300), {}), ResponseVersion::ntlm_v2);
  EXPECT_EQ(version_of(Bytes(24), ess), ResponseVersion::ntlm_v1_ess);
  EXPECT_EQ(version_of(Bytes(24), Bytes(24)), ResponseVersion::ntlm_v1) << "all zero is no client challenge";
  EXPECT_EQ(version_of(Bytes(24), Bytes(24, 7)), ResponseVersion::ntlm_v1);
  EXPECT_EQ(version_of(Bytes(24), {}), ResponseVersion::ntlm_v1);
  EXPECT_EQ(version_of({}, Bytes(24, 7)), ResponseVersion::lm);
  EXPECT_EQ(version_of({}, {}, {}), ResponseVersion::anonymous);
  EXPECT_EQ(version_of({}, Bytes(1), {}), ResponseVersion::anonymous);
}

TEST(ResponseVersion, R7_R13_NoOtherShapeHasAVersion) {
  for (const std::size_t nt : {1u, 16u, 23u}) EXPECT_EQ(code_of(version_of(Bytes(nt), Bytes(24))), ErrorCode::malformed) << nt;
  for (const std::size_t lm : {0u, 1u, 2u, 23u, 25u}) EXPECT_EQ(code_of(version_of({}, Bytes(lm))), ErrorCode::malformed) << lm;
  EXPECT_EQ(code_of(version_of({}, Bytes(2), {})), ErrorCode::malformed) << "anonymous has at most one byte of LM";
}

TEST(ResponseVersion, NamesAreThoseOfTheLogonEvent) {
  EXPECT_EQ(name_of(ResponseVersion::anonymous), "anonymous");
  EXPECT_EQ(name_of(ResponseVersion::lm), "LM");
  EXPECT_EQ(name_of(ResponseVersion::ntlm_v1), "NTLMv1");
  EXPECT_EQ(name_of(ResponseVersion::ntlm_v1_ess), "NTLMv1-ESS");
  EXPECT_EQ(name_of(ResponseVersion::lm_v2), "LMv2");
  EXPECT_EQ(name_of(ResponseVersion::ntlm_v2), "NTLMv2");
}

}  // namespace
}  // namespace postern::wire
