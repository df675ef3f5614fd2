#include "crypto/rc4.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <type_traits>
#include <vector>

#include "base/secret.hpp"
#include "crypto/rc4_many.hpp"
#include "crypto/reference.hpp"
#include "support/paths.hpp"

namespace postern::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<Rc4> && !std::is_copy_assignable_v<Rc4>, "a key stream is never used twice");
static_assert(std::is_nothrow_move_constructible_v<Rc4>);
static_assert(sizeof(Rc4) == 258);

Bytes stream_of(ByteView key, std::size_t size) {
  Bytes stream(size);
  Rc4{key}.apply(stream);
  return stream;
}

TEST(Rc4, GivesTheKeyStreamsOfRfc6229) {
  std::ifstream file{POSTERN_SOURCE_DIR "/tests/vectors/rc4_rfc6229.vec"};
  ASSERT_TRUE(file);
  Bytes stream;
  int keys = 0;
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find(" = ");
    ASSERT_NE(equals, std::string::npos) << line;
    const auto value = from_hex(line.substr(equals + 3));
    ASSERT_TRUE(value) << line;
    if (line.starts_with("Key")) {
      stream = stream_of(*value, 4112);
      ++keys;
    } else {
      const std::size_t offset = std::stoul(line);
      ASSERT_LE(offset + value->size(), stream.size());
      EXPECT_EQ(to_hex(ByteView{stream}.subspan(offset, value->size())), to_hex(*value)) << "key " << keys << ": " << line;
      ++rows;
    }
  }
  EXPECT_EQ(keys, 14);
  EXPECT_EQ(rows, 14 * 18);
}

TEST(Rc4, AgreesWithOpensslAndNettleAtEveryLengthTo300) {
  reference::RandomBytes random{10};
  for (std::size_t size = 1; size <= 300; ++size) {
    const Bytes key = random(size % 2 == 0 ? 16 : 5);
    const Bytes text = random(size);
    Bytes ours(size);
    Rc4{key}.apply(text, ours);
    ASSERT_EQ(ours, reference::openssl_encrypt(key.size() == 16 ? "RC4" : "RC4-40", key, text)) << size;
    ASSERT_EQ(ours, reference::nettle_rc4(key, text)) << size;
  }
}

TEST(Rc4, AgreesWithNettleAtEveryKeyLength) {
  reference::RandomBytes random{11};
  const Bytes text = random(64);
  for (std::size_t size = 1; size <= Rc4::kMaxKeyBytes; ++size) {
    const Bytes key = random(size);
    Bytes ours(text.size());
    Rc4{key}.apply(text, ours);
    ASSERT_EQ(ours, reference::nettle_rc4(key, text)) << size;
  }
}

TEST(Rc4, GoesOnWhereItStoppedWhereverTheTextIsCut) {
  reference::RandomBytes random{12};
  const Bytes key = random(16);
  for (const std::size_t size : {7U, 8U, 9U, 64U, 131U, 300U, 255U, 256U, 257U, 1100U}) {
    const Bytes text = random(size);
    const Bytes whole = reference::nettle_rc4(key, text);
    for (std::size_t cut = 0; cut <= size; ++cut) {
      Rc4 cipher{key};
      Bytes out = text;
      cipher.apply(MutableByteView{out}.first(cut));
      cipher.apply(MutableByteView{out}.subspan(cut));
      ASSERT_EQ(out, whole) << size << " cut at " << cut;
    }
  }
}

TEST(Rc4, DuplicateGoesOnFromTheSamePlaceAndLeavesTheFirstAlone) {
  Rc4 cipher{as_bytes("Key")};
  Bytes skipped(5);
  cipher.apply(skipped);
  Rc4 second = cipher.duplicate();
  Bytes from_first(20);
  Bytes from_second(20);
  second.apply(from_second);
  cipher.apply(from_first);
  EXPECT_EQ(from_first, from_second);
  EXPECT_NE(from_first, Bytes(20));
}

