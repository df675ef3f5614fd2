// The program itself: a wrong file at a reload changes nothing, and is an exit code where a person asked.
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "account/store_fixture.hpp"
#include "support/paths.hpp"

extern char** environ;

namespace postern {
namespace {

class Posternd : public testing::Test {
 protected:
  void SetUp() override { write_config("threshold = 5"); }
  void TearDown() override {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      static_cast<void>(wait());
    }
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.path() / name; }
  void write_config(const std::string& lockout) {
    std::filesystem::create_directories(directory_.path() / "keys");
    std::filesystem::permissions(directory_.path() / "keys", std::filesystem::perms::owner_all);
    std::ofstream{file("posternd.toml")} << "state_directory = \"" << file("data") << "\"\nkey_file = \"" << file("keys/k")
                                         << "\"\n"
                                         << "socket = \"" << file("edge.sock") << "\"\nadmin_socket = \"" << file("admin.sock")
                                         << "\"\n[lockout]\n"
                                         << lockout << "\n";
  }
  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> words{std::string{POSTERN_BINARY_DIR} + "/bin/posternd", "--config", file("posternd.toml")};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT_EQ(posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), environ), 0) << argv[0];
    posix_spawn_file_actions_destroy(&actions);
  }
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  [[nodiscard]] std::string log() const { return account::content_of(file("log")); }
  [[nodiscard]] bool log_soon_has(const std::string& text) const {
    for (int i = 0; i < 1'000; ++i) {
      if (log().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  account::TemporaryDirectory directory_{};
  pid_t process_ = -1;
};

TEST_F(Posternd, R38_AWrongFileAtAReloadKeepsTheOldOneAndARightOneIsTaken) {
  start();
  ASSERT_TRUE(log_soon_has("ready")) << log();
  write_config("threshold = \"five\"");
  ::kill(process_, SIGHUP);
  EXPECT_TRUE(log_soon_has("the configuration stays as it was: " + file("posternd.toml") + ":6: lockout.threshold: must be"))
      << log();
  EXPECT_EQ(log().find("read anew"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(file("edge.sock"))) << "it still serves";
  write_config("threshold = 6");
  ::kill(process_, SIGHUP);
  EXPECT_TRUE(log_soon_has("configuration read anew")) << log();
  ::kill(process_, SIGTERM);
  EXPECT_EQ(wait(), 0) << log();
  EXPECT_FALSE(std::filesystem::exists(file("edge.sock")));
}

TEST_F(Posternd, R38_AWrongFileAtTheStartIsAnExitCodeAndALine) {
  write_config("threshold = \"five\"");
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--check"}}) {
    start(more);
    EXPECT_EQ(wait(), 2);
    EXPECT_TRUE(log().find(file("posternd.toml") + ":6: lockout.threshold: must be") != std::string::npos) << log();
  }
  write_config("threshold = 5");
  start({"--check"});
  EXPECT_EQ(wait(), 0);
}

TEST_F(Posternd, ASecondOneOnTheSameStoreEndsAndLeavesTheFirstAlone) {
  start();
  ASSERT_TRUE(log_soon_has("ready")) << log();
  const pid_t first = std::exchange(process_, -1);
  start();
  EXPECT_EQ(wait(), 3) << log();
  EXPECT_TRUE(std::filesystem::exists(file("edge.sock")));
  process_ = first;
  ::kill(process_, SIGTERM);
  EXPECT_EQ(wait(), 0);
}

}  // namespace
}  // namespace postern
