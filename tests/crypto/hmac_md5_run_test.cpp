#include "crypto/hmac_md5_run.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <new>

#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

/// A message in three parts, one of them empty.
std::array<ByteView, 3> parts_of(ByteView text) {
  const std::size_t cut = text.size() / 3;
  return {text.first(cut), ByteView{}, text.subspan(cut)};
}

TEST(HmacMd5Run, AloneGivesWhatOpensslGivesAtEveryLengthTo300AndWhereItIsTooLong) {
  reference::RandomBytes random{50};
  const Bytes key = random(16);
  const HmacMd5Key prepared{key};
  for (std::size_t size = 0; size <= PaddedMessage::kMaxBytes + 200; size += size < 300 ? 1 : 17) {
    const Bytes text = random(size);
    ASSERT_EQ((HmacMd5Run{prepared, parts_of(text)}.finish()), reference::openssl_hmac_md5(key, text)) << size;
  }
}

TEST(HmacMd5Run, BesideEachOtherBothGiveWhatEachGivesAlone) {
  reference::RandomBytes random{51};
  const Bytes first_key = random(16);
  const Bytes second_key = random(16);
  const HmacMd5Key first_prepared{first_key};
  const HmacMd5Key second_prepared{second_key};
  constexpr std::size_t kTooLong = PaddedMessage::kMaxBytes + 1;
  for (const std::size_t first_size :
       {0uz, 16uz, 54uz, 55uz, 56uz, 64uz, 119uz, 120uz, 300uz, 736uz, PaddedMessage::kMaxBytes, kTooLong}) {
    for (std::size_t second_size = 0; second_size <= kTooLong + 64; second_size += second_size < 200 ? 5 : 31) {
      const Bytes first = random(first_size);
      const Bytes second = random(second_size);
      HmacMd5Run shadow{second_prepared, parts_of(second)};
      const Digest mac = HmacMd5Run{first_prepared, parts_of(first)}.finish_beside(shadow);
      ASSERT_EQ(mac, reference::openssl_hmac_md5(first_key, first)) << first_size << ' ' << second_size;
      // And a third beside what is left of the second.
      const Digest third = HmacMd5Run{first_prepared, parts_of(second)}.finish_beside(shadow);
      ASSERT_EQ(third, reference::openssl_hmac_md5(first_key, second)) << first_size << ' ' << second_size;
      ASSERT_EQ(shadow.finish(), reference::openssl_hmac_md5(second_key, second)) << first_size << ' ' << second_size;
    }
  }
}

/// Whether `bytes` stand anywhere in `storage`.
bool holds(ByteView storage, ByteView bytes) {
  return std::search(storage.begin(), storage.end(), bytes.begin(), bytes.end()) != storage.end();
}

TEST(HmacMd5Run, R27_LeavesNeitherKeyedStatesNorMessageBehind) {
  const HmacMd5Key key{as_bytes("signing key")};
  const Digest outer = to_digest(key.outer());
  const Bytes text = reference::RandomBytes{52}(200);
  for (const bool to_its_end : {false, true}) {
    alignas(HmacMd5Run) std::array<std::uint8_t, sizeof(HmacMd5Run)> storage{};
    auto* run = new (storage.data()) HmacMd5Run{key, parts_of(text)};
    const ByteView part = ByteView{text}.subspan(100, 32);
    EXPECT_TRUE(holds(storage, outer));
    EXPECT_TRUE(holds(storage, part));
    Digest mac{};
    if (to_its_end) mac = run->finish();
    run->~HmacMd5Run();
    EXPECT_FALSE(holds(storage, outer));
    EXPECT_FALSE(holds(storage, part));
    if (to_its_end) {
      EXPECT_FALSE(holds(storage, mac));
    }
  }
}

}  // namespace
}  // namespace postern::crypto
