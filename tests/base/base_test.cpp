#include <gtest/gtest.h>
#include <limits>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/keyed_digest.hpp"
#include "base/reader.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"

namespace postern {
namespace {

using Key = Secret<struct TestKeyTag, 16>;
static_assert(!std::is_copy_constructible_v<Key> && !std::is_copy_assignable_v<Key>);
static_assert(std::is_nothrow_move_constructible_v<Key>);
static_assert(!std::is_copy_constructible_v<SecretBytes>);

TEST(Secret, R27_MovedFromSecretIsZero) {
  const Bytes bytes(16, 0x5a);
  Key key{std::span<const std::uint8_t, 16>{bytes}};
  const Key moved = std::move(key);
  EXPECT_TRUE(constant_time_is_zero(key.reveal()));  // NOLINT(bugprone-use-after-move): what is left behind is the subject
  EXPECT_TRUE(constant_time_equal(moved.reveal(), bytes));
}

TEST(Secret, R27_DestructorWipesTheStorage) {
  alignas(Key) std::array<std::uint8_t, sizeof(Key)> storage{};
  const Bytes bytes(16, 0x5a);
  Key* key = new (storage.data()) Key{std::span<const std::uint8_t, 16>{bytes}};
  EXPECT_EQ(storage[3], 0x5a);
  key->~Key();
  EXPECT_TRUE(constant_time_is_zero(storage));
}

TEST(ConstantTimeEqual, DiffersOnLengthAndOnEachSingleByte) {
  Bytes a(33, 7);
  EXPECT_FALSE(constant_time_equal(a, ByteView{a}.first(32)));
  for (std::size_t i = 0; i < a.size(); ++i) {
    Bytes b = a;
    b[i] ^= 0x80;
    EXPECT_FALSE(constant_time_equal(a, b)) << i;
  }
  EXPECT_TRUE(constant_time_equal(a, Bytes(33, 7)));
}

TEST(Hex, RoundTripsAndRefusesOddCountsAndOtherCharacters) {
  EXPECT_EQ(to_hex(Bytes{0x00, 0xff, 0x1a}), "00ff1a");
  EXPECT_EQ(from_hex("00FF1a"), (Bytes{0x00, 0xff, 0x1a}));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Base64, MatchesRfc4648Section10AndRefusesNonCanonicalText) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(from_base64(coded), to_bytes(as_bytes(plain)));
  }
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Reader, R1_RefusesWhatIsNotThereWithFieldAndOffset) {
  const Bytes input{1, 2, 3, 4, 5};
  Reader in{input, 100};
  EXPECT_EQ(in.u32("a").value(), 0x04030201u);
  const auto error = in.u16("Message.Field");
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::truncated);
  EXPECT_EQ(error.error().field, "Message.Field");
  EXPECT_EQ(error.error().offset, 104u);
  EXPECT_FALSE(in.take(std::numeric_limits<std::size_t>::max(), "huge"));
  EXPECT_EQ(in.remaining(), 1u) << "a refused read takes nothing";
}

