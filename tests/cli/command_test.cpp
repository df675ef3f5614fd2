// The program itself: arguments, streams and exit codes.
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>

#include "support/paths.hpp"

namespace postern::cli {
namespace {

struct Outcome {
  int exit_code = -1;
  std::string out{};  ///< standard output
};

/// Runs the program through a shell, so that a test can give it standard input.
Outcome run(const std::string& input, const std::string& arguments) {
  const std::string command =
      "printf '" + input + "' | " + std::string{POSTERN_BINARY_DIR} + "/bin/postern " + arguments + " 2>/dev/null";
  Outcome result;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) result.out.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

constexpr const char* kNegotiate = "TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=";
// MS-NLMP 4.2.2.3, AUTHENTICATE
constexpr const char* kAuthenticate =
    "4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000100010009c000000358280"
    "e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520098def7b87f88aa5dafe2df779688a172def1"
    "1c7d5ccdef1367c43011f30298a2ad35ece64f16331c44bdbed927841f94518822b1b3f350c8958682ecbb3e3cb7";

TEST(Command, TokenShowReadsStandardInputByDefault) {
  for (const char* arguments : {"token show --json", "--json token show -", "token --json show -"}) {
    const Outcome shown = run(kNegotiate, arguments);
    EXPECT_EQ(shown.exit_code, 0) << arguments;
    EXPECT_NE(shown.out.find(R"("type":"NEGOTIATE")"), std::string::npos) << shown.out;
  }
  EXPECT_NE(run(kNegotiate, "token show").out.find("type:            NEGOTIATE\n"), std::string::npos);
}

TEST(Command, ColourIsOnlyForATerminal) { EXPECT_EQ(run(kNegotiate, "token show").out.find('\x1b'), std::string::npos); }

TEST(Command, MalformedIsOneWrongUsageTwoMissingFileThree) {
  EXPECT_EQ(run("", "token show").exit_code, 1);
  EXPECT_EQ(run("NTLM", "token show").exit_code, 1);
  EXPECT_EQ(run("", "token show --no-such-option").exit_code, 2);
  EXPECT_EQ(run("", "no-such-command").exit_code, 2);
  EXPECT_EQ(run("", "").exit_code, 2);
  EXPECT_EQ(run(kNegotiate, "token show --oem-codepage klingon").exit_code, 2);
  EXPECT_EQ(run("", "token show /no/such/file").exit_code, 3);
}

TEST(Command, ErrorsAreAnObjectOnStandardOutputWithJsonAndNothingThereWithout) {
  EXPECT_EQ(run("", "token show").out, "");
  const Outcome refused = run("4e544c4d5353500001000000", "token show --json");
  EXPECT_TRUE(refused.out.starts_with(R"({"error":{"code":"truncated",)")) << refused.out;
}

TEST(Command, TokenVerifyAnswersByExitCode) {
  const std::string challenge = " --challenge 0123456789abcdef ";
  EXPECT_EQ(run("Password\\n", "token verify --password-stdin" + challenge + kAuthenticate).exit_code, 0);
  EXPECT_EQ(run("Password", "token verify --password-stdin" + challenge + kAuthenticate).exit_code, 0);
  EXPECT_EQ(run("Password\\r\\nmore", "token verify --password-stdin" + challenge + kAuthenticate).exit_code, 0);
  EXPECT_EQ(run("a4f49c406510bdcab6824ee7c30fd852\\n", "token verify --nt-hash-stdin" + challenge + kAuthenticate).exit_code, 0);
  EXPECT_EQ(run("password\\n", "token verify --password-stdin" + challenge + kAuthenticate).exit_code, 1);
  EXPECT_EQ(run("\\n", "token verify --password-stdin" + challenge + kAuthenticate).exit_code, 1) << "R8";
  EXPECT_EQ(run("Password\\n", "token verify --password-stdin --challenge 00 " + std::string{kAuthenticate}).exit_code, 2);
  EXPECT_EQ(run("Password\\n", "token verify --password-stdin " + std::string{kAuthenticate}).exit_code, 2);
  EXPECT_EQ(run("Password\\n", "token verify" + challenge + kAuthenticate).exit_code, 2);
  EXPECT_EQ(run("Password\\n", "token verify --password-stdin" + challenge + "TlRM").exit_code, 1);
}

std::string kept_file(const std::string& name) { return std::string{POSTERN_SOURCE_DIR} + "/tests/policy/windows_import/" + name; }

TEST(Command, PolicyImportWritesAPolicyFileAndNamesWhatItDidNotTake) {
  for (const char* name : {"hardened.reg", "GptTmpl.inf", "registry.pol"}) {
    const Outcome file = run("", "policy import " + kept_file(name));
    EXPECT_NE(file.out.find("\nLmCompatibilityLevel = 5\n"), std::string::npos) << name << file.out;
    const Outcome report = run("", "policy import --json " + kept_file(name));
    EXPECT_NE(report.out.find(R"({"name":"LmCompatibilityLevel","setting":"5",)"), std::string::npos) << report.out;
    for (const char* named : {"NoLMHash", "SuppressExtendedProtection", "auditbaseobjects"}) {
      EXPECT_NE(report.out.find(named), std::string::npos) << name << named;
    }
  }
}

TEST(Command, PolicyImportRefusesWhatIsNoFileOfWindowsAndOverwritesNothing) {
  EXPECT_EQ(run("[Registry Values]\nX", "policy import -").exit_code, 1);
  EXPECT_EQ(run("hello", "policy import -").exit_code, 1);
  EXPECT_EQ(run("", "policy import /no/such/file").exit_code, 3);
  EXPECT_EQ(run("", "policy import").exit_code, 2);
  EXPECT_EQ(run("", "policy import -o /etc/passwd " + kept_file("GptTmpl.inf")).exit_code, 1) << "it exists";
}

TEST(Command, EveryCommandHasHelpWithAnExample) {
  for (const char* command : {"", "token show", "token verify", "policy import"}) {
    const Outcome help = run("", std::string{command} + " --help");
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_NE(help.out.find("Example:"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace postern::cli
