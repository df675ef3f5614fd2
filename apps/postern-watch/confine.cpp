#include "postern-watch/confine.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "edge/confine/confine.hpp"

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

Result<void> confine(const Options& options) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fault("cannot give up new privileges");
  const bool writes_files = !options.store.empty() || (!options.output.empty() && options.rotate_bytes > 0);
  return confine::confine(writes_files ? confine::Profile::sensor_with_files : confine::Profile::sensor);
}

}  // namespace postern::watch
