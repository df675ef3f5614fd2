// Where `postern` looks for the authority.
#include "postern/admin_socket.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace postern::cli {
namespace {

class AdminSocket : public testing::Test {
 protected:
  void SetUp() override { ::unsetenv("POSTERN_SOCKET"); }
  void TearDown() override {
    ::unsetenv("POSTERN_SOCKET");
    std::filesystem::remove(config_);
  }
  void write(const std::string& text) const { std::ofstream{config_} << text; }

  const std::string config_ = testing::TempDir() + "admin_socket_test_" + std::to_string(::getpid()) + ".toml";
};

TEST_F(AdminSocket, TheOptionWinsThenTheEnvironmentThenTheConfigurationThenTheDefault) {
  write("admin_socket = \"/from/config.sock\"\nkey_file = \"/elsewhere\"\n");
  EXPECT_EQ(admin_socket_path("", config_).value(), "/from/config.sock");
  ::setenv("POSTERN_SOCKET", "/from/environment.sock", 1);
  EXPECT_EQ(admin_socket_path("", config_).value(), "/from/environment.sock");
  EXPECT_EQ(admin_socket_path("/from/option.sock", config_).value(), "/from/option.sock");
  ::unsetenv("POSTERN_SOCKET");
  write("key_file = \"/elsewhere\"\n");
  EXPECT_EQ(admin_socket_path("", config_).value(), kDefaultAdminSocket);
}

TEST_F(AdminSocket, AConfigurationThatIsWrongOrNotThereIsSaidAndNotPassedOver) {
  write("key_file = \"x\"\nadmin_socket = 7\n");
  const auto wrong = admin_socket_path("", config_);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find(config_ + ":2: admin_socket"), std::string::npos) << wrong.error().message;
  EXPECT_FALSE(admin_socket_path("", config_ + ".none"));
}

}  // namespace
}  // namespace postern::cli
