#include "crypto/des.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

DesBlock block(std::string_view hex) {
  const auto bytes = from_hex(hex);
  DesBlock out{};
  if (!bytes || bytes->size() != out.size()) throw std::runtime_error{"a DES block is 16 hex digits"};
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

std::string des_hex(std::string_view key, std::string_view text) { return to_hex(des_encrypt(block(key), block(text))); }

struct Known {
  const char* key;
  const char* text;
  const char* sealed;
};

// NIST SP 800-17, table 4 (from NBS SP 500-20): the substitution table known answer test.
constexpr Known kSubstitutionTable[] = {
    {"7ca110454a1a6e57", "01a1d6d039776742", "690f5b0d9a26939b"}, {"0131d9619dc1376e", "5cd54ca83def57da", "7a389d10354bd271"},
    {"07a1133e4a0b2686", "0248d43806f67172", "868ebb51cab4599a"}, {"3849674c2602319e", "51454b582ddf440a", "7178876e01f19b2a"},
    {"04b915ba43feb5b6", "42fd443059577fa2", "af37fb421f8c4095"}, {"0113b970fd34f2ce", "059b5e0851cf143a", "86a560f10ec6d85b"},
    {"0170f175468fb5e6", "0756d8e0774761d2", "0cd3da020021dc09"}, {"43297fad38e373fe", "762514b829bf486a", "ea676b2cb7db2b7a"},
    {"07a7137045da2a16", "3bdd119049372802", "dfd64a815caf1a0f"}, {"04689104c2fd3b2f", "26955f6835af609a", "5c513c9c4886c088"},
    {"37d06bb516cb7546", "164d5e404f275232", "0a2aeeae3ff4ab77"}, {"1f08260d1ac2465e", "6b056e18759f5cca", "ef1bf03e5dfa575a"},
    {"584023641aba6176", "004bd6ef09176062", "88bf0db6d70dee56"}, {"025816164629b007", "480d39006ee762f2", "a1f9915541020b56"},
    {"49793ebc79b3258f", "437540c8698f3cfa", "6fbf1cafcffd0556"}, {"4fb05e1515ab73a7", "072d43a077075292", "2f22e49bab7ca1ac"},
    {"49e95d6d4ca229bf", "02fe55778117f12a", "5a6b612cc26cce4a"}, {"018310dc409b26d6", "1d9d5c5018f728c2", "5f4c038ed12b2e41"},
    {"1c587f1c13924fef", "305532286d6f295a", "63fac0d034d9f793"}};

TEST(Des, GivesTheSubstitutionTableAnswersOfNbsSp500_20) {
  for (const Known& known : kSubstitutionTable) EXPECT_EQ(des_hex(known.key, known.text), known.sealed) << known.key;
}

// NIST SP 800-17, tables 1 and 2: a single bit set in the text, and in the key.
TEST(Des, GivesTheVariableTextAndVariableKeyAnswersOfNistSp800_17) {
  EXPECT_EQ(des_hex("0101010101010101", "8000000000000000"), "95f8a5e5dd31d900");
  EXPECT_EQ(des_hex("0101010101010101", "4000000000000000"), "dd7f121ca5015619");
  EXPECT_EQ(des_hex("0101010101010101", "2000000000000000"), "2e8653104f3834ea");
  EXPECT_EQ(des_hex("8001010101010101", "0000000000000000"), "95a8d72813daa94d");
}

// R. Rivest, "Testing implementations of DES", 1985: its recurrence, in the steps that encrypt, reaches every table; the steps that
// decrypt are checked by encrypting their result, which nettle computes.
TEST(Des, FollowsTheRecurrenceOfRivestToItsPublishedEnd) {
  DesBlock x = block("9474b8e8c73bca7d");
  for (int i = 0; i < 16; ++i) {
    if (i % 2 == 0) {
      x = des_encrypt(x, x);
      continue;
    }
    des_ctx context;
    (void)des_set_key(&context, x.data());
    DesBlock opened;
    nettle_des_decrypt(&context, opened.size(), opened.data(), x.data());
    ASSERT_EQ(des_encrypt(x, opened), x);
    x = opened;
  }
  EXPECT_EQ(to_hex(x), "1b1a2ddb4c642438");
}

TEST(Des, AgreesWithOpensslAndNettleOnRandomKeysAndTexts) {
  reference::RandomBytes random{13};
  for (int i = 0; i < 300; ++i) {
    const Bytes key = random(8);
    const Bytes text = random(8);
    const DesBlock ours = des_encrypt(std::span<const std::uint8_t, 8>{key}, std::span<const std::uint8_t, 8>{text});
    ASSERT_EQ(to_hex(ours), to_hex(reference::openssl_encrypt("DES-ECB", key, text))) << to_hex(key);
    ASSERT_EQ(to_hex(ours), to_hex(reference::nettle_des(key, text))) << to_hex(key);
  }
}

TEST(Des, IgnoresEachParityBitAndNoOtherBitOfTheKey) {
  const DesBlock text = block("0123456789abcdef");
  const DesBlock key = block("133457799bbcdff1");
  const DesBlock right = des_encrypt(key, text);
  for (std::size_t bit = 0; bit < 64; ++bit) {
    DesBlock changed = key;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(des_encrypt(changed, text) == right, bit % 8 == 0) << bit;
  }
}

TEST(Des, ExpandsSevenBytesToEightAsNtlmDoes) {
  // MS-NLMP 4.2.2.2.1: the LM hash of "Password" is DES of "KGS!@#$%" under the two halves of "PASSWORD".
  const std::array<std::uint8_t, 7> first{'P', 'A', 'S', 'S', 'W', 'O', 'R'};
  const std::array<std::uint8_t, 7> second{'D', 0, 0, 0, 0, 0, 0};
  const DesBlock magic{'K', 'G', 'S', '!', '@', '#', '$', '%'};
  EXPECT_EQ(to_hex(des_encrypt(first, magic)), "e52cac67419a9a22");
  EXPECT_EQ(to_hex(des_encrypt(second, magic)), "4a3b108f3fa6cb6d");
  const std::array<std::uint8_t, 7> ones{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(to_hex(des_expand_key(ones)), "fefefefefefefefe");
  const std::array<std::uint8_t, 7> last_bit{0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(to_hex(des_expand_key(last_bit)), "0000000000000002");
}

}  // namespace
}  // namespace postern::crypto
