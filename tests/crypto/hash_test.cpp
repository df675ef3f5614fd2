#include <gtest/gtest.h>
#include <string>
#include <type_traits>

#include "crypto/md4.hpp"
#include "crypto/md5.hpp"
#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<Md4> && !std::is_copy_constructible_v<Md5>, "hashes of secrets do not multiply");

struct Known {
  const char* message;
  const char* digest;
};

// RFC 1320, A.5.
constexpr Known kMd4[] = {
    {"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
    {"a", "bde52cb31de33e46245e05fbdbd6fb24"},
    {"abc", "a448017aaf21d8525fc10ae87aa6729d"},
    {"message digest", "d9130a8164549fe818874806e1c7014b"},
    {"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", "e33b4ddc9c38f2199c3e7b164fcc0536"},
};

// RFC 1321, A.5.
constexpr Known kMd5[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a"},
};

TEST(Md4, GivesTheDigestsOfRfc1320) {
  for (const Known& known : kMd4) EXPECT_EQ(to_hex(Md4::digest(as_bytes(known.message))), known.digest) << known.message;
}

TEST(Md5, GivesTheDigestsOfRfc1321) {
  for (const Known& known : kMd5) EXPECT_EQ(to_hex(Md5::digest(as_bytes(known.message))), known.digest) << known.message;
}

TEST(Md4, AgreesWithOpensslAndNettleAtEveryLengthTo300) {
  reference::RandomBytes random{4};
  for (std::size_t size = 0; size <= 300; ++size) {
    const Bytes message = random(size);
    const Digest ours = Md4::digest(message);
    ASSERT_EQ(ours, reference::openssl_hash("MD4", message)) << size;
    ASSERT_EQ(ours, reference::nettle_md4(message)) << size;
  }
}

TEST(Md5, AgreesWithOpensslAndNettleAtEveryLengthTo300) {
  reference::RandomBytes random{5};
  for (std::size_t size = 0; size <= 300; ++size) {
    const Bytes message = random(size);
    const Digest ours = Md5::digest(message);
    ASSERT_EQ(ours, reference::openssl_hash("MD5", message)) << size;
    ASSERT_EQ(ours, reference::nettle_md5(message)) << size;
  }
}

template <typename Hash>
class SplitUpdates : public testing::Test {};
using Hashes = testing::Types<Md4, Md5>;
TYPED_TEST_SUITE(SplitUpdates, Hashes);

TYPED_TEST(SplitUpdates, GiveTheSameDigestWhereverTheMessageIsCut) {
  reference::RandomBytes random{6};
  for (const std::size_t size : {1U, 55U, 56U, 63U, 64U, 65U, 128U, 150U, 257U}) {
    const Bytes message = random(size);
    const Digest whole = TypeParam::digest(message);
    for (std::size_t cut = 0; cut <= size; ++cut) {
      TypeParam hash;
      hash.update(ByteView{message}.first(cut));
      hash.update(ByteView{message}.subspan(cut));
      ASSERT_EQ(hash.finish(), whole) << size << " cut at " << cut;
    }
    TypeParam byte_by_byte;
    for (const std::uint8_t byte : message) byte_by_byte.update({&byte, 1});
    ASSERT_EQ(byte_by_byte.finish(), whole) << size;
  }
}

TYPED_TEST(SplitUpdates, ResumedFromTheStateOfWholeBlocksGiveTheSameDigest) {
  const Bytes message = reference::RandomBytes{7}(200);
  TypeParam start;
  start.update(ByteView{message}.first(128));
  TypeParam rest{start.state(), 128};
  rest.update(ByteView{message}.subspan(128));
  EXPECT_EQ(rest.finish(), TypeParam::digest(message));
}

TYPED_TEST(SplitUpdates, R27_DestructorWipesStateAndBufferedMessage) {
  alignas(TypeParam) std::array<std::uint8_t, sizeof(TypeParam)> storage{};
  const Bytes message(40, 0x5a);
  auto* hash = new (storage.data()) TypeParam;
  hash->update(message);
  const std::string before = to_hex(storage);
  ASSERT_NE(before.find("5a5a5a5a5a5a5a5a"), std::string::npos);
  ASSERT_NE(before.find("01234567"), std::string::npos);
  hash->~TypeParam();
  const std::string after = to_hex(storage);
  EXPECT_EQ(after.find("5a5a"), std::string::npos);
  EXPECT_EQ(after.find("01234567"), std::string::npos);
}

}  // namespace
}  // namespace postern::crypto
