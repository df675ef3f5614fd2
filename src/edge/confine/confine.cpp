#include "edge/confine/confine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POSTERN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define POSTERN_SANITIZED 1
#endif
#endif

namespace postern::confine {
namespace {

using Calls = std::initializer_list<const char*>;

/// Memory, threads, time, waiting, signals, and what is open already.
constexpr Calls kAll = {
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "close",
    "lseek",
    "fstat",
    "newfstatat",
    "fcntl",
    "dup",
    "dup3",
    // waiting
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "eventfd",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "pipe2",
    "restart_syscall",
    // memory (mmap and mprotect have conditions of their own)
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "mlock",
    "mlock2",
    "munlock",
    "membarrier",
    "mincore",
    // threads (clone has a condition of its own)
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "gettid",
    "getpid",
    "getppid",
    "tgkill",
    "exit",
    "exit_group",
    "set_tid_address",
    "arch_prctl",
    "getcpu",
    // time
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    // signals
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigpending",
    "sigaltstack",
    // who we are, and how much we may
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getresuid",
    "getresgid",
    "uname",
    "sysinfo",
    "getrusage",
    "prlimit64",
    "getrlimit",
    "getrandom",
    "umask",
};
constexpr Calls kOpen = {"open", "openat"};
constexpr Calls kReadFiles = {"stat",       "lstat",      "statx",  "access",  "faccessat", "faccessat2", "readlink",
                              "readlinkat", "getdents64", "getcwd", "fstatfs", "statfs",    "fadvise64"};
constexpr Calls kWriteFiles = {"ftruncate", "fallocate", "fsync",     "fdatasync", "sync_file_range", "flock",
                               "rename",    "renameat",  "renameat2", "unlink",    "unlinkat",        "mkdir",
                               "mkdirat",   "fchmod",    "chmod",     "fchmodat",  "fchown",          "chown",
                               "fchownat",  "lchown",    "link",      "linkat",    "utimensat"};
constexpr Calls kSockets = {"socketpair",  "connect",     "bind",       "listen",     "accept",   "accept4",
                            "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "sendto",
                            "recvfrom",    "sendmsg",     "recvmsg",    "sendmmsg",   "recvmmsg", "sendfile"};

/// No program of ours has a reason to try these; who does is not our program any more.
constexpr Calls kDeadly = {
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "add_key",
    "request_key",
    "keyctl",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "acct",
    "quotactl",
    "open_by_handle_at",
    "name_to_handle_at",
    "iopl",
    "ioperm",
    "modify_ldt",
    "personality",
    "syslog",
    "vhangup",
    "fanotify_init",
    "lookup_dcookie",
};
#ifdef POSTERN_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
/// What the sanitizers' run time needs: LeakSanitizer stops the process's threads from a clone of it, which traces them. (It opens
/// files too, to read.)
constexpr Calls kSanitizers = {"mmap",        "mprotect", "clone",    "prctl",    "ptrace",    "wait4", "process_vm_readv",
                               "personality", "kill",     "readlink", "getdents", "getdents64"};

struct FreeFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FreeFilter>;

bool is_left_to_the_sanitizers(std::string_view name) {
  return kSanitized && std::find(kSanitizers.begin(), kSanitizers.end(), name) != kSanitizers.end();
}

/// Adds rules and remembers the first that the library refused.
class Rules {
 public:
  explicit Rules(Filter filter) : filter_{std::move(filter)} {}

  /// A call that this architecture does not have needs no rule.
  template <typename... Conditions>
  void add(std::uint32_t action, const char* name, Conditions... conditions) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call < 0 || failed_ != 0) return;
    const int outcome = seccomp_rule_add(filter_.get(), action, call, sizeof...(conditions), conditions...);
    if (outcome != 0 && outcome != -EEXIST) {
      failed_ = outcome;
      failed_name_ = name;
    }
  }
  void allow(Calls names) {
    for (const char* name : names) add(SCMP_ACT_ALLOW, name);
  }
  [[nodiscard]] void* filter() const { return filter_.get(); }
  [[nodiscard]] int failed() const { return failed_; }
  [[nodiscard]] const char* failed_name() const { return failed_name_; }

 private:
  Filter filter_;
  int failed_ = 0;
  const char* failed_name_ = "";
};

// The library's macros for conditions are C; these are the two that are used.
scmp_arg_cmp bits_are(unsigned argument, std::uint64_t mask, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, bits};
}
scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }

/// Opening to read alone. A file that is cut by being opened is written.
void opens_to_read(Rules& rules) {
  constexpr std::uint64_t kWrites = O_ACCMODE | O_CREAT | O_TRUNC;
  rules.add(SCMP_ACT_ALLOW, "open", bits_are(1, kWrites, O_RDONLY));
  rules.add(SCMP_ACT_ALLOW, "openat", bits_are(2, kWrites, O_RDONLY));
}

