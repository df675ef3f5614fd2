#include "crypto/hmac_md5.hpp"

#include <gtest/gtest.h>
#include <string>
#include <type_traits>

#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<HmacMd5Key> && !std::is_copy_assignable_v<HmacMd5Key>, "keys move, never copy");
static_assert(std::is_nothrow_move_constructible_v<HmacMd5Key>);
static_assert(!std::is_copy_constructible_v<HmacMd5>);

struct Known {
  Bytes key;
  Bytes message;
  const char* mac;
};

Bytes text(std::string_view value) { return to_bytes(as_bytes(value)); }

// RFC 2202, section 2.
std::vector<Known> rfc2202() {
  Bytes counting;
  for (std::uint8_t i = 1; i <= 25; ++i) counting.push_back(i);
  return {
      {Bytes(16, 0x0b), text("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d"},
      {text("Jefe"), text("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738"},
      {Bytes(16, 0xaa), Bytes(50, 0xdd), "56be34521d144c88dbb8c733f0e8b3f6"},
      {counting, Bytes(50, 0xcd), "697eaf0aca3a3aea3a75164746ffaa79"},
      {Bytes(16, 0x0c), text("Test With Truncation"), "56461ef2342edc00f9bab995690efd4c"},
      {Bytes(80, 0xaa), text("Test Using Larger Than Block-Size Key - Hash Key First"), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
      {Bytes(80, 0xaa), text("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
       "6f630fad67cda0ee1fb1f562db3aa53e"},
  };
}

TEST(HmacMd5, GivesTheMacsOfRfc2202) {
  for (const Known& known : rfc2202()) EXPECT_EQ(to_hex(hmac_md5(known.key, {known.message})), known.mac);
}

TEST(HmacMd5, AgreesWithOpensslAndNettleAtEveryLengthOfMessageAndKey) {
  reference::RandomBytes random{8};
  for (std::size_t size = 0; size <= 300; ++size) {
    const Bytes key = random(size);
    const Bytes message = random(300 - size);
    const Digest ours = hmac_md5(key, {message});
    ASSERT_EQ(ours, reference::openssl_hmac_md5(key, message)) << size;
    ASSERT_EQ(ours, reference::nettle_hmac_md5(key, message)) << size;
  }
}

TEST(HmacMd5, OfPartsIsTheMacOfTheirConcatenationWhereverTheyAreCut) {
  reference::RandomBytes random{9};
  const HmacMd5Key key{random(16)};
  for (const std::size_t size : {8U, 64U, 130U}) {
    const Bytes message = random(size);
    const Digest whole = hmac_md5(key, {message});
    for (std::size_t cut = 0; cut <= size; ++cut) {
      ASSERT_EQ(hmac_md5(key, {ByteView{message}.first(cut), ByteView{message}.subspan(cut)}), whole);
      HmacMd5 mac{key};
      mac.update(ByteView{message}.first(cut)).update({}).update(ByteView{message}.subspan(cut));
      ASSERT_EQ(mac.finish(), whole);
    }
  }
}

TEST(HmacMd5, ChangesWithEveryBitOfTheKeyAndOfTheMessage) {
  Bytes key(16, 0x11);
  Bytes message(16, 0x22);
  const Digest right = hmac_md5(key, {message});
  for (std::size_t bit = 0; bit < 128; ++bit) {
    const auto flip = static_cast<std::uint8_t>(1U << (bit % 8));
    key[bit / 8] ^= flip;
    EXPECT_NE(hmac_md5(key, {message}), right) << bit;
    key[bit / 8] ^= flip;
    message[bit / 8] ^= flip;
    EXPECT_NE(hmac_md5(key, {message}), right) << bit;
    message[bit / 8] ^= flip;
  }
}

TEST(HmacMd5Key, OneKeyServesManyMessagesAndItsDuplicateTheSame) {
  const HmacMd5Key key{as_bytes("Jefe")};
  const HmacMd5Key second = key.duplicate();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(to_hex(hmac_md5(key, {as_bytes("what do ya want for nothing?")})), "750c783e6ab0b503eaa86e310a5db738");
    EXPECT_EQ(to_hex(hmac_md5(second, {as_bytes("what do ya want for nothing?")})), "750c783e6ab0b503eaa86e310a5db738");
  }
}

TEST(HmacMd5Key, R27_MoveTakesTheStatesAndWipesTheSource) {
  HmacMd5Key key{as_bytes("Jefe")};
  HmacMd5Key moved{std::move(key)};
  EXPECT_EQ(to_hex(hmac_md5(moved, {as_bytes("what do ya want for nothing?")})), "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(key.inner(), HashState{});  // NOLINT(bugprone-use-after-move): what is left behind is the subject
  EXPECT_EQ(key.outer(), HashState{});
  HmacMd5Key assigned{as_bytes("other")};
  assigned = std::move(moved);
  EXPECT_EQ(to_hex(hmac_md5(assigned, {as_bytes("what do ya want for nothing?")})), "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(moved.inner(), HashState{});  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved.outer(), HashState{});
}

TEST(HmacMd5Key, R27_DestructorWipesBothStates) {
  alignas(HmacMd5Key) std::array<std::uint8_t, sizeof(HmacMd5Key)> storage{};
  auto* key = new (storage.data()) HmacMd5Key{as_bytes("Jefe")};
  ASSERT_FALSE(constant_time_is_zero(storage));
  key->~HmacMd5Key();
  EXPECT_TRUE(constant_time_is_zero(storage));
}

}  // namespace
}  // namespace postern::crypto