TEST(FileTime, MatchesThePublishedEpochsAndDoesNotOverflow) {
  EXPECT_EQ(FileTime{}.to_rfc3339(), "1601-01-01T00:00:00.000000Z");
  EXPECT_EQ(FileTime{FileTime::kUnixEpochTicks}.to_rfc3339(), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FileTime::kUnixEpochTicks, 116444736000000000ULL);                             // MS-DTYP 2.3.3 readers' constant
  EXPECT_EQ(FileTime{0x01c334b736d39000ULL}.to_rfc3339(), "2003-06-17T10:00:00.000000Z");  // Davenport, NTLMv2 response
  EXPECT_EQ(FileTime{std::numeric_limits<std::uint64_t>::max()}.to_rfc3339(), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(FileTime::from_unix_microseconds(std::numeric_limits<std::int64_t>::min()), FileTime{0});
}

TEST(FileTime, ReadsBackWhatItPrintsAndRefusesImpossibleDates) {
  for (const std::uint64_t ticks : {0ULL, 1234567890ULL, 134000000000000010ULL}) {
    EXPECT_EQ(FileTime::from_rfc3339(FileTime{ticks}.to_rfc3339()), FileTime{ticks});
  }
  EXPECT_EQ(FileTime::from_rfc3339("1970-01-01T02:00:00+02:00"), FileTime{FileTime::kUnixEpochTicks});
  for (const char* bad : {"", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
                          "1600-12-31T23:59:59Z", "2026-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(FileTime::from_rfc3339(bad)) << bad;
  }
}

TEST(Utf16, R2_OddLengthsAndLoneSurrogatesFailCleanlyAndMaximalExpansionFits) {
  EXPECT_FALSE(utf16le_to_utf8(Bytes{0x41, 0x00, 0x42}, "f"));
  EXPECT_FALSE(utf16le_to_utf8(Bytes{0x00, 0xd8}, "f"));
  EXPECT_FALSE(utf16le_to_utf8(Bytes{0x00, 0xdc, 0x41, 0x00}, "f"));
  EXPECT_FALSE(utf16le_to_utf8(Bytes{0x00, 0xd8, 0x41, 0x00}, "f"));
  Bytes widest;
  for (int i = 0; i < 1000; ++i) widest.insert(widest.end(), {0xff, 0xff});
  EXPECT_EQ(utf16le_to_utf8(widest, "f").value().size(), 3000u);
  EXPECT_EQ(utf16le_to_utf8(Bytes{0x00, 0x00}, "f").value(), std::string(1, '\0'));
  EXPECT_EQ(utf16le_to_utf8_lossy(Bytes{0x41, 0x00, 0x00, 0xd8, 0x42}), "A\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Utf16, R2_ALetterBeyondAsciiIsReadWhereverItStandsAndABrokenOneIsNamedByItsPlace) {
  const std::string plain(20, 'a');
  const std::pair<std::string_view, Bytes> letters[] = {{"\xC3\xBC", {0xfc, 0x00}}, {"\xF0\x9F\x9A\xAA", {0x3d, 0xd8, 0xaa, 0xde}}};
  for (std::size_t at = 0; at <= plain.size(); ++at) {
    for (const auto& [letter, units] : letters) {
      const std::string text = plain.substr(0, at) + std::string{letter} + plain.substr(at);
      Bytes expected;
      for (std::size_t i = 0; i < at; ++i) expected.insert(expected.end(), {'a', 0});
      expected.insert(expected.end(), units.begin(), units.end());
      for (std::size_t i = at; i < plain.size(); ++i) expected.insert(expected.end(), {'a', 0});
      const auto wide = utf8_to_utf16le(text, "t");
      ASSERT_TRUE(wide);
      EXPECT_EQ(*wide, expected);
      const auto back = utf16le_to_utf8(*wide, "t");
      ASSERT_TRUE(back);
      EXPECT_EQ(*back, text);
    }
    const auto bad_utf8 = utf8_to_utf16le(plain.substr(0, at) + "\xff" + plain, "t");
    ASSERT_FALSE(bad_utf8);
    EXPECT_EQ(bad_utf8.error().offset, at);
    Bytes lone(2 * at, 0);
    for (std::size_t i = 0; i < at; ++i) lone[2 * i] = 'a';
    lone.insert(lone.end(), {0x00, 0xdc, 'b', 0});
    const auto bad_utf16 = utf16le_to_utf8(lone, "t", 100);
    ASSERT_FALSE(bad_utf16);
    EXPECT_EQ(bad_utf16.error().offset, 100 + 2 * at);
  }
}

TEST(Utf8, R2_RefusesOverlongSurrogateAndOutOfRangeForms) {
  for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "a\x80"}) {
    EXPECT_FALSE(utf8_to_utf16le(bad, "f")) << bad;
    EXPECT_FALSE(is_utf8(bad));
  }
  EXPECT_EQ(utf8_to_utf16le("\xf0\x9f\x94\x91", "f").value(), (Bytes{0x3d, 0xd8, 0x11, 0xdd}));
  EXPECT_EQ(utf16le_to_utf8(Bytes{0x3d, 0xd8, 0x11, 0xdd}, "f").value(), "\xf0\x9f\x94\x91");
}

TEST(CodePage, EachConvertsItsOwnBytes) {
  EXPECT_EQ(oem_to_utf8(Bytes{0x84}, CodePage::cp850, "f").value(), "\xc3\xa4");  // a with diaeresis
  EXPECT_EQ(oem_to_utf8(Bytes{0xe4}, CodePage::latin1, "f").value(), "\xc3\xa4");
  EXPECT_EQ(oem_to_utf8(Bytes{0xc3, 0xa4}, CodePage::utf8, "f").value(), "\xc3\xa4");
  EXPECT_FALSE(oem_to_utf8(Bytes{0xe4}, CodePage::utf8, "f"));
  EXPECT_EQ(utf8_to_oem("\xc3\xa4", CodePage::cp850, "f").value(), Bytes{0x84});
  EXPECT_FALSE(utf8_to_oem("\xe4\xb8\xad", CodePage::cp850, "f"));
  EXPECT_FALSE(utf8_to_oem("\xe4\xb8\xad", CodePage::latin1, "f"));
}

TEST(UpperCase, MapsOneCodeUnitToOneAndKeepsWhatWindowsKeeps) {
  EXPECT_EQ(upper_case_utf8("user-\xc3\xa5\xd1\x8e\xce\xbb"), "USER-\xc3\x85\xd0\xae\xce\x9b");
  EXPECT_EQ(upper_case(u'\u00df'), u'\u00df') << "sharp s has no single capital";
  EXPECT_EQ(upper_case(u'\u0131'), u'\u0131');
  EXPECT_EQ(upper_case(u'\u00ff'), u'\u0178');
  EXPECT_EQ(upper_case(u'\u0101'), u'\u0100');
  EXPECT_EQ(upper_case(u'\u0100'), u'\u0100');
  EXPECT_EQ(upper_case_utf8("\xf0\x90\x90\xa8"), "\xf0\x90\x90\xa8") << "outside the BMP nothing changes";
}

TEST(KeyedDigest, MatchesTheReferenceVectorsOfSipHash128) {
  // github.com/veorq/SipHash vectors.h, vectors_sip128: key 00..0f, input of length 0, 1 and 15 counting up from 00.
  Bytes key_bytes(16);
  for (std::size_t i = 0; i < 16; ++i) key_bytes[i] = static_cast<std::uint8_t>(i);
  const DigestKey key{std::span<const std::uint8_t, 16>{key_bytes}};
  EXPECT_EQ(to_hex(keyed_digest(key, {})), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(to_hex(keyed_digest(key, ByteView{key_bytes}.first(1))), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(to_hex(keyed_digest(key, ByteView{key_bytes}.first(15))), "5493e99933b0a8117e08ec0f97cfc3d9");
}

}  // namespace
}  // namespace postern
