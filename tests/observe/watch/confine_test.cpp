// R35: what postern-watch has given up when it reads the first packet, by the function that it calls itself.
#include "postern-watch/confine.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::watch {
namespace {

constexpr int kWorks = 0;
constexpr int kRefused = 1;
constexpr int kKilled = 1'000 + SIGSYS;

int worked(bool yes) { return yes ? kWorks : errno == EPERM ? kRefused : 2; }

/// What became of a process that confined itself as postern-watch with these options does, and then did one thing.
int after(const Options& options, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(confine(options) ? act() : 99);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1'000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int make_a_socket() { return worked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0); }
int open_to_write() { return worked(::open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0); }
int open_to_read() { return worked(::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0); }
int run_a_program() {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  ::execv(name, arguments);
  return 5;
}

Options reading() {
  Options options;
  options.files = {"capture.pcap"};
  return options;
}
Options watching() {
  Options options;
  options.live.interface = "lo";
  return options;
}

TEST(WatchConfined, R35_ReadsFurtherCapturesAndCanNeitherConnectNorRunNorWrite) {
  for (const Options& options : {reading(), watching()}) {
    EXPECT_EQ(after(options, open_to_read), kWorks);
    EXPECT_EQ(after(options, make_a_socket), kRefused);
    EXPECT_EQ(after(options, open_to_write), kRefused);
    EXPECT_EQ(after(options, run_a_program), kKilled);
  }
}

TEST(WatchConfined, R35_WritesFilesOnlyWhereNewOnesWereAskedFor) {
  Options rotating = reading();
  rotating.output = "logons.jsonl";
  EXPECT_EQ(after(rotating, open_to_write), kRefused) << "the one file is open already";
  rotating.rotate_bytes = 1'000'000;
  EXPECT_EQ(after(rotating, open_to_write), kWorks);
  Options counting = watching();
  counting.store = "inventory.db";
  EXPECT_EQ(after(counting, open_to_write), kWorks);
  for (const Options& options : {rotating, counting}) {
    EXPECT_EQ(after(options, make_a_socket), kRefused);
    EXPECT_EQ(after(options, run_a_program), kKilled);
  }
}

TEST(WatchConfined, WithoutConfinementAllOfThatWorks) {
  EXPECT_EQ(make_a_socket(), kWorks);
  EXPECT_EQ(open_to_write(), kWorks);
}

}  // namespace
}  // namespace postern::watch
