#include "crypto/md5_kernels.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "crypto/hmac_md5.hpp"
#include "crypto/padded_message.hpp"
#include "crypto/rc4.hpp"
#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

using detail::kMd5Avx512;
using detail::kMd5Plain;
using detail::Md5Kernels;

/// The plain twin, and what else this processor runs.
std::vector<const Md5Kernels*> kernels_here() {
  std::vector<const Md5Kernels*> kernels{&kMd5Plain};
  if (detail::runs_here(kMd5Avx512)) kernels.push_back(kMd5Avx512);
  return kernels;
}

/// The compression function as RFC 1321, 3.4 writes it, for what no library offers: a state of the caller's choice.
void textbook(HashState& state, const std::uint8_t* block) {
  constexpr int kLeft[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  auto [a, b, c, d] = state;
  for (std::size_t step = 0; step < 64; ++step) {
    const std::uint32_t f = step < 16 ? (b & c) | (~b & d) : step < 32 ? (b & d) | (c & ~d) : step < 48 ? b ^ c ^ d : c ^ (b | ~d);
    const std::size_t word = step < 16 ? step : step < 32 ? 5 * step + 1 : step < 48 ? 3 * step + 5 : 7 * step;
    const auto sine = static_cast<std::uint32_t>(std::floor(4294967296.0 * std::fabs(std::sin(static_cast<double>(step + 1)))));
    const std::uint32_t sum = a + f + load_word(block + 4 * (word % 16)) + sine;
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kLeft[step / 16][step % 4]);
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

HashState random_state(reference::RandomBytes& random) {
  const Bytes bytes = random(16);
  return {load_word(&bytes[0]), load_word(&bytes[4]), load_word(&bytes[8]), load_word(&bytes[12])};
}

TEST(Md5Kernels, ThisProcessorsChoiceIsOneThatItRuns) {
  EXPECT_TRUE(detail::runs_here(&kMd5Plain));
  EXPECT_TRUE(detail::runs_here(&detail::md5_kernels()));
  EXPECT_FALSE(detail::runs_here(nullptr));
}

TEST(Md5Kernels, OneMessageIsMixedAsRfc1321WritesItFromAnyState) {
  reference::RandomBytes random{40};
  for (const Md5Kernels* kernels : kernels_here()) {
    for (std::size_t count = 0; count <= 20; ++count) {
      const Bytes blocks = random(64 * count + 1);
      const HashState start = random_state(random);
      HashState expected = start;
      for (std::size_t n = 0; n < count; ++n) textbook(expected, blocks.data() + 64 * n + 1);
      HashState state = start;
      kernels->one(state.data(), blocks.data() + 1, count);
      ASSERT_EQ(state, expected) << kernels->name << ' ' << count;
    }
  }
}

TEST(Md5Kernels, TwoMessagesBesideEachOtherAreMixedAsEachAlone) {
  reference::RandomBytes random{41};
  for (const Md5Kernels* kernels : kernels_here()) {
    for (std::size_t count = 0; count <= 20; ++count) {
      const Bytes blocks = random(64 * count + 1);
      const Bytes others = random(64 * count + 3);
      HashState first = random_state(random);
      HashState second = random_state(random);
      HashState expected_first = first;
      HashState expected_second = second;
      kMd5Plain.one(expected_first.data(), blocks.data() + 1, count);
      kMd5Plain.one(expected_second.data(), others.data() + 3, count);
      kernels->two(first.data(), blocks.data() + 1, second.data(), others.data() + 3, count);
      ASSERT_EQ(first, expected_first) << kernels->name << ' ' << count;
      ASSERT_EQ(second, expected_second) << kernels->name << ' ' << count;
    }
  }
}

TEST(Md5Kernels, AMessageWithATextToEncryptGivesWhatOpensslAndNettleGiveAtEveryLengthTo300) {
  reference::RandomBytes random{42};
  for (const Md5Kernels* kernels : kernels_here()) {
    for (std::size_t size = 0; size <= PaddedMessage::kMaxBytes;
         size += size < 300 || size > PaddedMessage::kMaxBytes - 70 ? 1 : 37) {
      const Bytes signing_key = random(16);
      const Bytes sealing_key = random(16);
      const Bytes text = random(size);
      // More text than the MAC has blocks for, as much, less, and none.
      for (const std::size_t sealed_size : {2 * size + 200, size, size / 2, 0uz}) {
        const Bytes in = random(sealed_size);
        const HmacMd5Key key{signing_key};
        const ByteView part{text};
        const PaddedMessage message{{&part, 1}};
        Rc4 cipher{sealing_key};
        Bytes out(sealed_size + 1, 0xee);
        detail::Rc4Walk walk = cipher.begin();
        HashState mac;
        Bytes ahead(8, 0xee);
        const std::size_t stream_size = size % 3 * 4;
        kernels->message({.inner = key.inner().data(),
                          .outer = key.outer().data(),
                          .blocks = message.blocks(),
                          .count = message.count(),
                          .in = in.data(),
                          .out = out.data(),
                          .size = sealed_size,
                          .stream = ahead.data(),
                          .stream_size = stream_size},
                         walk, mac.data());
        cipher.end(walk);
        ASSERT_EQ(to_digest(mac), reference::openssl_hmac_md5(signing_key, text)) << kernels->name << ' ' << size;
        ASSERT_EQ(out.back(), 0xee);
        out.pop_back();
        Bytes whole = in;
        whole.resize(sealed_size + 8);
        const Bytes expected = reference::nettle_rc4(sealing_key, whole);
        Bytes next(8 - stream_size);
        cipher.apply(next);
        out.insert(out.end(), ahead.begin(), ahead.begin() + static_cast<std::ptrdiff_t>(stream_size));
        out.insert(out.end(), next.begin(), next.end());
        ASSERT_EQ(out, expected) << kernels->name << ' ' << size << ' ' << sealed_size;
      }
    }
  }
}

TEST(Md5Kernels, SealingAndUnsealingInOnePassAgreeWithOnePassAfterTheOther) {
  reference::RandomBytes random{43};
  for (const Md5Kernels* kernels : kernels_here()) {
    for (std::size_t count = 0; count <= 20; ++count) {
      const Bytes key = random(16);
      Bytes text = random(64 * (count + 1));
      const HashState start = random_state(random);
      HashState expected = start;
      kMd5Plain.one(expected.data(), text.data(), count);
      const Bytes stream = reference::nettle_rc4(key, Bytes(64 * count));

      Rc4 cipher{key};
      detail::Rc4Walk walk = cipher.begin();
      HashState state = start;
      Bytes sealed = text;
      kernels->seal(state.data(), sealed.data(), walk, sealed.data(), sealed.data(), count);
      ASSERT_EQ(state, expected) << kernels->name << ' ' << count;
      for (std::size_t i = 0; i < text.size(); ++i) {
        ASSERT_EQ(sealed[i], i < 64 * count ? text[i] ^ stream[i] : text[i]) << kernels->name << ' ' << count << ' ' << i;
      }

      // The cipher a block ahead of the hash, in the same place: what is hashed is what it wrote a block before.
      Rc4 second{key};
      walk = second.begin();
      Bytes opened = text;
      for (std::size_t i = 0; i < 64 * count; ++i) text[64 + i] ^= stream[i];
      expected = start;
      kMd5Plain.one(expected.data(), text.data(), count);
      state = start;
      kernels->seal(state.data(), opened.data(), walk, opened.data() + 64, opened.data() + 64, count);
      ASSERT_EQ(opened, text) << kernels->name << ' ' << count;
      ASSERT_EQ(state, expected) << kernels->name << ' ' << count;
    }
  }
}

TEST(Md5Kernels, AnHmacIsTheSameOnBothSidesOfTheLengthThatOneCallTakes) {
  reference::RandomBytes random{44};
  const Bytes key = random(16);
  const HmacMd5Key prepared{key};
  for (std::size_t size = PaddedMessage::kMaxBytes - 70; size <= PaddedMessage::kMaxBytes + 70; ++size) {
    const Bytes text = random(size);
    const std::size_t cut = size / 3;
    const std::array parts{ByteView{text}.first(cut), ByteView{}, ByteView{text}.subspan(cut)};
    EXPECT_EQ(PaddedMessage::fits(parts), size <= PaddedMessage::kMaxBytes);
    ASSERT_EQ(hmac_md5(prepared, parts), reference::openssl_hmac_md5(key, text)) << size;
  }
}

}  // namespace
}  // namespace postern::crypto