TEST(Rc4, R27_MoveTakesTheStreamAndDestructorWipesIt) {
  const Bytes expected = stream_of(as_bytes("Key"), 24);
  alignas(Rc4) std::array<std::uint8_t, sizeof(Rc4)> storage{};
  auto* cipher = new (storage.data()) Rc4{as_bytes("Key")};
  Bytes first(12);
  cipher->apply(first);
  Rc4 moved{std::move(*cipher)};
  EXPECT_TRUE(constant_time_is_zero(storage));
  Bytes second(12);
  moved.apply(second);
  EXPECT_EQ(to_hex(first) + to_hex(second), to_hex(expected));
  *cipher = std::move(moved);
  EXPECT_FALSE(constant_time_is_zero(storage));
  cipher->~Rc4();
  EXPECT_TRUE(constant_time_is_zero(storage));
}

TEST(Rc4Many, AgreesWithOneByOneForEachNumberOfJobsAndAnyMixOfKeyLengths) {
  reference::RandomBytes random{13};
  for (std::size_t count = 0; count <= 13; ++count) {
    for (std::size_t odd_one = 0; odd_one <= count; ++odd_one) {  // equal to count: all keys have 16 bytes
      std::vector<Bytes> keys;
      std::vector<Bytes> texts;
      std::vector<Bytes> outs;
      for (std::size_t k = 0; k < count; ++k) {
        keys.push_back(random(k == odd_one ? 5 : 16));
        texts.push_back(random(k % 3 == 2 ? 300 : 16));
        outs.emplace_back(texts.back().size());
      }
      std::vector<Rc4Job> jobs;
      for (std::size_t k = 0; k < count; ++k) jobs.push_back({keys[k], texts[k], outs[k]});
      rc4_many(jobs);
      for (std::size_t k = 0; k < count; ++k) {
        ASSERT_EQ(outs[k], reference::nettle_rc4(keys[k], texts[k])) << "job " << k << " of " << count;
        ASSERT_EQ(outs[k], reference::openssl_encrypt(k == odd_one ? "RC4-40" : "RC4", keys[k], texts[k]));
      }
    }
  }
}

TEST(Rc4Many, WorksInPlaceAtEveryLengthTo300) {
  reference::RandomBytes random{14};
  std::vector<Bytes> keys;
  std::vector<Bytes> texts;
  for (std::size_t size = 0; size <= 300; ++size) {
    keys.push_back(random(16));
    texts.push_back(random(size));
  }
  std::vector<Bytes> outs = texts;
  std::vector<Rc4Job> jobs;
  for (std::size_t k = 0; k < keys.size(); ++k) jobs.push_back({keys[k], outs[k], outs[k]});
  rc4_many(jobs);
  for (std::size_t k = 0; k < keys.size(); ++k) {
    Rc4{keys[k]}.apply(texts[k]);
    ASSERT_EQ(outs[k], texts[k]) << k;
  }
}

TEST(Rc4ManyDeath, KeyOfNoBytesAndTextsOfUnequalSizeAbort) {
  Bytes text(16);
  const Bytes key(16, 1);
  EXPECT_DEATH(rc4_many(std::array{Rc4Job{{}, text, text}}), "");
  const Rc4Job unequal{key, ByteView{text}.first(15), text};
  EXPECT_DEATH(rc4_many(std::array{unequal}), "");
  EXPECT_DEATH(rc4_many(std::array{unequal, unequal, unequal, unequal}), "");
}

TEST(Rc4Death, MovedFromCipherAbortsInsteadOfSendingClearText) {
  Rc4 cipher{as_bytes("Key")};
  const Rc4 moved{std::move(cipher)};
  Bytes text(8);
  EXPECT_DEATH(cipher.apply(text), "");  // NOLINT(bugprone-use-after-move): the subject
}

TEST(Rc4Death, KeyOfNoOrOver256BytesAborts) {
  EXPECT_DEATH(Rc4{ByteView{}}, "");
  EXPECT_DEATH(Rc4{Bytes(257)}, "");
}

TEST(Rc4Death, TextsOfUnequalSizeAbort) {
  const Bytes in(9);
  Bytes out(8);
  EXPECT_DEATH(Rc4{as_bytes("Key")}.apply(in, out), "");
}

}  // namespace
}  // namespace postern::crypto
