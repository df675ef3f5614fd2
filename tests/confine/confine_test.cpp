// R35: under each profile what its program needs works, and what none of ours needs is refused or ends the process.
#include "edge/confine/confine.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace postern::confine {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr Profile kProfiles[] = {Profile::authority, Profile::gateway, Profile::forward, Profile::sensor,
                                 Profile::sensor_with_files};

/// What became of a process that applied the profile and then did one thing: its exit status, or 1000 and the signal that ended it.
int after(Profile profile, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!confine(profile)) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1'000 + WTERMSIG(status) : WEXITSTATUS(status);
}

constexpr int kKilled = 1'000 + SIGSYS;
int worked(bool yes) { return yes ? 0 : errno == EPERM ? 1 : 2; }
constexpr int kWorks = 0;
constexpr int kRefused = 1;

int open_a_file() {
  const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  return worked(file >= 0);
}
int write_a_file() {
  const int file = ::open("/tmp/postern-confine-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool done = file >= 0 && ::write(file, "x", 1) == 1 && ::fdatasync(file) == 0 &&
                    ::rename("/tmp/postern-confine-test", "/tmp/postern-confine-test.next") == 0;
  const int number = errno;
  ::unlink("/tmp/postern-confine-test.next");
  errno = number;
  return worked(done);
}
std::function<int()> make_a_socket(int family, int type = SOCK_STREAM) {
  return [family, type] { return worked(::socket(family, type | SOCK_CLOEXEC, 0) >= 0); };
}
int start_a_thread() {
  int number = 0;
  std::thread{[&number] { number = is_confined() ? 1 : 2; }}.join();
  return worked(number == 1);
}

TEST(Confine, R35_EachProfileLeavesThreadsMemoryAndTime) {
  for (const Profile profile : kProfiles) {
    EXPECT_EQ(after(profile, start_a_thread), kWorks) << name_of(profile);
    EXPECT_EQ(after(profile,
                    [] {
                      void* memory = ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                      timespec now{};
                      return worked(memory != MAP_FAILED && ::clock_gettime(CLOCK_REALTIME, &now) == 0);
                    }),
              kWorks)
        << name_of(profile);
    EXPECT_EQ(after(profile, [] { return worked(is_confined()); }), kWorks) << name_of(profile);
  }
  EXPECT_FALSE(is_confined()) << "a test that is confined itself proves nothing";
}

TEST(Confine, R35_FilesAreForThoseThatHaveSome) {
  EXPECT_EQ(after(Profile::authority, write_a_file), kWorks);
  EXPECT_EQ(after(Profile::forward, write_a_file), kWorks);
  EXPECT_EQ(after(Profile::gateway, open_a_file), kWorks) << "certificates and its configuration";
  EXPECT_EQ(after(Profile::gateway, write_a_file), kRefused);
  EXPECT_EQ(after(Profile::sensor, open_a_file), kWorks) << "the captures that are still to come";
  EXPECT_EQ(after(Profile::sensor, write_a_file), kRefused);
  EXPECT_EQ(after(Profile::sensor_with_files, write_a_file), kWorks) << "an inventory, or the next file of its output";
  EXPECT_EQ(after(Profile::sensor, [] { return worked(::unlink("/tmp/postern-no-such-file") == 0 || errno == ENOENT); }), kRefused);
}

TEST(Confine, R35_WhoMayReadOpensNothingThatIsWrittenMadeOrCut) {
  for (const Profile profile : {Profile::gateway, Profile::sensor}) {
    for (const int how : {O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_TMPFILE}) {
      const auto deed = [how](const char* path) { return worked(::open(path, how | O_CLOEXEC, 0600) >= 0); };
      EXPECT_EQ(after(profile, [&] { return deed((how & O_TMPFILE) == O_TMPFILE ? "/tmp" : "/dev/null"); }), kRefused)
          << name_of(profile) << " " << how;
    }
    EXPECT_EQ(after(profile, [] { return worked(::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0); }), kWorks) << name_of(profile);
  }
}

TEST(Confine, R35_SocketsAreOfTheProfilesFamiliesOnly) {
  EXPECT_EQ(after(Profile::authority, make_a_socket(AF_UNIX)), kWorks);
  EXPECT_EQ(after(Profile::authority, make_a_socket(AF_INET)), kRefused) << "posternd has no network";
  EXPECT_EQ(after(Profile::authority, make_a_socket(AF_INET6)), kRefused);
  for (const Profile profile : {Profile::gateway, Profile::forward}) {
    for (const int family : {AF_UNIX, AF_INET, AF_INET6}) EXPECT_EQ(after(profile, make_a_socket(family)), kWorks) << family;
  }
  for (const Profile profile : kProfiles) {
    for (const int family : {AF_PACKET, AF_NETLINK, AF_ALG, AF_VSOCK}) {
      EXPECT_EQ(after(profile, make_a_socket(family, SOCK_DGRAM)), kRefused) << name_of(profile) << " " << family;
    }
  }
  for (const Profile profile : {Profile::sensor, Profile::sensor_with_files}) {
    for (const int family : {AF_UNIX, AF_INET, AF_INET6}) EXPECT_EQ(after(profile, make_a_socket(family)), kRefused) << family;
  }
}

TEST(Confine, R35_WhatNoProgramOfOursDoesEndsIt) {
  const std::pair<const char*, std::function<int()>> deeds[] = {
      {"execve",
       [] {
         char name[] = "/bin/true";
         char* arguments[] = {name, nullptr};
         ::execv(name, arguments);
         return 5;
       }},
      {"mount", [] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr) == 0 ? 5 : 6; }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER) == 0 ? 5 : 6; }},
      {"bpf", [] { return ::syscall(SYS_bpf, BPF_PROG_LOAD, nullptr, 0) == 0 ? 5 : 6; }},
      {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, "") == 0 ? 5 : 6; }},
      {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0) == 0 ? 5 : 6; }},
      {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr) == 0 ? 5 : 6; }},
      {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0) == 0 ? 5 : 6; }},
      {"chroot", [] { return ::chroot("/") == 0 ? 5 : 6; }},
  };
  for (const Profile profile : kProfiles) {
    for (const auto& [name, deed] : deeds) EXPECT_EQ(after(profile, deed), kKilled) << name_of(profile) << ": " << name;
    if (kSanitized) continue;  // LeakSanitizer traces the process
    EXPECT_EQ(after(profile, [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 5 : 6; }), kKilled);
  }
}

