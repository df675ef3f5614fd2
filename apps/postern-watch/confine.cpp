#include "postern-watch/confine.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace postern::watch {
namespace {

std::unexpected<Error> fault(const char* what) { return fail(ErrorCode::denied, std::string{what} + ": " + std::strerror(errno)); }

/// No capability in any set, also none that a program run later could have.
Result<void> clear_capabilities() {
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM)
      return fault("cannot bound the capabilities");
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return fault("cannot give up the capabilities");
  return {};
}

}  // namespace

Result<void> drop_rights(const std::string& user) {
  if (::geteuid() == 0) {
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return fail(ErrorCode::not_found, "user", Error::kNoOffset, "there is no user " + user);
    const uid_t uid = entry->pw_uid;
    const gid_t gid = entry->pw_gid;
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
      return fault("cannot become that user");
    if (uid != 0 && ::setuid(0) == 0) return fail(ErrorCode::internal, "root's rights came back");
  }
  return clear_capabilities();
}

Result<void> confine(Task task, const Options& options) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fault("cannot give up new privileges");
  scmp_filter_ctx context = ::seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (context == nullptr) return fail(ErrorCode::internal, "libseccomp cannot be set up");
  // Memory, time, signals, threads, what the C library asks for; reading and writing what is open.
  std::vector<int> allowed{SCMP_SYS(read),
                           SCMP_SYS(readv),
                           SCMP_SYS(write),
                           SCMP_SYS(writev),
                           SCMP_SYS(close),
                           SCMP_SYS(lseek),
                           SCMP_SYS(fstat),
                           SCMP_SYS(newfstatat),
                           SCMP_SYS(statx),
                           SCMP_SYS(fadvise64),
                           SCMP_SYS(mmap),
                           SCMP_SYS(munmap),
                           SCMP_SYS(mremap),
                           SCMP_SYS(madvise),
                           SCMP_SYS(brk),
                           SCMP_SYS(mprotect),
                           SCMP_SYS(futex),
                           SCMP_SYS(clock_gettime),
                           SCMP_SYS(clock_nanosleep),
                           SCMP_SYS(nanosleep),
                           SCMP_SYS(gettimeofday),
                           SCMP_SYS(getrandom),
                           SCMP_SYS(rt_sigreturn),
                           SCMP_SYS(rt_sigaction),
                           SCMP_SYS(rt_sigprocmask),
                           SCMP_SYS(sigaltstack),
                           SCMP_SYS(restart_syscall),
                           SCMP_SYS(exit),
                           SCMP_SYS(exit_group),
                           SCMP_SYS(getpid),
                           SCMP_SYS(gettid),
                           SCMP_SYS(tgkill),
                           SCMP_SYS(sched_yield),
                           SCMP_SYS(sched_getaffinity),
                           SCMP_SYS(poll),
                           SCMP_SYS(ppoll)};
  if (task == Task::watch_interface) {
    for (const int call :
         {SCMP_SYS(clone3), SCMP_SYS(clone), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt)})
      allowed.push_back(call);
  }
  const bool writes_files = !options.store.empty() || (!options.output.empty() && options.rotate_bytes > 0);
  if (writes_files) {
    for (const int call : {SCMP_SYS(open),       SCMP_SYS(openat),    SCMP_SYS(fcntl),     SCMP_SYS(pread64), SCMP_SYS(pwrite64),
                           SCMP_SYS(fsync),      SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink),  SCMP_SYS(unlinkat),
                           SCMP_SYS(rename),     SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(access),  SCMP_SYS(faccessat),
                           SCMP_SYS(faccessat2), SCMP_SYS(stat),      SCMP_SYS(lstat),     SCMP_SYS(geteuid), SCMP_SYS(getuid),
                           SCMP_SYS(fchmod),     SCMP_SYS(fchown),    SCMP_SYS(readlink),  SCMP_SYS(getcwd),  SCMP_SYS(umask),
                           SCMP_SYS(fallocate)}) {
      allowed.push_back(call);
    }
  }
  int failed = 0;
  for (const int call : allowed) failed |= ::seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 0);
  // The C library asks whether a descriptor is a terminal; libpcap sets nothing any more. The table asks for the terminal's size.
  failed |= ::seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ));
  failed |= ::seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_NE, TIOCGWINSZ));
  if (!writes_files) {
    // Captures that are still to be opened, and what the kernel counted of an interface (libpcap looks below /sys): to read only.
    const scmp_arg_cmp read_only{.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE | O_CREAT, .datum_b = O_RDONLY};
    failed |= ::seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, read_only);
    failed |= ::seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 0);
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // The sanitizers' run-time libraries probe memory through pipes and trace the process for leaks: what the filter is there to
  // refuse.
  const int loaded = failed;
#else
  const int loaded = failed == 0 ? ::seccomp_load(context) : failed;
#endif
  ::seccomp_release(context);
  if (loaded != 0) return fail(ErrorCode::denied, std::string{"cannot set the filter of system calls: "} + std::strerror(-loaded));
  return {};
}

}  // namespace postern::watch
