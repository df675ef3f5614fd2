#include "postern/output.hpp"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

TEST(Printable, ControlAndBidirectionalCharactersNeverReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\r\n\x7f"), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{7f}");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u{9b}") << "CSI as one character";
  EXPECT_EQ(printable("\xe2\x80\xaexe"), "\\u{202e}xe");
  EXPECT_EQ(printable("M\xc3\xbcnchen \xe4\xb8\xad"), "M\xc3\xbcnchen \xe4\xb8\xad");
  EXPECT_EQ(printable("\xff\xc3"), "\\u{ff}\\u{c3}") << "bytes that are no UTF-8";
}

TEST(ErrorJson, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(error_json(Error{ErrorCode::truncated, "Signature", 7, "ends", {}}).dump(),
            R"({"error":{"code":"truncated","message":"ends","field":"Signature","offset":7}})");
  EXPECT_EQ(error_json(Error{ErrorCode::io, {}, Error::kNoOffset, "gone", "start it"}).dump(),
            R"({"error":{"code":"io","message":"gone","hint":"start it"}})");
}

TEST(ExitCodes, NoUsageAndFaultStayApart) {
  const auto code_for = [](ErrorCode code) { return exit_code_of(Error{code, {}, 0, {}, {}}); };
  EXPECT_EQ(code_for(ErrorCode::malformed), ExitCode::answer_is_no);
  EXPECT_EQ(code_for(ErrorCode::wrong_password), ExitCode::answer_is_no);
  EXPECT_EQ(code_for(ErrorCode::invalid_input), ExitCode::wrong_usage);
  EXPECT_EQ(code_for(ErrorCode::io), ExitCode::fault);
  EXPECT_EQ(code_for(ErrorCode::no_authority), ExitCode::fault);
}

TEST(Text, ShowsNestedObjectsAndColoursOnlyWhenAsked) {
  const Json object{{"user_name", "a\x1b"}, {"ok", true}, {"inner", Json{{"n", 3}}}, {"list", Json::array({"x", "y"})}};
  EXPECT_EQ(to_text(object, Colour::off), "user name: a\\u{1b}\nok:        yes\ninner:\n  n: 3\nlist:\n  x\n  y\n");
  EXPECT_NE(to_text(object, Colour::on).find("\x1b[1m"), std::string::npos);
}

}  // namespace
}  // namespace postern::cli