TEST(Confine, R35_NoNewProcessAndNoMemoryThatIsWrittenAndRun) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers clone the process and map as they like; the release build runs this";
  for (const Profile profile : kProfiles) {
    EXPECT_EQ(after(profile, [] { return worked(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0) >= 0); }), kRefused);
    EXPECT_EQ(after(profile,
                    [] {
                      return worked(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                                    MAP_FAILED);
                    }),
              kRefused);
    EXPECT_EQ(after(profile,
                    [] {
                      void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                      return worked(::mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0);
                    }),
              kRefused);
  }
}

TEST(Confine, R35_ThreadsThatRunAlreadyAreConfinedToo) {
  const int outcome = [] {
    const pid_t child = ::fork();
    if (child == 0) {
      std::atomic<int> go{0};
      int result = 7;
      std::thread early{[&] {
        while (go == 0) std::this_thread::yield();
        result = make_a_socket(AF_INET)();
      }};
      const bool confined = confine(Profile::authority).has_value();
      go = 1;
      early.join();
      ::_exit(confined ? result : 99);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }();
  EXPECT_EQ(outcome, kRefused);
}

TEST(Confine, WithoutAProfileAllOfThatWorks) {
  EXPECT_EQ(make_a_socket(AF_INET)(), kWorks);
  EXPECT_EQ(write_a_file(), kWorks);
}

}  // namespace
}  // namespace postern::confine
