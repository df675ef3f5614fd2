#include "account/password.hpp"

#include <gtest/gtest.h>
#include <krb5.h>

/// libk5crypto refuses iteration counts under 4096, which the published vectors use, unless this is set (its own tests do the
/// same).
extern "C" krb5_boolean k5_allow_weak_pbkdf2iter;

namespace postern::account {
namespace {

template <typename Key>
std::string hex(const Result<Key>& key) {
  if (!key) return key.error().to_line();
  return to_hex(key->reveal());
}

// source: RFC 3962 appendix B
struct Rfc3962Case {
  std::uint32_t iterations;
  std::string password;
  std::string salt;
  const char* aes128;
  const char* aes256;
};

class Rfc3962 : public testing::TestWithParam<Rfc3962Case> {
 protected:
  void SetUp() override { k5_allow_weak_pbkdf2iter = 1; }
  void TearDown() override { k5_allow_weak_pbkdf2iter = 0; }
};

TEST_P(Rfc3962, GivesTheKeysOfAppendixB) {
  const auto& [iterations, password, salt, aes128, aes256] = GetParam();
  EXPECT_EQ(hex(aes128_string_to_key(as_bytes(password), salt, iterations)), aes128);
  EXPECT_EQ(hex(aes256_string_to_key(as_bytes(password), salt, iterations)), aes256);
}

INSTANTIATE_TEST_SUITE_P(
    AppendixB, Rfc3962,
    testing::Values(Rfc3962Case{1, "password", "ATHENA.MIT.EDUraeburn", "42263c6e89f4fc28b8df68ee09799f15",
                                "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"},
                    Rfc3962Case{2, "password", "ATHENA.MIT.EDUraeburn", "c651bf29e2300ac27fa469d693bdda13",
                                "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff"},
                    Rfc3962Case{1200, "password", "ATHENA.MIT.EDUraeburn", "4c01cd46d632d01e6dbe230a01ed642a",
                                "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"},
                    Rfc3962Case{5, "password", "\x12\x34\x56\x78\x78\x56\x34\x12", "e9b23d52273747dd5c35cb55be619d8e",
                                "97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31"},
                    Rfc3962Case{1200, std::string(64, 'X'), "pass phrase equals block size", "59d1bb789a828b1aa54ef9c2883f69ed",
                                "89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34"},
                    Rfc3962Case{1200, std::string(65, 'X'), "pass phrase exceeds block size", "cb8005dc5f90179a7f02104c0018751d",
                                "d78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b"},
                    Rfc3962Case{50, "\xF0\x9D\x84\x9E", "EXAMPLE.COMpianist", "f149c1f2e154a73452d43e7fe62a56e5",
                                "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e"}));

TEST(StringToKey, RefusesFewerIterationsThanTheDefault) {
  EXPECT_TRUE(aes256_string_to_key(as_bytes("password"), "salt", 4096));
  EXPECT_FALSE(aes256_string_to_key(as_bytes("password"), "salt", 4095));
  EXPECT_EQ(aes256_string_to_key(as_bytes("password"), "salt", 0).error().code, ErrorCode::invalid_input);
}

TEST(DeriveSecrets, GivesTheNtHashOfTheSpecification) {
  // source: MS-NLMP 4.2.2.1.2, NTOWFv1("Password")
  const auto secrets = derive_secrets(SecretBytes{"Password"}, "EXAMPLE.ORGalice");
  ASSERT_TRUE(secrets);
  EXPECT_EQ(to_hex(secrets->nt_hash.reveal()), "a4f49c406510bdcab6824ee7c30fd852");
  EXPECT_EQ(secrets->salt, "EXAMPLE.ORGalice");
}

TEST(DeriveSecrets, GivesTheKeysThatKtutilMakes) {
  // source: MIT krb5 1.20.1, `ktutil addent -password -p alice@EXAMPLE.ORG -k 1 -e aes256-cts` (aes128-cts) with "Grüße, 4 Uhr!",
  // shown by `klist -Kek`.
  const auto secrets = derive_secrets(SecretBytes{"Grüße, 4 Uhr!"}, "EXAMPLE.ORGalice");
  ASSERT_TRUE(secrets);
  EXPECT_EQ(to_hex(secrets->aes256.reveal()), "2044a31922927f173081947deb8d54bc2eb9d70266da40158516ec42a0b23e2c");
  EXPECT_EQ(to_hex(secrets->aes128.reveal()), "d8982d48de10f0126c77e130a96b6bba");
}

TEST(KerberosSalt, IsTheRealmAndTheNameAndForAMachineItsHostName) {
  const Domain domain{.netbios_name = "DEMO", .dns_name = "Demo.Example.org", .realm = "DEMO.EXAMPLE.ORG"};
  EXPECT_EQ(kerberos_salt(domain, AccountKind::domain, "Alice"), "DEMO.EXAMPLE.ORGAlice");
  EXPECT_EQ(kerberos_salt(domain, AccountKind::machine, "WEB01$"), "DEMO.EXAMPLE.ORGhostweb01.demo.example.org");
}

TEST(Password, R8_RefusesAnEmptyOne) {
  EXPECT_TRUE(check_password(SecretBytes{"x"}));
  EXPECT_EQ(check_password(SecretBytes{}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(derive_secrets(SecretBytes{}, "salt").error().code, ErrorCode::invalid_input);
}

TEST(Password, HasAtMost256Utf16Units) {
  EXPECT_TRUE(check_password(SecretBytes{std::string(256, 'x')}));
  EXPECT_FALSE(check_password(SecretBytes{std::string(257, 'x')}));
  std::string euros;
  for (int i = 0; i < 256; ++i) euros += "€";
  EXPECT_TRUE(check_password(SecretBytes{euros}));
  EXPECT_FALSE(check_password(SecretBytes{euros + "€"}));
  std::string clefs;
  for (int i = 0; i < 128; ++i) clefs += "\xF0\x9D\x84\x9E";
  EXPECT_TRUE(check_password(SecretBytes{clefs}));
  EXPECT_FALSE(check_password(SecretBytes{clefs + "x"})) << "a character outside the BMP counts twice";
}

TEST(Password, RefusesNulAndWhatIsNotUtf8) {
  EXPECT_TRUE(check_password(SecretBytes{"a b"}));
  EXPECT_FALSE(check_password(SecretBytes{std::string_view{"a\0b", 3}}));
  EXPECT_FALSE(check_password(SecretBytes{"a\xFF"}));
}

}  // namespace
}  // namespace postern::account
