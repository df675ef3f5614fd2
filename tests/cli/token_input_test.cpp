#include "postern/token_input.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace postern::cli {
namespace {

// curl's NEGOTIATE (curl tests/data/test1008).
constexpr std::string_view kBase64 = "TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr std::string_view kHex = "4e544c4d53535000010000000682080000000000000000000000000000000000";
const Bytes kToken = from_hex(kHex).value();

void expect_token(std::string_view text, InputForm form) {
  const auto input = decode_token_input(as_bytes(text));
  ASSERT_TRUE(input) << text << ": " << input.error().to_line();
  EXPECT_EQ(input->token, kToken) << text;
  EXPECT_EQ(input->form, form) << text;
}

void expect_refused(std::string_view text, ErrorCode code = ErrorCode::malformed) {
  const auto input = decode_token_input(as_bytes(text));
  ASSERT_FALSE(input) << text;
  EXPECT_EQ(input.error().code, code);
  EXPECT_EQ(input.error().field, "token");
  EXPECT_EQ(input.error().offset, 0u);
}

TEST(TokenInput, FindsRawBytesHexBase64AndHeaders) {
  expect_token(as_text(kToken), InputForm::raw);
  expect_token(kHex, InputForm::hex);
  expect_token(std::string{kHex} + "\r\n", InputForm::hex);
  expect_token("4E544C4D 53535000 01000000 06820800\n00000000 00000000 00000000 00000000", InputForm::hex);
  expect_token(kBase64, InputForm::base64);
  expect_token(std::string{kBase64}.insert(20, "\n") + "\n", InputForm::base64);
  for (const std::string_view before : {"Authorization: NTLM ", "authorization:NTLM ", "WWW-Authenticate: Negotiate ",
                                        "Proxy-Authorization: ntlm   ", "Proxy-Authenticate:\tNTLM\t", "NTLM ", "negotiate "}) {
    expect_token(std::string{before} + std::string{kBase64}, InputForm::header);
    expect_token(std::string{before} + std::string{kBase64} + " \r\n", InputForm::header);
  }
}

TEST(TokenInput, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", " \r\n", "NTLM ", "Authorization: NTLM", "Negotiate \n", "NTLM !!!!", "NTLM TlRMTVNTUAAB=", "Basic TlRMTVNTUAAB",
        "X-Header: NTLM TlRMTVNTUAAB", "abc", "4e5", "hello, world"}) {
    expect_refused(text);
  }
  // Inside a header nothing is cut out: a broken line or a second header is no token.
  expect_refused("NTLM TlRMTVNT\nUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=");
  expect_refused(std::string{"NTLM "} + std::string{kBase64} + ", NTLM " + std::string{kBase64});
}

TEST(TokenInput, R26_RefusesInputOverTheLimitAndReadsItAtTheLimit) {
  const std::string at_limit(kMaxInputBytes, 'a');
  EXPECT_TRUE(decode_token_input(as_bytes(at_limit)));
  expect_refused(at_limit + "a", ErrorCode::too_large);
}

TEST(TokenInput, ASignatureCutShortIsRawSoThatItIsSaidToBeTruncated) {
  const auto input = decode_token_input(as_bytes("NTLMSSP"));
  ASSERT_TRUE(input);
  EXPECT_EQ(input->form, InputForm::raw);
}

TEST(TokenArgument, NamesAFileOrIsTheTokenItself) {
  const auto path = std::filesystem::temp_directory_path() / ("postern-token-" + std::to_string(::getpid()));
  std::ofstream{path} << kBase64 << "\n";
  for (const std::string& argument : {path.string(), "@" + path.string()}) {
    for (const Otherwise otherwise : {Otherwise::file, Otherwise::token}) {
      const auto input = read_token_argument(argument, otherwise);
      ASSERT_TRUE(input) << argument;
      EXPECT_EQ(input->token, kToken);
    }
  }
  std::filesystem::remove(path);
  EXPECT_EQ(read_token_argument(path.string(), Otherwise::file).error().code, ErrorCode::io);
  EXPECT_EQ(read_token_argument("@" + path.string(), Otherwise::token).error().code, ErrorCode::io);
  EXPECT_EQ(read_token_argument(path.string(), Otherwise::token).error().code, ErrorCode::malformed);
  for (const std::string_view token : {kHex, kBase64}) {
    EXPECT_TRUE(read_token_argument(std::string{token}, Otherwise::file)) << token;
  }
}

}  // namespace
}  // namespace postern::cli
