#include "crypto/seal_kernel.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "crypto/padded_message.hpp"
#include "crypto/reference.hpp"
#include "support/paths.hpp"

namespace postern::crypto {
namespace {

constexpr std::size_t kSomeBlocksBytes = 320;

struct Sealed {
  Bytes text;
  Digest mac{};
  Bytes after;  // what the cipher gives next
  bool operator==(const Sealed&) const = default;
};

/// Where a message begins: how much the hash and the cipher have taken already, and how the texts lie in memory.
struct Start {
  std::size_t hashed = 4;
  std::size_t ciphered = 0;
  std::size_t in_offset = 0;
  std::size_t out_offset = 0;
};

enum class Place { apart, in_place };
using Kernel = void (*)(HmacMd5&, Rc4&, ByteView, MutableByteView) noexcept;

// The plain twins: one pass after the other.
void plain_seal(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  mac.update(in);
  cipher.apply(in, out);
}
void plain_unseal(HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
  cipher.apply(in, out);
  mac.update(out);
}

Sealed run(Kernel kernel, const Start& start, ByteView text, Place place) {
  const HmacMd5Key key{as_bytes("signing key")};
  HmacMd5 mac{key};
  Rc4 cipher{as_bytes("sealing key")};
  mac.update(Bytes(start.hashed, 0x5a));
  Bytes skipped(start.ciphered);
  cipher.apply(skipped);

  Bytes in(start.in_offset + text.size());
  std::copy(text.begin(), text.end(), in.begin() + static_cast<std::ptrdiff_t>(start.in_offset));
  Bytes out(start.out_offset + text.size() + 1, 0xee);
  const MutableByteView in_view = MutableByteView{in}.subspan(start.in_offset);
  const MutableByteView out_view = place == Place::in_place ? in_view : MutableByteView{out}.subspan(start.out_offset, text.size());
  kernel(mac, cipher, in_view, out_view);
  EXPECT_EQ(out.back(), 0xee);
  EXPECT_TRUE(place == Place::in_place || std::ranges::equal(in_view, text)) << "the input was written to";

  Sealed result{to_bytes(out_view), {}, Bytes(16)};
  mac.update(as_bytes("more"));
  result.mac = mac.finish();
  cipher.apply(result.after);
  return result;
}

void expect_agreement(const Start& start, ByteView text) {
  for (const Place place : {Place::apart, Place::in_place}) {
    ASSERT_EQ(run(&mac_and_encrypt, start, text, place), run(&plain_seal, start, text, Place::apart))
        << text.size() << " bytes sealed " << (place == Place::apart ? "apart" : "in place");
    ASSERT_EQ(run(&decrypt_and_mac, start, text, place), run(&plain_unseal, start, text, Place::apart))
        << text.size() << " bytes unsealed " << (place == Place::apart ? "apart" : "in place");
  }
}

TEST(SealKernel, AgreesWithItsPlainTwinAtEveryLengthTo300AndSomeBlocksMore) {
  const Bytes text = reference::RandomBytes{20}(kSomeBlocksBytes + 300);
  for (std::size_t size = 0; size <= text.size(); ++size) expect_agreement({}, ByteView{text}.first(size));
}

TEST(SealKernel, AgreesWithItsPlainTwinWhereverTheHashStands) {
  const Bytes text = reference::RandomBytes{21}(kSomeBlocksBytes + 64);
  for (std::size_t hashed = 0; hashed <= 130; ++hashed) {
    for (const std::size_t size : {kSomeBlocksBytes, kSomeBlocksBytes + 37}) {
      expect_agreement({.hashed = hashed, .ciphered = hashed % 5}, ByteView{text}.first(size));
    }
  }
}

TEST(SealKernel, AgreesWithItsPlainTwinWhereverTheCipherStands) {
  const Bytes text = reference::RandomBytes{22}(kSomeBlocksBytes + 64);
  for (std::size_t ciphered = 0; ciphered <= 260; ++ciphered) {
    expect_agreement({.hashed = ciphered % 7, .ciphered = ciphered}, ByteView{text}.first(kSomeBlocksBytes + ciphered % 64));
  }
}

TEST(SealKernel, AgreesWithItsPlainTwinAtAnyAddress) {
  const Bytes text = reference::RandomBytes{23}(kSomeBlocksBytes + 8);
  for (std::size_t in = 0; in < 9; ++in) {
    for (std::size_t out = 0; out < 9; ++out) {
      expect_agreement({.hashed = 4, .ciphered = in + out, .in_offset = in, .out_offset = out}, text);
    }
  }
}

TEST(SealKernel, AWholeMessageIsSealedAsInPiecesAtEveryLengthTo300AndWhereItIsTooLongForOneCall) {
  constexpr std::size_t kLongest = PaddedMessage::kMaxBytes + 70;
  const Bytes text = reference::RandomBytes{26}(kLongest);
  const HmacMd5Key key{as_bytes("signing key")};
  for (const std::size_t head : {0uz, 4uz, 59uz}) {
    for (std::size_t size = 0; size <= kLongest; size += size < 300 || size > kLongest - 150 ? 1 : 13) {
      const Bytes before(head, 0x5a);
      HmacMd5 mac{key};
      mac.update(before);
      Rc4 twin{as_bytes("sealing key")};
      Bytes expected(size);
      plain_seal(mac, twin, ByteView{text}.first(size), expected);
      const Digest expected_mac = mac.finish();
      Bytes expected_next(24);
      twin.apply(expected_next);

      for (const std::size_t ahead : {0uz, 8uz}) {
        for (const Place place : {Place::apart, Place::in_place}) {
          Rc4 cipher{as_bytes("sealing key")};
          Bytes in = to_bytes(ByteView{text}.first(size));
          Bytes apart(size);
          const MutableByteView out = place == Place::in_place ? in : apart;
          Bytes next(24, 0xee);
          ASSERT_EQ(mac_and_encrypt(key, before, cipher, in, out, MutableByteView{next}.first(ahead)), expected_mac)
              << head << ' ' << size;
          ASSERT_TRUE(std::ranges::equal(out, expected)) << head << ' ' << size;
          std::ranges::fill(MutableByteView{next}.subspan(ahead), std::uint8_t{0});
          cipher.apply(MutableByteView{next}.subspan(ahead));
          ASSERT_EQ(next, expected_next) << head << ' ' << size << ' ' << ahead;
        }
      }
    }
  }
}

TEST(SealKernel, AMacWithTheKeyStreamBesideItIsWhatEachIsAlone) {
  constexpr std::size_t kLongest = PaddedMessage::kMaxBytes + 70;
  const Bytes text = reference::RandomBytes{27}(kLongest);
  const HmacMd5Key key{as_bytes("signing key")};
  for (std::size_t size = 0; size <= kLongest; size += size < 300 || size > kLongest - 150 ? 1 : 13) {
    const std::array parts{ByteView{text}.first(size / 4), ByteView{text}.subspan(size / 4, size - size / 4)};
    Rc4 cipher{as_bytes("sealing key")};
    Bytes stream(24, 0xee);
    ASSERT_EQ(mac_and_stream(key, parts, cipher, MutableByteView{stream}.first(8)), hmac_md5(key, parts)) << size;
    std::ranges::fill(MutableByteView{stream}.subspan(8), std::uint8_t{0});
    cipher.apply(MutableByteView{stream}.subspan(8));
    ASSERT_EQ(stream, reference::nettle_rc4(as_bytes("sealing key"), Bytes(24))) << size;
  }
}

TEST(SealKernel, RewindTakesBackWhatWasDecryptedInOnePass) {
  const HmacMd5Key key{as_bytes("Jefe")};
  for (const std::size_t size : {kSomeBlocksBytes, std::size_t{1001}, std::size_t{5000}}) {
    Rc4 cipher{as_bytes("sealing key")};
    Rc4 before = cipher.duplicate();
    HmacMd5 mac{key};
    Bytes forged(size, 0x77);
    decrypt_and_mac(mac, cipher, forged, forged);
    cipher.rewind(size);
    Bytes next(32);
    Bytes expected(32);
    cipher.apply(next);
    before.apply(expected);
    EXPECT_EQ(next, expected) << size;
  }
}

TEST(SealKernel, TextInPiecesIsSealedAndUnsealedAsTheWhole) {
  const Bytes text = reference::RandomBytes{24}(4000);
  const auto in_pieces = [&]<std::size_t Cut>(std::integral_constant<std::size_t, Cut>) {
    return [](HmacMd5& mac, Rc4& cipher, ByteView in, MutableByteView out) noexcept {
      mac_and_encrypt(mac, cipher, in.first(Cut), out.first(Cut));
      mac_and_encrypt(mac, cipher, in.subspan(Cut), out.subspan(Cut));
    };
  };
  const Sealed whole = run(&plain_seal, {}, text, Place::apart);
  EXPECT_EQ(run(in_pieces(std::integral_constant<std::size_t, 1>{}), {}, text, Place::in_place), whole);
  EXPECT_EQ(run(in_pieces(std::integral_constant<std::size_t, 700>{}), {}, text, Place::in_place), whole);
  EXPECT_EQ(run(in_pieces(std::integral_constant<std::size_t, 2111>{}), {}, text, Place::in_place), whole);
}

TEST(SealKernel, AgreesWithOpensslAndNettleAndUnsealsWhatItSealed) {
  reference::RandomBytes random{25};
  for (const std::size_t size : {std::size_t{64}, kSomeBlocksBytes, std::size_t{1024}, std::size_t{16384}, std::size_t{65537}}) {
    const Bytes signing_key = random(16);
    const Bytes sealing_key = random(16);
    const Bytes sequence_number = random(4);
    const Bytes text = random(size);
    Bytes message = sequence_number;
    message.insert(message.end(), text.begin(), text.end());

    const HmacMd5Key key{signing_key};
    HmacMd5 sealing{key};
    Rc4 encrypt{sealing_key};
    Bytes sealed = text;
    sealing.update(sequence_number);
    mac_and_encrypt(sealing, encrypt, sealed, sealed);
    const Digest mac = sealing.finish();
    ASSERT_EQ(mac, reference::openssl_hmac_md5(signing_key, message)) << size;
    ASSERT_EQ(sealed, reference::openssl_encrypt("RC4", sealing_key, text)) << size;
    ASSERT_EQ(sealed, reference::nettle_rc4(sealing_key, text)) << size;

    HmacMd5 unsealing{key};
    Rc4 decrypt{sealing_key};
    unsealing.update(sequence_number);
    decrypt_and_mac(unsealing, decrypt, sealed, sealed);
    ASSERT_EQ(sealed, text) << size;
    ASSERT_EQ(unsealing.finish(), mac) << size;
  }
}

// Texts of zeros come out as the key stream itself. Each key sits on its own line before its rows.
TEST(SealKernel, GivesTheKeyStreamsOfRfc6229) {
  std::ifstream file{POSTERN_SOURCE_DIR "/tests/vectors/rc4_rfc6229.vec"};
  ASSERT_TRUE(file);
  Bytes sealed;
  Bytes unsealed;
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto value = from_hex(line.substr(line.find(" = ") + 3));
    ASSERT_TRUE(value) << line;
    if (line.starts_with("Key")) {
      const HmacMd5Key key{*value};
      HmacMd5 first{key};
      HmacMd5 second{key};
      Rc4 encrypt{*value};
      Rc4 decrypt{*value};
      sealed.assign(4112, 0);
      unsealed.assign(4112, 0);
      mac_and_encrypt(first, encrypt, sealed, sealed);
      decrypt_and_mac(second, decrypt, unsealed, unsealed);
    } else {
      const std::size_t offset = std::stoul(line);
      ASSERT_LE(offset + value->size(), sealed.size());
      EXPECT_EQ(to_hex(ByteView{sealed}.subspan(offset, value->size())), to_hex(*value)) << line;
      EXPECT_EQ(to_hex(ByteView{unsealed}.subspan(offset, value->size())), to_hex(*value)) << line;
      ++rows;
    }
  }
  EXPECT_EQ(rows, 14 * 18);
}

TEST(SealKernelDeath, TextsOfUnequalSizeAndMovedFromCiphersAbort) {
  const HmacMd5Key key{as_bytes("Jefe")};
  HmacMd5 mac{key};
  Rc4 cipher{as_bytes("Key")};
  Bytes longer(kSomeBlocksBytes + 1);
  Bytes shorter(kSomeBlocksBytes);
  EXPECT_DEATH(mac_and_encrypt(mac, cipher, longer, shorter), "");
  EXPECT_DEATH(decrypt_and_mac(mac, cipher, longer, shorter), "");
  EXPECT_DEATH((void)mac_and_encrypt(key, {}, cipher, longer, shorter, {}), "");
  const Rc4 moved{std::move(cipher)};
  EXPECT_DEATH(mac_and_encrypt(mac, cipher, longer, longer), "");  // NOLINT(bugprone-use-after-move): the subject
  EXPECT_DEATH(decrypt_and_mac(mac, cipher, longer, longer), "");
  EXPECT_DEATH((void)mac_and_encrypt(key, {}, cipher, longer, longer, {}), "");
  std::array<std::uint8_t, 8> stream{};
  EXPECT_DEATH((void)mac_and_stream(key, {}, cipher, stream), "");
}

}  // namespace
}  // namespace postern::crypto
