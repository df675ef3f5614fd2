// tests/vectors/messages.vec: messages that others have published, against the facts listed there.
#include <charconv>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "support/vector_file.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::wire {
namespace {

using postern::test::VectorCase;

Bytes message_of(VectorCase& vector) {
  if (const auto base64 = vector.take("Base64")) return from_base64(*base64).value_or(Bytes{});
  return vector.hex("Message");
}

std::string text_of(const std::optional<Version>& version) {
  if (!version) return "";
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->build) + "." +
         std::to_string(version->revision);
}

/// "id=hex id=hex", in the order received.
std::string text_of(const AvPairs& pairs) {
  std::string text;
  pairs.for_each([&](AvPair pair) {
    if (!text.empty()) text += ' ';
    text += std::to_string(static_cast<unsigned>(pair.id)) + "=" + to_hex(pair.value);
  });
  return text;
}

std::string listed(VectorCase& vector, const char* name) { return vector.take(name).value_or(""); }

void check_negotiate(VectorCase& vector) {
  const Bytes bytes = message_of(vector);
  const auto message = NegotiateMessage::parse(bytes);
  ASSERT_TRUE(message) << vector.place() << message.error().to_line();
  EXPECT_EQ(message->flags.to_hex(), vector.text("Flags"));
  EXPECT_EQ(to_hex(message->domain_name), listed(vector, "Domain"));
  EXPECT_EQ(to_hex(message->workstation), listed(vector, "Workstation"));
  if (const auto version = vector.take("Version")) {
    EXPECT_EQ(text_of(message->version), *version);
  }
}

void check_challenge(VectorCase& vector) {
  const Bytes bytes = message_of(vector);
  const auto message = ChallengeMessage::parse(bytes);
  ASSERT_TRUE(message) << vector.place() << message.error().to_line();
  EXPECT_EQ(message->flags.to_hex(), vector.text("Flags"));
  EXPECT_EQ(to_hex(message->server_challenge.bytes()), vector.text("ServerChallenge"));
  EXPECT_EQ(to_hex(message->target_name), listed(vector, "TargetName"));
  EXPECT_EQ(text_of(message->version), listed(vector, "Version"));
  const std::string target_info = listed(vector, "TargetInfo");
  if (target_info.empty()) {
    EXPECT_TRUE(message->target_info.empty());
  } else {
    const auto pairs = AvPairs::parse(message->target_info, "TargetInfo", message->target_info_offset);
    ASSERT_TRUE(pairs) << vector.place();
    EXPECT_EQ(text_of(*pairs), target_info);
  }
}

void check_authenticate(VectorCase& vector) {
  const Bytes bytes = message_of(vector);
  const auto message = AuthenticateMessage::parse(bytes);
  ASSERT_TRUE(message) << vector.place() << message.error().to_line();
  EXPECT_EQ(message->flags.to_hex(), vector.text("Flags"));
  EXPECT_EQ(to_hex(message->lm_response), listed(vector, "Lm"));
  EXPECT_EQ(to_hex(message->domain_name), listed(vector, "Domain"));
  EXPECT_EQ(to_hex(message->user_name), listed(vector, "User"));
  EXPECT_EQ(to_hex(message->workstation), listed(vector, "Workstation"));
  EXPECT_EQ(to_hex(message->encrypted_random_session_key), listed(vector, "SessionKey"));
  EXPECT_EQ(text_of(message->version), listed(vector, "Version"));
  EXPECT_EQ(message->mic ? to_hex(message->mic->bytes()) : "", listed(vector, "Mic"));
  const auto version = response_version(*message);
  ASSERT_TRUE(version);
  EXPECT_EQ(name_of(*version), vector.text("ResponseVersion"));
  if (*version != ResponseVersion::ntlm_v2) {
    EXPECT_EQ(to_hex(message->nt_response), listed(vector, "Nt"));
    return;
  }
  const auto response = Ntlmv2Response::parse(message->nt_response, message->nt_response_offset);
  ASSERT_TRUE(response) << vector.place() << response.error().to_line();
  EXPECT_EQ(to_hex(response->nt_proof_str), vector.text("NtProofStr"));
  EXPECT_EQ(response->time.to_rfc3339(), vector.text("ClientTime"));
  EXPECT_EQ(std::to_string(response->av_pairs.flags()), vector.take("AvFlags").value_or("0"));
  EXPECT_EQ(text_of(response->av_pairs), vector.text("AvPairs"));
}

void check_refused(VectorCase& vector) {
  const Bytes bytes = message_of(vector);
  const auto message = ChallengeMessage::parse(bytes);
  ASSERT_FALSE(message) << vector.place();
  EXPECT_EQ(name_of(message.error().code), vector.text("Code"));
  EXPECT_EQ(message.error().field, vector.text("Field"));
  EXPECT_EQ(std::to_string(message.error().offset), vector.text("Offset"));
}

TEST(PublishedMessages, AreReadAsTheirPublishersSay) {
  std::set<std::string> sections;
  for (VectorCase& vector : test::read_vectors("messages.vec")) {
    SCOPED_TRACE(vector.place());
    sections.insert(vector.section());
    if (vector.section() == "NEGOTIATE") {
      check_negotiate(vector);
    } else if (vector.section() == "CHALLENGE") {
      check_challenge(vector);
    } else if (vector.section() == "AUTHENTICATE") {
      check_authenticate(vector);
    } else {
      check_refused(vector);
    }
    vector.expect_all_taken();
  }
  EXPECT_EQ(sections, (std::set<std::string>{"AUTHENTICATE", "CHALLENGE", "NEGOTIATE", "REFUSED"}));
}

// The CHALLENGEs of MS-NLMP 4.2.2.3 and 4.2.4.3 come out of our writer again: same layout, same order of the payload.
TEST(PublishedMessages, TheChallengesOfMsNlmp42AreWrittenByteForByte) {
  int written_again = 0;
  for (VectorCase& vector : test::read_vectors("messages.vec")) {
    if (vector.section() != "CHALLENGE" || vector.take("Version") != "6.0.6000.15") continue;
    ++written_again;
    const Bytes bytes = message_of(vector);
    const auto message = ChallengeMessage::parse(bytes);
    ASSERT_TRUE(message);
    Bytes written = message->write().value();
    // MaxLen and the offset of an empty field are the sender's taste, and so is the offset of an absent TargetInfo.
    if (message->target_info.empty()) std::fill(written.begin() + 44, written.begin() + 48, std::uint8_t{0});
    EXPECT_EQ(to_hex(written), to_hex(bytes)) << vector.place();
  }
  EXPECT_EQ(written_again, 2);
}

}  // namespace
}  // namespace postern::wire
