// What is typed after `account set`, the secret at the end of a request, the audit for a person, and the file to import.
#include "postern/account_set.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "postern/account_import.hpp"
#include "postern/admin_client.hpp"

namespace postern::cli {
namespace {

std::string request_of(const AccountSettings& settings) {
  const auto request = account_set_request("alice", settings);
  return request ? request->dump() : std::string{request.error().field};
}

TEST(AccountSet, SendsWhatWasTypedAndNothingElse) {
  EXPECT_EQ(
      request_of({.logon_hours = "Mon-Fri 08-18", .workstations = "WS1, WS2", .networks = "10.0.0.0/8"}),
      R"({"op":"account.set","account":"alice","logon_hours":"Mon-Fri 08-18","workstations":["WS1","WS2"],"networks":["10.0.0.0/8"]})");
  EXPECT_EQ(request_of({.ntlm = "off", .is_protected = "on", .canary = "off", .must_change = "on", .expires = "2027-01-31"}),
            R"({"op":"account.set","account":"alice","ntlm_allowed":false,"protected":true,"canary":false,"must_change":true,)"
            R"("expires":"2027-01-31T00:00:00.000000Z"})");
  EXPECT_EQ(request_of({.workstations = "any", .networks = "", .expires = "never"}),
            R"({"op":"account.set","account":"alice","workstations":[],"networks":[],"expires":""})");
}

TEST(AccountSet, RefusesWhatIsNeitherOnNorOffAndNothing) {
  EXPECT_EQ(request_of({.ntlm = "yes"}), "--ntlm");
  EXPECT_EQ(request_of({.expires = "31.1.2027"}), "--expires");
  EXPECT_EQ(request_of({}), "account set");
}

TEST(AdminRequestBytes, CarryTheSecretAsJsonDoes) {
  const std::string secret = "a\"b\\c\nd\x01 \xc3\xa9";
  const SecretBytes sent = request_bytes(Json{{"op", "x"}}, "password", as_bytes(secret));
  const Json parsed = Json::parse(sent.reveal_text());
  EXPECT_EQ(parsed["password"], secret);
  EXPECT_EQ(parsed["op"], "x");
  const SecretBytes plain = request_bytes(Json{{"op", "x"}}, {}, {});
  EXPECT_EQ(plain.reveal_text(), R"({"op":"x"})");
}

TEST(AuditText, NamesAccountsUnderWhatIsWrongWithThem) {
  const Json audit = Json::parse(
      R"({"accounts":3,"shared_passwords":[["D\\a","D\\b"]],"never_used":[],"old_passwords":["D\\c"],"old_after_days":90,"locked":["D\\a"]})");
  EXPECT_EQ(audit_text(audit),
            "3 accounts\n"
            "share one password (group 1):\n  D\\a\n  D\\b\n"
            "breached passwords: not looked for, because no breached_hashes list is configured\n"
            "password older than 90 days:\n  D\\c\n"
            "locked:\n  D\\a\n");
}

TEST(ImportFile, R30_IsReadFromAFileOfItsOwnerOnly) {
  namespace fs = std::filesystem;
  const fs::path path = fs::temp_directory_path() / ("postern-import-" + std::to_string(::getpid()));
  std::ofstream{path} << "name,password\n";
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  const auto read = read_import_file(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->reveal_text(), "name,password\n");
  for (const fs::perms more : {fs::perms::group_read, fs::perms::others_read, fs::perms::group_write, fs::perms::others_exec}) {
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | more);
    EXPECT_EQ(read_import_file(path).error().code, ErrorCode::denied);
  }
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  const fs::path link = path.string() + ".link";
  fs::create_symlink(path, link);
  EXPECT_FALSE(read_import_file(link));
  fs::remove(link);
  fs::resize_file(path, kMaxAdminRequestBytes + 1);
  EXPECT_EQ(read_import_file(path).error().code, ErrorCode::too_large);
  fs::remove(path);
  EXPECT_EQ(read_import_file(path).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace postern::cli