void common_rules(Rules& rules) {
  rules.allow(kAll);
  // Never writable and executable at once. (Both for a library that the C library loads late, one after the other.)
  if (kSanitized) {
    rules.allow(kSanitizers);
    opens_to_read(rules);
  } else {
    rules.add(SCMP_ACT_ALLOW, "mmap", bits_are(2, PROT_WRITE | PROT_EXEC, 0));
    rules.add(SCMP_ACT_ALLOW, "mmap", bits_are(2, PROT_WRITE | PROT_EXEC, PROT_WRITE));
    rules.add(SCMP_ACT_ALLOW, "mmap", bits_are(2, PROT_WRITE | PROT_EXEC, PROT_EXEC));
    rules.add(SCMP_ACT_ALLOW, "mprotect", bits_are(2, PROT_EXEC, 0));
    rules.add(SCMP_ACT_ALLOW, "clone", bits_are(0, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD));
    rules.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_SET_NAME));
    rules.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_GET_NAME));
    rules.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_GET_SECCOMP));
#ifdef PR_SET_VMA
    rules.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_SET_VMA));
#endif
  }
  // Its arguments are in memory, out of a filter's sight: the C library then takes clone.
  rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  for (const unsigned long request :
       {static_cast<unsigned long>(FIONBIO), static_cast<unsigned long>(FIONREAD), static_cast<unsigned long>(TIOCGWINSZ),
        static_cast<unsigned long>(TIOCOUTQ), static_cast<unsigned long>(0x5401 /* TCGETS: is it a terminal? */)}) {
    rules.add(SCMP_ACT_ALLOW, "ioctl", is(1, request));
  }
  for (const char* name : kDeadly) {
    if (!is_left_to_the_sanitizers(std::string_view{name})) rules.add(SCMP_ACT_KILL_PROCESS, name);
  }
}

void sockets_of(Rules& rules, std::initializer_list<int> families) {
  rules.allow(kSockets);
  for (const int family : families) rules.add(SCMP_ACT_ALLOW, "socket", is(0, static_cast<std::uint64_t>(family)));
}

void rules_of(Rules& rules, Profile profile) {
  common_rules(rules);
  switch (profile) {
    case Profile::authority:
      rules.allow(kOpen);
      rules.allow(kReadFiles);
      rules.allow(kWriteFiles);
      sockets_of(rules, {AF_UNIX});
      return;
    case Profile::gateway:
      opens_to_read(rules);
      rules.allow(kReadFiles);
      sockets_of(rules, {AF_UNIX, AF_INET, AF_INET6});
      return;
    case Profile::forward:
      rules.allow(kOpen);
      rules.allow(kReadFiles);
      rules.allow(kWriteFiles);
      sockets_of(rules, {AF_UNIX, AF_INET, AF_INET6});
      return;
    case Profile::sensor:
    case Profile::sensor_with_files:
      // A capture's socket is open, and the kernel tells what it dropped.
      rules.allow({"recvfrom", "recvmsg", "getsockopt", "setsockopt"});
      rules.allow(kReadFiles);
      if (profile == Profile::sensor) return opens_to_read(rules);
      rules.allow(kOpen);
      rules.allow(kWriteFiles);
      return;
  }
}

}  // namespace

std::string_view name_of(Profile profile) {
  switch (profile) {
    case Profile::authority: return "authority";
    case Profile::gateway: return "gateway";
    case Profile::forward: return "forward";
    case Profile::sensor: return "sensor";
    case Profile::sensor_with_files: return "sensor-with-files";
  }
  return "";
}

Result<void> confine(Profile profile) {
  Filter filter{seccomp_init(SCMP_ACT_ERRNO(EPERM))};
  if (!filter) return fail(ErrorCode::internal, "a system call filter could not be made");
  // All threads at once, those that run already too; and no program run later could gain rights (which none is anyway).
  if (const int outcome = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); outcome != 0) {
    return fail(ErrorCode::unsupported, "seccomp", Error::kNoOffset, "this kernel cannot confine all threads of a process");
  }
  Rules rules{std::move(filter)};
  rules_of(rules, profile);
  if (rules.failed() != 0) {
    return fail(ErrorCode::internal, "seccomp", Error::kNoOffset,
                std::string{"no rule for "} + rules.failed_name() + ": " + std::strerror(-rules.failed()));
  }
  if (const int outcome = seccomp_load(rules.filter()); outcome != 0) {
    return fail(ErrorCode::unsupported, "seccomp", Error::kNoOffset,
                std::string{"the system call filter was not taken: "} + std::strerror(-outcome));
  }
  return {};
}

bool is_confined() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; }

}  // namespace postern::confine
